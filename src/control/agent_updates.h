/* agent_updates.h - how a command channel carries an agent's update (core/agent_update.h has its
 * states). All is about the instance of the session.
 */
#ifndef BERTH_CONTROL_AGENT_UPDATES_H
#define BERTH_CONTROL_AGENT_UPDATES_H

#include "control/sessions.h"

/* The agent has come, its version is in the record. */
void agent_updates_connected(struct session *session);
/* The record changed: an update may be asked for. */
void agent_updates_asked(struct session *session, const struct container_instance *instance);
/* `refusal` NULL: an acknowledgement. Of whatever message; those of updates count. */
void agent_updates_answered(struct session *session, const char *message_id, const char *refusal);
/* Now and then, for what takes too long. */
void agent_updates_look(struct session *session);

#endif
