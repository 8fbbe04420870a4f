/* event.h - an entry of the feed as the event that EventBridge would carry (MS-055 to MS-105).
 *
 * The entry says what changed and how it was; the rest is read from the record as it is now. As
 * long as the record has not changed since, the detail is what the Describe operation shows. After
 * that it shows the statuses, version and remaining CPU and memory of then, nothing that happened
 * later, and what does not change. Of a record that is gone it shows what the entry has.
 */
#ifndef BERTH_EVENTS_EVENT_H
#define BERTH_EVENTS_EVENT_H

#include "ecs/ecs.h"

/* Where an event is made: strings live in the arena. */
struct event_maker {
    struct ecs *ecs;
    const struct scope *scope;
    struct arena *arena;
};

#define EVENT_OF_TASK       "ECS Task State Change"
#define EVENT_OF_INSTANCE   "ECS Container Instance State Change"
#define EVENT_OF_SERVICE    "ECS Service Action"
#define EVENT_OF_DEPLOYMENT "ECS Deployment State Change"
const char *event_detail_type(const struct feed_entry *entry);
/* resources[0] (MS-057). */
const char *event_resource(const struct event_maker *maker, const struct feed_entry *entry);
/* Appends the event of row->entries[nth]. */
void event_write(const struct event_maker *maker, const struct feed_row *row, uint32_t nth,
                 struct buf *out);

#endif
