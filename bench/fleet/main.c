/* fleet - thousands of simulated agents in one process, and the work that keeps them busy.
 *
 *   fleet --url http://127.0.0.1:4566 --key ID --secret S --agents 5000 --tasks 1000000 --telemetry
 *
 * In order: the agents register and connect; the tasks are asked for (RunTask, ten a call, or with
 * --services N as that many services) until all have been reported RUNNING, or have failed as
 * --fail PERCENT has it and nothing replaces them; then what was asked for of --drain PERCENT (of
 * the hosts; only services' tasks leave them), --kill PERCENT, --storm MS (in this order) with the
 * time until it is settled; with --hold SECONDS they stay. Progress, a line a second, is on stderr;
 * the figures, a line of JSON, on stdout. Exits with 1 if something was not reached in --patience
 * SECONDS. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/attributes.h"
#include "base/mem.h"
#include "bench/fleet/agent.h"

#define SAMPLES_MAX 100000

static struct agents_options options = {
    .cluster = "fleet", .count = 100, .cpu = 16384, .memory = 65536, .zones = 3, .stop_ms = 0};
static struct {
    long tasks;
    int services, callers, reporters, drain, kill;
    double hold, patience;
    long storm_ms;
    const char *definition;
} work = {.callers = 32, .reporters = 64, .storm_ms = -1, .patience = 600};

static struct api *calls, *reports;
static struct agents_figures figures;
static long asked_for, accepted;
static bool is_prepared;
static int64_t began_us, last_line_us;
static size_t running_by_second[SAMPLES_MAX];
static int second_count;
static const char *phase;

/* ---- the loop ---- */

static double seconds_since(int64_t us)
{
    return (double)(now_us() - us) / 1e6;
}

static void follow(void)
{
    agents_figures(&figures);
    if (now_us() - last_line_us < 1000000)
        return;
    last_line_us = now_us();
    fprintf(stderr,
            "%7.1f s  %-10s connected %d  accepted %ld  running %zu  ended %zu  payloads %zu"
            "  to report %zu  frames %zu\n",
            seconds_since(began_us), phase, figures.connected, accepted, figures.running,
            figures.ended, figures.payloads, api_waiting(reports), figures.telemetry_frames);
    if (second_count < SAMPLES_MAX)
        running_by_second[second_count++] = figures.running;
}

static bool (*is_reached)(void);
static bool is_over(void)
{
    follow();
    return is_reached() || seconds_since(began_us) > work.patience;
}

/* Runs until `reached`; how long it took. */
static double run_until(const char *name, bool (*reached)(void))
{
    phase = name;
    began_us = last_line_us = now_us();
    is_reached = reached;
    second_count = 0;
    conns_run(is_over);
    agents_figures(&figures);
    if (!reached()) {
        fprintf(stderr, "fleet: %s: not reached within %.0f s\n", name, work.patience);
        exit(1);
    }
    return seconds_since(began_us);
}

/* ---- what is waited for ---- */

static bool all_are_connected(void)
{
    return figures.connected == options.count;
}

static bool all_survivors_are_connected(void)
{
    return figures.connected == options.count - options.count * work.kill / 100;
}

/* Those of RunTask that --fail has ended do not come again. */
static bool all_tasks_run(void)
{
    size_t ended = work.services ? 0 : figures.ended;

    return figures.running_now + ended >= (size_t)work.tasks && api_waiting(reports) == 0;
}

static bool nothing_is_under_way(void)
{
    return is_prepared && api_waiting(calls) == 0;
}

static bool is_held_long_enough(void)
{
    return seconds_since(began_us) >= work.hold;
}

static size_t manifests_before;
static bool all_have_a_manifest(void)
{
    return all_survivors_are_connected() &&
           figures.manifests - manifests_before >= (size_t)figures.connected &&
           api_waiting(reports) == 0;
}

static int drained_from(void)
{
    return options.count - options.count * work.drain / 100;
}

/* The drained hosts' tasks run elsewhere. */
static bool all_are_drained(void)
{
    return figures.running_now >= (size_t)work.tasks && api_waiting(reports) == 0 &&
           api_waiting(calls) == 0 && agents_are_empty(drained_from(), options.count);
}

/* So do those of the killed, as far as a service wants them. */
static bool all_are_replaced(void)
{
    return all_survivors_are_connected() &&
           (!work.services || figures.running_now >= (size_t)work.tasks) &&
           api_waiting(reports) == 0;
}

/* ---- work ---- */

static void ask(const char *operation, api_answer_fn *fn, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void ask(const char *operation, api_answer_fn *fn, const char *fmt, ...)
{
    struct buf body = {0};
    char *text;
    va_list ap;

    va_start(ap, fmt);
    text = str_vprintf(fmt, ap);
    va_end(ap);
    buf_add_str(&body, text);
    free(text);
    api_call(calls, operation, &body, fn, NULL);
}

static void on_definition(int status, const char *body, void *data)
{
    (void)body;
    (void)data;
    if (status != 200)
        exit(1);
    is_prepared = true;
}

static void prepare(void)
{
    ask("CreateCluster", NULL, "{\"clusterName\":\"%s\"}", options.cluster);
    ask("RegisterTaskDefinition", on_definition,
        "{\"family\":\"%s\",\"networkMode\":\"host\",\"containerDefinitions\":[{\"name\":\"app\","
        "\"image\":\"busybox\",\"cpu\":16,\"memory\":64}]}",
        work.definition);
}

/* Every task of an answer has one "overrides" of its own, and none of its containers has. */
static long tasks_in(const char *body)
{
    long count = 0;

    while ((body = strstr(body, "\"overrides\":{"))) {
        body += 12;
        count++;
    }
    return count;
}

static void ask_for_more(void);

static void on_run_task(int status, const char *body, void *data)
{
    long placed = status == 200 ? tasks_in(body) : 0;

    (void)data;
    accepted += placed;
    if (placed < 10 && status == 200)
        fprintf(stderr, "fleet: RunTask placed %ld: %.*s\n", placed, 300, body);
    ask_for_more();
}

static void ask_for_more(void)
{
    long count = work.tasks - asked_for < 10 ? work.tasks - asked_for : 10;

    if (count <= 0)
        return;
    asked_for += count;
    ask("RunTask", on_run_task, "{\"cluster\":\"%s\",\"taskDefinition\":\"%s\",\"count\":%ld}",
        options.cluster, work.definition, count);
}

static void begin_work(void)
{
    if (!work.services)
        for (int i = 0; i < work.callers; i++)
            ask_for_more();
    for (int i = 0; i < work.services; i++)
        ask("CreateService", NULL,
            "{\"cluster\":\"%s\",\"serviceName\":\"s%d\",\"taskDefinition\":\"%s\","
            "\"desiredCount\":%ld,\"launchType\":\"EC2\"}",
            options.cluster, i, work.definition,
            work.tasks / work.services + (i < work.tasks % work.services));
}

static void begin_drain(void)
{
    for (int i = drained_from(); i < options.count; i++)
        ask("UpdateContainerInstancesState", NULL,
            "{\"cluster\":\"%s\",\"containerInstances\":[\"%s\"],\"status\":\"DRAINING\"}",
            options.cluster, agents_arn(i));
}

/* ---- figures ---- */

/* Tasks a second over a tenth of the seconds, `at` of the way. */
static double rate_at(double at)
{
    int width = second_count / 10 > 0 ? second_count / 10 : 1;
    int from = (int)(at * (second_count - 1 - width));

    if (second_count <= width || from < 0)
        return 0;
    return (double)(running_by_second[from + width] - running_by_second[from]) / width;
}

static void print_phase(const char *name, double seconds)
{
    printf(",\"%s_s\":%.2f", name, seconds);
}

static void run(void)
{
    struct api_figures call_figures, report_figures;
    double seconds;

    calls = api_new(work.callers);
    reports = api_new(work.reporters);
    prepare();
    run_until("prepare", nothing_is_under_way);
    agents_begin(&options, reports);
    seconds = run_until("connect", all_are_connected);
    printf("{\"agents\":%d,\"telemetry\":%s", options.count,
           options.has_telemetry ? "true" : "false");
    print_phase("connect", seconds);
    if (work.tasks) {
        api_figures(calls, &call_figures); /* what came before is not counted */
        api_figures(reports, &report_figures);
        begin_work();
        seconds = run_until("tasks", all_tasks_run);
        api_figures(calls, &call_figures);
        api_figures(reports, &report_figures);
        printf(",\"tasks\":%ld", work.tasks);
        print_phase("tasks", seconds);
        printf(",\"tasks_per_s\":%.0f,\"rate_early\":%.0f,\"rate_late\":%.0f",
               (double)work.tasks / seconds, rate_at(0.1), rate_at(0.9));
        printf(",\"call_p50_ms\":%.2f,\"call_p99_ms\":%.2f,\"call_max_ms\":%.2f,"
               "\"report_p50_ms\":%.2f,\"report_p99_ms\":%.2f,\"refused\":%zu",
               call_figures.p50_ms, call_figures.p99_ms, call_figures.max_ms, report_figures.p50_ms,
               report_figures.p99_ms, call_figures.refused + report_figures.refused);
    }
    if (work.drain) {
        begin_drain();
        print_phase("drain", run_until("drain", all_are_drained));
    }
    if (work.kill) {
        agents_kill(options.count * work.kill / 100);
        print_phase("kill", run_until("kill", all_are_replaced));
    }
    if (work.storm_ms >= 0) {
        manifests_before = figures.manifests;
        agents_storm(work.storm_ms);
        print_phase("storm", run_until("storm", all_have_a_manifest));
    }
    if (work.hold > 0)
        run_until("hold", is_held_long_enough);
    printf(",\"payloads\":%zu,\"repeated_payloads\":%zu,\"telemetry_frames\":%zu,\"ended\":%zu}\n",
           figures.payloads, figures.repeated_payloads, figures.telemetry_frames, figures.ended);
}

/* ---- options ---- */

static void usage(void)
{
    fprintf(stderr,
            "usage: fleet --url http://127.0.0.1:PORT --key ID --secret S [--agents N]\n"
            "             [--cluster C] [--definition FAMILY] [--cpu UNITS] [--memory MIB]"
            " [--zones N]\n"
            "             [--tasks N [--services N] [--callers N] [--reporters N]]\n"
            "             [--start-ms MIN[-MAX]] [--stop-ms MS] [--fail PERCENT] [--telemetry]\n"
            "             [--drain PERCENT] [--kill PERCENT] [--storm SPREAD_MS] [--hold SECONDS]\n"
            "             [--patience SECONDS]\n");
    exit(2);
}

static bool take_option(const char *name, const char *value)
{
    const struct {
        const char *name;
        int *value;
    } numbers[] = {{"--agents", &options.count},     {"--cpu", &options.cpu},
                   {"--memory", &options.memory},    {"--zones", &options.zones},
                   {"--services", &work.services},   {"--callers", &work.callers},
                   {"--reporters", &work.reporters}, {"--fail", &options.fail_percent},
                   {"--drain", &work.drain},         {"--kill", &work.kill}};
    const struct {
        const char *name;
        const char **value;
    } texts[] = {{"--url", &api_account.url},
                 {"--key", &api_account.keys.access_key_id},
                 {"--secret", &api_account.keys.secret_access_key},
                 {"--cluster", &options.cluster},
                 {"--definition", &work.definition}};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (str_eq(name, numbers[i].name)) {
            *numbers[i].value = atoi(value);
            return true;
        }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eq(name, texts[i].name)) {
            *texts[i].value = value;
            return true;
        }
    if (str_eq(name, "--tasks")) {
        work.tasks = atol(value);
    } else if (str_eq(name, "--start-ms")) {
        const char *dash = strchr(value, '-');

        options.start_min_ms = atol(value);
        options.start_max_ms = dash ? atol(dash + 1) : options.start_min_ms;
    } else if (str_eq(name, "--stop-ms")) {
        options.stop_ms = atol(value);
    } else if (str_eq(name, "--storm")) {
        work.storm_ms = atol(value);
    } else if (str_eq(name, "--hold")) {
        work.hold = atof(value);
    } else if (str_eq(name, "--patience")) {
        work.patience = atof(value);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit limit;

    api_account.region = "us-east-1";
    work.definition = "fleet";
    for (int i = 1; i < argc; i++) {
        if (str_eq(argv[i], "--telemetry"))
            options.has_telemetry = true;
        else if (i + 1 == argc || !take_option(argv[i], argv[i + 1]))
            usage();
        else
            i++;
    }
    if (!str_starts_with(api_account.url ? api_account.url : "", "http://127.0.0.1:") ||
        !api_account.keys.access_key_id || !api_account.keys.secret_access_key ||
        options.count < 1 || options.zones < 1 || options.start_max_ms < options.start_min_ms)
        usage();
    api_account.host = api_account.url + strlen("http://");
    address.sin_port = htons((uint16_t)atoi(strchr(api_account.host, ':') + 1));
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    conns_begin(&address);
    run();
    return 0;
}
