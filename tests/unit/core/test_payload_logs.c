/* The log configuration of a container as the agent gets it (TD-071, TD-186 to TD-199, TD-230). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "core/payload.h"

#define TASK "aa000000000000000000000000000000"

static const struct scope scope = {"us-east-1", "123456789012"};

static const struct {
    const char *why, *log; /* the container's logConfiguration */
    const char *expected;  /* Docker's LogConfig; NULL: none */
} rows[] = {
    {"TD-198: none, the daemon's default", NULL, NULL},
    {"TD-197: no options", "{\"logDriver\":\"json-file\"}",
     "{\"Type\":\"json-file\",\"Config\":{}}"},
    {"AG-349: json-file",
     "{\"logDriver\":\"json-file\",\"options\":{\"max-size\":\"256m\",\"max-file\":\"3\"}}",
     "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"256m\",\"max-file\":\"3\"}}"},
    {"TD-197: syslog",
     "{\"logDriver\":\"syslog\",\"options\":{\"syslog-address\":\"udp://"
     "h:514\",\"tag\":\"{{.ID}}\"}}",
     "{\"Type\":\"syslog\",\"Config\":{\"syslog-address\":\"udp://h:514\",\"tag\":\"{{.ID}}\"}}"},
    {"TD-197: journald", "{\"logDriver\":\"journald\",\"options\":{\"tag\":\"x\"}}",
     "{\"Type\":\"journald\",\"Config\":{\"tag\":\"x\"}}"},
    {"TD-199: gelf",
     "{\"logDriver\":\"gelf\",\"options\":{\"gelf-address\":\"udp://h:5000\",\"tag\":\"t\"}}",
     "{\"Type\":\"gelf\",\"Config\":{\"gelf-address\":\"udp://h:5000\",\"tag\":\"t\"}}"},
    {"TD-199: fluentd", "{\"logDriver\":\"fluentd\",\"options\":{\"fluentd-address\":\"h:24224\"}}",
     "{\"Type\":\"fluentd\",\"Config\":{\"fluentd-address\":\"h:24224\"}}"},
    {"TD-199: splunk, the token is a secret and not here",
     "{\"logDriver\":\"splunk\",\"options\":{\"splunk-url\":\"https://h\"},\"secretOptions\":"
     "[{\"name\":\"splunk-token\",\"valueFrom\":\"/token\"}]}",
     "{\"Type\":\"splunk\",\"Config\":{\"splunk-url\":\"https://h\"}}"},
    {"TD-187: without a prefix Docker names the stream after the container",
     "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":\"g\",\"awslogs-region\":\"r\"}}",
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"g\",\"awslogs-region\":\"r\"}}"},
    {"TD-187: prefix, container, task",
     "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":\"g\",\"awslogs-region\":\"r\","
     "\"awslogs-stream-prefix\":\"web/blue\",\"awslogs-create-group\":\"true\"}}",
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"g\",\"awslogs-region\":\"r\","
     "\"awslogs-create-group\":\"true\",\"awslogs-stream\":\"web/blue/app/" TASK "\"}}"},
    {"TD-187: an empty prefix is none",
     "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":\"g\","
     "\"awslogs-stream-prefix\":\"\"}}",
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"g\"}}"},
    {"TD-192: a message's beginning by its time",
     "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":\"g\","
     "\"awslogs-datetime-format\":\"\\\\[%b %d, %Y %H:%M:%S\\\\]\"}}",
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"g\","
     "\"awslogs-datetime-format\":\"\\\\[%b %d, %Y %H:%M:%S\\\\]\"}}"},
    {"TD-192: by a pattern",
     "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-multiline-pattern\":\"^INFO\"}}",
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-multiline-pattern\":\"^INFO\"}}"},
    {"TD-192: of both the time counts",
     "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-multiline-pattern\":\"^INFO\","
     "\"awslogs-datetime-format\":\"%Y\"}}",
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-datetime-format\":\"%Y\"}}"},
    {"TD-186: endpoint, mode and buffer are Docker's own",
     "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-endpoint\":\"https://h\",\"mode\":"
     "\"non-blocking\",\"max-buffer-size\":\"25m\"}}",
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-endpoint\":\"https://h\",\"mode\":"
     "\"non-blocking\",\"max-buffer-size\":\"25m\"}}"},
    {"other drivers have no prefix: Docker says what it thinks of it",
     "{\"logDriver\":\"fluentd\",\"options\":{\"awslogs-stream-prefix\":\"p\"}}",
     "{\"Type\":\"fluentd\",\"Config\":{\"awslogs-stream-prefix\":\"p\"}}"},
    {"TD-204: FireLens is the agent's affair",
     "{\"logDriver\":\"awsfirelens\",\"options\":{\"Name\":\"firehose\",\"region\":\"r\","
     "\"log-driver-buffer-limit\":\"51200\"}}",
     "{\"Type\":\"awsfirelens\",\"Config\":{\"Name\":\"firehose\",\"region\":\"r\","
     "\"log-driver-buffer-limit\":\"51200\"}}"},
};

struct made {
    struct arena arena;
    struct task *task;
    struct task_definition *definition;
    struct payload_source source;
    struct acs_task out;
};

static void make(struct made *made, const char *log, const char *overrides, const char *mode)
{
    CLEANUP(str_freep)
    char *document =
        str_printf("{\"family\":\"web\",\"revision\":3,\"containerDefinitions\":[{\"name\":\"app\","
                   "\"image\":\"i\",\"memory\":128%s%s}]}",
                   log ? ",\"logConfiguration\":" : "", log ? log : "");
    struct container *containers;

    memset(made, 0, sizeof(*made));
    made->definition = task_definition_new();
    task_definition_set_family(made->definition, "web");
    task_definition_set_document(made->definition, document);
    made->task = task_new();
    made->task->id = (struct id){{0xaa}};
    task_set_cluster(made->task, "default");
    task_set_family(made->task, "web");
    if (overrides)
        task_set_overrides(made->task, overrides);
    containers = task_resize_containers(made->task, 1);
    container_set_name(&containers[0], "app");
    assert_null(payload_source_read(&made->arena, &scope, made->definition, mode, &made->source));
    assert_null(payload_build(&made->arena, &scope, made->task, &made->source, NULL, &made->out));
}

static void made_done(struct made *made)
{
    task_free(made->task);
    task_definition_free(made->definition);
    arena_done(&made->arena);
}

static const char *host_config(const struct made *made)
{
    return made->out.containers.items[0].docker_config->host_config;
}

static void options_are_docker_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made made;
        CLEANUP(str_freep) char *expected = NULL;

        make(&made, rows[i].log, NULL, NULL);
        expected =
            rows[i].expected ? str_printf("{\"LogConfig\":%s}", rows[i].expected) : str_dup("{}");
        if (strcmp(host_config(&made), expected) != 0)
            fail_msg("%s: %s", rows[i].why, host_config(&made));
        made_done(&made);
    }
}

/* CL-236, defaultLogDriverMode: for who does not say it; the options of FireLens are its own. */
static void mode_of_the_account(void **state)
{
    static const struct {
        const char *log, *mode, *expected;
    } cases[] = {
        {"{\"logDriver\":\"json-file\"}", "non-blocking",
         "{\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"mode\":\"non-blocking\"}}}"},
        {"{\"logDriver\":\"json-file\",\"options\":{\"mode\":\"blocking\"}}", "non-blocking",
         "{\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"mode\":\"blocking\"}}}"},
        {"{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-stream-prefix\":\"p\"}}",
         "non-blocking",
         "{\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"awslogs-stream\":\"p/app/" TASK
         "\",\"mode\":\"non-blocking\"}}}"},
        {"{\"logDriver\":\"awsfirelens\"}", "non-blocking",
         "{\"LogConfig\":{\"Type\":\"awsfirelens\",\"Config\":{}}}"},
        {NULL, "non-blocking", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made made;

        make(&made, cases[i].log, NULL, cases[i].mode);
        assert_string_equal(host_config(&made), cases[i].expected);
        made_done(&made);
    }
}

/* An override builds the container anew; the stream is the task's all the same. */
static void an_override_keeps_the_stream(void **state)
{
    struct made made;

    (void)state;
    make(&made, "{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-stream-prefix\":\"p\"}}",
         "{\"containerOverrides\":[{\"name\":\"app\",\"memoryReservation\":2}]}", NULL);
    assert_string_equal(host_config(&made),
                        "{\"MemoryReservation\":2097152,\"LogConfig\":{\"Type\":\"awslogs\","
                        "\"Config\":{\"awslogs-stream\":\"p/app/" TASK "\"}}}");
    made_done(&made);
}

/* TD-230: of the log driver, not of the container's environment. */
static void secret_options_name_the_driver(void **state)
{
    const struct acs_secret *secret;
    struct made made;

    (void)state;
    make(&made,
         "{\"logDriver\":\"splunk\",\"secretOptions\":[{\"name\":\"splunk-token\",\"valueFrom\":"
         "\"arn:aws:secretsmanager:eu-west-1:1:secret:n-abcdef\"}]}",
         NULL, NULL);
    assert_int_equal(made.out.containers.items[0].secrets.count, 1);
    secret = &made.out.containers.items[0].secrets.items[0];
    assert_string_equal(secret->name, "splunk-token");
    assert_string_equal(secret->target, "LOG_DRIVER");
    assert_string_equal(secret->type, "BOOTSTRAP");
    assert_string_equal(secret->provider, "asm");
    assert_string_equal(secret->region, "eu-west-1");
    made_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_docker_s),
        cmocka_unit_test(mode_of_the_account),
        cmocka_unit_test(an_override_keeps_the_stream),
        cmocka_unit_test(secret_options_name_the_driver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
