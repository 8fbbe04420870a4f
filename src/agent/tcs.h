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

#include "agent/docker.h"
#include "agent/engine.h"
#include "agent/session.h"

#define TCS_PERIOD_MS       20000
#define TCS_TASKS_MAX       10 /* of one frame */
#define TCS_KEPT_ROUNDS_MAX 15

struct tcs;

struct tcs_options {
    struct session_options session; /* what both sessions share; tcs fills in the rest */
    struct engine *engine;
    struct docker *docker;
    const char *cluster, *instance_arn;
    const char *docker_version;
};

struct tcs *tcs_new(const struct tcs_options *options);
void tcs_start(struct tcs *tcs);
void tcs_close(struct tcs *tcs, loop_fn *closed, void *data);

/* A container of this task changed its health (engine_health_fn calls this). */
void tcs_health_changed(struct tcs *tcs, const char *task_arn);
/* Asks Docker whether it is there; the answer goes out with the next round (AP-511). */
void tcs_check_runtime(struct tcs *tcs);
/* The control plane answers on the other channel. */
void tcs_hurry(struct tcs *tcs);
/* The instance was deregistered (AP-217). */
void tcs_pause(struct tcs *tcs, int64_t pause_ms);

#endif
