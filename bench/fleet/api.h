/* api.h - signed calls of the ECS API over a few kept connections.
 *
 * A call whose connection breaks before its answer is made again, as an SDK does: what is asked
 * must bear repetition.
 */
#ifndef BERTH_BENCH_FLEET_API_H
#define BERTH_BENCH_FLEET_API_H

#include "bench/api_bytes.h"
#include "bench/fleet/conn.h"

struct api; /* some connections and the calls that wait for one */

struct api *api_new(int connections);
/* Takes the body's bytes. `fn` (NULL: not asked) is given the status and the body, lent. */
typedef void api_answer_fn(int status, const char *body, void *data);
void api_call(struct api *api, const char *operation, struct buf *body, api_answer_fn *fn,
              void *data);
size_t api_waiting(const struct api *api); /* not answered yet */

/* Of calls answered since the last look: how many, how many not with 200, and percentiles. */
struct api_figures {
    size_t answers, refused;
    double p50_ms, p99_ms, max_ms;
};
void api_figures(struct api *api, struct api_figures *ret);

#endif
