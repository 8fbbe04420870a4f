/* metrics.c - /healthz, and /metrics in Prometheus' text form. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "control/capacity_need.h"
#include "control/usage.h"
#include "server/parts.h"

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %" PRIu64 "\n", name, help, name, name,
               value);
}

static void gauge(struct buf *out, const char *name, const char *help, double value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.15g\n", name, help, name, name, value);
}

static double resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* Of each provider with managed scaling, in each cluster it is of (CL-135). */
static void managed_scaling(struct server *server, struct buf *out)
{
    static const char name[] = "berth_capacity_provider_reservation";
    struct state *state = server->state;
    const struct scope *scope = NULL;

    buf_printf(out,
               "# HELP %s Hosts needed in percent of those there are, of managed capacity "
               "providers.\n# TYPE %s gauge\n",
               name, name);
    while ((scope = state_scope_after(state, scope))) {
        const struct capacity_provider *one = NULL;

        while ((one = state_capacity_provider_after(state, scope, one ? one->name : NULL))) {
            const struct cluster *cluster = NULL;

            while (one->is_scaling_managed &&
                   (cluster = state_cluster_with_provider_after(state, scope, one->name,
                                                                cluster ? cluster->name : NULL))) {
                struct capacity_need need;

                control_capacity_need(server->control, scope, cluster->name, one->name, &need);
                buf_printf(
                    out, "%s{account=\"%s\",region=\"%s\",cluster=\"%s\",provider=\"%s\"} %.15g\n",
                    name, scope->account, scope->region, cluster->name, one->name,
                    capacity_need_reservation(&need));
            }
        }
    }
}

/* ---- the metrics of AWS/ECS (MS-010): what clusters and services use ---- */

static const struct usage_series {
    const char *name, *help;
    enum usage_metric metric; /* USAGE_METRIC_COUNT: the tasks that are its samples */
    bool is_of_services;
} usage_series[] = {
    {"berth_cluster_cpu_reservation_percent", "CPU units reserved by tasks of those registered.",
     USAGE_CPU_RESERVATION, false},
    {"berth_cluster_memory_reservation_percent", "Memory reserved by tasks of that registered.",
     USAGE_MEMORY_RESERVATION, false},
    {"berth_cluster_gpu_reservation_percent", "GPUs reserved by tasks of those registered.",
     USAGE_GPU_RESERVATION, false},
    {"berth_cluster_cpu_utilization_percent", "CPU units used by tasks of those registered.",
     USAGE_CPU_UTILIZATION, false},
    {"berth_cluster_memory_utilization_percent", "Memory used by tasks of that registered.",
     USAGE_MEMORY_UTILIZATION, false},
    {"berth_service_cpu_utilization_percent", "CPU units used by tasks of those they reserve.",
     USAGE_CPU_UTILIZATION, true},
    {"berth_service_memory_utilization_percent", "Memory used by tasks of that they reserve.",
     USAGE_MEMORY_UTILIZATION, true},
    {"berth_service_tasks_measured", "Running tasks whose use was told, lately.",
     USAGE_METRIC_COUNT, true},
};

/* One text for each series, for in the answer the lines of a series are together. */
static void add_usage(const struct usage *usage, void *data)
{
    struct buf *series = data;

    for (size_t i = 0; i < ARRAY_LEN(usage_series); i++) {
        const struct usage_series *one = &usage_series[i];
        bool is_count = one->metric == USAGE_METRIC_COUNT;

        if (one->is_of_services != (usage->owner.service != NULL) ||
            (!is_count && !usage->has[one->metric]))
            continue;
        buf_printf(&series[i], "%s{account=\"%s\",region=\"%s\",cluster=\"%s\"", one->name,
                   usage->owner.scope->account, usage->owner.scope->region, usage->owner.cluster);
        if (usage->owner.service)
            buf_printf(&series[i], ",service=\"%s\"", usage->owner.service);
        buf_printf(&series[i], "} %.15g\n",
                   is_count ? (double)usage->tasks : usage->percent[one->metric]);
    }
}

static void usages(struct server *server, struct buf *out)
{
    struct buf series[ARRAY_LEN(usage_series)] = {0};

    control_each_usage(server->control, add_usage, series);
    for (size_t i = 0; i < ARRAY_LEN(usage_series); i++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", usage_series[i].name,
                   usage_series[i].help, usage_series[i].name);
        if (series[i].len)
            buf_add(out, series[i].data, series[i].len);
        buf_done(&series[i]);
    }
}

void respond_metrics(struct server *server, struct http_exchange *ex)
{
    static const struct http_header headers[] = {
        {"content-type", "text/plain; version=0.0.4; charset=utf-8"}};
    CLEANUP(buf_done) struct buf out = {0};
    struct http_server_stats http;
    struct dispatch_stats calls;
    struct control_stats control = {0};
    struct event_streams_stats events;
    struct state_stats state;

    event_streams_stats(server->events, &events);
    http_server_stats(server->http, &http);
    dispatch_stats(server->ecs_dispatch, &calls);
    control_stats(server->control, &control);
    state_stats(server->state, &state);

    counter(&out, "berth_http_requests_total", "HTTP requests received.", http.requests);
    counter(&out, "berth_http_rejected_connections_total", "Connections refused over the limit.",
            http.rejected_connections);
    counter(&out, "berth_http_received_bytes_total", "Bytes received.", http.bytes_in);
    counter(&out, "berth_http_sent_bytes_total", "Bytes sent.", http.bytes_out);
    gauge(&out, "berth_http_connections", "Open connections.", http.connections);
    gauge(&out, "berth_http_connections_max", "Most connections that may be open.",
          server->connections_max);
    gauge(&out, "berth_websockets", "Open WebSockets.", http.websockets);
    counter(&out, "berth_api_calls_total", "ECS operations called.", calls.calls);
    counter(&out, "berth_api_refused_total", "ECS operations refused with a client's error.",
            calls.refused);
    counter(&out, "berth_api_faults_total", "ECS operations that failed by our fault.",
            calls.faults);
    gauge(&out, "berth_api_open_calls", "ECS operations begun and not answered.", calls.open);
    counter(&out, "berth_store_batches_total", "Batches committed.", state.batches);
    counter(&out, "berth_store_transactions_total", "Transactions committed.", state.transactions);
    counter(&out, "berth_store_rows_total", "Rows written.", state.rows);
    counter(&out, "berth_store_failed_batches_total", "Batches that failed.", state.failed_batches);
    gauge(&out, "berth_store_last_batch_seconds", "Time of the last batch.",
          state.last_batch_ms / 1000);
    gauge(&out, "berth_store_max_batch_seconds", "Longest time of a batch.",
          state.max_batch_ms / 1000);
    gauge(&out, "berth_store_queue", "Transactions not yet durable.", (double)state.queue_depth);
    gauge(&out, "berth_clusters", "Clusters kept.", (double)state.clusters);
    gauge(&out, "berth_container_instances", "Container instances kept.", (double)state.instances);
    gauge(&out, "berth_services", "Services kept.", (double)state.services);
    gauge(&out, "berth_tasks", "Tasks kept, stopped ones included.", (double)state.tasks);
    gauge(&out, "berth_task_definitions", "Task definition revisions kept.",
          (double)state.task_definitions);
    gauge(&out, "berth_acs_sessions", "Agents connected for commands.",
          (double)control.acs_sessions);
    gauge(&out, "berth_tcs_sessions", "Agents connected for telemetry.",
          (double)control.tcs_sessions);
    gauge(&out, "berth_tasks_measured", "Tasks whose agents told what they use, lately.",
          (double)control.tasks_measured);
    counter(&out, "berth_payloads_sent_total", "Payload messages sent to agents.",
            control.payloads_sent);
    counter(&out, "berth_acks_received_total", "Acknowledgements from agents.",
            control.acks_received);
    counter(&out, "berth_reconciles_total", "Reconciler runs.", control.reconciles);
    counter(&out, "berth_placements_total", "Tasks placed for services.", control.placements);
    counter(&out, "berth_placement_refusals_total", "Placements refused for services.",
            control.placement_refusals);
    managed_scaling(server, &out);
    usages(server, &out);
    gauge(&out, "berth_event_readers", "Readers of /events.", events.readers);
    counter(&out, "berth_events_sent_total", "Events sent to readers.", events.sent);
    counter(&out, "berth_event_readers_passed_total", "Readers of /events that were too slow.",
            events.passed);
    gauge(&out, "berth_loop_lag_seconds",
          "Longest time one turn of the loop kept others waiting, since the last scrape.",
          (double)loop_take_lag_ms(server->loop) / 1000);
    gauge(&out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
    gauge(&out, "process_start_time_seconds", "When the process started, in Unix time.",
          (double)server->started_ms / 1000);
    http_respond(ex, 200, headers, 1, out.data, out.len);
}

void respond_health(struct server *server, struct http_exchange *ex)
{
    static const struct http_header headers[] = {{"content-type", "application/json"}};
    CLEANUP(buf_done) struct buf out = {0};
    struct state_stats state;

    state_stats(server->state, &state);
    buf_printf(&out,
               "{\"status\":\"%s\",\"version\":\"%s\",\"tasks\":%" PRIu64
               ",\"containerInstances\":%" PRIu64 ",\"failedBatches\":%" PRIu64 "}\n",
               server->is_ending ? "ending" : "ok", BERTH_VERSION, state.tasks, state.instances,
               state.failed_batches);
    http_respond(ex, server->is_ending ? 503 : 200, headers, 1, out.data, out.len);
}
