/* acs_message.h - inside of acs: its state, and the handlers of the messages in acs_message.c,
 * acs_payload.c and acs_manifest.c. */
#ifndef BERTH_AGENT_ACS_MESSAGE_H
#define BERTH_AGENT_ACS_MESSAGE_H

#include "agent/session/acs.h"
#include "agent/session/acs_update.h"
#include "gen/agent_types.h"

struct agent_acs {
    struct agent_acs_options options;
    struct agent_session *session;
    struct acs_update *update;
    bool has_connected;      /* in this process */
    int64_t manifest_number; /* largest seen of seqNum and timeline (AP-240) */
    char *manifest_id;       /* of the manifest whose verification is awaited; NULL: none */
    loop_fn *closed;
    void *closed_data;
};

/* session's on_message */
bool agent_acs_on_message(const char *type, const struct json_t *message, void *data);

acs_update_answer_fn agent_acs_on_update_answer; /* `data` is the acs */
void agent_acs_on_payload(struct agent_acs *acs, const struct json_t *message);
void agent_acs_on_manifest(struct agent_acs *acs, const struct json_t *message);
void agent_acs_on_stop_verification(struct agent_acs *acs, const struct json_t *message);

/* Sends {"type":type,"message":body}. */
void agent_acs_send(struct agent_acs *acs, const char *type, const struct buf *body);
void agent_acs_send_ack(struct agent_acs *acs, const char *cluster, const char *instance,
                        const char *message_id);
/* Keeps credentials and says so; nothing is said of those that cannot be kept. */
void agent_acs_keep_credentials(struct agent_acs *acs, const char *message_id, const char *task_arn,
                                const char *role_type,
                                const struct acs_role_credentials *credentials);
/* The message said a number of its order; false if it is not newer than all before. */
bool agent_acs_advance(struct agent_acs *acs, int64_t number);

#endif
