/* acs_update.h - the agent's own update, asked for over the command channel (AP-261, AG-025,
 * AG-115).
 *
 *   NONE -> DOWNLOADING -> DOWNLOADED -> (PerformUpdate) the agent ends with exit code 42
 *
 * StageUpdate downloads what the control plane names into ECS_UPDATE_DOWNLOAD_DIR, compares its
 * SHA-256 and writes the file's name to "desired-image", where a supervisor finds it. Either answer
 * goes out when that is over. An update that is not enabled, not right or not there is refused with
 * a reason.
 */
#ifndef BERTH_AGENT_ACS_UPDATE_H
#define BERTH_AGENT_ACS_UPDATE_H

#include "agent/config/config.h"
#include "gen/agent_types.h"
#include "net/loop.h"

#define ACS_UPDATE_DOWNLOAD_MS (15 * 60 * 1000)
#define ACS_UPDATE_FILE        "desired-image"

struct acs_update;

/* `reason` NULL: done; else the refusal. Lent. */
typedef void acs_update_answer_fn(const char *cluster, const char *instance, const char *message_id,
                                  const char *reason, void *data);

struct acs_update *acs_update_new(struct loop *loop, const struct agent_config *config,
                                  acs_update_answer_fn *answer, void *data);
void acs_update_free(struct acs_update *update); /* ends a download */

void acs_update_stage(struct acs_update *update, const struct acs_stage_update_message *message);
/* True if the agent is to end now, after its answer. */
bool acs_update_perform(struct acs_update *update,
                        const struct acs_perform_update_message *message);

#endif
