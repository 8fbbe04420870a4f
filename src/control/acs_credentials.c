/* acs_credentials.c - the credentials of tasks' roles on their way to the agents (AP-214, AP-226,
 * AP-231, AP-232, AG-303).
 *
 * A task is told with its own. Twice in the life of credentials the agent gets new ones for all its
 * tasks, at times that are fixed for each instance, so that a server that was away knows whether it
 * missed one: an agent that reconnects gets them again then. Nothing is kept about who got what. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "control/role_session.h"
#include "control/sessions.h"
#include "core/shown_arn.h"
#include "core/task_roles.h"
#include "gen/agent_types.h"

static int64_t duration_of(const struct session *session)
{
    int64_t duration_ms = session->control->options.role_session_ms;

    return duration_ms ? duration_ms : ROLE_SESSION_MS;
}

static struct acs_role_credentials *make(struct arena *arena, const struct session *session,
                                         const struct task *task, enum role_kind kind,
                                         const char *role_arn)
{
    struct control *control = session->control;
    const struct role_session made = {
        .region = session->scope->region,
        .account = session->scope->account,
        .cluster = session->cluster,
        .task = task->id,
        .kind = kind,
        .role_arn = role_arn,
        .expires_ms = role_session_expiry(control_wall_ms(control), duration_of(session)),
    };
    struct acs_role_credentials *out = ARENA_NEW(arena, struct acs_role_credentials);
    struct role_keys keys = role_session_keys(arena, control->state, &made);
    char iso[CLOCK_ISO_SIZE];

    clock_format_iso(made.expires_ms, iso);
    *out = (struct acs_role_credentials){
        .credentials_id = keys.credentials_id,
        .role_arn = role_arn,
        .access_key_id = keys.access_key_id,
        .secret_access_key = keys.secret_access_key,
        .session_token = keys.session_token,
        .expiration = arena_printf(arena, "%.19sZ", iso), /* whole seconds */
    };
    return out;
}

struct error *acs_credentials_fill(struct arena *arena, const struct session *session,
                                   const struct task *task, const struct payload_source *source,
                                   struct acs_task *ret)
{
    struct task_roles roles;

    TRY(task_roles_read(arena, session->scope, task, source->document, &roles));
    if (roles.application)
        ret->role_credentials = make(arena, session, task, ROLE_APPLICATION, roles.application);
    if (roles.execution)
        ret->execution_role_credentials =
            make(arena, session, task, ROLE_EXECUTION, roles.execution);
    return NULL;
}

/* ---- renewing ---- */

static void tell(struct session *session, struct arena *arena, const struct task *task,
                 const char *role_type, struct acs_role_credentials *credentials)
{
    struct acs_iam_role_credentials_message message = {
        .task_arn = shown_task_arn(arena, session->scope, task),
        .task_cluster_arn = arn_cluster(arena, session->scope, session->cluster),
        .role_type = role_type,
        .role_credentials = credentials,
    };
    CLEANUP(buf_done) struct buf frame = {0};
    char uuid[UUID_SIZE];

    if (!credentials)
        return;
    uuid_new(state_rng(session->control->state), uuid);
    message.message_id = uuid;
    acs_frame_iam_role_credentials_message(&frame, &message);
    acs_tell_frame(session, &frame);
}

static struct error *renew_task(struct session *session, const struct task *task)
{
    const struct payload_source *source;
    struct arena arena = {0};
    struct acs_task told = {0};
    struct error *err;

    TRY(payloads_source(session->control->payloads, session->scope, task->family, task->revision,
                        &source));
    err = acs_credentials_fill(&arena, session, task, source, &told);
    if (!err) {
        tell(session, &arena, task, "TaskApplication", told.role_credentials);
        tell(session, &arena, task, "TaskExecution", told.execution_role_credentials);
    }
    arena_done(&arena);
    return err;
}

static void renew(struct session *session)
{
    const struct task *task = NULL;
    char hex[ID_HEX_SIZE];

    id_format(&session->instance, hex);
    while ((task = state_task_after(session->control->state, session->scope, session->cluster,
                                    TASKS_BY_INSTANCE, hex, false, task ? &task->id : NULL))) {
        struct error *err = task->last_status == TASK_STOPPED ? NULL : renew_task(session, task);

        if (err)
            log_error("credentials of a task are not renewed", "task", hex, "error", err->message);
        error_free(err); /* said above; those it has last for a while */
    }
}

/* The last of the instance's fixed times that is not after `at_ms`. */
static int64_t time_before(const struct session *session, int64_t at_ms)
{
    int64_t period_ms = duration_of(session) / 2;
    uint64_t phase;

    memcpy(&phase,
           (const unsigned char *)&session->instance + sizeof(session->instance) - sizeof(phase),
           sizeof(phase)); /* the random end of the id */
    phase %= (uint64_t)period_ms;
    return (at_ms - (int64_t)phase) / period_ms * period_ms + (int64_t)phase;
}

static void on_due(void *data);

static void wait_for_next(struct session *session)
{
    int64_t now_ms = control_wall_ms(session->control);
    int64_t next_ms = time_before(session, now_ms) + duration_of(session) / 2;

    timer_start(&session->credentials, session->control->loop, next_ms - now_ms + 1, on_due,
                session);
}

static void on_due(void *data)
{
    struct session *session = data;

    renew(session);
    wait_for_next(session);
}

void acs_credentials_start(struct session *session, bool is_told_all, int64_t silent_since_ms)
{
    int64_t now_ms = control_wall_ms(session->control);

    if (!is_told_all && silent_since_ms < time_before(session, now_ms))
        renew(session);
    wait_for_next(session);
}
