/* acs.c - the command channel: what the tasks of an instance should be, told and acknowledged.
 *
 * Level-triggered: at the start of a session every task whose desired status the agent may not know
 * is told, then each change of a desired status. A parcel is such a telling on its way:
 *
 *   FRESH --asked for durability--> HELD --durable--> READY --window--> SENT --acknowledged--> gone
 *
 * A task's report acknowledges too (AP-225). What is not acknowledged is told again on the next
 * connection (AP-220), and now and then on this one. */
#include "control/agent_updates.h"
#include "control/gpus.h"
#include "control/parts.h"
#include "control/service_images.h"
#include "control/sessions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/payload.h"
#include "core/shown_arn.h"
#include "core/task.h"
#include "core/task_gpus.h"
#include "gen/agent_types.h"

#define PAYLOADS_IN_FLIGHT_MAX                                                                     \
    64 /* a payload may have some 100 KiB; the socket's queue takes 8 MiB */
#define PAYLOAD_REPEAT_MS 120000
#define PAYLOAD_SENDS_MAX 3 /* on one connection */
#define MESSAGE_ID_SIZE   64

enum parcel_place { FRESH, HELD, READY, SENT };

/* A task's desired status, or a finished frame. */
struct parcel {
    RB_ENTRY(parcel) entry; /* in acs->by_task, unless it is a frame */
    TAILQ_ENTRY(parcel) queue;
    enum parcel_place place;
    char *frame; /* owned; NULL: a task */
    struct id task;
    enum task_status desired;
    uint64_t serial;
    unsigned sends;
    int64_t sent_mono_ms;
};
TAILQ_HEAD(parcel_queue, parcel);

struct acs {
    struct session session;
    RB_HEAD(parcel_tree, parcel) by_task;
    struct parcel_queue queues[SENT + 1];
    size_t in_flight;
    uint64_t next_serial;
    char manifest_id[MESSAGE_ID_SIZE]; /* of the last manifest, while it may be answered */
};

static int parcel_cmp(const struct parcel *a, const struct parcel *b)
{
    return id_cmp(&a->task, &b->task);
}
RB_GENERATE_STATIC(parcel_tree, parcel, entry, parcel_cmp)

static struct acs *acs_of(const struct session *session)
{
    return CONTAINER_OF(session, struct acs, session);
}

static struct parcel *find(const struct acs *acs, const struct id *task)
{
    struct parcel key = {.task = *task};

    return RB_FIND(parcel_tree, (struct parcel_tree *)&acs->by_task, &key);
}

static void move(struct acs *acs, struct parcel *parcel, enum parcel_place to)
{
    TAILQ_REMOVE(&acs->queues[parcel->place], parcel, queue);
    acs->in_flight -= parcel->place == SENT;
    acs->in_flight += to == SENT;
    parcel->place = to;
    TAILQ_INSERT_TAIL(&acs->queues[to], parcel, queue);
}

static void parcel_add(struct acs *acs, struct parcel *parcel)
{
    parcel->place = FRESH;
    parcel->serial = acs->next_serial++;
    TAILQ_INSERT_TAIL(&acs->queues[FRESH], parcel, queue);
    if (!parcel->frame)
        RB_INSERT(parcel_tree, &acs->by_task, parcel);
    session_ask_durable(&acs->session);
}

static void parcel_remove(struct acs *acs, struct parcel *parcel)
{
    TAILQ_REMOVE(&acs->queues[parcel->place], parcel, queue);
    acs->in_flight -= parcel->place == SENT;
    if (!parcel->frame)
        RB_REMOVE(parcel_tree, &acs->by_task, parcel);
    free(parcel->frame);
    free(parcel);
}

void acs_tell_frame(struct session *session, struct buf *frame)
{
    struct parcel *parcel = xcalloc(1, sizeof(*parcel));

    parcel->frame = buf_take(frame);
    parcel_add(acs_of(session), parcel);
}

/* ---- sending ---- */

/* Damage in the store: the task can never run, and says so. */
static void fail_task(struct acs *acs, const struct task *task, struct error *why)
{
    struct control *control = acs->session.control;
    char hex[ID_HEX_SIZE];
    struct txn *txn;
    struct task *edited;

    id_format(&task->id, hex);
    log_error("a task cannot be told to its agent", "task", hex, "why", why->message);
    txn = txn_begin(control->state, acs->session.scope);
    edited = txn_edit_task(txn, task);
    task_want_stopped(edited, STOP_CODE_TASK_FAILED_TO_START, why->message,
                      control_wall_ms(control));
    task_set_status(edited, TASK_STOPPED, control_wall_ms(control));
    txn_commit(txn);
    error_free(why); /* logged, and the task's stopped reason */
}

static struct error *build_task(struct arena *arena, const struct acs *acs,
                                const struct parcel *parcel, const struct task *task,
                                struct acs_task *ret)
{
    const struct session *session = &acs->session;
    const struct payload_source *source;

    if (parcel->desired == TASK_STOPPED) {
        payload_build_stop(arena, session->scope, task, ret);
        return NULL;
    }
    TRY(payloads_source(session->control->payloads, session->scope, task->family, task->revision,
                        &source));
    TRY(payload_build(arena, session->scope, task, source,
                      service_images_revision(session->control->state, session->scope, task), ret));
    return acs_credentials_fill(arena, session, task, source, ret);
}

/* A task is told which GPUs it has; the record that says so has to be durable before. */
static bool give_gpus(struct acs *acs, struct parcel *parcel, const struct task *task)
{
    struct error *err = gpus_give(acs->session.control->state, acs->session.scope, task);

    if (err) {
        fail_task(acs, task, err);
        return false;
    }
    parcel->sends = 0;
    move(acs, parcel, FRESH);
    session_ask_durable(&acs->session);
    return true;
}

/* False if there is nothing to be told any more. */
static bool send_task(struct acs *acs, struct parcel *parcel)
{
    struct session *session = &acs->session;
    const struct task *task =
        state_task(session->control->state, session->scope, session->cluster, &parcel->task);
    CLEANUP(buf_done) struct buf frame = {0};
    struct arena arena = {0};
    struct acs_task told;
    struct acs_payload_message message = {0};
    char hex[ID_HEX_SIZE];
    struct error *err;

    if (!task || task->last_status == TASK_STOPPED ||
        id_cmp(&task->instance, &session->instance) != 0)
        return false;
    if (parcel->desired == TASK_RUNNING && task_gpus_are_missing(task))
        return give_gpus(acs, parcel, task);
    err = build_task(&arena, acs, parcel, task, &told);
    if (err) {
        fail_task(acs, task, err);
        arena_done(&arena);
        return false;
    }
    id_format(&task->id, hex);
    message.cluster_arn = arn_cluster(&arena, session->scope, session->cluster);
    message.container_instance_arn = session_instance_arn(session, &arena);
    message.message_id = arena_printf(&arena, "%s.%" PRIu64, hex, parcel->serial);
    SET(&message, generated_at_ms, control_wall_ms(session->control));
    message.tasks = (struct acs_tasks){true, 1, &told}; /* AP-225: one task a payload */
    acs_frame_payload_message(&frame, &message);
    FAIL_POINT("before_payload"); /* acknowledged to the caller, unknown to the agent */
    session_send(session, &frame);
    FAIL_POINT("after_payload");
    session->control->stats.payloads_sent++;
    arena_done(&arena);
    return true;
}

static void pump(struct acs *acs)
{
    struct parcel *parcel;

    while ((parcel = TAILQ_FIRST(&acs->queues[READY])) &&
           /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): parcel_remove() took the freed one off */
           (parcel->frame || acs->in_flight < PAYLOADS_IN_FLIGHT_MAX)) {
        if (parcel->frame) {
            struct buf frame = {.data = parcel->frame, .len = strlen(parcel->frame)};

            session_send(&acs->session, &frame);
            parcel_remove(acs, parcel);
            continue;
        }
        move(acs, parcel, SENT);
        parcel->sends++;
        parcel->sent_mono_ms = control_mono_ms(acs->session.control);
        if (!send_task(acs, parcel))
            parcel_remove(acs, parcel);
    }
}

void acs_hold_back(struct session *session)
{
    struct acs *acs = acs_of(session);
    struct parcel *parcel;

    while ((parcel = TAILQ_FIRST(&acs->queues[FRESH])))
        move(acs, parcel, HELD);
}

void acs_release(struct session *session)
{
    struct acs *acs = acs_of(session);
    struct parcel *parcel;

    while ((parcel = TAILQ_FIRST(&acs->queues[HELD])))
        move(acs, parcel, READY);
    pump(acs);
}

/* ---- what is to be told ---- */

static enum task_status desired_of(const struct task *task)
{
    return task->desired_status == TASK_STOPPED ? TASK_STOPPED : TASK_RUNNING;
}

void acs_tell_task(struct session *session, const struct task *task)
{
    struct acs *acs = acs_of(session);
    struct parcel *parcel = find(acs, &task->id);

    if (parcel && parcel->desired == desired_of(task))
        return;
    /* A stop overtakes the start it is about (AP-223): only the last wish counts. */
    if (parcel)
        parcel_remove(acs, parcel);
    parcel = xcalloc(1, sizeof(*parcel));
    parcel->task = task->id;
    parcel->desired = desired_of(task);
    parcel_add(acs, parcel);
}

void acs_forget_task(struct session *session, const struct id *task)
{
    struct acs *acs = acs_of(session);
    struct parcel *parcel = find(acs, task);

    if (!parcel)
        return;
    parcel_remove(acs, parcel);
    pump(acs);
}

bool acs_has_told(const struct session *session, const struct id *task)
{
    return !find(acs_of(session), task);
}

/* Walks the tasks of the instance that have not ended. */
static const struct task *next_task(const struct session *session, bool *is_stopped_list,
                                    const struct task *after)
{
    char hex[ID_HEX_SIZE];
    const struct task *task = after;

    id_format(&session->instance, hex);
    for (;;) {
        task = state_task_after(session->control->state, session->scope, session->cluster,
                                TASKS_BY_INSTANCE, hex, *is_stopped_list, task ? &task->id : NULL);
        if (!task && *is_stopped_list)
            return NULL;
        if (!task)
            *is_stopped_list = true;
        else if (task->last_status != TASK_STOPPED)
            return task;
    }
}

/* AP-241: every task the instance should know of, with what is wanted of it. */
static void tell_manifest(struct acs *acs, int64_t timeline)
{
    struct session *session = &acs->session;
    struct acs_task_manifest_message message = {0};
    CLEANUP(buf_done) struct buf frame = {0};
    struct arena arena = {0};
    const struct task *task = NULL;
    bool is_stopped_list = false;
    size_t count = 0;

    while ((task = next_task(session, &is_stopped_list, task)))
        count++;
    SET_LIST(&arena, &message.tasks, count);
    message.cluster_arn = arn_cluster(&arena, session->scope, session->cluster);
    message.container_instance_arn = session_instance_arn(session, &arena);
    is_stopped_list = false;
    for (size_t i = 0; (task = next_task(session, &is_stopped_list, task)); i++)
        message.tasks.items[i] = (struct acs_task_identifier){
            .task_arn = shown_task_arn(&arena, session->scope, task),
            .task_cluster_arn = message.cluster_arn,
            .desired_status = task_status_name(desired_of(task)),
        };
    snprintf(acs->manifest_id, sizeof(acs->manifest_id), "manifest-%" PRId64, timeline);
    message.message_id = acs->manifest_id;
    SET(&message, generated_at_ms, control_wall_ms(session->control));
    SET(&message, timeline, timeline);
    acs_frame_task_manifest_message(&frame, &message);
    acs_tell_frame(&acs->session, &frame);
    arena_done(&arena);
}

/* A process that just started (it asks for credentials) may have lost more than that: it is told
 * all its tasks; a mere reconnect is told those it has not acknowledged. */
static void tell_tasks(struct acs *acs, bool is_process_start)
{
    const struct task *task = NULL;
    bool is_stopped_list = false;

    while ((task = next_task(&acs->session, &is_stopped_list, task)))
        if (is_process_start || !task->is_acknowledged || desired_of(task) == TASK_STOPPED)
            acs_tell_task(&acs->session, task);
}

static void set_text(struct container_instance *instance, const char *known, const char *said,
                     void (*set)(struct container_instance *, const char *))
{
    if (!said || str_eq(known, said))
        return;
    set(instance, said);
    instance->version++;
}

void acs_start(struct session *session, const struct session_hello *hello)
{
    struct acs *acs = acs_of(session);
    struct control *control = session->control;
    struct txn *txn = txn_begin(control->state, session->scope);
    struct container_instance *instance = txn_edit_instance(txn, hello->instance);
    int64_t silent_since_ms; /* 0: it was not seen to go */

    set_text(instance, instance->agent_version, hello->agent_version,
             container_instance_set_agent_version);
    set_text(instance, instance->agent_hash, hello->agent_hash, container_instance_set_agent_hash);
    set_text(instance, instance->docker_version, hello->docker_version,
             container_instance_set_docker_version);
    silent_since_ms = instance->disconnected_at_ms;
    instance->disconnected_at_ms = 0;
    if (!state_instance_connected(instance))
        instance->connected_at_ms = control_wall_ms(control);
    instance->version += !state_instance_connected(instance); /* MS-073 */
    instance->timeline++; /* AP-240: a manifest that is no newer is discarded */
    instance_versions_keep_ahead(instance);
    state_set_instance_connected(control->state, instance, true); /* the event tells it */
    txn_commit(txn);
    session->kind->heartbeat(session);
    if (hello->protocol_version >= 2)
        tell_manifest(acs, instance->timeline);
    tell_tasks(acs, hello->send_credentials);
    acs_credentials_start(session, hello->send_credentials, silent_since_ms);
    agent_updates_connected(session);
}

/* ---- what the agent says ---- */

/* "HEX.SERIAL" of a payload; other ids are of messages that need no keeping. */
static void on_ack(struct acs *acs, const char *message_id)
{
    char hex[ID_HEX_SIZE];
    struct id task;
    int64_t serial;
    struct parcel *parcel;

    acs->session.control->stats.acks_received++;
    if (!message_id || strlen(message_id) < ID_HEX_SIZE || message_id[ID_HEX_SIZE - 1] != '.')
        return;
    memcpy(hex, message_id, ID_HEX_SIZE - 1);
    hex[ID_HEX_SIZE - 1] = '\0';
    if (!id_parse(hex, &task) || !str_to_int64(message_id + ID_HEX_SIZE, &serial))
        return;
    parcel = find(acs, &task);
    if (!parcel || parcel->place != SENT || parcel->serial != (uint64_t)serial)
        return;
    parcel_remove(acs, parcel);
    pump(acs);
}

/* AP-242: a candidate is confirmed unless it is wanted here, or tell_tasks() has told its stop: the
 * official agent loses a task (TaskStateError, its containers run on) whose stop comes both ways at
 * once. */
static bool may_stop(const struct session *session, const struct id *id)
{
    const struct task *task =
        state_task(session->control->state, session->scope, session->cluster, id);

    return !task || task->last_status == TASK_STOPPED ||
           id_cmp(&task->instance, &session->instance) != 0;
}

static void on_stop_verification(struct acs *acs, struct arena *arena,
                                 const struct acs_task_stop_verification_message *in)
{
    struct acs_task_stop_verification_ack message = {.message_id = acs->manifest_id};
    CLEANUP(buf_done) struct buf frame = {0};

    /* Only about the last manifest, and once. */
    if (!acs->manifest_id[0] || !str_eq(in->message_id, acs->manifest_id))
        return;
    SET(&message, generated_at_ms, control_wall_ms(acs->session.control));
    SET_LIST(arena, &message.stop_tasks, in->stop_candidates.count);
    message.stop_tasks.count = 0;
    for (size_t i = 0; i < in->stop_candidates.count; i++) {
        const struct acs_task_identifier *candidate = &in->stop_candidates.items[i];
        struct id task;

        if (!session_task_id(&acs->session, arena, candidate->task_arn, &task) ||
            !may_stop(&acs->session, &task))
            continue;
        message.stop_tasks.items[message.stop_tasks.count++] = (struct acs_task_identifier){
            .task_arn = candidate->task_arn,
            .task_cluster_arn = candidate->task_cluster_arn,
            .desired_status = "STOPPED",
        };
    }
    acs_frame_task_stop_verification_ack(&frame, &message);
    acs_tell_frame(&acs->session, &frame);
    acs->manifest_id[0] = '\0';
}

static void acs_message(struct session *session, const char *text, size_t len)
{
    struct acs *acs = acs_of(session);
    struct arena arena = {0};
    struct acs_message message;
    struct error *err = acs_decode_message(&arena, text, len, &message);

    if (err) {
        session_bad_frame(session, err);
        arena_done(&arena);
        return;
    }
    switch (message.type) {
    case ACS_MESSAGE_HEARTBEAT_ACK_REQUEST:
        session->heartbeats_unanswered = 0;
        break;
    case ACS_MESSAGE_ACK_REQUEST:
        agent_updates_answered(session, message.ack_request->message_id, NULL);
        on_ack(acs, message.ack_request->message_id);
        break;
    case ACS_MESSAGE_NACK_REQUEST:
        agent_updates_answered(session, message.nack_request->message_id,
                               message.nack_request->reason ? message.nack_request->reason
                                                            : "refused");
        break;
    case ACS_MESSAGE_TASK_STOP_VERIFICATION_MESSAGE:
        on_stop_verification(acs, &arena, message.task_stop_verification_message);
        break;
    default: /* unknown types are passed over (AP-211) */
        log_debug("agent message passed over", "type", message.type_name);
        break;
    }
    arena_done(&arena);
}

/* What was sent long ago and has no answer is told once more; then it waits for the next
 * connection. */
static void repeat_old(struct acs *acs)
{
    int64_t now_ms = control_mono_ms(acs->session.control);
    struct parcel *parcel;

    while ((parcel = TAILQ_FIRST(&acs->queues[SENT])) &&
           /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): parcel_remove() took the freed one off */
           now_ms - parcel->sent_mono_ms >= PAYLOAD_REPEAT_MS) {
        if (parcel->sends < PAYLOAD_SENDS_MAX)
            move(acs, parcel, READY);
        else
            parcel_remove(acs, parcel);
    }
    pump(acs);
}

static void acs_heartbeat(struct session *session)
{
    struct acs_heartbeat_message message = {.has_healthy = true, .healthy = true};
    CLEANUP(buf_done) struct buf frame = {0};
    char uuid[UUID_SIZE];

    uuid_new(state_rng(session->control->state), uuid);
    message.message_id = uuid;
    acs_frame_heartbeat_message(&frame, &message);
    session->heartbeats_unanswered++;
    session_send(session, &frame);
    repeat_old(acs_of(session));
    agent_updates_look(session);
}

/* ---- life ---- */

struct session *acs_new(const struct session_hello *hello)
{
    struct acs *acs = xcalloc(1, sizeof(*acs));

    (void)hello;
    RB_INIT(&acs->by_task);
    for (size_t i = 0; i < ARRAY_LEN(acs->queues); i++)
        TAILQ_INIT(&acs->queues[i]);
    return &acs->session;
}

static void acs_done(struct session *session)
{
    struct acs *acs = acs_of(session);

    for (size_t i = 0; i < ARRAY_LEN(acs->queues); i++)
        while (!TAILQ_EMPTY(&acs->queues[i]))
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes each off the queue */
            parcel_remove(acs, TAILQ_FIRST(&acs->queues[i]));
}

const struct session_kind session_acs = {"ACS", acs_message, acs_heartbeat, acs_done};
