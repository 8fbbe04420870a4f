/* The pure parts of the task engine: dependencies, admission, reasons, image names, leftovers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "agent/engine/admission.h"
#include "agent/engine/engine_depend.h"
#include "agent/engine/engine_leftover.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/image_auth.h"
#include "agent/engine/image_ref.h"
#include "base/str.h"

static struct arena arena;

static int drop_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct acs_task *task_of(const char *text)
{
    struct acs_task *task = ARENA_NEW(&arena, struct acs_task);
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    assert_null(acs_decode_task(&arena, json, task));
    json_decref(json);
    return task;
}

#define TASK(containers)                                                                           \
    "{\"arn\":\"t\",\"desiredStatus\":\"RUNNING\",\"containers\":[" containers "]}"
#define WAITS(name, target, condition)                                                             \
    "{\"name\":\"" name "\",\"dependsOn\":[{\"containerName\":\"" target                           \
    "\",\"condition\":\"" condition "\"}]}"

#define FIRELENS_LOGS                                                                              \
    "\"dockerConfig\":{\"hostConfig\":\"{\\\"LogConfig\\\":{\\\"Type\\\":\\\"awsfirelens\\\"}}\"}"
#define ROUTER(more) "{\"name\":\"r\",\"firelensConfiguration\":{\"type\":\"fluentbit\"}" more "}"

static void graphs(void **state)
{
    static const struct {
        const char *why, *task;
        size_t edges; /* 0: refused */
    } cases[] = {
        {"a chain",
         TASK(WAITS("a", "b", "START") "," WAITS("b", "c", "COMPLETE") ",{\"name\":\"c\"}"), 2},
        {"a circle of three",
         TASK(WAITS("a", "b", "START") "," WAITS("b", "c", "START") "," WAITS("c", "a", "START")),
         0},
        {"itself", TASK(WAITS("a", "a", "START")), 0},
        {"a link closes the circle",
         TASK(WAITS("a", "b", "START") ",{\"name\":\"b\",\"links\":[\"a:x\"]}"), 0},
        {"TD-211: what logs to FireLens waits for its router",
         TASK("{\"name\":\"a\"," FIRELENS_LOGS "},{\"name\":\"b\"," FIRELENS_LOGS "}," ROUTER("")),
         2},
        {"TD-211: also where that waits for others",
         TASK("{\"name\":\"a\"," FIRELENS_LOGS "},{\"name\":\"b\"}," ROUTER(
             ",\"dependsOn\":[{\"containerName\":\"b\",\"condition\":\"START\"}]")),
         2},
        {"but not where that waits for it, through another, too",
         TASK("{\"name\":\"a\"," FIRELENS_LOGS "}," WAITS("b", "a", "START") "," ROUTER(
             ",\"dependsOn\":[{\"containerName\":\"b\",\"condition\":\"START\"}]")),
         2},
        {"a router's own logs wait for nobody",
         TASK("{\"name\":\"r\",\"firelensConfiguration\":{\"type\":\"fluentd\"}," FIRELENS_LOGS
              "},{\"name\":\"a\"," FIRELENS_LOGS "}"),
         1},
        {"volumesFrom and link",
         TASK("{\"name\":\"a\",\"links\":[\"b:x\"],\"volumesFrom\":"
              "[{\"sourceContainer\":\"b\"}]},{\"name\":\"b\"}"),
         2},
        {"unknown condition", TASK(WAITS("a", "b", "READY") ",{\"name\":\"b\"}"), 0},
        {"healthy without a check", TASK(WAITS("a", "b", "HEALTHY") ",{\"name\":\"b\"}"), 0},
        {"healthy with one",
         TASK(WAITS("a", "b", "HEALTHY") ",{\"name\":\"b\",\"healthCheckType\":\"DOCKER\"}"), 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct depend_graph graph = {0};
        CLEANUP(error_freep)
        struct error *err = depend_read(&arena, task_of(cases[i].task), &graph);

        if ((err == NULL) != (cases[i].edges > 0) || graph.count != cases[i].edges)
            fail_msg("%s: %s, %zu edges", cases[i].why, err ? err->message : "accepted",
                     graph.count);
    }
}

static void conditions(void **state)
{
    static const struct {
        const char *why;
        struct depend_target target;
        enum depend_condition condition;
        enum depend_answer answer;
        int64_t deadline_ms;
    } cases[] = {
        {"not made yet", {"t", ENGINE_PULLED}, DEPEND_CREATE, DEPEND_WAIT, 0},
        {"made", {"t", ENGINE_CREATED}, DEPEND_CREATE, DEPEND_READY, 0},
        {"made, to be started", {"t", ENGINE_CREATED}, DEPEND_START, DEPEND_WAIT, 0},
        {"runs", {"t", ENGINE_RUNNING, true}, DEPEND_START, DEPEND_READY, 0},
        {"ran", {"t", ENGINE_STOPPED, true, true, 1}, DEPEND_START, DEPEND_READY, 0},
        {"never ran", {"t", ENGINE_STOPPED}, DEPEND_START, DEPEND_NEVER, 0},
        {"still runs", {"t", ENGINE_RUNNING, true}, DEPEND_COMPLETE, DEPEND_WAIT, 0},
        {"ended", {"t", ENGINE_STOPPED, true, true, 9}, DEPEND_COMPLETE, DEPEND_READY, 0},
        {"ended well", {"t", ENGINE_STOPPED, true, true, 0}, DEPEND_SUCCESS, DEPEND_READY, 0},
        {"ended badly", {"t", ENGINE_STOPPED, true, true, 9}, DEPEND_SUCCESS, DEPEND_NEVER, 0},
        {"no word yet",
         {"t", ENGINE_RUNNING, true, .health = "UNKNOWN"},
         DEPEND_HEALTHY,
         DEPEND_WAIT,
         0},
        {"healthy",
         {"t", ENGINE_RUNNING, true, .health = "HEALTHY"},
         DEPEND_HEALTHY,
         DEPEND_READY,
         0},
        {"sick",
         {"t", ENGINE_RUNNING, true, .health = "UNHEALTHY"},
         DEPEND_HEALTHY,
         DEPEND_NEVER,
         0},
        {"was healthy",
         {"t", ENGINE_STOPPED, true, true, 0, "HEALTHY"},
         DEPEND_HEALTHY,
         DEPEND_NEVER,
         0},
        {"in time",
         {"t", ENGINE_RUNNING, true, .started_mono_ms = 900, .start_timeout_ms = 200},
         DEPEND_SUCCESS,
         DEPEND_WAIT,
         1100},
        {"too late",
         {"t", ENGINE_RUNNING, true, .started_mono_ms = 700, .start_timeout_ms = 300},
         DEPEND_COMPLETE,
         DEPEND_NEVER,
         0},
        {"no limit on START",
         {"t", ENGINE_CREATED, .started_mono_ms = 1, .start_timeout_ms = 1},
         DEPEND_START,
         DEPEND_WAIT,
         0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t deadline_ms = -1;
        const char *why = NULL;
        enum depend_answer answer =
            depend_check(&arena, &cases[i].target, cases[i].condition, 1000, &deadline_ms, &why);

        if (answer != cases[i].answer || deadline_ms != cases[i].deadline_ms ||
            (answer == DEPEND_NEVER) != (why != NULL))
            fail_msg("%s: %d, deadline %lld, %s", cases[i].why, answer, (long long)deadline_ms,
                     why);
    }
}

/* AP-414 */
static void needs(void **state)
{
    struct admission_need need = admission_need_of(
        &arena,
        task_of(TASK("{\"name\":\"a\",\"cpu\":100,\"memory\":64,\"portMappings\":["
                     "{\"containerPort\":80,\"hostPort\":8080},{\"containerPort\":81},"
                     "{\"containerPort\":53,\"hostPort\":53,\"protocol\":\"udp\"}]},"
                     "{\"name\":\"b\",\"cpu\":28,\"memory\":64,\"dockerConfig\":{\"hostConfig\":"
                     "\"{\\\"MemoryReservation\\\":8388608}\"}}")));
    struct acs_task *limited = task_of(TASK("{\"name\":\"a\",\"cpu\":100,\"memory\":64}"));

    (void)state;
    assert_int_equal(need.cpu_units, 128);
    assert_int_equal(need.memory_mib, 72);
    assert_int_equal(need.port_count, 2);
    assert_int_equal(need.ports[0].port, 8080);
    assert_true(need.ports[1].is_udp);
    SET(limited, cpu, 0.25);
    SET(limited, memory, 512);
    need = admission_need_of(&arena, limited);
    assert_int_equal(need.cpu_units, 256);
    assert_int_equal(need.memory_mib, 512);
}

static void what_is_taken_comes_back(void **state)
{
    static const struct admission_port ports[] = {{80, false}, {65535, true}};
    static const struct admission_need need = {100, 10, ports, 2};
    struct admission admission = {.cpu_total = 150, .memory_total = 100};

    (void)state;
    assert_true(admission_fits(&admission, &need));
    admission_take(&admission, &need);
    assert_false(admission_fits(&admission, &need));
    assert_true(admission_is_possible(&admission, &need));
    admission_give(&admission, &need);
    assert_true(admission_fits(&admission, &need));
    admission.cpu_total = 99;
    assert_false(admission_is_possible(&admission, &need));
}

static void durations(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},        {15, "15ms"},        {1000, "1s"},
        {1500, "1.5s"},   {1005, "1.005s"},    {60000, "1m0s"},
        {240000, "4m0s"}, {7200000, "2h0m0s"}, {3661020, "1h1m1.02s"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[DURATION_SIZE];

        engine_format_duration(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void long_reasons_are_cut(void **state)
{
    char message[3000];
    const struct docker_failure failure = {DOCKER_REFUSED, message, 0};
    CLEANUP(str_freep) char *reason = NULL;

    (void)state;
    memset(message, 'x', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    for (size_t i = 900; i < 1200; i += 2)
        memcpy(message + i, "\xc3\xa9", 2);
    reason = engine_reason("E", "started", &failure);
    assert_true(strlen(reason) <= REASON_MAX);
    assert_int_not_equal((unsigned char)reason[strlen(reason) - 1], 0xc3);
}

static void image_names(void **state)
{
    static const struct {
        const char *text, *name, *tag; /* NULL: refused */
    } cases[] = {
        {"busybox", "busybox", "latest"},
        {"busybox:1.36", "busybox", "1.36"},
        {"r:5000/a/b", "r:5000/a/b", "latest"},
        {"r:5000/a/b:c", "r:5000/a/b", "c"},
        {"a/b@sha256:00ff", "a/b", "sha256:00ff"},
        {"a:t@sha256:00ff", "a:t", "sha256:00ff"},
        {"", NULL, NULL},
        {":x", NULL, NULL},
        {"a:", NULL, NULL},
        {"a@", NULL, NULL},
        {"a b", NULL, NULL},
        {"a/", NULL, NULL},
        {"a?fromSrc=x", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_ref ref = {0};

        if (image_ref_parse(&arena, cases[i].text, &ref) != (cases[i].name != NULL))
            fail_msg("%s", cases[i].text);
        if (!cases[i].name)
            continue;
        assert_string_equal(ref.name, cases[i].name);
        assert_string_equal(ref.tag, cases[i].tag);
    }
}

/* AG-916. The header decoded: which entry was taken. */
static void registry_credentials(void **state)
{
    static const char docker[] =
        "{\"https://index.docker.io/v1/\":{\"username\":\"hub\",\"password\":\"p\"},"
        "\"r.example:5000\":{\"username\":\"all\",\"password\":\"p\"},"
        "\"http://r.example:5000/team\":{\"username\":\"team\",\"password\":\"p\"},"
        "\"r.example:5000/team/broken\":{\"username\":\"x\"}}";
    static const struct {
        const char *type, *data, *reference, *user; /* NULL: none */
    } cases[] = {
        {"docker", docker, "busybox", "hub"},
        {"docker", docker, "library/busybox:1", "hub"},
        {"docker", docker, "docker.io/library/busybox", "hub"},
        {"docker", docker, "r.example:5000/a", "all"},
        {"docker", docker, "r.example:5000/team/a:1", "team"},
        {"docker", docker, "r.example:5000/teamwork/a", "all"},
        {"docker", docker, "r.example:5000/team/broken/a", "team"},
        {"docker", docker, "other.example/a", NULL},
        {"dockercfg", "{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"}}", "busybox",
         "hub"},
        {"dockercfg", "{\"https://index.docker.io/v1/\":{\"auth\":\"?\"}}", "busybox", NULL},
        {"dockercfg", "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"}}}",
         "busybox", "hub"}, /* AG-171 */
        {"docker", "{\"auths\":{\"r\":{\"username\":\"u\",\"password\":\"p\"}}}", "r/a", NULL},
        {"dockercfg", "no JSON", "busybox", NULL},
        {"other", docker, "busybox", NULL},
        {NULL, NULL, "busybox", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *header =
            image_auth_header(&arena, cases[i].type, cases[i].data, cases[i].reference);
        unsigned char text[512] = {0};
        json_t *json;

        if (!cases[i].user || !header) {
            assert_true(!cases[i].user && !header);
            continue;
        }
        assert_null(strpbrk(header, "+/"));
        assert_true(EVP_DecodeBlock(text, (const unsigned char *)header, (int)strlen(header)) > 0);
        json = json_loads((const char *)text, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(json, "username")), cases[i].user);
        json_decref(json);
    }
}

/* What is pulled, and which of an image's digests is that of the name asked for. */
static void names_and_digests(void **state)
{
    static const struct {
        const char *text, *with_digest, *found;
    } cases[] = {
        {"busybox", "busybox@sha256:d", "sha256:hub"},
        {"docker.io/library/busybox:1", "docker.io/library/busybox@sha256:d", "sha256:hub"},
        {"r:5000/team/a:1", "r:5000/team/a@sha256:d", "sha256:team"},
        {"r:5000/team/ab:1", "r:5000/team/ab@sha256:d", NULL},
        {"r:5000/team", "r:5000/team@sha256:d", NULL},
    };
    static const char *const entries[] = {"r:5000/team/a@sha256:team", "busybox@sha256:hub"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(str_freep) char *text = image_ref_with_digest(cases[i].text, "sha256:d");

        assert_string_equal(text, cases[i].with_digest);
        assert_true(
            str_eq(image_ref_digest_of(entries, ARRAY_LEN(entries), cases[i].text),
                   cases[i].found) ||
            (!cases[i].found && !image_ref_digest_of(entries, ARRAY_LEN(entries), cases[i].text)));
        assert_false(image_ref_has_digest(cases[i].text));
        assert_true(image_ref_has_digest(text));
    }
    assert_null(image_ref_with_digest("a", NULL));
}

static void write_process(const char *proc, const char *pid, const char *cgroup, const char *comm)
{
    const char *const files[][2] = {{"cgroup", cgroup}, {"comm", comm}};
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", proc, pid);
    mkdir(path, 0700);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s/%s", proc, pid, files[i][0]);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(files[i][1], file);
        fclose(file);
    }
}

#define ID(digit)   digit digit digit digit
#define ID64(digit) ID(ID(ID(digit)))

static void write_shim(const char *proc, const char *pid, const char *id, const char *init_pid)
{
    char path[256];
    FILE *file;

    write_process(proc, pid, "0::/system.slice/docker.service\n", "containerd-shim\n");
    snprintf(path, sizeof(path), "%s/%s/cmdline", proc, pid);
    file = fopen(path, "w");
    fprintf(file, "/usr/bin/containerd-shim-runc-v2%c-namespace%cmoby%c-id%c%s%c", 0, 0, 0, 0, id,
            0);
    fclose(file);
    snprintf(path, sizeof(path), "%s/%s/cwd", proc, pid);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/%s/cwd/init.pid", proc, pid);
    if (!init_pid)
        return;
    file = fopen(path, "w");
    fputs(init_pid, file);
    fclose(file);
}

/* While Docker is away. 100 is a process of some container, 101 one that runc still holds. */
static void observations(const char *proc)
{
    write_shim(proc, "200", ID64("6"), NULL);
    write_shim(proc, "201", ID64("7"), "101");
    write_shim(proc, "202", ID64("8"), "100");
    write_shim(proc, "203", ID64("9"), "9999");
    assert_int_equal(engine_leftover_observe(proc, ID64("5")), LEFTOVER_NOTHING);
    assert_int_equal(engine_leftover_observe(proc, ID64("6")), LEFTOVER_HELD);
    assert_int_equal(engine_leftover_observe(proc, ID64("7")), LEFTOVER_HELD);
    assert_int_equal(engine_leftover_observe(proc, ID64("8")), LEFTOVER_RAN);
    assert_int_equal(engine_leftover_observe(proc, ID64("9")), LEFTOVER_RAN);
    assert_int_equal(engine_leftover_observe("/nowhere", ID64("6")), LEFTOVER_UNKNOWN);
}

static void leftovers(void **state)
{
    static const struct {
        const char *why, *id, *files[3], *log_driver;
        enum engine_leftover found;
    } cases[] = {
        {"not where Docker keeps things", ID64("0"), {NULL}, "json-file", LEFTOVER_UNKNOWN},
        {"only created", ID64("1"), {"config.v2.json"}, "json-file", LEFTOVER_NOTHING},
        {"not as far as the log",
         ID64("2"),
         {"config.v2.json", "hostname"},
         "json-file",
         LEFTOVER_NOTHING},
        {"as far as the log",
         ID64("3"),
         {"config.v2.json", "hostname", ID64("3") "-json.log"},
         "json-file",
         LEFTOVER_UNKNOWN},
        {"another log", ID64("4"), {"config.v2.json", "hostname"}, "local", LEFTOVER_NOTHING},
        {"a log elsewhere", ID64("5"), {"config.v2.json", "hostname"}, "syslog", LEFTOVER_UNKNOWN},
        {"runs", ID64("a"), {"config.v2.json", "hostname"}, "syslog", LEFTOVER_RAN},
        {"has not become the process yet",
         ID64("b"),
         {"config.v2.json", "hostname"},
         "syslog",
         LEFTOVER_HELD},
        {"no number", ID64("c"), {"config.v2.json", "hostname"}, "syslog", LEFTOVER_UNKNOWN},
    };
    char root[] = "/tmp/berth-root-XXXXXX";
    CLEANUP(str_freep) char *command = NULL;
    char proc[64], path[256];

    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(proc, sizeof(proc), "%s/proc", root);
    mkdir(proc, 0700);
    write_process(proc, "100", "0::/system.slice/docker-" ID64("a") ".scope\n", "sh\n");
    write_process(proc, "101", "4:memory:/docker/" ID64("b") "\n", "runc:[2:INIT]\n");
    write_process(proc, "102", "0::/user.slice\n", "bash\n");
    write_process(proc, "self", "0::/docker/" ID64("c") "\n", "sh\n");
    snprintf(path, sizeof(path), "%s/containers", root);
    mkdir(path, 0700);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(path, sizeof(path), "%s/containers/%s", root, cases[i].id);
        mkdir(path, 0700);
        for (size_t k = 0; k < ARRAY_LEN(cases[i].files) && cases[i].files[k]; k++) {
            snprintf(path, sizeof(path), "%s/containers/%s/%s", root, cases[i].id,
                     cases[i].files[k]);
            fclose(fopen(path, "w"));
        }
        if (engine_leftover_find(root, proc, cases[i].id, cases[i].log_driver) != cases[i].found)
            fail_msg("%s", cases[i].why);
    }
    observations(proc);
    command = str_printf("rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs),
        cmocka_unit_test(conditions),
        cmocka_unit_test(needs),
        cmocka_unit_test(what_is_taken_comes_back),
        cmocka_unit_test(durations),
        cmocka_unit_test(long_reasons_are_cut),
        cmocka_unit_test(image_names),
        cmocka_unit_test(registry_credentials),
        cmocka_unit_test(names_and_digests),
        cmocka_unit_test(leftovers),
    };

    return cmocka_run_group_tests(tests, NULL, drop_arena);
}
