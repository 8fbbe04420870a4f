/* service_pass.h - one look at one service: what is, what should be, and the next step between
 * them.
 *
 * Reads the tables, writes transactions; keeps nothing but the memory its caller lends it. The
 * arithmetic is core/service.h's, the places are the scheduler's.
 */
#ifndef BERTH_CONTROL_SERVICE_PASS_H
#define BERTH_CONTROL_SERVICE_PASS_H

#include "base/id.h"
#include "control/parts.h"

#define SERVICE_STARTS_PER_PASS 500
#define SERVICE_STOPS_PER_PASS  500

/* What the tables do not tell: what happened since the last pass. Losing it in a crash costs a
 * count. */
struct service_memory {
    int32_t failed;       /* tasks of the PRIMARY deployment that ended before they ran */
    int32_t failed_waves; /* the same, without those launched before the last one counted */
    int64_t wave_ms;      /* when that was */
    bool has_started;     /* one of its tasks began to run */
    bool has_served;      /* and that is all there is to wait for: it has no health check */
    char deployment[ECS_SVC_ID_SIZE]; /* the PRIMARY at the last pass; "": none */
    bool is_of_task_sets;             /* there is no PRIMARY: the tasks of all its sets */
    bool waits_for_room;
    bool follows_hosts;        /* DAEMON: every change of a host matters */
    bool follows_zones;        /* the same for its balance over zones */
    bool is_balanced;          /* over zones: until a host changes, or a task comes or goes */
    bool is_rebalance_blocked; /* until a host changes */
};
void service_memory_failed(struct service_memory *memory, const struct task *task, int64_t now_ms);
void service_memory_started(struct service_memory *memory, const struct task *task);

struct service_pass_result {
    size_t task_count; /* looked at */
    int64_t due_ms;    /* wall time of the next look, if nothing else happens; 0: none */
    bool is_more;      /* the limits of one pass were reached */
};
void service_pass(struct control *control, const struct scope *scope, const struct service *service,
                  struct service_memory *memory, struct service_pass_result *ret);

#endif
