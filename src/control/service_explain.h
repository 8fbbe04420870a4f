/* service_explain.h - what a service waits for: the look its next pass will take, without the pass.
 * Changes nothing.
 *
 * Ownership  An explanation owns what it shows, but for what records lend until the loop turns.
 * Costs      One walk over the service's tasks, as a pass makes, and one over the cluster's hosts
 *            for each provider whose tasks find no place.
 */
#ifndef BERTH_CONTROL_SERVICE_EXPLAIN_H
#define BERTH_CONTROL_SERVICE_EXPLAIN_H

#include "base/arena.h"
#include "control/control.h"
#include "core/service.h"
#include "scheduler/plan.h"

#define WAIT_SAMPLES_MAX 5

/* One thing that keeps a service from its count, or a deployment from its end. */
struct service_wait {
    const char *what; /* a constant: "NO_HOST", "MINIMUM_HEALTHY_PERCENT"... (docs/explain.md) */
    const char *text; /* a sentence */
    const char *of;   /* ecs-svc/N: the deployment or task set that waits; NULL: the service */
    const char *provider; /* that the tasks are for; NULL: none */
    int64_t tasks;        /* how many it holds up, or is about */
    int64_t until_ms;     /* when time alone ends it; 0: something else must happen */
    struct id samples[WAIT_SAMPLES_MAX]; /* tasks it is about */
    size_t sample_count;
    const struct plan *plan; /* NO_HOST: what each host lacks; else NULL */
};

#define SERVICE_WAITS_MAX 64 /* further ones are left out */
struct service_explanation {
    struct arena arena;
    struct service_bounds bounds; /* of a REPLICA or DAEMON service */
    struct service_wait *waits;   /* none: it has all it wants */
    size_t count;
};

MUST_USE struct error *service_explain(struct control *control, const struct scope *scope,
                                       const struct service *service,
                                       struct service_explanation *ret);
void service_explanation_done(struct service_explanation *explanation); /* fits CLEANUP */

#endif
