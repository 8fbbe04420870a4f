/* Images: patience with registries, what is said when they fail, clean-up cycles, images got ahead
 * (AG-134 to AG-141, AG-154, AG-180 to AG-184, AG-345, AP-461 to AP-465). Docker is a script here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/engine_reason.h"
#include "agent/engine/image.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_loop.h"

#define MANY   64
#define HOUR   3600000LL
#define MINUTE 60000LL

enum kind { DIGEST, PULL, TAG, LOOK, UNTAG, LIST, INSPECT, RM, IMAGES, NONE };
static const char *const kind_names[] = {"digest", "pull",    "tag", "look",  "untag",
                                         "list",   "inspect", "rm",  "images"};

struct docker_call {
    struct world *world;
    enum kind kind;
    char *name;
    void (*done)(void);
    void *data;
    bool is_cancelled, is_held;
};

/* What one kind of call answers instead of success. */
struct script {
    enum kind kind;
    const char *name; /* NULL: any */
    unsigned times;
    struct docker_failure failure;
};

static struct world {
    struct loop *loop;
    struct agent_store *store;
    struct images *images;
    struct agent_config config;
    struct buf calls, told;
    struct script script[8];
    enum kind held; /* these calls are not answered until released */
    struct docker_call *waiting[MANY];
    size_t waiting_count;
    const char *ids[MANY][2]; /* name, id; else the id is "sha256:" and the name */
    const char *used[MANY];
    struct docker_image listed[MANY];
    size_t listed_count;
    struct docker_container containers[MANY];
    size_t container_count;
    bool is_closed, tells_no_digest;
} w;

/* ---- docker.h ---- */

static const char *id_of(const char *name, char text[80])
{
    for (size_t i = 0; i < MANY && w.ids[i][0]; i++)
        if (strcmp(w.ids[i][0], name) == 0)
            return w.ids[i][1];
    snprintf(text, 80, "sha256:%.60s", name);
    return text;
}

static const struct docker_failure *scripted(const struct docker_call *call)
{
    static const struct docker_failure cancelled = {DOCKER_CANCELLED, "cancelled", 0, 0};

    if (call->is_cancelled)
        return &cancelled;
    for (size_t i = 0; i < ARRAY_LEN(w.script); i++) {
        struct script *one = &w.script[i];

        if (one->times == 0 || one->kind != call->kind ||
            (one->name && strcmp(one->name, call->name) != 0))
            continue;
        one->times--;
        return &one->failure;
    }
    return NULL;
}

static void answer(void *data)
{
    struct docker_call *call = data;
    const struct docker_failure *failure = scripted(call);
    char text[80];
    const char *entries[] = {"r/a@sha256:local"};
    struct docker_image image = {.id = id_of(call->name, text),
                                 .digests = entries,
                                 .digest_count = 1,
                                 .has_region = strstr(call->name, "region") != NULL};

    switch (call->kind) {
    case DIGEST:
    case PULL:
        ((docker_digest_fn *)call->done)(
            failure, failure || w.tells_no_digest ? NULL : "sha256:now", call->data);
        break;
    case TAG:
    case UNTAG:
    case RM:
        ((docker_done_fn *)call->done)(failure, call->data);
        break;
    case LOOK:
        ((docker_image_fn *)call->done)(failure, failure ? NULL : &image, call->data);
        break;
    case LIST:
        ((docker_list_fn *)call->done)(failure, w.containers, w.container_count, call->data);
        break;
    case INSPECT:
        for (size_t i = 0; i < w.container_count; i++)
            if (strcmp(w.containers[i].id, call->name) == 0)
                ((docker_container_fn *)call->done)(failure, &w.containers[i], call->data);
        break;
    case IMAGES:
        ((docker_images_fn *)call->done)(failure, w.listed, w.listed_count, call->data);
        break;
    case NONE:
        break;
    }
    free(call->name);
    free(call);
}

static struct docker_call *make(enum kind kind, const char *name, void (*done)(void), void *data)
{
    struct docker_call *call = xcalloc(1, sizeof(*call));

    *call = (struct docker_call){&w, kind, str_dup(name), done, data, false, kind == w.held};
    buf_printf(&w.calls, "%s%s %s", w.calls.len ? "; " : "", kind_names[kind], name);
    if (call->is_held)
        w.waiting[w.waiting_count++] = call;
    else
        loop_defer(w.loop, answer, call);
    return call;
}

static void release(void)
{
    w.held = NONE;
    while (w.waiting_count > 0)
        loop_defer(w.loop, answer, w.waiting[--w.waiting_count]);
    fake_loop_settle(w.loop);
}

void docker_cancel(struct docker_call *call)
{
    call->is_cancelled = true;
    for (size_t i = 0; i < w.waiting_count; i++) {
        if (w.waiting[i] != call)
            continue;
        w.waiting[i] = w.waiting[--w.waiting_count];
        loop_defer(w.loop, answer, call);
    }
}

#define AS_DONE(fn) ((void (*)(void))(fn))

struct docker_call *docker_get_digest(UNUSED struct docker *docker, const char *reference,
                                      UNUSED const char *auth, UNUSED int64_t timeout_ms,
                                      docker_digest_fn *done, void *data)
{
    return make(DIGEST, reference, AS_DONE(done), data);
}

struct docker_call *docker_pull(UNUSED struct docker *docker, const char *reference,
                                UNUSED const char *auth, UNUSED int64_t timeout_ms,
                                UNUSED int64_t inactivity_ms, docker_digest_fn *done, void *data)
{
    return make(PULL, reference, AS_DONE(done), data);
}

struct docker_call *docker_tag(UNUSED struct docker *docker, UNUSED const char *source,
                               const char *reference, docker_done_fn *done, void *data)
{
    return make(TAG, reference, AS_DONE(done), data);
}

struct docker_call *docker_inspect_image(UNUSED struct docker *docker, const char *reference,
                                         docker_image_fn *done, void *data)
{
    return make(LOOK, reference, AS_DONE(done), data);
}

struct docker_call *docker_remove_image(UNUSED struct docker *docker, const char *reference,
                                        docker_done_fn *done, void *data)
{
    return make(UNTAG, reference, AS_DONE(done), data);
}

struct docker_call *docker_list_images(UNUSED struct docker *docker, docker_images_fn *done,
                                       void *data)
{
    return make(IMAGES, "-", AS_DONE(done), data);
}

struct docker_call *docker_list_all(UNUSED struct docker *docker, docker_list_fn *done, void *data)
{
    return make(LIST, "-", AS_DONE(done), data);
}

struct docker_call *docker_inspect(UNUSED struct docker *docker, const char *id,
                                   docker_container_fn *done, void *data)
{
    return make(INSPECT, id, AS_DONE(done), data);
}

struct docker_call *docker_remove(UNUSED struct docker *docker, const char *id,
                                  docker_done_fn *done, void *data)
{
    return make(RM, id, AS_DONE(done), data);
}

/* ---- the world ---- */

static bool is_used(const char *reference, const char *id, UNUSED void *data)
{
    for (size_t i = 0; i < MANY; i++)
        if (w.used[i] && (strcmp(w.used[i], reference) == 0 || str_eq(w.used[i], id)))
            return true;
    return false;
}

static void open_images(void)
{
    w.images = images_new(w.loop, NULL, w.store, &w.config, fake_loop_clock(w.loop));
}

static void on_closed(UNUSED void *data)
{
    w.is_closed = true;
}

static void close_images(void)
{
    w.is_closed = false;
    images_close(w.images, on_closed, NULL);
    fake_loop_settle(w.loop);
    assert_true(w.is_closed);
    assert_int_equal(fake_loop_timers(w.loop), 0);
}

static int set_up(UNUSED void **state)
{
    w = (struct world){.loop = fake_loop_new(), .held = NONE};
    w.config.manifest_pull_timeout_ms = MINUTE;
    w.config.image_pull_timeout_ms = 2 * HOUR;
    w.config.image_cleanup_interval_ms = 30 * MINUTE;
    w.config.image_cleanup_age_ms = HOUR;
    w.config.other_image_cleanup_age_ms = HOUR;
    w.config.images_per_cleanup = w.config.containers_per_cleanup = 5;
    w.config.task_cleanup_wait_ms = 3 * HOUR;
    assert_null(agent_store_open(NULL, &w.store));
    open_images();
    return 0;
}

static int tear_down(UNUSED void **state)
{
    close_images();
    agent_store_close(w.store);
    fake_loop_free(w.loop);
    buf_done(&w.calls);
    buf_done(&w.told);
    return 0;
}

static void expect_calls(const char *calls)
{
    assert_string_equal(w.calls.data ? w.calls.data : "", calls);
    buf_clear(&w.calls);
}

static void expect_told(const char *told)
{
    assert_string_equal(w.told.data ? w.told.data : "", told);
    buf_clear(&w.told);
}

static void on_image(const struct image_result *result, UNUSED void *data)
{
    buf_printf(&w.told, "%s%s", w.told.len ? "; " : "",
               result->is_lost  ? "lost"
               : result->reason ? result->reason
                                : (result->digest ? result->digest : "there"));
}

static void get(const char *reference)
{
    images_get(w.images, reference, NULL, on_image, NULL);
    fake_loop_settle(w.loop);
}

static void script_fault(enum kind kind, unsigned times, struct docker_failure failure)
{
    for (size_t i = 0; i < ARRAY_LEN(w.script); i++) {
        if (w.script[i].times > 0)
            continue;
        w.script[i] = (struct script){kind, NULL, times, failure};
        return;
    }
}

static const struct docker_failure in_passing = {DOCKER_REFUSED, "Error response from daemon: EOF",
                                                 0, 0};
static const struct docker_failure for_good = {
    DOCKER_NOT_FOUND, "Error response from daemon: manifest unknown", 0, 0};

/* ---- pulls ---- */

static void the_version_of_now_is_pulled(UNUSED void **state)
{
    get("r/a:1");
    expect_calls("digest r/a:1; pull r/a@sha256:now; tag r/a:1; look r/a:1");
    expect_told("sha256:local"); /* as Docker has it under that repository */
    get("h:5000/b");
    expect_calls("digest h:5000/b; pull h:5000/b@sha256:now; tag h:5000/b; look h:5000/b");
    expect_told("sha256:now");
    get("r/a@sha256:given");
    expect_calls("pull r/a@sha256:given; look r/a@sha256:given");
}

static void an_engine_that_cannot_ask(UNUSED void **state)
{
    w.tells_no_digest = true;
    get("r/a:1");
    expect_calls("digest r/a:1; pull r/a:1; look r/a:1");
}

/* The pauses are between 80% and 120% of what they should be. */
static void patience(UNUSED void **state)
{
    int64_t began_ms = clock_mono_ms(fake_loop_clock(w.loop)), took_ms;
    unsigned tries = 1;

    w.config.image_pull_behavior = PULL_ALWAYS;
    script_fault(DIGEST, 100, in_passing);
    get("a");
    while (!w.told.len)
        fake_loop_pass(w.loop, 1);
    took_ms = clock_mono_ms(fake_loop_clock(w.loop)) - began_ms;
    assert_in_range(took_ms, 13640 * 8 / 10, 13640 * 12 / 10 + 10);
    for (const char *c = w.calls.data; (c = strchr(c, ';')); c++)
        tries++;
    assert_int_equal(tries, IMAGE_DIGEST_TRIES);
    expect_told("CannotPullImageManifestError: Error response from daemon: EOF");
    buf_clear(&w.calls);

    memset(w.script, 0, sizeof(w.script));
    script_fault(PULL, 100, in_passing);
    began_ms = clock_mono_ms(fake_loop_clock(w.loop));
    get("b");
    while (!w.told.len)
        fake_loop_pass(w.loop, 1);
    took_ms = clock_mono_ms(fake_loop_clock(w.loop)) - began_ms;
    assert_in_range(took_ms, 12700 * 8 / 10, 12700 * 12 / 10 + 10);
    expect_told("CannotPullContainerError: Error response from daemon: EOF");
}

/* A registry that did not tell the digest in all that time is not asked five times more. */
static void a_silent_registry_and_a_cached_image(UNUSED void **state)
{
    const char *pulls;

    script_fault(DIGEST, 100, in_passing);
    script_fault(PULL, 100, in_passing);
    get("a");
    while (!w.told.len)
        fake_loop_pass(w.loop, 1);
    pulls = strstr(w.calls.data, "pull ");
    assert_non_null(pulls);
    assert_string_equal(pulls, "pull a; look a");
    expect_told("there");
}

static void behaviours(UNUSED void **state)
{
    static const struct {
        enum image_pull_behavior rule;
        enum kind fails;
        bool is_here;
        const char *calls, *told;
    } rows[] = {
        {PULL_DEFAULT, DIGEST, true, "digest a; pull a; look a", "sha256:now"},
        {PULL_DEFAULT, PULL, true, "digest a; pull a@sha256:now; look a", "there"},
        {PULL_DEFAULT, PULL, false, "digest a; pull a@sha256:now; look a",
         "CannotPullContainerError: Error response from daemon: manifest unknown"},
        {PULL_DEFAULT, TAG, true, "digest a; pull a@sha256:now; tag a; look a", "there"},
        {PULL_ALWAYS, DIGEST, true, "digest a",
         "CannotPullImageManifestError: Error response from daemon: manifest unknown"},
        {PULL_ALWAYS, PULL, true, "digest a; pull a@sha256:now",
         "CannotPullContainerError: Error response from daemon: manifest unknown"},
        {PULL_ALWAYS, TAG, true, "digest a; pull a@sha256:now; tag a",
         "CannotPullContainerError: Error response from daemon: manifest unknown"},
        {PULL_ONCE, DIGEST, true, "digest a",
         "CannotPullImageManifestError: Error response from daemon: manifest unknown"},
        {PULL_PREFER_CACHED, DIGEST, true, "look a", "there"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *id, *digest;

        memset(w.script, 0, sizeof(w.script));
        w.config.image_pull_behavior = rows[i].rule;
        script_fault(rows[i].fails, 1, for_good);
        if (!rows[i].is_here)
            script_fault(LOOK, 1, for_good);
        get("a");
        expect_calls(rows[i].calls);
        expect_told(rows[i].told);
        if (rows[i].rule == PULL_ONCE)
            assert_true(images_is_assumed(w.images, "a", &id, &digest)); /* the first row's */
        if (rows[i].rule == PULL_DEFAULT && rows[i].fails != DIGEST)
            assert_false(images_is_assumed(w.images, "a", &id, &digest));
    }
}

static void pulls_join_but_not_with_other_credentials(UNUSED void **state)
{
    struct image_request *first;

    w.held = PULL;
    first = images_get(w.images, "a", NULL, on_image, NULL);
    get("a");
    images_get(w.images, "a", "bWFyeQ==", on_image, NULL);
    fake_loop_settle(w.loop);
    expect_calls("digest a; pull a@sha256:now; digest a; pull a@sha256:now");
    image_cancel(first); /* goes on for the other */
    release();
    expect_told("sha256:now; sha256:now");
}

static void docker_goes_away(UNUSED void **state)
{
    const enum kind kinds[] = {DIGEST, PULL, TAG, LOOK};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        script_fault(kinds[i], 1, (struct docker_failure){DOCKER_UNREACHABLE, "gone", 0, 0});
        get("a");
        expect_told("lost");
    }
}

static void reasons(UNUSED void **state)
{
    static const struct {
        struct docker_failure failure;
        const char *reason;
    } rows[] = {
        {{DOCKER_TIMEOUT, "x", 7200000, DOCKER_NOT_SILENT},
         "DockerTimeoutError: Could not transition to pulled; timed out after waiting 2h0m0s"},
        {{DOCKER_TIMEOUT, "x", 300000, DOCKER_NEVER_BEGAN},
         "DockerTimeoutError: Could not transition to pullBegin; timed out after waiting 5m0s"},
        {{DOCKER_TIMEOUT, "x", 60000, DOCKER_FELL_SILENT},
         "CannotPullContainerError: inactivity time exceeded timeout while pulling image"},
        {{DOCKER_REFUSED, "write /var/lib/docker/tmp/GetImageBlob1: no space left on device", 0, 0},
         "CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on "
         "device"},
        {{DOCKER_REFUSED,
          "Get https://r/v2/: net/http: request canceled while waiting for "
          "connection",
          0, 0},
         "CannotPullContainerError: The task can\xe2\x80\x99t pull the image. Check your network "
         "configuration. Get https://r/v2/: net/http: request canceled while waiting for "
         "connection"},
        {{DOCKER_REFUSED, "denied: requested access to the resource is denied", 0, 0},
         "CannotPullContainerError: The task can\xe2\x80\x99t pull the image. Check whether the "
         "image exists. denied: requested access to the resource is denied"},
        {{DOCKER_REFUSED,
          "denied: User: x is not authorized to perform: ecr:BatchGetImage on "
          "resource y",
          0, 0},
         "CannotPullContainerError: The task can\xe2\x80\x99t pull the image. Check that the role "
         "has the permissions to pull images from the registry. denied: User: x is not authorized "
         "to perform: ecr:BatchGetImage on resource y"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_freep) char *reason = engine_reason_pull(&rows[i].failure);

        assert_string_equal(reason, rows[i].reason);
    }
}

/* AG-035: an address of a layer has the right to read it inside. */
static void layer_addresses(UNUSED void **state)
{
    static const struct {
        const char *message, *told;
    } rows[] = {
        {"Get \"https://prod-eu-starport-layer-bucket.s3.amazonaws.com/ab?X-Amz-Signature=12\": "
         "dial tcp: no",
         "Get REDACTED ECR URL related to r/a:1 dial tcp: no"},
        {"a (https://prod-starport-layer-bucket/x) b\nhttps://c-starport-layer-bucket.d/?e",
         "a (REDACTED ECR URL related to r/a:1 b\nREDACTED ECR URL related to r/a:1"},
        {"Get https://r/v2/: no  starport-layer-bucket", "Get https://r/v2/: no  "
                                                         "starport-layer-bucket"},
        {"starport-layer-bucket-https://r", "starport-layer-bucket-https://r"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_freep) char *told = engine_reason_redact(rows[i].message, "r/a:1");

        assert_string_equal(told, rows[i].told);
    }
    for (size_t i = 0; i < 2; i++) {
        w.config.image_pull_behavior = PULL_ALWAYS;
        script_fault(i ? PULL : DIGEST, 1,
                     (struct docker_failure){
                         DOCKER_REFUSED, "denied: \"https://x-starport-layer-bucket/y?z", 0, 0});
        get("a");
        assert_null(strstr(w.told.data, "starport"));
        assert_non_null(strstr(w.told.data, "REDACTED ECR URL related to a"));
        buf_clear(&w.told);
    }
}

/* ---- clean-up ---- */

static void start_cleanup(void)
{
    images_start_cleanup(w.images, is_used, NULL);
    buf_clear(&w.calls);
    buf_clear(&w.told);
}

static void cycle(void)
{
    fake_loop_pass(w.loop, w.config.image_cleanup_interval_ms);
    fake_loop_settle(w.loop);
}

static void the_longest_unused_goes_first(UNUSED void **state)
{
    w.config.images_per_cleanup = 1;
    get("a:1");
    fake_loop_pass(w.loop, 1000);
    get("b:1");
    fake_loop_pass(w.loop, 1000);
    get("c:1");
    fake_loop_pass(w.loop, 1000);
    assert_null(agent_store_begin(w.store));
    assert_null(images_note_use(w.images, "a:1")); /* its container has just been removed */
    assert_null(agent_store_commit(w.store));
    w.used[0] = "b:1";
    start_cleanup();
    cycle();
    expect_calls(""); /* pulled less than an hour ago */
    cycle();
    expect_calls("untag c:1");
    cycle();
    expect_calls("untag a:1");
    cycle();
    expect_calls(""); /* b is used */
    w.used[0] = NULL;
    cycle();
    expect_calls("untag b:1");
    cycle();
    expect_calls(""); /* and none is tried twice */
}

/* AG-138: neither does an image go that was just pulled, nor does one stay for ever. */
static void a_clock_that_is_set(UNUSED void **state)
{
    static const int64_t steps_ms[] = {365 * 24 * HOUR, -365 * 24 * HOUR};
    const char *other[] = {"other:1"};

    w.config.cleans_untracked_images = true;
    start_cleanup();
    for (size_t i = 0; i < ARRAY_LEN(steps_ms); i++) {
        get("a:1");
        w.containers[0] =
            (struct docker_container){.id = "ended",
                                      .state = DOCKER_STATE_EXITED,
                                      .finished_at_ms = clock_wall_ms(fake_loop_clock(w.loop))};
        w.container_count = 1;
        w.listed[0] = (struct docker_image){
            "sha256:o", other, NULL, 1, 0, 1, clock_wall_ms(fake_loop_clock(w.loop))};
        w.listed_count = 1;
        fake_loop_set_clock(w.loop, steps_ms[i]);
        buf_clear(&w.calls);
        for (int minutes = 0; minutes < 60; minutes += 30) {
            cycle();
            expect_calls("list -; inspect ended; images -"); /* an hour from when it was seen */
        }
        cycle();
        expect_calls("untag a:1; list -; inspect ended; images -; untag other:1");
        w.container_count = w.listed_count = 0;
    }
}

/* The agent starts before its host has learnt the time. */
static void a_clock_of_times_gone_by(UNUSED void **state)
{
    get("a:1");
    fake_loop_set_clock(w.loop, -365 * 24 * HOUR);
    start_cleanup();
    cycle();
    expect_calls("");
    cycle();
    expect_calls("untag a:1");
}

static void what_is_kept(UNUSED void **state)
{
    const char *kept[] = {"kept:1"};

    w.config.images_kept = (struct config_list){kept, 1};
    w.config.image_cleanup_age_ms = 0;
    get("kept:1");
    get("amazon/amazon-ecs-agent:latest");
    script_fault(PULL, 1, for_good);
    get("local:1"); /* was here, and cannot be had again */
    get("goes:1");
    script_fault(UNTAG, 1,
                 (struct docker_failure){DOCKER_CONFLICT, "conflict: used by a container", 0, 0});
    get("in-use-elsewhere:1");
    start_cleanup();
    cycle();
    expect_calls(
        "untag goes:1; untag in-use-elsewhere:1"); /* the first is refused, in this cycle */
    cycle();
    expect_calls("untag goes:1");
}

static void names_of_one_image_go_together(UNUSED void **state)
{
    w.config.image_cleanup_age_ms = 0;
    w.config.images_per_cleanup = 1;
    w.ids[0][0] = "x:1", w.ids[0][1] = "sha256:same";
    w.ids[1][0] = "y:1", w.ids[1][1] = "sha256:same";
    get("x:1");
    fake_loop_pass(w.loop, 1000);
    get("z:1");
    fake_loop_pass(w.loop, 1000);
    get("y:1");
    w.used[0] = "y:1";
    start_cleanup();
    cycle();
    expect_calls("untag z:1"); /* x is y, which is used */
    w.used[0] = NULL;
    cycle();
    expect_calls("untag x:1; untag y:1"); /* one image */
}

static void what_a_name_stood_for_before_goes_too(UNUSED void **state)
{
    w.config.image_cleanup_age_ms = 0;
    w.ids[0][0] = "x:1", w.ids[0][1] = "sha256:old";
    get("x:1");
    w.ids[0][1] = "sha256:new";
    get("x:1");
    w.used[0] = "x:1";
    start_cleanup();
    cycle();
    expect_calls("untag sha256:old");
}

static struct error *restore(const struct agent_store_image *image, UNUSED void *data)
{
    images_restore(w.images, image);
    return NULL;
}

static void it_is_remembered(UNUSED void **state)
{
    const struct agent_store_visitor visitor = {.on_image = restore};
    const char *id, *digest;

    w.config.image_cleanup_age_ms = 0;
    get("a:1");
    close_images();
    open_images();
    assert_null(agent_store_load(w.store, &visitor));
    w.config.image_pull_behavior = PULL_ONCE;
    assert_true(images_is_assumed(w.images, "a:1", &id, &digest));
    assert_string_equal(id, "sha256:a:1");
    start_cleanup();
    cycle();
    expect_calls("untag a:1");
    assert_false(images_is_assumed(w.images, "a:1", &id, &digest));
}

/* AP-310: a region that the image names is left alone, also by the next agent. */
static void region_of_the_image(UNUSED void **state)
{
    const struct agent_store_visitor visitor = {.on_image = restore};

    get("region-a");
    get("b");
    assert_true(images_has_region(w.images, "region-a"));
    assert_false(images_has_region(w.images, "b"));
    assert_false(images_has_region(w.images, "unknown"));
    close_images();
    open_images();
    assert_null(agent_store_load(w.store, &visitor));
    assert_true(images_has_region(w.images, "region-a"));
    assert_false(images_has_region(w.images, "b"));
}

static void a_pull_waits_for_the_removal_of_its_image(UNUSED void **state)
{
    w.config.image_cleanup_age_ms = 0;
    get("a:1");
    w.used[0] = "b:1";
    start_cleanup();
    w.held = UNTAG;
    cycle();
    get("a:1");
    get("b:1");
    expect_calls("untag a:1; digest b:1; pull b@sha256:now; tag b:1; look b:1");
    release();
    expect_calls("digest a:1; pull a@sha256:now; tag a:1; look a:1");
    expect_told("sha256:now; sha256:now");
}

static void when_there_is_none(UNUSED void **state)
{
    w.config.image_cleanup_age_ms = 0;
    get("a:1");
    w.config.is_image_cleanup_disabled = true;
    start_cleanup();
    w.config.is_image_cleanup_disabled = false;
    w.config.image_pull_behavior = PULL_PREFER_CACHED; /* AG-922 */
    start_cleanup();
    cycle();
    expect_calls("");
}

static void what_is_no_tasks(UNUSED void **state)
{
    const int64_t now_ms = clock_wall_ms(fake_loop_clock(w.loop));
    const char *kept[] = {"kept:1"}, *big[] = {"big:1", "big:2"}, *small[] = {"small:1"},
               *task[] = {"task:1"}, *local[] = {"docker.io/library/kept:1"},
               *fresh[] = {"fresh:1"};

    w.config.cleans_untracked_images = true;
    w.config.images_kept = (struct config_list){kept, 1};
    w.config.containers_per_cleanup = 2;
    w.config.images_per_cleanup = 3;
    get("task:1");
#define ENDED(name, ms)                                                                            \
    {.id = name, .state = DOCKER_STATE_EXITED, .created_at_ms = 1, .finished_at_ms = ms}
    w.containers[0] = (struct docker_container)ENDED("new", now_ms);
    w.containers[1] = (struct docker_container)ENDED("old1", now_ms - 4 * HOUR);
    w.containers[2] = (struct docker_container)ENDED("task's", 1);
    w.containers[2].task_arn = "arn:t/1"; /* perhaps another agent's */
    w.containers[3] = (struct docker_container){.id = "runs", .state = DOCKER_STATE_RUNNING};
    w.containers[4] = (struct docker_container){
        .id = "never-started", .state = DOCKER_STATE_CREATED, .created_at_ms = 1};
    w.containers[5] = (struct docker_container)ENDED("old2", 1);
    w.container_count = 6;
    w.listed[0] = (struct docker_image){"sha256:big", big, NULL, 2, 0, 900, 1};
    w.listed[1] = (struct docker_image){"sha256:task:1", task, NULL, 1, 0, 1, 1};
    w.listed[2] = (struct docker_image){"sha256:k", local, NULL, 1, 0, 2, 1};
    w.listed[3] = (struct docker_image){"sha256:f", fresh, NULL, 1, 0, 3, now_ms};
    w.listed[4] = (struct docker_image){"sha256:small", small, NULL, 1, 0, 10, 1};
    w.listed[5] = (struct docker_image){"sha256:nameless", NULL, NULL, 0, 0, 20, 1};
    w.listed_count = 6;
    start_cleanup();
    cycle();
    expect_calls("list -; inspect new; inspect old1; rm old1; inspect never-started; "
                 "rm never-started; images -; untag small:1; untag sha256:nameless; untag big:1");
}

/* ---- ahead of time ---- */

static void few_are_fetched_ahead_at_once(UNUSED void **state)
{
    w.held = PULL;
    for (int i = 0; i < 2; i++) { /* told twice */
        images_prefetch(w.images, "a");
        images_prefetch(w.images, "b");
        images_prefetch(w.images, "c");
    }
    fake_loop_settle(w.loop);
    expect_calls("digest a; digest b; pull a@sha256:now; pull b@sha256:now");
    release();
    expect_calls("tag b; tag a; look b; look a; digest c; pull c@sha256:now; tag c; look c");
    w.held = PULL;
    images_prefetch(w.images, "d"); /* the agent ends meanwhile: tear_down() */
    fake_loop_settle(w.loop);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_version_of_now_is_pulled),
        TEST(an_engine_that_cannot_ask),
        TEST(patience),
        TEST(a_silent_registry_and_a_cached_image),
        TEST(behaviours),
        TEST(pulls_join_but_not_with_other_credentials),
        TEST(docker_goes_away),
        TEST(reasons),
        TEST(layer_addresses),
        TEST(region_of_the_image),
        TEST(the_longest_unused_goes_first),
        TEST(a_clock_that_is_set),
        TEST(a_clock_of_times_gone_by),
        TEST(what_is_kept),
        TEST(names_of_one_image_go_together),
        TEST(what_a_name_stood_for_before_goes_too),
        TEST(it_is_remembered),
        TEST(a_pull_waits_for_the_removal_of_its_image),
        TEST(when_there_is_none),
        TEST(what_is_no_tasks),
        TEST(few_are_fetched_ahead_at_once),
    };

    log_configure(LOG_LEVEL_NONE, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
