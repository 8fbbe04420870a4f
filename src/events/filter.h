/* filter.h - what a reader of events asks for:
 *
 *     GET /events?cluster=web&detail-type=ECS+Task+State+Change&resource=ARN&after=4711
 *
 * `cluster` (name or ARN), `detail-type` and `resource` (ARN, or the id or name at its end) may be
 * given several times: any of them fits, and each kind that is given must. `after`, or the header
 * Last-Event-ID, is the number of the last event seen.
 *
 * Ownership  Strings are in the arena given.
 * Errors     API_INVALID_PARAMETER names what is wrong.
 */
#ifndef BERTH_EVENTS_FILTER_H
#define BERTH_EVENTS_FILTER_H

#include "events/event.h"
#include "net/http_server.h"

#define FILTER_VALUES_MAX 16 /* of each kind */

struct filter_values {
    const char *items[FILTER_VALUES_MAX];
    size_t count;
};
struct filter {
    struct filter_values clusters, detail_types, resources;
    bool has_after;
    int64_t after;
};
MUST_USE struct error *filter_read(struct arena *arena, const struct http_request *req,
                                   struct filter *ret);
bool filter_fits(const struct filter *filter, const struct event_maker *maker,
                 const struct feed_entry *entry);

#endif
