/* explain.c - `berth explain`: what GET /explain answers, for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/endpoint.h"
#include "cli/options.h"

#define CALL_TIMEOUT_MS 30000

static const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static long long number_of(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

/* The end of an ARN. */
static const char *short_of(const char *arn)
{
    const char *slash = arn ? strrchr(arn, '/') : NULL;

    return slash ? slash + 1 : arn ? arn : "";
}

static void print_line(int indent, const char *name, const char *value)
{
    if (value)
        printf("%*s%-*s %s\n", indent, "", 22 - indent, name, value);
}

/* ---- placement ---- */

static void print_arns(int indent, const json_t *arns, long long of)
{
    size_t i;
    const json_t *arn;

    if (!json_array_size(arns))
        return;
    printf("%*s", indent, "");
    json_array_foreach (arns, i, arn)
        printf("%s%s", i ? ", " : "", short_of(json_string_value(arn)));
    if (of > (long long)json_array_size(arns))
        printf(" and %lld more", of - (long long)json_array_size(arns));
    putchar('\n');
}

static void print_placement(int indent, const json_t *placement)
{
    const json_t *closest = json_object_get(placement, "closest");
    const json_t *refusal;
    size_t i;

    if (!placement)
        return;
    printf("%*s%lld of %lld hosts have room\n", indent, "", number_of(placement, "hostsWithRoom"),
           number_of(placement, "hosts"));
    json_array_foreach (json_object_get(placement, "refusals"), i, refusal) {
        printf("%*s%s: %s\n", indent, "", text_of(refusal, "reason"), text_of(refusal, "text"));
        if (text_of(refusal, "unit"))
            printf("%*swanted %lld, most free %lld; too small even when empty: %lld\n", indent + 2,
                   "", number_of(refusal, "wanted"), number_of(refusal, "mostFree"),
                   number_of(refusal, "tooSmall"));
        print_arns(indent + 2, json_object_get(refusal, "containerInstanceArns"),
                   number_of(refusal, "hosts"));
    }
    if (closest)
        printf("%*sclosest: %s (%s%s%s)\n", indent, "",
               short_of(text_of(closest, "containerInstanceArn")), text_of(closest, "reason"),
               text_of(closest, "detail") ? ": " : "",
               text_of(closest, "detail") ? text_of(closest, "detail") : "");
}

/* ---- services ---- */

static void print_waits(const json_t *waits)
{
    const json_t *wait;
    size_t i;

    if (!json_array_size(waits))
        return;
    printf("\nwaits for\n");
    json_array_foreach (waits, i, wait) {
        printf("  %-22s %s\n", text_of(wait, "what"),
               text_of(wait, "text") ? text_of(wait, "text") : "");
        print_line(4, "until", text_of(wait, "until"));
        print_line(4, "capacity provider", text_of(wait, "capacityProvider"));
        print_line(4, "deployment", text_of(wait, "deployment"));
        print_arns(4, json_object_get(wait, "taskArns"), number_of(wait, "tasks"));
        print_placement(4, json_object_get(wait, "placement"));
    }
}

static void print_containers(int indent, const json_t *containers)
{
    const json_t *one;
    size_t i;

    json_array_foreach (containers, i, one) {
        printf("%*scontainer %s %s", indent, "", text_of(one, "name"), text_of(one, "lastStatus"));
        if (json_object_get(one, "exitCode"))
            printf(", exit code %lld", number_of(one, "exitCode"));
        if (text_of(one, "healthStatus"))
            printf(", %s", text_of(one, "healthStatus"));
        if (text_of(one, "reason"))
            printf(": %s", text_of(one, "reason"));
        putchar('\n');
    }
}

static void print_deployments(const json_t *deployments)
{
    const json_t *one;
    size_t i;

    if (json_array_size(deployments))
        printf("\ndeployments\n");
    json_array_foreach (deployments, i, one) {
        const json_t *record = json_object_get(one, "serviceDeployment");
        const json_t *breaker = json_object_get(record, "deploymentCircuitBreaker");

        printf("  %s %s %s %s: %lld of %lld running, %lld pending, %lld failed\n",
               text_of(one, "id"), text_of(one, "status"), text_of(one, "taskDefinition"),
               text_of(one, "rolloutState") ? text_of(one, "rolloutState") : "",
               number_of(one, "runningCount"), number_of(one, "desiredCount"),
               number_of(one, "pendingCount"), number_of(one, "failedTasks"));
        print_line(4, "reason", text_of(one, "rolloutStateReason"));
        print_line(4, "service deployment", text_of(record, "status"));
        print_line(4, "because", text_of(record, "statusReason"));
        if (breaker)
            printf("    %-18s %s, %lld of %lld failures\n", "circuit breaker",
                   text_of(breaker, "status"), number_of(breaker, "failureCount"),
                   number_of(breaker, "threshold"));
    }
}

static void print_shortages(const json_t *shortages)
{
    const json_t *one;
    size_t i;

    if (json_array_size(shortages))
        printf("\nshort of tasks\n");
    json_array_foreach (shortages, i, one) {
        printf("  since %s, tried last at %s: %s\n", text_of(one, "since"), text_of(one, "at"),
               text_of(one, "text"));
        print_line(4, "capacity provider", text_of(one, "capacityProvider"));
    }
}

static void print_history(const json_t *answer)
{
    const json_t *one;
    size_t i;

    if (json_array_size(json_object_get(answer, "stoppedTasks")))
        printf("\nstopped tasks\n");
    json_array_foreach (json_object_get(answer, "stoppedTasks"), i, one) {
        printf("  %s %s %s: %s\n", short_of(text_of(one, "taskArn")),
               text_of(one, "stoppedAt") ? text_of(one, "stoppedAt") : "(stopping)",
               text_of(one, "stopCode") ? text_of(one, "stopCode") : "",
               text_of(one, "stoppedReason") ? text_of(one, "stoppedReason") : "");
        print_containers(4, json_object_get(one, "containers"));
    }
    if (json_array_size(json_object_get(answer, "events")))
        printf("\nevents\n");
    json_array_foreach (json_object_get(answer, "events"), i, one)
        printf("  %s %s\n", text_of(one, "createdAt"), text_of(one, "message"));
}

static void print_service(const json_t *answer)
{
    printf("%lld of %lld running, %lld pending; at least %lld healthy, at most %lld\n",
           number_of(answer, "runningCount"), number_of(answer, "desiredCount"),
           number_of(answer, "pendingCount"), number_of(answer, "minimumHealthy"),
           number_of(answer, "maximum"));
    print_line(0, "next try", text_of(answer, "nextTryAt"));
    print_waits(json_object_get(answer, "waitsFor"));
    print_shortages(json_object_get(answer, "shortages"));
    print_deployments(json_object_get(answer, "deployments"));
    print_history(answer);
}

/* ---- tasks, task definitions ---- */

static void print_steps(const char *title, const json_t *steps)
{
    const json_t *one;
    size_t i;

    if (json_array_size(steps))
        printf("\n%s\n", title);
    json_array_foreach (steps, i, one) {
        printf("  %-22s %s\n", text_of(one, "what"), text_of(one, "text"));
        print_placement(4, json_object_get(one, "placement"));
    }
}

static void print_task(const json_t *answer)
{
    const json_t *host = json_object_get(answer, "containerInstance");

    print_line(0, "task definition", text_of(answer, "taskDefinition"));
    print_line(0, "service", text_of(answer, "service"));
    print_line(0, "deployment", text_of(answer, "deployment"));
    print_line(0, "last status", text_of(answer, "lastStatus"));
    print_line(0, "desired status", text_of(answer, "desiredStatus"));
    print_line(0, "stop code", text_of(answer, "stopCode"));
    print_line(0, "stopped reason", text_of(answer, "stoppedReason"));
    print_line(0, "placement", text_of(answer, "placementExplanation"));
    print_line(0, "created", text_of(answer, "createdAt"));
    print_line(0, "started", text_of(answer, "startedAt"));
    print_line(0, "stopped", text_of(answer, "stoppedAt"));
    if (host)
        printf("%-22s %s %s%s\n", "container instance", short_of(text_of(host, "arn")),
               text_of(host, "status") ? text_of(host, "status") : "",
               json_is_false(json_object_get(host, "agentConnected")) ? ", agent not connected"
                                                                      : "");
    print_containers(0, json_object_get(answer, "containers"));
    print_steps("waits for", json_object_get(answer, "waitsFor"));
    print_steps("why it stopped, the nearest cause first", json_object_get(answer, "causes"));
}

static void print_try(const json_t *answer)
{
    const json_t *needs = json_object_get(answer, "needs");

    printf("each task needs %lld CPU units and %lld MiB of memory\n", number_of(needs, "cpu"),
           number_of(needs, "memory"));
    if (number_of(answer, "placed")) {
        printf("would go to\n");
        print_arns(2, json_object_get(answer, "containerInstanceArns"),
                   number_of(answer, "placed"));
    }
    print_placement(0, json_object_get(answer, "placement"));
}

static void print_answer(const json_t *answer)
{
    const char *kind = text_of(answer, "kind");

    printf("%s\n%s\n", text_of(answer, "arn"),
           text_of(answer, "summary") ? text_of(answer, "summary") : "");
    if (str_eq(kind, "service"))
        print_service(answer);
    else if (str_eq(kind, "task"))
        print_task(answer);
    else
        print_try(answer);
}

/* ---- the question ---- */

struct asked {
    const char *cluster, *launch_type, *capacity_provider, *group, *count;
    struct option_texts constraints, strategies;
};

static void add_parameter(struct buf *path, const char *name, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

    if (!value)
        return;
    buf_printf(path, "%c%s=", strchr(path->data, '?') ? '&' : '?', name);
    for (const char *c = value; *c; c++)
        if (strchr(plain, *c))
            buf_add_char(path, *c);
        else
            buf_printf(path, "%%%02X", (unsigned char)*c);
}

static void make_path(const struct asked *asked, const char *name, struct buf *path)
{
    buf_add_str(path, "/explain");
    add_parameter(path, "name", name);
    add_parameter(path, "cluster", asked->cluster);
    add_parameter(path, "launchType", asked->launch_type);
    add_parameter(path, "capacityProvider", asked->capacity_provider);
    add_parameter(path, "group", asked->group);
    add_parameter(path, "count", asked->count);
    for (size_t i = 0; i < asked->constraints.count; i++)
        add_parameter(path, "constraint", asked->constraints.items[i]);
    for (size_t i = 0; i < asked->strategies.count; i++)
        add_parameter(path, "strategy", asked->strategies.items[i]);
}

static struct error *explain(const char *dir, const struct asked *asked, const char *name,
                             bool as_json)
{
    CLEANUP(endpoint_done) struct endpoint endpoint = {0};
    CLEANUP(json_freep) json_t *answer = NULL;
    CLEANUP(buf_done) struct buf path = {0};
    CLEANUP(str_freep) char *text = NULL;

    if (!endpoint_read_env(&endpoint))
        TRY(endpoint_read_up(dir, &endpoint));
    make_path(asked, name, &path);
    TRY(endpoint_get(&endpoint, path.data, CALL_TIMEOUT_MS, &answer));
    if (!as_json) {
        print_answer(answer);
        return NULL;
    }
    text = json_dumps(answer, JSON_INDENT(2));
    printf("%s\n", text);
    return NULL;
}

int command_explain(int argc, char **argv)
{
    CLEANUP(str_freep) char *default_dir = data_dir_default();
    const char *dir = default_dir;
    struct asked asked = {0};
    bool as_json = false;
    const struct option_spec options[] = {
        {"cluster", OPTION_TEXT, "C", "the cluster it is in (default)", &asked.cluster},
        {"count", OPTION_TEXT, "N", "task definition: so many tasks (1)", &asked.count},
        {"constraint", OPTION_TEXTS, "E",
         "task definition: distinctInstance, or an expression (may be repeated)",
         &asked.constraints},
        {"strategy", OPTION_TEXTS, "S",
         "task definition: spread:FIELD, binpack:FIELD or random (may be repeated)",
         &asked.strategies},
        {"launch-type", OPTION_TEXT, "T", "task definition: EC2 or EXTERNAL (EC2)",
         &asked.launch_type},
        {"capacity-provider", OPTION_TEXT, "P", "task definition: on its hosts alone",
         &asked.capacity_provider},
        {"group", OPTION_TEXT, "G", "task definition: as tasks of this group", &asked.group},
        {"json", OPTION_FLAG, NULL, "print what the server answers", &as_json},
        {"data", OPTION_TEXT, "DIR", "the data directory of `berth up`", &dir},
    };
    const struct command command = {
        .usage = "berth explain [--cluster C] [options] SERVICE|TASK|TASK-DEFINITION",
        .about = "Says why a service is short of tasks and what it waits for, why a task waits or\n"
                 "stopped, or where tasks of a task definition would find room and what each host\n"
                 "lacks. Asks the server that AWS_ENDPOINT_URL names, with the key of AWS's usual\n"
                 "variables; without it, the `berth up` of this machine.",
        .options = options,
        .option_count = ARRAY_LEN(options),
        .operands_min = 1,
        .operands_max = 1,
    };
    int operands = 0, code;

    if (!command_begin(&command, argc, argv, &operands, &code))
        return code;
    return command_end(explain(dir, &asked, argv[0], as_json));
}
