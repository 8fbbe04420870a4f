/* tcs.h - the telemetry channel: what tasks use, how they feel, how the instance is (AP-501 to
 * AP-513).
 *
 * Every frame is signed (AP-503). On connect and every 20 s a round of metrics goes out, in frames
 * of at most ten tasks that share a message id, the last marked `fin`; with nothing running one
 * idle frame. Health goes out at once when it changes and every 20 s; it reaches the server in no
 * other way. The channel is optional for running tasks: when it is down only resolution is lost,
 * since samples go on adding up, for five minutes at most (AP-512).
 *
 * Ownership  Lends everything in its options.
 */
#ifndef BERTH_AGENT_TCS_H
#define BERTH_AGENT_TCS_H

#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/session/session.h"

#define TCS_PERIOD_MS       20000
#define TCS_TASKS_MAX       10 /* of one frame */
#define TCS_KEPT_ROUNDS_MAX 15

struct agent_tcs;

struct agent_tcs_options {
    struct agent_session_options session; /* what both sessions share; tcs fills in the rest */
    struct engine *engine;
    struct docker *docker;
    const char *cluster, *instance_arn;
    const char *docker_version;
};

struct agent_tcs *agent_tcs_new(const struct agent_tcs_options *options);
void agent_tcs_start(struct agent_tcs *tcs);
void agent_tcs_close(struct agent_tcs *tcs, loop_fn *closed, void *data);

/* A container of this task changed its health (engine_health_fn calls this). */
void agent_tcs_health_changed(struct agent_tcs *tcs, const char *task_arn);
/* Asks Docker whether it is there; the answer goes out with the next round (AP-511). */
void agent_tcs_check_runtime(struct agent_tcs *tcs);
/* The control plane answers on the other channel. */
void agent_tcs_hurry(struct agent_tcs *tcs);
/* The instance was deregistered (AP-217). */
void agent_tcs_pause(struct agent_tcs *tcs, int64_t pause_ms);

#endif
