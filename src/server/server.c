#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "ecs/auth.h"
#include "gen/berth_handlers.h"
#include "gen/ecs_handlers.h"
#include "server/parts.h"
#include "state/archive.h"

#define END_MS             30000 /* SIGTERM ends within this */
#define DESCRIPTORS_KEPT   64    /* for the store, the log and such */
#define DESCRIPTORS_WANTED 1048576

/* ---- what the dispatchers ask of us ---- */

static struct error *admit_to_ecs(struct call *call, void *data)
{
    const struct server *server = data;

    if (state_is_full(server->state))
        return error_new(API_THROTTLING, "Rate exceeded"); /* API-020: the store is behind */
    return call_admit(call);
}

static struct error *admit_administrator(struct call *call, void *data)
{
    if (!server_is_admin(data, &call->principal))
        return error_new(API_ACCESS_DENIED,
                         "Only the key in server.json of the server's data directory may do this.");
    return NULL;
}

static void begin_call(struct call *call, void *data)
{
    struct server *server = data;

    call->txn = txn_begin(server->state, state_scope(server->state, call->region, call->account));
}

static void finish_call(struct call *call, void (*done)(const struct error *err, void *arg),
                        void *arg, void *data)
{
    struct server *server = data;

    if (call->txn) {
        txn_commit(call->txn);
        call->txn = NULL;
    }
    state_when_durable(server->state, done, arg);
}

static struct dispatch *make_dispatch(struct server *server, const struct operation_table *table,
                                      void *service,
                                      struct error *(*admit)(struct call *call, void *data))
{
    return dispatch_new(&(struct dispatch_options){
        .loop = server->loop,
        .table = table,
        .host = {admit, begin_call, finish_call, server},
        .service = service,
        .clock = &clock_system,
        .rng = &server->rng,
        .is_strict = server->options->is_strict,
    });
}

/* ---- starting ---- */

/* Raises the descriptor limit and tells how many connections that leaves room for. */
static unsigned raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024 - DESCRIPTORS_KEPT;
    if (limit.rlim_cur < DESCRIPTORS_WANTED) {
        struct rlimit wanted = {DESCRIPTORS_WANTED, limit.rlim_max < DESCRIPTORS_WANTED
                                                        ? DESCRIPTORS_WANTED
                                                        : limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &wanted) < 0) {
            wanted = (struct rlimit){limit.rlim_max, limit.rlim_max};
            if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
                limit = wanted;
        } else {
            limit = wanted;
        }
    }
    return (unsigned)(limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT
                                                            : limit.rlim_cur / 2);
}

static bool is_loopback(const char *listen)
{
    return str_starts_with(listen, "127.") || str_starts_with(listen, "[::1]") ||
           str_starts_with(listen, "localhost:");
}

/* The address a local client uses: a wildcard is reached by loopback. */
static char *make_url(const struct server *server)
{
    const struct server_options *options = server->options;
    const char *colon = strrchr(options->listen, ':');
    int host_len = (int)(colon - options->listen);
    const char *host = options->listen;

    if (str_starts_with(host, "0.0.0.0:")) {
        host = "127.0.0.1";
        host_len = (int)strlen(host);
    } else if (str_starts_with(host, "[::]:")) {
        host = "[::1]";
        host_len = (int)strlen(host);
    }
    return str_printf("%s://%.*s:%u", options->tls_cert_file ? "https" : "http", host_len, host,
                      http_server_port(server->http));
}

/* DIR/server.json, readable by us alone: where local commands find us, the administrator's key. */
static struct error *write_about(const struct server *server)
{
    const struct server_options *options = server->options;
    CLEANUP(str_freep) char *path = str_printf("%s/server.json", options->data_dir);
    CLEANUP(str_freep) char *temporary = str_printf("%s/.server.json.new", options->data_dir);
    CLEANUP(str_freep) char *text = NULL;
    /* Whoever reads this has a current directory of its own. */
    CLEANUP(str_freep)
    char *ca_file = options->tls_cert_file ? realpath(options->tls_cert_file, NULL) : NULL;
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:i}", "endpoint", server->url, "region",
                  options->regions[0], "account", options->account, "accessKeyId",
                  server->admin.access_key_id, "secretAccessKey", server->admin.secret_access_key,
                  "caFile", ca_file, "pid", (int)getpid());
    int fd, failed;

    text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(errno, "cannot write %s", temporary);
    failed = write(fd, text, strlen(text)) != (ssize_t)strlen(text);
    if (close(fd) < 0 || failed || rename(temporary, path) < 0)
        return error_errno(errno, "cannot write %s", path);
    return NULL;
}

static void remove_about(const struct server *server)
{
    CLEANUP(str_freep) char *path = str_printf("%s/server.json", server->options->data_dir);

    if (unlink(path) < 0 && errno != ENOENT)
        log_warning("server.json stays behind", "path", path, "error", strerror(errno));
}

static struct error *open_state(struct server *server)
{
    CLEANUP(str_freep) char *file = str_printf("%s/state.db", server->options->data_dir);
    CLEANUP(str_freep) char *folder = NULL;
    struct store *store = NULL;

    TRY(store_open_sqlite(file, &store));
    TRY(state_open(server->loop, store, &clock_system, &server->rng, &server->state));
    state_observe(server->state, &(struct observer){.durable = drain_on_change, .data = server});
    folder = str_printf("%s/tasks", server->options->data_dir);
    if (server->options->task_retention_ms > server->options->task_memory_ms ||
        access(folder, F_OK) == 0)
        TRY(state_open_archive(server->state, folder));
    return NULL;
}

static struct error *open_apis(struct server *server)
{
    const struct server_options *options = server->options;

    TRY(control_new(server->loop, server->state,
                    &(struct control_options){
                        .instance_lost_after_ms = options->instance_lost_after_ms,
                        .lead_grace_ms = options->lead_grace_ms,
                        .task_retention_ms = options->task_retention_ms,
                        .task_memory_ms = options->task_memory_ms,
                        .provisioning_wait_ms = options->provisioning_wait_ms,
                        .quotas = &options->quotas,
                        .agent_release = options->agent_release,
                        .role_session_ms = options->role_session_ms,
                    },
                    &server->control));
    server->ecs = (struct ecs){
        .loop = server->loop,
        .state = server->state,
        .control = server->control,
        .regions = options->regions,
        .region_count = options->region_count,
        .quotas = &options->quotas,
        .agent_release = &options->agent_release,
    };
    server->ecs_dispatch = make_dispatch(server, &ecs_operations, &server->ecs, admit_to_ecs);
    server->berth_dispatch = make_dispatch(server, &berth_operations, server, admit_administrator);
    server->events = event_streams_new(&server->ecs, NULL);
    server->signatures = sigv4_cache_new();
    access_key_make(&server->rng, server->admin.access_key_id, server->admin.secret_access_key);
    return NULL;
}

static struct error *listen_for_requests(struct server *server)
{
    const struct server_options *options = server->options;
    CLEANUP(str_freep) char *limit = NULL;

    server->connections_max = raise_descriptor_limit();
    TRY(http_server_new(server->loop,
                        &(struct http_server_options){
                            .listen = options->listen,
                            .tls_cert_file = options->tls_cert_file,
                            .tls_key_file = options->tls_key_file,
                            .connections_max = server->connections_max,
                            .on_request = route,
                            .data = server,
                        },
                        &server->http));
    server->url = make_url(server);
    server->ecs.endpoint = server->url;
    TRY(write_about(server));
    limit = str_printf("%u", server->connections_max);
    log_info("listening", "endpoint", server->url, "connections_max", limit, "auth",
             options->has_auth ? "on" : "off");
    return NULL;
}

/* Ending: new calls refused, flows hurried, agents' sockets closed, the last batch waited for. */

static void on_http_closed(void *data)
{
    struct server *server = data;

    server->http = NULL;
    loop_stop(server->loop);
}

static void on_control_closed(void *data)
{
    struct server *server = data;

    event_streams_close(server->events);
    http_server_close(server->http, END_MS / 3, on_http_closed, server);
}

static void on_ecs_closed(void *data)
{
    struct server *server = data;

    control_close(server->control, on_control_closed, server);
}

static void on_berth_closed(void *data)
{
    struct server *server = data;

    dispatch_close(server->ecs_dispatch, on_ecs_closed, server);
}

static void on_end_signal(int signum, void *data)
{
    struct server *server = data;

    if (server->is_ending) {
        log_warning("ending at once", "signal", strsignal(signum));
        _exit(EXIT_FAILURE);
    }
    log_info("ending", "signal", strsignal(signum));
    server->is_ending = true;
    /* Whatever hangs, the process does not. The alarm's default action ends it. */
    alarm(END_MS / 1000);
    dispatch_close(server->berth_dispatch, on_berth_closed, server);
}

static void on_hangup(int signum, void *data)
{
    struct server *server = data;
    struct error *err;

    (void)signum;
    if (!server->options->tls_cert_file)
        return;
    err = http_server_reload_tls(server->http);
    if (err)
        log_error("certificates are not read again, the old ones stay", "error", err->message);
    else
        log_info("certificates read again");
    error_free(err);
}

static struct error *start(struct server *server)
{
    TRY(loop_new(&server->loop));
    TRY(loop_on_signal(server->loop, SIGTERM, on_end_signal, server));
    if (signal(SIGINT, SIG_IGN) != SIG_IGN)
        TRY(loop_on_signal(server->loop, SIGINT, on_end_signal, server));
    TRY(loop_on_signal(server->loop, SIGHUP, on_hangup, server));
    TRY(open_state(server));
    TRY(open_apis(server));
    return listen_for_requests(server);
}

struct error *server_run(const struct server_options *options)
{
    struct server server = {
        .options = options,
        .rng = rng_system(),
        .started_ms = clock_wall_ms(&clock_system),
    };
    struct error *err;

    if (!strrchr(options->listen, ':'))
        return error_new(API_INVALID_PARAMETER, "--listen is ADDR:PORT, not '%s'", options->listen);
    if (!options->has_auth && !is_loopback(options->listen))
        return error_new(API_INVALID_PARAMETER, "--auth off listens on loopback only, not on %s",
                         options->listen);
    signal(SIGPIPE, SIG_IGN);
    err = start(&server);
    if (!err) {
        if (options->on_ready)
            options->on_ready(server.url);
        loop_run(server.loop);
        remove_about(&server);
        dispatch_free(server.ecs_dispatch);
        dispatch_free(server.berth_dispatch);
        event_streams_free(server.events);
        state_close(server.state);
        sigv4_cache_free(server.signatures);
        loop_free(server.loop);
        log_info("ended");
    }
    /* A start that failed leaves the pieces to the end of the process. */
    free(server.url);
    return err;
}
