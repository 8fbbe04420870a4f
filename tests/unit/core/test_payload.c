/* What the agent gets for a task (AP-301 to AP-314). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "core/payload.h"

static const char document[] =
    "{\"family\":\"web\",\"revision\":3,\"executionRoleArn\":\"arn:aws:iam::1:role/x\","
    "\"containerDefinitions\":[{\"name\":\"app\",\"image\":\"nginx:1\",\"cpu\":10,\"memory\":128,"
    "\"memoryReservation\":64,\"essential\":true,\"command\":[\"run\"],\"entryPoint\":[\"/e\"],"
    "\"environment\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"\"}],"
    "\"portMappings\":[{\"containerPort\":80,\"hostPort\":0,\"protocol\":\"tcp\"},"
    "{\"containerPort\":53,\"hostPort\":5353,\"protocol\":\"udp\"}],"
    "\"mountPoints\":[{\"sourceVolume\":\"v\",\"containerPath\":\"/v\",\"readOnly\":true}],"
    "\"user\":\"1000\",\"workingDirectory\":\"/w\",\"hostname\":\"h\",\"pseudoTerminal\":true,"
    "\"dockerLabels\":{\"k\":\"v\"},\"privileged\":true,\"readonlyRootFilesystem\":true,"
    "\"dnsServers\":[\"1.1.1.1\"],\"extraHosts\":[{\"hostname\":\"x\",\"ipAddress\":\"10.0.0.1\"}],"
    "\"ulimits\":[{\"name\":\"nofile\",\"softLimit\":1024,\"hardLimit\":4096}],"
    "\"linuxParameters\":{\"capabilities\":{\"add\":[\"NET_ADMIN\"]},\"initProcessEnabled\":true,"
    "\"sharedMemorySize\":64,\"maxSwap\":128,\"swappiness\":10,"
    "\"devices\":[{\"hostPath\":\"/dev/x\",\"permissions\":[\"read\"]}],"
    "\"tmpfs\":[{\"containerPath\":\"/t\",\"size\":16,\"mountOptions\":[\"noexec\"]}]},"
    "\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":\"g\"},"
    "\"secretOptions\":[{\"name\":\"s\",\"valueFrom\":\"/p\"}]},"
    "\"secrets\":[{\"name\":\"P\",\"valueFrom\":"
    "\"arn:aws:secretsmanager:eu-west-1:1:secret:n-abcdef\"}],"
    "\"healthCheck\":{\"command\":[\"CMD-SHELL\",\"true\"],\"interval\":7,\"timeout\":2,"
    "\"retries\":4,\"startPeriod\":1},"
    "\"dependsOn\":[{\"containerName\":\"side\",\"condition\":\"HEALTHY\"}],\"stopTimeout\":9,"
    "\"restartPolicy\":{\"enabled\":true,\"ignoredExitCodes\":[0]}},"
    "{\"name\":\"side\",\"image\":\"123456789012.dkr.ecr.eu-west-1.amazonaws.com/side:2\","
    "\"essential\":false,\"memory\":16}],"
    "\"volumes\":[{\"name\":\"v\",\"host\":{\"sourcePath\":\"/srv\"}},{\"name\":\"scratch\"},"
    "{\"name\":\"d\",\"dockerVolumeConfiguration\":{\"scope\":\"shared\",\"autoprovision\":true,"
    "\"labels\":{\"a\":\"b\"}}}]}";

struct made {
    struct arena arena;
    struct task *task;
    struct task_definition *definition;
    struct payload_source source;
    struct acs_task out;
};

static const struct scope scope = {"us-east-1", "123456789012"};

static void make(struct made *made, enum network_mode mode, const char *overrides)
{
    struct container *containers;

    memset(made, 0, sizeof(*made));
    made->definition = task_definition_new();
    task_definition_set_family(made->definition, "web");
    made->definition->revision = 3;
    made->definition->network_mode = mode;
    task_definition_set_document(made->definition, document);
    made->task = task_new();
    made->task->id = (struct id){{0xaa}};
    task_set_cluster(made->task, "default");
    task_set_family(made->task, "web");
    made->task->revision = 3;
    task_set_group(made->task, "service:web");
    task_set_service(made->task, "web");
    task_set_task_cpu(made->task, "512");
    task_set_task_memory(made->task, "1024");
    made->task->launch_type = LAUNCH_TYPE_EC2;
    if (overrides)
        task_set_overrides(made->task, overrides);
    containers = task_resize_containers(made->task, 2);
    containers[0].id = (struct id){{1}};
    container_set_name(&containers[0], "app");
    containers[1].id = (struct id){{2}};
    container_set_name(&containers[1], "side");
    assert_null(payload_source_read(&made->arena, &scope, made->definition, NULL, &made->source));
    assert_null(payload_build(&made->arena, &scope, made->task, &made->source, NULL, &made->out));
}

static void made_done(struct made *made)
{
    task_free(made->task);
    task_definition_free(made->definition);
    arena_done(&made->arena);
}

static const char *variable(const struct acs_container *container, const char *name)
{
    for (size_t i = 0; i < container->environment.count; i++)
        if (strcmp(container->environment.items[i].key, name) == 0)
            return container->environment.items[i].value;
    return NULL;
}

static void everything_has_its_place(void **state)
{
    const struct acs_container *app;
    struct made made;

    (void)state;
    make(&made, NETWORK_MODE_DEFAULT, NULL);
    app = &made.out.containers.items[0];
    assert_string_equal(made.out.arn, "arn:aws:ecs:us-east-1:123456789012:task/default/"
                                      "aa000000000000000000000000000000");
    assert_string_equal(made.out.version, "3");
    assert_string_equal(made.out.network_mode, "bridge");
    assert_string_equal(made.out.launch_type, "EC2");
    assert_true(made.out.has_cpu && made.out.cpu == 0.5); /* vCPU, not units */
    assert_int_equal(made.out.memory, 1024);
    assert_string_equal(app->container_arn,
                        "arn:aws:ecs:us-east-1:123456789012:container/default/"
                        "aa000000000000000000000000000000/01000000-0000-0000-0000-000000000000");
    assert_int_equal(app->cpu, 10);
    assert_int_equal(app->memory, 128);
    assert_true(app->essential);
    assert_false(made.out.containers.items[1].essential);
    assert_string_equal(app->command.items[0], "run");
    assert_string_equal(app->entry_point.items[0], "/e");
    assert_string_equal(variable(app, "A"), "1");
    assert_string_equal(variable(app, "B"), ""); /* TD-057 */
    assert_string_equal(variable(app, "AWS_EXECUTION_ENV"), "AWS_ECS_EC2");
    assert_int_equal(app->port_mappings.count, 2);
    assert_int_equal(app->port_mappings.items[0].host_port, 0);
    assert_string_equal(app->port_mappings.items[1].protocol, "udp");
    assert_int_equal(app->port_mappings.items[1].host_port, 5353);
    assert_true(app->mount_points.items[0].read_only);
    assert_string_equal(app->depends_on.items[0].condition, "HEALTHY");
    assert_int_equal(app->stop_timeout, 9);
    assert_int_equal(app->restart_policy->restart_attempt_period, 60); /* AP-411 */
    assert_string_equal(app->health_check_type, "docker");
    assert_null(app->overrides); /* AP-304 */
    assert_string_equal(app->secrets.items[0].provider, "asm");
    assert_string_equal(app->secrets.items[0].region, "eu-west-1");
    assert_string_equal(app->secrets.items[1].provider, "ssm");
    assert_string_equal(app->secrets.items[1].target, "LOG_DRIVER");
    assert_string_equal(app->logs_auth_strategy, "ExecutionRole");
    assert_string_equal(made.out.containers.items[1].registry_authentication->type, "ecr");
    assert_string_equal(made.out.containers.items[1].registry_authentication->ecr_auth_data->region,
                        "eu-west-1");
    assert_string_equal(
        app->docker_config->config,
        "{\"User\":\"1000\",\"WorkingDir\":\"/w\",\"Hostname\":\"h\",\"Labels\":{\"k\":\"v\"},"
        "\"Tty\":true,\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":7000000000,"
        "\"Timeout\":2000000000,\"Retries\":4,\"StartPeriod\":1000000000}}");
    assert_string_equal(
        app->docker_config->host_config,
        "{\"Privileged\":true,\"ReadonlyRootfs\":true,\"Dns\":[\"1.1.1.1\"],"
        "\"ExtraHosts\":[\"x:10.0.0.1\"],"
        "\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":1024,\"Hard\":4096}],"
        "\"MemoryReservation\":67108864,"
        "\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"g\"}},"
        "\"CapAdd\":[\"NET_ADMIN\"],"
        "\"Devices\":[{\"PathOnHost\":\"/dev/x\",\"PathInContainer\":\"/dev/x\","
        "\"CgroupPermissions\":\"r\"}],\"Tmpfs\":{\"/t\":\"noexec,size=16m\"},"
        "\"ShmSize\":67108864,\"Init\":true,\"MemorySwap\":268435456,\"MemorySwappiness\":10}");
    made_done(&made);
}

/* AP-464: a host that only looks like ECR's is told no password. */
static void logins_of_ecr(void **state)
{
    static const struct {
        const char *image, *region; /* NULL: no login */
    } rows[] = {
        {"123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:1", "eu-west-1"},
        {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a", "cn-north-1"},
        {"123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.com/a", NULL},
        {"123456789012.dkr.ecr.eu-west-1.amazonaws.comrade/a", NULL},
        {"123456789012.dkr.ecr.eu-west-1.amazonaws.com@evil.com/a", NULL},
        {"x.dkr.ecr.eu-west-1.amazonaws.com/a", NULL},
        {"evil.com/123456789012.dkr.ecr.eu-west-1.amazonaws.com/a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct acs_registry_authentication *login;
        struct made made;

        make(&made, NETWORK_MODE_BRIDGE, NULL);
        task_definition_set_document(made.definition,
                                     arena_printf(&made.arena,
                                                  "{\"containerDefinitions\":[{\"name\":\"side\","
                                                  "\"image\":\"%s\",\"memory\":16}]}",
                                                  rows[i].image));
        assert_null(payload_source_read(&made.arena, &scope, made.definition, NULL, &made.source));
        assert_null(payload_build(&made.arena, &scope, made.task, &made.source, NULL, &made.out));
        login = made.out.containers.items[0].registry_authentication;
        if ((login != NULL) != (rows[i].region != NULL))
            fail_msg("%s: a login is %s", rows[i].image, login ? "told" : "missing");
        if (login)
            assert_string_equal(login->ecr_auth_data->region, rows[i].region);
        made_done(&made);
    }
}

static void volumes_say_their_type(void **state)
{
    struct made made;

    (void)state;
    make(&made, NETWORK_MODE_BRIDGE, NULL);
    assert_string_equal(made.out.volumes.items[0].type, "host");
    assert_string_equal(made.out.volumes.items[0].host->source_path, "/srv");
    assert_string_equal(made.out.volumes.items[1].type, "host");
    assert_non_null(made.out.volumes.items[1].host); /* AP-313: there, if only empty */
    assert_string_equal(made.out.volumes.items[2].type, "docker");
    assert_string_equal(made.out.volumes.items[2].docker_volume_configuration->scope, "shared");
    made_done(&made);
}

static void overrides_are_merged_here(void **state)
{
    const struct acs_container *app;
    struct made made;

    (void)state;
    make(
        &made, NETWORK_MODE_BRIDGE,
        "{\"containerOverrides\":[{\"name\":\"app\",\"command\":[\"other\",\"x\"],\"cpu\":20,"
        "\"memory\":256,\"environment\":[{\"name\":\"A\",\"value\":\"2\"},"
        "{\"name\":\"C\",\"value\":\"3\"},{\"name\":\"AWS_EXECUTION_ENV\",\"value\":\"mine\"}]}]}");
    app = &made.out.containers.items[0];
    assert_int_equal(app->command.count, 2);
    assert_string_equal(app->command.items[0], "other");
    assert_int_equal(app->cpu, 20);
    assert_int_equal(app->memory, 256);
    assert_string_equal(variable(app, "A"), "2");
    assert_string_equal(variable(app, "C"), "3");
    assert_string_equal(variable(app, "AWS_EXECUTION_ENV"), "mine");
    assert_non_null(strstr(app->docker_config->host_config, "\"MemorySwap\":402653184"));
    made_done(&made);
}

/* AP-307, and host mode's ports are the container's. */
static void port_mappings_depend_on_the_network_mode(void **state)
{
    struct made made;

    (void)state;
    make(&made, NETWORK_MODE_AWSVPC, NULL);
    assert_int_equal(made.out.containers.items[0].port_mappings.count, 0);
    made_done(&made);
    make(&made, NETWORK_MODE_HOST, NULL);
    assert_int_equal(made.out.containers.items[0].port_mappings.items[0].host_port, 80);
    /* Agents of 2023 look for it nowhere else (AP-303). */
    assert_non_null(strstr(made.out.containers.items[0].docker_config->host_config,
                           "\"NetworkMode\":\"host\""));
    made_done(&made);
}

static void a_stop_needs_no_containers(void **state)
{
    struct made made;
    CLEANUP(buf_done) struct buf frame = {0};
    struct acs_payload_message payload = {
        .message_id = "m", .cluster_arn = "c", .container_instance_arn = "i"};
    struct acs_task stop;

    (void)state;
    make(&made, NETWORK_MODE_BRIDGE, NULL);
    payload_build_stop(&made.arena, &scope, made.task, &stop);
    payload.tasks = (struct acs_tasks){true, 1, &stop};
    acs_frame_payload_message(&frame, &payload);
    assert_string_equal(
        frame.data,
        "{\"type\":\"PayloadMessage\",\"message\":{\"clusterArn\":\"c\","
        "\"containerInstanceArn\":\"i\",\"messageId\":\"m\",\"tasks\":[{\"arn\":"
        "\"arn:aws:ecs:us-east-1:123456789012:task/default/aa000000000000000000000000000000\","
        "\"taskClusterArn\":\"arn:aws:ecs:us-east-1:123456789012:cluster/default\","
        "\"desiredStatus\":\"STOPPED\",\"family\":\"web\",\"version\":\"3\",\"containers\":[]}]}}");
    made_done(&made);
}

static void a_damaged_document_is_our_fault(void **state)
{
    struct made made;
    struct error *err;

    (void)state;
    make(&made, NETWORK_MODE_BRIDGE, NULL);
    task_definition_set_document(made.definition, "{\"containerDefinitions\":");
    err = payload_source_read(&made.arena, &scope, made.definition, NULL, &made.source);
    assert_int_equal(err->code, API_SERVER);
    error_free(err);
    made_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_its_place),
        cmocka_unit_test(logins_of_ecr),
        cmocka_unit_test(volumes_say_their_type),
        cmocka_unit_test(overrides_are_merged_here),
        cmocka_unit_test(port_mappings_depend_on_the_network_mode),
        cmocka_unit_test(a_stop_needs_no_containers),
        cmocka_unit_test(a_damaged_document_is_our_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
