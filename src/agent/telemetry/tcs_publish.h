/* tcs_publish.h - the frames of one telemetry round, made from the engine's view and handed to a
 * sink.
 *
 * Ownership  Bodies are lent to the sink while it runs.
 */
#ifndef BERTH_AGENT_TCS_PUBLISH_H
#define BERTH_AGENT_TCS_PUBLISH_H

#include "agent/engine/engine.h"
#include "agent/telemetry/tcs_sampler.h"
#include "base/str.h"

typedef void tcs_sink_fn(const char *type, const struct buf *body, void *data);

struct tcs_round {
    struct engine *engine;
    const struct tcs_sampler *sampler;
    const char *cluster, *instance_arn;
    const char *message_id; /* shared by all frames of the round */
    int64_t now_ms;
    tcs_sink_fn *sink;
    void *data;
};

/* Nothing runs: one idle frame. Something runs of which nothing is known yet: none. */
void tcs_publish_metrics(const struct tcs_round *round);
/* All containers with a health check, or those of one task (NULL: all). No frame if there are none.
 */
void tcs_publish_health(const struct tcs_round *round, const char *task_arn);

struct tcs_runtime_status {
    const char *status, *reason; /* "OK", "IMPAIRED"; reason NULL: none */
    int64_t updated_ms, changed_ms;
};
void tcs_publish_status(const struct tcs_round *round, const struct tcs_runtime_status *status);

#endif
