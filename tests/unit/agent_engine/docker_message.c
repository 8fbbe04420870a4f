/* Docker's answers as values (src/agent/docker/docker_message.h) and its streams as lines. */
#include "agent/docker/docker_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/docker/docker_lines.h"

static struct arena arena;

static int drop_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void inspect_is_read(void **state)
{
    static const char json[] =
        "{\"Id\":\"70fc\",\"Created\":\"2026-11-20T07:24:53.687012227Z\",\"Name\":\"/"
        "ecs-f-1-app-0\","
        "\"Image\":\"sha256:77bc\",\"State\":{\"Status\":\"exited\",\"OOMKilled\":true,"
        "\"ExitCode\":137,"
        "\"Error\":\"\",\"StartedAt\":\"2026-11-20T07:24:53.939531402Z\","
        "\"FinishedAt\":\"2026-11-20T08:24:54.5+01:00\",\"Health\":{\"Status\":\"healthy\"}},"
        "\"Config\":{\"Labels\":{\"com.amazonaws.ecs.task-arn\":\"arn:t\","
        "\"com.amazonaws.ecs.container-name\":\"app\"}},\"NetworkSettings\":{\"Ports\":{"
        "\"8080/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"18081\"},{\"HostIp\":\"::\","
        "\"HostPort\":\"18081\"}],\"53/udp\":[{\"HostIp\":\"\",\"HostPort\":\"53\"}],\"9/"
        "tcp\":null,"
        "\"x/tcp\":[{\"HostPort\":\"1\"}]}}}";
    struct docker_container container;

    (void)state;
    assert_null(docker_read_container(&arena, json, strlen(json), &container));
    assert_string_equal(container.id, "70fc");
    assert_string_equal(container.name, "ecs-f-1-app-0");
    assert_string_equal(container.task_arn, "arn:t");
    assert_string_equal(container.container_name, "app");
    assert_int_equal(container.state, DOCKER_STATE_EXITED);
    assert_int_equal(container.exit_code, 137);
    assert_true(container.is_oom_killed);
    assert_string_equal(container.health, "healthy");
    assert_int_equal(container.created_at_ms, 1795159493687);
    assert_int_equal(container.started_at_ms, 1795159493939);
    assert_int_equal(container.finished_at_ms, 1795159494500);
    assert_int_equal(container.binding_count, 3);
    assert_int_equal(container.bindings[0].container_port, 8080);
    assert_int_equal(container.bindings[0].host_port, 18081);
    assert_string_equal(container.bindings[1].host_ip, "::");
    assert_string_equal(container.bindings[2].protocol, "udp");
    assert_string_equal(container.bindings[2].host_ip, "0.0.0.0");
}

static void times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0001-01-01T00:00:00Z", 0}, /* Docker's "never" */
        {"1970-01-01T00:00:01Z", 1000},
        {"2024-02-29T23:59:59.9999Z", 1709251199999},
        {"2026-11-20T07:24:53-02:30", 1795168493000},
        {"", 0},
        {"yesterday", 0},
        {"2026-13-20T07:24:53Z", 0},
        {NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(docker_read_time_ms(cases[i].text), cases[i].ms);
}

static void events_are_read(void **state)
{
    static const struct {
        const char *json;
        enum docker_event_kind kind;
        int exit_code;
        const char *health;
    } cases[] = {
        {"{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"a\",\"Attributes\":"
         "{\"exitCode\":\"3\",\"name\":\"n\"}},\"time\":5,\"timeNano\":5000000007}",
         DOCKER_EVENT_DIE, 3, NULL},
        {"{\"status\":\"start\",\"id\":\"a\",\"time\":5}", DOCKER_EVENT_START, 0, NULL},
        {"{\"Type\":\"container\",\"Action\":\"oom\",\"Actor\":{\"ID\":\"a\"},\"time\":5}",
         DOCKER_EVENT_OOM, 0, NULL},
        {"{\"Type\":\"container\",\"Action\":\"health_status: unhealthy\",\"Actor\":{\"ID\":\"a\"},"
         "\"time\":5}",
         DOCKER_EVENT_HEALTH, 0, "unhealthy"},
        {"{\"Type\":\"image\",\"Action\":\"die\",\"Actor\":{\"ID\":\"a\"},\"time\":5}",
         DOCKER_EVENT_OTHER, 0, NULL},
        {"{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"a\",\"Attributes\":"
         "{\"exitCode\":\"many\"}},\"time\":5}",
         DOCKER_EVENT_DIE, 0, NULL},
        /* Podman's */
        {"{\"Type\":\"container\",\"Action\":\"health_status\",\"Actor\":{\"ID\":\"a\"},"
         "\"HealthStatus\":\"healthy\",\"time\":5}",
         DOCKER_EVENT_HEALTH, 0, "healthy"},
        {"{\"Type\":\"container\",\"Action\":\"remove\",\"Actor\":{\"ID\":\"a\"},\"time\":5}",
         DOCKER_EVENT_DESTROY, 0, NULL},
    };
    struct docker_event event;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_null(docker_read_event(&arena, cases[i].json, strlen(cases[i].json), &event));
        assert_int_equal(event.kind, cases[i].kind);
        assert_int_equal(event.exit_code, cases[i].exit_code);
        assert_string_equal(event.id, "a");
        assert_int_equal(event.at_ms, 5000);
        if (cases[i].health)
            assert_string_equal(event.health, cases[i].health);
    }
}

/* Whatever Docker says, it is refused with a sentence, not believed. */
static void nonsense_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "null",
        "[]",
        "{}",
        "{\"Id\":7}",
        "{\"Id\":\"\",\"State\":{}}",
        "\xff\xfe",
        "[1",
        "{\"Id\":\"a\",\"State\":[]}",
        "{\"Action\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(error_freep) struct error *a = NULL, *b = NULL, *c = NULL, *d = NULL;
        struct docker_container container;
        struct docker_event event;
        struct docker_version version;
        struct docker_image image;
        size_t len = strlen(texts[i]);

        a = docker_read_container(&arena, texts[i], len, &container);
        b = docker_read_event(&arena, texts[i], len, &event);
        c = docker_read_version(&arena, texts[i], len, &version);
        assert_non_null(a);
        assert_non_null(b);
        assert_non_null(c);
        if (!strstr(texts[i], "\"a\"")) {
            d = docker_read_image(&arena, texts[i], len, &image);
            assert_non_null(d);
        }
    }
}

static void images_and_digests(void **state)
{
    static const char list[] =
        "[{\"Id\":\"sha256:1\",\"RepoTags\":[\"a:1\",\"b:2\"],\"RepoDigests\":[\"a@sha256:d\"],"
        "\"Size\":7,\"Created\":1574000000},{\"Id\":\"sha256:2\",\"RepoTags\":[\"<none>:<none>\"],"
        "\"RepoDigests\":null},{\"RepoTags\":[]},7]";
    static const struct {
        const char *json, *digest;
    } rows[] = {
        {"{\"Descriptor\":{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":"
         "\"sha256:d\"}}",
         "sha256:d"},
        {"{\"Descriptor\":{\"mediaType\":\"application/vnd.docker.distribution.manifest.v1+"
         "prettyjws\",\"digest\":\"sha256:d\"}}",
         NULL},
    };
    static const struct {
        const char *json;
        bool has_region;
    } regions[] = {
        {"{\"Id\":\"a\",\"Config\":{\"Env\":[\"A=1\",\"AWS_REGION=x\"]}}", true},
        {"{\"Id\":\"a\",\"Config\":{\"Env\":[\"AWS_DEFAULT_REGION\"]}}", true},
        {"{\"Id\":\"a\",\"Config\":{\"Env\":[\"AWS_REGION=\"]}}", true},
        {"{\"Id\":\"a\",\"Config\":{\"Env\":[\"AWS_REGIONS=x\",\"MY_AWS_REGION=x\",7]}}", false},
        {"{\"Id\":\"a\",\"Config\":{\"Env\":null}}", false},
    };
    struct docker_image *images = NULL;
    CLEANUP(error_freep) struct error *err = NULL;
    const char *digest = "unset";
    size_t count = 0;

    (void)state;
    assert_null(docker_read_images(&arena, list, strlen(list), &images, &count));
    assert_int_equal(count, 2);
    assert_int_equal(images[0].tag_count, 2);
    assert_string_equal(images[0].tags[1], "b:2");
    assert_string_equal(images[0].digests[0], "a@sha256:d");
    assert_int_equal(images[0].created_at_ms, 1574000000000LL);
    assert_int_equal(images[0].size_bytes, 7);
    assert_int_equal(images[1].tag_count, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_null(docker_read_digest(&arena, rows[i].json, strlen(rows[i].json), &digest));
        assert_true(rows[i].digest ? str_eq(digest, rows[i].digest) : !digest);
    }
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        struct docker_image image;

        assert_null(docker_read_image(&arena, regions[i].json, strlen(regions[i].json), &image));
        assert_int_equal(image.has_region, regions[i].has_region);
    }
    err = docker_read_digest(&arena, "{}", 2, &digest);
    assert_non_null(err);
}

static void listing_leaves_out_nonsense(void **state)
{
    static const char json[] =
        "[{\"Id\":\"a\",\"Names\":[\"/n\"],\"State\":\"created\",\"Labels\":{}},7,{\"Id\":\"b\"},"
        "{\"Id\":\"c\",\"Names\":[\"/m\"],\"State\":\"new word\"}]";
    struct docker_container *items;
    size_t count;

    (void)state;
    assert_null(docker_read_list(&arena, json, strlen(json), &items, &count));
    assert_int_equal(count, 2);
    assert_string_equal(items[0].name, "n");
    assert_int_equal(items[0].state, DOCKER_STATE_CREATED);
    assert_string_equal(items[1].id, "c");
    assert_int_equal(items[1].state, DOCKER_STATE_UNKNOWN);
}

static void refusals(void **state)
{
    static const char podmans[] =
        "{\"cause\":\"that name is already in use\",\"message\":\"taken\",\"response\":500}";
    bool is_name_taken = true;

    (void)state;
    assert_string_equal(docker_read_refusal(&arena, "{\"message\":\"no\"}", 16, &is_name_taken),
                        "no");
    assert_false(is_name_taken);
    assert_string_equal(docker_read_refusal(&arena, "page not found", 14, &is_name_taken),
                        "page not found");
    assert_false(is_name_taken);
    assert_string_equal(docker_read_refusal(&arena, podmans, sizeof(podmans) - 1, &is_name_taken),
                        "taken");
    assert_true(is_name_taken);
}

static void pull_lines(void **state)
{
    static const char failed[] = "{\"errorDetail\":{\"message\":\"denied\"},\"error\":\"denied\"}";
    static const char digest[] = "{\"status\":\"Digest: sha256:ab\"}";
    struct docker_pull_line line;

    (void)state;
    assert_null(docker_read_pull_line(&arena, failed, strlen(failed), &line));
    assert_string_equal(line.error, "denied");
    assert_null(docker_read_pull_line(&arena, digest, strlen(digest), &line));
    assert_string_equal(line.digest, "sha256:ab");
    assert_null(line.error);
}

static void collect(const char *line, size_t len, void *data)
{
    struct buf *all = data;

    assert_int_equal(strlen(line), len);
    buf_printf(all, "<%s>", line);
}

static void lines_survive_any_cut(void **state)
{
    static const char text[] = "{\"a\":1}\r\n\n{\"b\":2}\n{\"c\"";

    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        struct docker_lines lines = {0};
        CLEANUP(buf_done) struct buf all = {0};

        assert_true(docker_lines_feed(&lines, text, cut, collect, &all));
        assert_true(docker_lines_feed(&lines, text + cut, strlen(text) - cut, collect, &all));
        assert_string_equal(all.data, "<{\"a\":1}><{\"b\":2}>");
        docker_lines_done(&lines);
    }
}

static void endless_line_is_refused(void **state)
{
    struct docker_lines lines = {0};
    char block[4096];
    size_t fed = 0;

    (void)state;
    memset(block, 'x', sizeof(block));
    while (docker_lines_feed(&lines, block, sizeof(block), collect, NULL)) {
        fed += sizeof(block);
        assert_true(fed <= DOCKER_LINE_BYTES_MAX);
    }
    docker_lines_done(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect_is_read),
        cmocka_unit_test(times),
        cmocka_unit_test(events_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(images_and_digests),
        cmocka_unit_test(listing_leaves_out_nonsense),
        cmocka_unit_test(refusals),
        cmocka_unit_test(pull_lines),
        cmocka_unit_test(lines_survive_any_cut),
        cmocka_unit_test(endless_line_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, drop_arena);
}
