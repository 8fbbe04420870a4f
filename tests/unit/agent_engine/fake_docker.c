#include "fake_docker.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_loop.h"

#define MANY 512

enum call_kind {
    VERSION,
    INFO,
    CREATE,
    START,
    STOP,
    INSPECT,
    LIST,
    REMOVE,
    PULL,
    IMAGE,
    DIGEST,
    TAG,
    UNTAG,
    IMPORT,
    VOLUME,
    EVENTS
};

static const char *const kind_names[] = {
    [VERSION] = "version", [INFO] = "info",       [CREATE] = "create", [START] = "start",
    [STOP] = "stop",       [INSPECT] = "inspect", [LIST] = "list",     [REMOVE] = "remove",
    [PULL] = "pull",       [IMAGE] = "image",     [VOLUME] = "volume", [EVENTS] = "events",
    [DIGEST] = "digest",   [TAG] = "tag",         [UNTAG] = "untag",   [IMPORT] = "import",
};

struct docker_call {
    struct docker *docker;
    enum call_kind kind;
    char *name, *body;
    int64_t timeout_ms;
    bool is_cancelled, is_held, is_faulty, is_volume_create, is_volume_remove;
    enum fake_fault fault;
    void (*done)(void); /* as the kind says */
    docker_event_fn *on_event;
    void *data;
};

struct docker {
    struct loop *loop;
    char *root;
    struct fake_container *containers[MANY];
    size_t count;
    char *images[MANY];
    size_t image_count;
    char *volumes[MANY];
    size_t volume_count;
    struct docker_call *held[MANY];
    size_t held_count;
    struct docker_call *events;
    struct buf log;
    unsigned fail_in, ids;
    enum fake_fault fault;
    bool has_failed, is_down;
    const char *refused, *refusal, *holds;
};

/* Makes the empty file root/containers/ID/NAME. */
static void keep(const struct docker *docker, const char *id, const char *name)
{
    CLEANUP(str_freep) char *dir = str_printf("%s/containers", docker->root);
    CLEANUP(str_freep) char *one = str_printf("%s/%s", dir, id);
    CLEANUP(str_freep) char *path = str_printf("%s/%s", one, name);
    FILE *file;

    mkdir(docker->root, 0700);
    mkdir(dir, 0700);
    mkdir(one, 0700);
    file = fopen(path, "w");
    if (file)
        fclose(file);
}

static void keep_start(const struct docker *docker, const char *id)
{
    CLEANUP(str_freep) char *log = str_printf("%s-json.log", id);

    keep(docker, id, "hostname");
    keep(docker, id, log);
}

struct docker *fake_docker_new(struct loop *loop, const char *root)
{
    struct docker *docker = xcalloc(1, sizeof(*docker));

    docker->loop = loop;
    docker->root = str_dup(root);
    return docker;
}

static void free_container(struct fake_container *container)
{
    free(container->name);
    free(container->id);
    free(container->task_arn);
    free(container->container_name);
    free(container->body);
    free(container);
}

void fake_docker_free(struct docker *docker)
{
    for (size_t i = 0; i < docker->count; i++)
        free_container(docker->containers[i]);
    for (size_t i = 0; i < docker->image_count; i++)
        free(docker->images[i]);
    for (size_t i = 0; i < docker->volume_count; i++)
        free(docker->volumes[i]);
    buf_done(&docker->log);
    free(docker->root);
    free(docker);
}

void fake_docker_fail(struct docker *docker, unsigned nth, enum fake_fault fault)
{
    docker->fail_in = nth;
    docker->fault = fault;
    docker->has_failed = false;
}

bool fake_docker_has_failed(const struct docker *docker)
{
    return docker->has_failed;
}

void fake_docker_refuse(struct docker *docker, const char *kind, const char *message)
{
    docker->refused = kind;
    docker->refusal = message;
}

void fake_docker_add_image(struct docker *docker, const char *reference)
{
    docker->images[docker->image_count++] = str_dup(reference);
}

static bool has_image(const struct docker *docker, const char *reference)
{
    for (size_t i = 0; i < docker->image_count; i++)
        if (strcmp(docker->images[i], reference) == 0)
            return true;
    return false;
}

static size_t volume_at(const struct docker *docker, const char *name)
{
    size_t i = 0;

    while (i < docker->volume_count && strcmp(docker->volumes[i], name) != 0)
        i++;
    return i;
}

bool fake_docker_has_volume(const struct docker *docker, const char *prefix)
{
    for (size_t i = 0; i < docker->volume_count; i++)
        if (str_starts_with(docker->volumes[i], prefix))
            return true;
    return false;
}

static struct fake_container *by_handle(struct docker *docker, const char *handle)
{
    for (size_t i = 0; i < docker->count; i++)
        if (strcmp(docker->containers[i]->name, handle) == 0 ||
            strcmp(docker->containers[i]->id, handle) == 0)
            return docker->containers[i];
    return NULL;
}

struct fake_container *fake_docker_find(struct docker *docker, const char *container)
{
    for (size_t i = 0; i < docker->count; i++)
        if (strcmp(docker->containers[i]->container_name, container) == 0)
            return docker->containers[i];
    return NULL;
}

size_t fake_docker_count(const struct docker *docker)
{
    return docker->count;
}

char *fake_docker_calls(struct docker *docker)
{
    return buf_take(&docker->log);
}

static int64_t now_ms(struct docker *docker)
{
    return clock_wall_ms(fake_loop_clock(docker->loop));
}

/* Events */

static void tell(struct docker *docker, struct fake_container *container,
                 enum docker_event_kind kind, const char *health)
{
    const struct docker_event event = {
        .kind = kind,
        .id = container->id,
        .name = container->name,
        .has_exit_code = kind == DOCKER_EVENT_DIE,
        .exit_code = container->exit_code,
        .health = health,
        .at_ms = now_ms(docker),
    };

    if (docker->events && !docker->is_down)
        docker->events->on_event(&event, docker->events->data);
}

static void end_container(struct docker *docker, struct fake_container *container, int code,
                          bool tells)
{
    container->state = DOCKER_STATE_EXITED;
    container->exit_code = code;
    container->finished_at_ms = now_ms(docker);
    if (tells)
        tell(docker, container, DOCKER_EVENT_DIE, NULL);
}

void fake_docker_exit(struct docker *docker, const char *name, int code, bool is_oom, bool tells)
{
    struct fake_container *container = fake_docker_find(docker, name);

    container->is_oom = is_oom;
    end_container(docker, container, code, tells);
}

void fake_docker_health(struct docker *docker, const char *name, const char *health)
{
    struct fake_container *container = fake_docker_find(docker, name);

    container->health = health;
    tell(docker, container, DOCKER_EVENT_HEALTH, health);
}

void fake_docker_oom_event(struct docker *docker, const char *name)
{
    tell(docker, fake_docker_find(docker, name), DOCKER_EVENT_OOM, NULL);
}

static void remove_container(struct docker *docker, struct fake_container *container)
{
    for (size_t i = 0; i < docker->count; i++)
        if (docker->containers[i] == container)
            docker->containers[i] = docker->containers[--docker->count];
    tell(docker, container, DOCKER_EVENT_DESTROY, NULL);
    free_container(container);
}

void fake_docker_rm(struct docker *docker, const char *name)
{
    remove_container(docker, fake_docker_find(docker, name));
}

/* What calls do */

/* Failures, with the text of Docker where it matters. */
static const struct docker_failure not_found = {DOCKER_NOT_FOUND,
                                                "Error response from daemon: No such "
                                                "container",
                                                0};
static const struct docker_failure no_image = {DOCKER_NOT_FOUND,
                                               "Error response from daemon: No such image: x", 0};
static const struct docker_failure conflict = {DOCKER_CONFLICT,
                                               "Error response from daemon: the name is in use", 0};
static const struct docker_failure no_manifest = {
    DOCKER_NOT_FOUND, "Error response from daemon: manifest unknown", 0};
static const struct docker_failure pull_refused = {
    DOCKER_NOT_FOUND, "Error response from daemon: pull access denied", 0};

static const struct docker_failure *create(struct docker *docker, struct docker_call *call,
                                           const char **ret_id)
{
    struct fake_container *container;
    json_t *body = json_loads(call->body, 0, NULL);
    json_t *labels = json_object_get(body, "Labels");
    const struct docker_failure *failure = NULL;

    if (by_handle(docker, call->name)) {
        failure = &conflict;
    } else if (!has_image(docker, json_string_value(json_object_get(body, "Image")))) {
        failure = &no_image;
    } else {
        container = xcalloc(1, sizeof(*container));
        container->name = str_dup(call->name);
        container->id = str_printf("%064x", ++docker->ids);
        container->task_arn =
            str_dup(json_string_value(json_object_get(labels, "com.amazonaws.ecs.task-arn")));
        container->container_name =
            str_dup(json_string_value(json_object_get(labels, "com.amazonaws.ecs.container-name")));
        container->body = str_dup(call->body);
        container->state = DOCKER_STATE_CREATED;
        keep(docker, container->id, "config.v2.json");
        docker->containers[docker->count++] = container;
        *ret_id = container->id;
    }
    json_decref(body);
    return failure;
}

static const struct docker_failure *start(struct docker *docker, struct docker_call *call)
{
    struct fake_container *container = by_handle(docker, call->name);

    if (!container)
        return &not_found;
    if (container->state == DOCKER_STATE_RUNNING)
        return NULL;
    container->state = DOCKER_STATE_RUNNING;
    container->starts++;
    keep_start(docker, container->id);
    container->started_at_ms = now_ms(docker);
    tell(docker, container, DOCKER_EVENT_START, NULL);
    return NULL;
}

static const struct docker_failure *stop(struct docker *docker, struct docker_call *call)
{
    struct fake_container *container = by_handle(docker, call->name);

    if (!container)
        return &not_found;
    container->stops++;
    container->grace_s = (int)((call->timeout_ms - DOCKER_STOP_GRACE_MS) / 1000);
    if (container->state == DOCKER_STATE_RUNNING)
        end_container(docker, container, 137, true);
    return NULL;
}

static void describe(const struct fake_container *container, struct docker_container *out,
                     struct docker_binding *binding)
{
    *binding = (struct docker_binding){"0.0.0.0", 80, 32768, "tcp"};
    *out = (struct docker_container){
        .id = container->id,
        .name = container->name,
        .task_arn = container->task_arn,
        .container_name = container->container_name,
        .image_id = "sha256:1",
        .log_driver = "json-file",
        .state = container->state,
        .is_oom_killed = container->is_oom,
        .exit_code = container->exit_code,
        .error = "",
        .health = container->health,
        .detail = "{\"networks\":{\"bridge\":[\"172.17.0.2\",\"\"]}}",
        .started_at_ms = container->started_at_ms,
        .finished_at_ms = container->finished_at_ms,
        .bindings = binding,
        .binding_count = container->state == DOCKER_STATE_RUNNING,
    };
}

/* Answers */

static const struct docker_failure *do_volume(struct docker *docker, struct docker_call *call)
{
    size_t at = volume_at(docker, call->name);

    if (call->is_volume_create && at == docker->volume_count)
        docker->volumes[docker->volume_count++] = str_dup(call->name);
    else if (!call->is_volume_create && at == docker->volume_count)
        return &not_found;
    if (call->is_volume_remove) {
        free(docker->volumes[at]);
        docker->volumes[at] = docker->volumes[--docker->volume_count];
    }
    return NULL;
}

/* Does what is asked, unless a fault keeps Docker from it, and calls back. `failure` overrides. */
static void answer(struct docker_call *call, const struct docker_failure *failure, bool does)
{
    struct docker *docker = call->docker;
    const struct docker_failure *found = NULL;
    const struct docker_version version = {"20.10", "1.41", "1.12", "linux", "amd64"};
    const struct docker_info info = {.root_dir = docker->root};
    const char *digests[] = {"pullable@sha256:d"};
    const struct docker_image image = {
        .id = "sha256:1", .digests = digests, .digest_count = ARRAY_LEN(digests)};
    const struct docker_volume volume = {call->name, "local", "{}", "{}"};
    struct docker_container described[MANY];
    struct docker_binding bindings[MANY];
    struct fake_container *container;
    const char *id = NULL;
    size_t count = docker->count;

    switch (call->kind) {
    case VERSION:
        ((docker_version_fn *)call->done)(failure, failure ? NULL : &version, call->data);
        return;
    case INFO:
        ((docker_info_fn *)call->done)(failure, failure ? NULL : &info, call->data);
        return;
    case CREATE:
        found = does ? create(docker, call, &id) : NULL;
        failure = failure ? failure : found;
        ((docker_created_fn *)call->done)(failure, failure ? NULL : id, call->data);
        return;
    case START:
        found = does ? start(docker, call) : NULL;
        ((docker_done_fn *)call->done)(failure ? failure : found, call->data);
        return;
    case STOP:
        found = does ? stop(docker, call) : NULL;
        ((docker_done_fn *)call->done)(failure ? failure : found, call->data);
        return;
    case INSPECT:
        container = by_handle(docker, call->name);
        if (container)
            describe(container, &described[0], &bindings[0]);
        else if (!failure)
            failure = &not_found;
        ((docker_container_fn *)call->done)(failure, failure ? NULL : &described[0], call->data);
        return;
    case LIST:
        for (size_t i = 0; i < count; i++)
            describe(docker->containers[i], &described[i], &bindings[i]);
        ((docker_list_fn *)call->done)(failure, failure ? NULL : described, failure ? 0 : count,
                                       call->data);
        return;
    case REMOVE:
        container = by_handle(docker, call->name);
        if (does && container)
            remove_container(docker, container);
        ((docker_done_fn *)call->done)(failure, call->data);
        return;
    case PULL:
        if (!failure && !str_starts_with(call->name, "pullable"))
            failure = &pull_refused;
        if (!failure)
            fake_docker_add_image(docker, call->name);
        ((docker_digest_fn *)call->done)(failure, failure ? NULL : "sha256:d", call->data);
        return;
    case DIGEST:
        if (!failure && !str_starts_with(call->name, "pullable"))
            failure = &no_manifest;
        ((docker_digest_fn *)call->done)(failure, failure ? NULL : "sha256:d", call->data);
        return;
    case TAG:
        if (does)
            fake_docker_add_image(docker, call->body);
        ((docker_done_fn *)call->done)(failure, call->data);
        return;
    case IMPORT:
        if (does)
            fake_docker_add_image(docker, call->body);
        ((docker_done_fn *)call->done)(failure, call->data);
        return;
    case UNTAG:
        ((docker_done_fn *)call->done)(failure, call->data);
        return;
    case IMAGE:
        if (!failure && !has_image(docker, call->name))
            failure = &no_image;
        ((docker_image_fn *)call->done)(failure, failure ? NULL : &image, call->data);
        return;
    case VOLUME:
        found = does ? do_volume(docker, call) : NULL;
        failure = failure ? failure : found;
        if (call->is_volume_remove)
            ((docker_done_fn *)call->done)(failure, call->data);
        else
            ((docker_volume_fn *)call->done)(failure, failure ? NULL : &volume, call->data);
        return;
    case EVENTS:
        ((docker_done_fn *)call->done)(failure, call->data);
        return;
    }
}

static void free_call(struct docker_call *call)
{
    free(call->name);
    free(call->body);
    free(call);
}

static void finish(void *data)
{
    static const struct {
        enum docker_fault fault;
        const char *message;
        bool does;
    } faults[FAKE_FAULT_COUNT] = {
        [FAKE_REFUSED] = {DOCKER_REFUSED, "Error response from daemon: no", false},
        [FAKE_NOT_FOUND] = {DOCKER_NOT_FOUND, "Error response from daemon: what", false},
        [FAKE_LOST] = {DOCKER_UNREACHABLE, "connection lost", false},
        [FAKE_LOST_ANSWER] = {DOCKER_UNREACHABLE, "connection lost", true},
        [FAKE_TIMEOUT] = {DOCKER_TIMEOUT, "no answer in time", true},
        [FAKE_NONSENSE] = {DOCKER_MALFORMED, "not JSON", true},
        [FAKE_BREAK] = {DOCKER_UNREACHABLE, "connection lost", false},
    };
    struct docker_call *call = data;
    struct docker *docker = call->docker;
    struct docker_failure failure = {0};

    if (call->is_cancelled) {
        failure = (struct docker_failure){DOCKER_CANCELLED, "cancelled", 0};
        answer(call, &failure, false);
    } else if (docker->is_down) {
        failure = (struct docker_failure){DOCKER_UNREACHABLE, "nobody there", 0};
        answer(call, &failure, false);
    } else if (docker->refused && strcmp(docker->refused, kind_names[call->kind]) == 0) {
        failure = (struct docker_failure){DOCKER_REFUSED, docker->refusal, 0};
        answer(call, &failure, false);
    } else if (call->is_faulty) {
        if (call->fault == FAKE_BREAK && call->kind == START && by_handle(docker, call->name))
            keep_start(docker, by_handle(docker, call->name)->id);
        failure = (struct docker_failure){faults[call->fault].fault, faults[call->fault].message,
                                          call->timeout_ms};
        answer(call, &failure, faults[call->fault].does);
    } else {
        answer(call, NULL, true);
    }
    free_call(call);
}

static struct docker_call *make(struct docker *docker, enum call_kind kind, const char *name,
                                void (*done)(void), void *data)
{
    struct docker_call *call = xcalloc(1, sizeof(*call));
    struct fake_container *container = by_handle(docker, name);

    call->docker = docker;
    call->kind = kind;
    call->name = str_dup(name);
    call->done = done;
    call->data = data;
    if (kind != VERSION && kind != INFO && kind != EVENTS && docker->fail_in > 0 &&
        --docker->fail_in == 0) {
        call->is_faulty = docker->has_failed = true;
        call->fault = docker->fault;
    }
    if (kind != VERSION && kind != INFO && kind != LIST && kind != EVENTS)
        buf_printf(&docker->log, "%s%s %.12s", docker->log.len ? "; " : "", kind_names[kind],
                   container                                         ? container->container_name
                   : kind == PULL || kind == IMAGE || kind == DIGEST ? name
                                                                     : "-");
    if (kind == EVENTS)
        return call;
    if (docker->holds && strcmp(docker->holds, kind_names[kind]) == 0) {
        call->is_held = true;
        docker->held[docker->held_count++] = call;
    } else {
        loop_defer(docker->loop, finish, call);
    }
    return call;
}

void fake_docker_hold(struct docker *docker, const char *kind)
{
    docker->holds = kind;
}

void fake_docker_release(struct docker *docker)
{
    docker->holds = NULL;
    for (size_t i = 0; i < docker->held_count; i++)
        loop_defer(docker->loop, finish, docker->held[i]);
    docker->held_count = 0;
}

void docker_cancel(struct docker_call *call)
{
    struct docker *docker = call->docker;

    if (call->is_cancelled)
        return;
    call->is_cancelled = true;
    if (call->kind == EVENTS) {
        docker->events = NULL;
        loop_defer(docker->loop, finish, call);
        return;
    }
    for (size_t i = 0; call->is_held && i < docker->held_count; i++) {
        if (docker->held[i] != call)
            continue;
        docker->held[i] = docker->held[--docker->held_count];
        loop_defer(docker->loop, finish, call);
    }
}

void fake_docker_down(struct docker *docker)
{
    docker->is_down = true;
    if (docker->events)
        loop_defer(docker->loop, finish, TAKE(docker->events));
}

void fake_docker_up(struct docker *docker)
{
    docker->is_down = false;
}

/* docker.h */

#define AS_DONE(fn) ((void (*)(void))(fn))

struct docker_call *docker_get_version(struct docker *docker, docker_version_fn *done, void *data)
{
    return make(docker, VERSION, "", AS_DONE(done), data);
}

struct docker_call *docker_get_info(struct docker *docker, docker_info_fn *done, void *data)
{
    return make(docker, INFO, "", AS_DONE(done), data);
}

struct docker_call *docker_create(struct docker *docker, const char *name, const char *body,
                                  int64_t timeout_ms, docker_created_fn *done, void *data)
{
    struct docker_call *call = make(docker, CREATE, name, AS_DONE(done), data);

    call->body = str_dup(body);
    call->timeout_ms = timeout_ms;
    return call;
}

struct docker_call *docker_start(struct docker *docker, const char *id, int64_t timeout_ms,
                                 docker_done_fn *done, void *data)
{
    struct docker_call *call = make(docker, START, id, AS_DONE(done), data);

    call->timeout_ms = timeout_ms;
    return call;
}

struct docker_call *docker_stop(struct docker *docker, const char *id, int grace_s,
                                docker_done_fn *done, void *data)
{
    struct docker_call *call = make(docker, STOP, id, AS_DONE(done), data);

    call->timeout_ms = grace_s * 1000LL + DOCKER_STOP_GRACE_MS;
    return call;
}

struct docker_call *docker_inspect(struct docker *docker, const char *id, docker_container_fn *done,
                                   void *data)
{
    return make(docker, INSPECT, id, AS_DONE(done), data);
}

struct docker_call *docker_list(struct docker *docker, bool with_ended, docker_list_fn *done,
                                void *data)
{
    (void)with_ended; /* more than was asked for does no harm */
    return make(docker, LIST, "", AS_DONE(done), data);
}

struct docker_call *docker_remove(struct docker *docker, const char *id, docker_done_fn *done,
                                  void *data)
{
    return make(docker, REMOVE, id, AS_DONE(done), data);
}

struct docker_call *docker_pull(struct docker *docker, const char *reference, const char *auth,
                                int64_t timeout_ms, int64_t inactivity_ms, docker_digest_fn *done,
                                void *data)
{
    struct docker_call *call = make(docker, PULL, reference, AS_DONE(done), data);

    (void)auth;
    (void)inactivity_ms;
    call->timeout_ms = timeout_ms;
    return call;
}

struct docker_call *docker_import(struct docker *docker, const char *name, const char *tag,
                                  const char *program, const void *tar, size_t len,
                                  docker_done_fn *done, void *data)
{
    struct docker_call *call = make(docker, IMPORT, name, AS_DONE(done), data);

    (void)program;
    (void)tar;
    (void)len;
    call->body = str_printf("%s:%s", name, tag);
    return call;
}

struct docker_call *docker_inspect_image(struct docker *docker, const char *reference,
                                         docker_image_fn *done, void *data)
{
    return make(docker, IMAGE, reference, AS_DONE(done), data);
}

struct docker_call *docker_get_digest(struct docker *docker, const char *reference,
                                      const char *auth, int64_t timeout_ms, docker_digest_fn *done,
                                      void *data)
{
    struct docker_call *call = make(docker, DIGEST, reference, AS_DONE(done), data);

    (void)auth;
    call->timeout_ms = timeout_ms;
    return call;
}

struct docker_call *docker_tag(struct docker *docker, const char *source, const char *reference,
                               docker_done_fn *done, void *data)
{
    struct docker_call *call = make(docker, TAG, source, AS_DONE(done), data);

    call->body = str_dup(reference);
    return call;
}

struct docker_call *docker_remove_image(struct docker *docker, const char *reference,
                                        docker_done_fn *done, void *data)
{
    return make(docker, UNTAG, reference, AS_DONE(done), data);
}

/* What is no task's is not in this world: image_cleanup's own tests have it. */
struct docker_call *docker_list_images(struct docker *docker, docker_images_fn *done, void *data)
{
    (void)docker;
    (void)done;
    (void)data;
    abort();
}

struct docker_call *docker_list_all(struct docker *docker, docker_list_fn *done, void *data)
{
    return docker_list(docker, true, done, data);
}

struct docker_call *docker_create_volume(struct docker *docker, const char *body,
                                         docker_volume_fn *done, void *data)
{
    json_t *json = json_loads(body, 0, NULL);
    struct docker_call *call =
        make(docker, VOLUME, json_string_value(json_object_get(json, "Name")), AS_DONE(done), data);

    call->is_volume_create = true;
    json_decref(json);
    return call;
}

struct docker_call *docker_inspect_volume(struct docker *docker, const char *name,
                                          docker_volume_fn *done, void *data)
{
    return make(docker, VOLUME, name, AS_DONE(done), data);
}

struct docker_call *docker_remove_volume(struct docker *docker, const char *name,
                                         docker_done_fn *done, void *data)
{
    struct docker_call *call = make(docker, VOLUME, name, AS_DONE(done), data);

    call->is_volume_remove = true;
    return call;
}

struct docker_call *docker_events(struct docker *docker, int64_t since_ms,
                                  docker_event_fn *on_event, docker_done_fn *done, void *data)
{
    struct docker_call *call = make(docker, EVENTS, "", AS_DONE(done), data);

    (void)since_ms;
    call->on_event = on_event;
    docker->events = call;
    return call;
}
