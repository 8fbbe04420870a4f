/* agent_updates.c - updates of agents, asked for over the command channel (AP-261, AP-262).
 *
 * Level-triggered: whatever happened last, the instance's record says which step is next. A step is
 * told once on a connection, under an id of its own, and only answers to that id count: an agent
 * that is told to stage again refuses the earlier message. */
#include "control/agent_updates.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "core/agent_update.h"
#include "gen/agent_types.h"
#include "scheduler/query_value.h"

#define STAGE_MS  (20 * 60 * 1000) /* the agent gives a download 15 minutes (AP-261) */
#define UPDATE_MS (10 * 60 * 1000) /* to come back as the new one */

static void set(struct session *session, enum agent_update to, const char *why)
{
    struct control *control = session->control;
    const struct container_instance *instance = session_instance(session);
    struct txn *txn = txn_begin(control->state, session->scope);
    char hex[ID_HEX_SIZE];

    id_format(&instance->id, hex);
    agent_update_set(txn_edit_instance(txn, instance), to, control_wall_ms(control));
    txn_commit(txn);
    log_info("agent update", "instance", hex, "status", agent_update_name(to), "why", why);
}

/* ---- telling ---- */

static void tell(struct session *session, bool is_stage)
{
    const struct agent_release *release = &session->control->options.agent_release;
    struct acs_update_info info = {.location = release->location, .signature = release->sha256};
    CLEANUP(buf_done) struct buf frame = {0};
    struct arena arena = {0};
    const char *cluster = arn_cluster(&arena, session->scope, session->cluster);
    const char *instance = session_instance_arn(session, &arena);

    snprintf(session->update_id, sizeof(session->update_id), "%s-%" PRId64,
             is_stage ? "stage" : "update", control_wall_ms(session->control));
    if (is_stage)
        acs_frame_stage_update_message(&frame, &(struct acs_stage_update_message){
                                                   .cluster_arn = cluster,
                                                   .container_instance_arn = instance,
                                                   .message_id = session->update_id,
                                                   .update_info = &info,
                                               });
    else
        acs_frame_perform_update_message(&frame, &(struct acs_perform_update_message){
                                                     .cluster_arn = cluster,
                                                     .container_instance_arn = instance,
                                                     .message_id = session->update_id,
                                                     .update_info = &info,
                                                 });
    acs_tell_frame(session, &frame);
    arena_done(&arena);
}

static void stop(struct session *session, const char *why)
{
    session->update_id[0] = '\0';
    set(session, AGENT_UPDATE_FAILED, why);
}

static bool is_wanted_version(const struct container_instance *instance)
{
    return instance->agent_version && instance->agent_update_version &&
           version_is_good(instance->agent_version) &&
           version_is_good(instance->agent_update_version) &&
           version_cmp(instance->agent_version, instance->agent_update_version) >= 0;
}

/* The operator has taken the release away, or put another in its place. */
static bool has_release(const struct session *session, const struct container_instance *instance)
{
    return str_eq(session->control->options.agent_release.version, instance->agent_update_version);
}

static void go_on(struct session *session)
{
    const struct container_instance *instance = session_instance(session);

    if (instance->agent_update == AGENT_UPDATE_PENDING)
        set(session, AGENT_UPDATE_STAGING, "agent told to stage");
    tell(session, session_instance(session)->agent_update == AGENT_UPDATE_STAGING);
}

/* ---- what happens ---- */

void agent_updates_connected(struct session *session)
{
    const struct container_instance *instance = session_instance(session);

    if (!agent_update_is_under_way(instance->agent_update))
        return;
    if (is_wanted_version(instance))
        set(session, AGENT_UPDATE_UPDATED, "agent is back with that version");
    else if (instance->agent_update == AGENT_UPDATE_UPDATING)
        stop(session, "agent is back with its old version");
    else if (!has_release(session, instance))
        stop(session, "that release is offered no more");
    else
        go_on(session);
}

void agent_updates_asked(struct session *session, const struct container_instance *instance)
{
    if (instance->agent_update == AGENT_UPDATE_PENDING && !session->update_id[0] &&
        has_release(session, instance))
        go_on(session);
}

void agent_updates_answered(struct session *session, const char *message_id, const char *refusal)
{
    const struct container_instance *instance = session_instance(session);

    if (!session->update_id[0] || !str_eq(message_id, session->update_id) || !instance)
        return;
    session->update_id[0] = '\0';
    if (!agent_update_is_under_way(instance->agent_update))
        return;
    if (refusal)
        stop(session, refusal);
    else if (instance->agent_update == AGENT_UPDATE_STAGING) {
        set(session, AGENT_UPDATE_STAGED, "agent has the new version");
        go_on(session);
    } else if (instance->agent_update == AGENT_UPDATE_STAGED)
        set(session, AGENT_UPDATE_UPDATING, "agent goes");
}

void agent_updates_look(struct session *session)
{
    const struct container_instance *instance = session_instance(session);
    int64_t past_ms;

    if (!instance || !agent_update_is_under_way(instance->agent_update))
        return;
    past_ms = control_wall_ms(session->control) - instance->agent_update_since_ms;
    if (past_ms > (instance->agent_update == AGENT_UPDATE_UPDATING ? UPDATE_MS : STAGE_MS))
        stop(session, "agent takes too long");
}
