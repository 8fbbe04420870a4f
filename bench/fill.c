/* fill.c - a store with many tasks in it, without a server that would have to be asked for each.
 *
 *   fill_state --file DIR/state.db --instances 10000 --running 100000 --stopped 0
 *
 * A cluster "bench", hosts, and tasks of "web:1" on them as they are after their agents' reports:
 * one container, a published port. Prints the ids of 1000 running tasks, one a line, evenly chosen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "gen/records.h"
#include "store/store.h"

#define BATCH        1000
#define NAMED        1000
#define DAY_MS       (24 * 3600 * 1000)
#define CLUSTER      "bench"
#define DEPLOYMENT   "ecs-svc/1700000000000123456"
#define SERVICE_SIZE 1000 /* tasks */

struct rows {
    struct store *store;
    struct scope scope;
    struct buf keys[BATCH], values[BATCH];
    struct store_op ops[BATCH];
    struct store_txn txns[BATCH];
    size_t count;
};

static void must(struct error *err)
{
    if (!err)
        return;
    fprintf(stderr, "fill_state: %s\n", err->message);
    exit(1);
}

static void flush(struct rows *rows)
{
    if (rows->count)
        must(store_commit(rows->store, rows->txns, rows->count));
    rows->count = 0;
}

static void put(struct rows *rows, enum record_kind kind, const void *record)
{
    struct buf *key = &rows->keys[rows->count];
    struct buf *value = &rows->values[rows->count];
    struct store_op *op = &rows->ops[rows->count];

    buf_clear(key);
    buf_clear(value);
    record_key(kind, record, &rows->scope, key);
    record_encode(kind, record, value);
    *op = (struct store_op){key->data, value->data, (uint32_t)key->len, (uint32_t)value->len};
    rows->txns[rows->count++] = (struct store_txn){op, 1};
    if (rows->count == BATCH)
        flush(rows);
}

static void put_cluster(struct rows *rows, int64_t now_ms)
{
    struct cluster *cluster = cluster_new();

    cluster_set_name(cluster, CLUSTER);
    cluster->status = CLUSTER_ACTIVE;
    cluster->created_at_ms = now_ms;
    put(rows, RECORD_CLUSTER, cluster);
    flush(rows);
    cluster_free(cluster);
}

static void put_instance(struct rows *rows, const struct id *id, int64_t now_ms)
{
    static const char *const names[] = {
        "ecs.os-type",
        "ecs.cpu-architecture",
        "ecs.availability-zone",
        "ecs.instance-type",
        "com.amazonaws.ecs.capability.docker-remote-api.1.17",
        "com.amazonaws.ecs.capability.docker-remote-api.1.18",
        "com.amazonaws.ecs.capability.docker-remote-api.1.19",
        "com.amazonaws.ecs.capability.docker-remote-api.1.21",
        "com.amazonaws.ecs.capability.docker-remote-api.1.29",
        "com.amazonaws.ecs.capability.logging-driver.awslogs",
        "com.amazonaws.ecs.capability.logging-driver.json-file",
        "com.amazonaws.ecs.capability.ecr-auth",
        "com.amazonaws.ecs.capability.task-iam-role",
        "com.amazonaws.ecs.capability.privileged-container",
        "ecs.capability.container-health-check",
        "ecs.capability.container-ordering",
        "ecs.capability.execution-role-awslogs",
        "ecs.capability.secrets.ssm.environment-variables",
        "ecs.capability.env-files.s3",
        "ecs.capability.full-sync",
    };
    static const char *const values[] = {"linux", "x86_64", "zone-a", "m5.large"};
    struct container_instance *instance = container_instance_new();

    instance->id = *id;
    container_instance_set_cluster(instance, CLUSTER);
    instance->status = INSTANCE_ACTIVE;
    instance->registered_at_ms = now_ms;
    instance->cpu = 65536;
    instance->memory = 262144;
    container_instance_set_agent_version(instance, "1.105.1");
    container_instance_set_docker_version(instance, "DockerVersion: 20.10.24");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct attribute *attribute = container_instance_append_attributes(instance);

        attribute_set_name(attribute, names[i]);
        if (i < ARRAY_LEN(values))
            attribute_set_value(attribute, values[i]);
    }
    put(rows, RECORD_CONTAINER_INSTANCE, instance);
    container_instance_free(instance);
}

static void fill_container(struct task *task, struct rng *rng, size_t number)
{
    struct container *container = task_append_containers(task);
    struct network_binding *binding = container_append_network_bindings(container);
    unsigned char runtime[32];
    char hex[65];

    rng_bytes(rng, runtime, sizeof(runtime));
    hex_encode(runtime, sizeof(runtime), hex);
    container->id = id_new(rng, task->created_at_ms);
    container_set_name(container, "web");
    container_set_image(container, "nginx:latest");
    container_set_image_digest(
        container, "sha256:cf01a0a5e0e2e8a5ce0a0f6ec2e5e4bd3e2c55b3bd2fa5a2e4ee1b2bbd3f1ea0");
    container_set_runtime_id(container, hex);
    container->last_status = task->last_status;
    container->is_essential = true;
    network_binding_set_bind_ip(binding, "0.0.0.0");
    binding->container_port = 80;
    binding->host_port = (int32_t)(32768 + number % 20000);
}

static void fill_end(struct task *task)
{
    task->stop_code = STOP_CODE_SERVICE_SCHEDULER_INITIATED;
    task_set_stopped_reason(task, "Scaling activity initiated by (deployment " DEPLOYMENT ")");
    task_set_stopping_at_ms(task, task->started_at_ms + 60000);
    task_set_execution_stopped_at_ms(task, task->started_at_ms + 61000);
    task_set_stopped_at_ms(task, task->started_at_ms + 62000);
    container_set_exit_code(&task->containers[0], 143);
}

static struct id put_task(struct rows *rows, struct rng *rng, size_t number, const struct id *host,
                          bool is_stopped, int64_t at_ms)
{
    struct task *task = task_new();
    char service[32];
    struct id id;

    snprintf(service, sizeof(service), "service:web-%zu", number / SERVICE_SIZE);
    task->id = id = id_new(rng, at_ms);
    task->instance = *host;
    task_set_cluster(task, CLUSTER);
    task_set_family(task, "web");
    task->revision = 1;
    task_set_group(task, service);
    task_set_service(task, service + strlen("service:"));
    task_set_deployment(task, DEPLOYMENT);
    task_set_started_by(task, DEPLOYMENT);
    task->launch_type = LAUNCH_TYPE_EC2;
    task->last_status = task->desired_status = is_stopped ? TASK_STOPPED : TASK_RUNNING;
    task->created_at_ms = task->connectivity_at_ms = at_ms;
    task->pull_started_at_ms = at_ms + 100;
    task->pull_stopped_at_ms = at_ms + 900;
    task->started_at_ms = at_ms + 1000;
    task->version = is_stopped ? 5 : 2;
    task->cpu = 64;
    task->memory = 128;
    task->is_acknowledged = true;
    fill_container(task, rng, number);
    if (is_stopped)
        fill_end(task);
    put(rows, RECORD_TASK, task);
    task_free(task);
    return id;
}

static size_t number_of(const char *text)
{
    int64_t value;

    if (!str_to_int64(text, &value) || value < 0) {
        fprintf(stderr, "fill_state: %s is no number\n", text);
        exit(2);
    }
    return (size_t)value;
}

int main(int argc, char **argv)
{
    static struct rows rows = {.scope = {.region = "us-east-1", .account = "000000000000"}};
    size_t instances = 10000, running = 100000, stopped = 0;
    struct rng rng = rng_seeded(7);
    int64_t now_ms = clock_wall_ms(&clock_system);
    const char *file = NULL;
    struct id *hosts;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (str_eq(argv[i], "--file"))
            file = argv[i + 1];
        else if (str_eq(argv[i], "--instances"))
            instances = number_of(argv[i + 1]);
        else if (str_eq(argv[i], "--running"))
            running = number_of(argv[i + 1]);
        else if (str_eq(argv[i], "--stopped"))
            stopped = number_of(argv[i + 1]);
    }
    if (!file || !instances) {
        fprintf(stderr, "usage: fill_state --file DIR/state.db [--instances N] [--running N]"
                        " [--stopped N]\n");
        return 2;
    }
    must(store_open_sqlite(file, &rows.store));
    put_cluster(&rows, now_ms - DAY_MS);
    hosts = xcalloc(instances, sizeof(*hosts));
    for (size_t i = 0; i < instances; i++) {
        hosts[i] = id_new(&rng, now_ms - DAY_MS + (int64_t)i);
        put_instance(&rows, &hosts[i], now_ms - DAY_MS);
    }
    for (size_t i = 0; i < running; i++) {
        struct id id =
            put_task(&rows, &rng, i, &hosts[i % instances], false, now_ms - DAY_MS + (int64_t)i);
        char hex[ID_HEX_SIZE];

        id_format(&id, hex);
        if (i % (running / NAMED + 1) == 0)
            puts(hex);
    }
    for (size_t i = 0; i < stopped; i++) /* they stopped just now: their hour begins */
        put_task(&rows, &rng, i, &hosts[i % instances], true, now_ms - 62000);
    flush(&rows);
    store_close(rows.store);
    return 0;
}
