#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/config/config_apply.h"
#include "agent/docker/docker_detail.h"
#include "agent/endpoints/link_address.h"
#include "agent/endpoints/port_rule.h"
#include "agent/endpoints/task_endpoint_parts.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/mem.h"

#define CLOSE_MS        1000
#define CLIENT_KEY_SIZE 512
#define LOOPBACK        "127.0.0.1:" TASK_ENDPOINT_OLD_PORT

static const struct http_header json_type[] = {{"content-type", "application/json"}};

void task_endpoint_respond_json(struct http_exchange *ex, int status, const struct buf *body)
{
    http_respond(ex, status, json_type, ARRAY_LEN(json_type), body->data ? body->data : "",
                 body->len);
}

void task_endpoint_respond_text(struct http_exchange *ex, int status, const char *text)
{
    CLEANUP(buf_done) struct buf body = {0};

    json_text_add_string(&body, text);
    task_endpoint_respond_json(ex, status, &body);
}

static void respond_plain(struct http_exchange *ex, int status, const char *text)
{
    static const struct http_header type[] = {{"content-type", "text/plain; charset=utf-8"}};

    http_respond(ex, status, type, ARRAY_LEN(type), text, strlen(text));
}

/* ---- who asks, and for whom ---- */

struct owner {
    const char *address;
    char *task_arn; /* owned; NULL: no container of ours has the address */
};

static void look_for_owner(const struct engine_task_view *task, void *data)
{
    struct owner *owner = data;

    for (size_t i = 0; i < task->container_count && !owner->task_arn; i++)
        if (task->containers[i].known == ENGINE_RUNNING &&
            docker_detail_has_address(task->containers[i].detail, owner->address))
            owner->task_arn = str_dup(task->arn);
}

/* The task that has the address in one of Docker's networks; NULL: the host, or unknown. */
static char *task_at(struct task_endpoint *endpoint, const char *address)
{
    struct owner owner = {.address = address};

    engine_each(endpoint->options.engine, look_for_owner, &owner);
    return owner.task_arn;
}

static bool is_another_tasks(struct task_endpoint *endpoint, const struct http_request *req,
                             const char *task_arn)
{
    CLEANUP(str_freep) char *owner = task_at(endpoint, req->peer);

    if (!owner || str_eq(owner, task_arn))
        return false;
    log_warning("a task asked for what is another's and was refused", "task", owner, "other",
                task_arn);
    return true;
}

/* ---- credentials ---- */

static void audit(struct task_endpoint *endpoint, const struct http_request *req, const char *path,
                  int status, const char *task_arn, const char *event)
{
    const struct audit_entry entry = {
        .at_ms = clock_wall_ms(endpoint->options.clock),
        .status = status,
        .peer = req->peer,
        .peer_port = req->peer_port,
        .path = path,
        .user_agent = http_request_header(req, "user-agent"),
        .task_arn = task_arn,
        .event = event,
    };

    audit_log_write(endpoint->audit, &entry);
}

static const char *event_of(const char *role_type)
{
    return str_eq(role_type, ROLE_EXECUTION) ? "GetCredentialsExecutionRole" : "GetCredentials";
}

struct pending {
    const char *id;
    bool is_known;
};

static bool has_id(const struct acs_role_credentials *credentials, const char *id)
{
    return credentials && str_eq(credentials->credentials_id, id);
}

static void look_for_pending(const struct engine_task_view *task, void *data)
{
    struct pending *pending = data;

    if (task->known != ENGINE_STOPPED &&
        (has_id(task->spec->role_credentials, pending->id) ||
         has_id(task->spec->execution_role_credentials, pending->id)))
        pending->is_known = true;
}

/* Credentials of a task that this agent knows from before it was started: they come with the next
 * connection to the control plane (AG-907). */
static bool is_pending(struct task_endpoint *endpoint, const char *id)
{
    struct pending pending = {.id = id};

    engine_each(endpoint->options.engine, look_for_pending, &pending);
    return pending.is_known;
}

static void refuse_credentials(struct task_endpoint *endpoint, struct http_exchange *ex,
                               const struct http_request *req, const struct task_route *route,
                               int status, const char *code, const char *message)
{
    CLEANUP(str_freep)
    char *text = str_printf("CredentialsV%dRequest: %s", route->version, message);
    struct metadata_credentials_error error = {.code = code, .message = text};
    CLEANUP(buf_done) struct buf body = {0};

    SET(&error, http_error_code, status);
    metadata_encode_credentials_error(&body, &error);
    audit(endpoint, req, route->version == 1 ? "/v1/credentials" : "/v2/credentials", status, NULL,
          NULL);
    task_endpoint_respond_json(ex, status, &body);
}

static void answer_credentials(struct task_endpoint *endpoint, struct http_exchange *ex,
                               const struct http_request *req, const struct task_route *route)
{
    struct role_credentials found;
    CLEANUP(buf_done) struct buf body = {0};

    if (str_is_empty(route->id)) {
        refuse_credentials(endpoint, ex, req, route, 400, "NoIdInRequest",
                           "No Credential ID in the request");
    } else if (!acs_credentials_find(endpoint->options.credentials, route->id, &found)) {
        if (is_pending(endpoint, route->id))
            refuse_credentials(endpoint, ex, req, route, 503, "CredentialsUninitialized",
                               "Credentials uninitialized for ID");
        else
            refuse_credentials(endpoint, ex, req, route, 400, "InvalidIdInRequest",
                               "Credentials not found");
    } else if (is_another_tasks(endpoint, req, found.task_arn)) {
        refuse_credentials(endpoint, ex, req, route, 400, "InvalidIdInRequest",
                           "Credentials not found");
    } else {
        const struct metadata_credentials credentials = {
            .role_arn = found.role_arn,
            .access_key_id = found.access_key_id,
            .secret_access_key = found.secret_access_key,
            .token = found.session_token,
            .expiration = found.expiration,
        };

        metadata_encode_credentials(&body, &credentials);
        audit(endpoint, req, route->version == 1 ? "/v1/credentials" : "/v2/credentials", 200,
              found.task_arn, event_of(found.role_type));
        task_endpoint_respond_json(ex, 200, &body);
    }
}

/* ---- what an unknown id or address gets (AG-910, AG-911) ---- */

static void respond_no_task(struct http_exchange *ex, const struct task_route *route,
                            const struct http_request *req)
{
    static const struct {
        enum task_asked asked;
        const char *handler, *what;
        int status_v3;
    } texts[] = {
        {ASKED_CONTAINER, "container metadata", "container ID", 500},
        {ASKED_TASK, "task metadata", "task arn", 500},
        {ASKED_TASK_WITH_TAGS, "task metadata", "task arn", 500},
        {ASKED_CONTAINER_STATS, "container stats", "task arn", 400},
        {ASKED_TASK_STATS, "task stats", "task arn", 400},
        {ASKED_ASSOCIATIONS, "container associations", "container id", 400},
        {ASKED_ASSOCIATION, "container associations", "task arn", 400},
    };
    CLEANUP(str_freep) char *text = NULL;
    int status = 400;

    if (route->version == 2) {
        text = str_printf("Unable to get task arn from request: unable to associate '%s' with task",
                          req->peer);
        task_endpoint_respond_text(ex, status, text);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        bool is_association =
            route->asked == ASKED_ASSOCIATIONS || route->asked == ASKED_ASSOCIATION;

        if (texts[i].asked != route->asked)
            continue;
        status = route->version == 4 && !is_association ? 404 : texts[i].status_v3;
        text = str_printf("V%d %s handler: unable to get %s from request: unable to get %s from v3 "
                          "endpoint ID: %s",
                          route->version, texts[i].handler, texts[i].what,
                          str_starts_with(texts[i].what, "container") ? "docker ID" : "task Arn",
                          route->id);
    }
    task_endpoint_respond_text(ex, status, text ? text : "");
}

/* The task of a request, and which of its containers it is about. */
static bool find_task(struct task_endpoint *endpoint, const struct http_request *req,
                      const struct task_route *route, struct engine_task_view *ret,
                      size_t *ret_index)
{
    CLEANUP(str_freep) char *owner = NULL;

    if (route->version != 2)
        return engine_view_endpoint(endpoint->options.engine, route->id, ret, ret_index) &&
               ret->containers[*ret_index].docker_id && !is_another_tasks(endpoint, req, ret->arn);
    owner = task_at(endpoint, req->peer);
    if (!owner || !engine_view(endpoint->options.engine, owner, ret))
        return false;
    *ret_index = SIZE_MAX;
    for (size_t i = 0; route->id && i < ret->container_count + ret->internal_count; i++)
        if (str_eq(ret->containers[i].docker_id, route->id))
            *ret_index = i;
    return true;
}

static void answer_metadata(struct task_endpoint *endpoint, struct http_exchange *ex,
                            const struct http_request *req, const struct task_route *route)
{
    struct engine_task_view task;
    size_t index;

    if (find_task(endpoint, req, route, &task, &index))
        task_answer_begin(endpoint, ex, route, &task, index);
    else
        respond_no_task(ex, route, req);
}

static void answer_protection(struct task_endpoint *endpoint, struct http_exchange *ex,
                              const struct http_request *req, const struct task_route *route)
{
    struct engine_task_view task;
    size_t index;

    if (!str_eq(req->method, "GET") && !str_eq(req->method, "PUT"))
        respond_plain(ex, 405, "");
    else if (engine_view_endpoint(endpoint->options.engine, route->id, &task, &index) &&
             !is_another_tasks(endpoint, req, task.arn))
        task_protection_begin(endpoint, ex, req, &task, index);
    else
        task_protection_respond_error(ex, 404, NULL, "ResourceNotFoundException",
                                      "Failed to find a task for the request", NULL);
}

static void respond_fault_error(struct http_exchange *ex, int status, const char *format,
                                const char *what)
{
    CLEANUP(str_freep) char *text = str_printf(format, what);
    CLEANUP(buf_done) struct buf body = {0};

    buf_add_str(&body, "{\"Error\":");
    json_text_add_string(&body, text);
    buf_add_char(&body, '}');
    task_endpoint_respond_json(ex, status, &body);
}

/* AP-486: a host that cannot inject faults gets no task that may, so this one may not. */
static void refuse_fault(struct task_endpoint *endpoint, struct http_exchange *ex,
                         const struct http_request *req, const struct task_route *route)
{
    struct engine_task_view task;
    size_t index;

    if (!str_eq(req->method, "POST"))
        respond_plain(ex, 405, "");
    else if (!engine_view_endpoint(endpoint->options.engine, route->id, &task, &index) ||
             is_another_tasks(endpoint, req, task.arn))
        respond_fault_error(ex, 404,
                            "unable to get task arn from request: unable to get task Arn from v3 "
                            "endpoint ID: %s",
                            route->id);
    else
        respond_fault_error(ex, 400, "enableFaultInjection is not enabled for task: %s", task.arn);
}

/* ---- requests ---- */

/* A task has one bucket for all it asks, however it asks; who names nothing that is known has that
 * of its address. */
static void client_of(struct task_endpoint *endpoint, const struct http_request *req,
                      const struct task_route *route, char ret[CLIENT_KEY_SIZE])
{
    struct role_credentials credentials;
    struct engine_task_view task;
    const char *client = req->peer;
    size_t index;

    if (route->asked == ASKED_CREDENTIALS) {
        if (route->id &&
            acs_credentials_find(endpoint->options.credentials, route->id, &credentials))
            client = credentials.task_arn;
    } else if (route->version != 2 && route->id &&
               engine_view_endpoint(endpoint->options.engine, route->id, &task, &index)) {
        client = task.arn;
    }
    snprintf(ret, CLIENT_KEY_SIZE, "%s", client);
}

/* Of a path, what may be shown: no id. */
static const char *shown_path(struct arena *arena, const struct task_route *route, const char *path)
{
    size_t len;

    if (route->asked == ASKED_CREDENTIALS)
        return route->version == 1 ? "/v1/credentials" : "/v2/credentials";
    if (!route->id || route->version == 2)
        return arena_dup(arena, path);
    len = strcspn(path + 1, "/") + 1;
    return arena_dup_n(arena, path, len);
}

static void respond_too_often(struct task_endpoint *endpoint, struct http_exchange *ex,
                              const struct http_request *req, const char *path)
{
    char rate[32], address[96];
    const struct http_header headers[] = {
        {"content-type", "text/plain; charset=utf-8"},
        {"x-rate-limit-limit", rate},
        {"x-rate-limit-duration", "1"},
        {"x-rate-limit-request-remote-addr", address},
    };
    static const char text[] = "You have reached maximum request limit.";

    snprintf(rate, sizeof(rate), "%.2f", (double)endpoint->options.config->metadata_rps_steady);
    snprintf(address, sizeof(address), "%s:%u", req->peer, req->peer_port);
    audit(endpoint, req, path, 429, NULL, NULL);
    http_respond(ex, 429, headers, ARRAY_LEN(headers), text, strlen(text));
}

/* What was decoded of the path must not end the header. */
static void respond_elsewhere(struct http_exchange *ex, const char *path, const char *query)
{
    CLEANUP(buf_done) struct buf location = {0};
    struct http_header headers[] = {{"location", NULL}};

    for (; *path; path++) {
        if (isalnum((unsigned char)*path) || strchr("/-_.~", *path))
            buf_add_char(&location, *path);
        else
            buf_printf(&location, "%%%02X", (unsigned char)*path);
    }
    buf_printf(&location, "%s%s", *query ? "?" : "", query);
    headers[0].value = location.data;
    http_respond(ex, 301, headers, ARRAY_LEN(headers), "", 0);
}

static void dispatch(struct task_endpoint *endpoint, struct http_exchange *ex,
                     const struct http_request *req, const struct task_route *route)
{
    switch (route->asked) {
    case ASKED_NOTHING:
        respond_plain(ex, 404, "404 page not found\n");
        break;
    case ASKED_ELSEWHERE:
        respond_elsewhere(ex, route->clean, req->query);
        break;
    case ASKED_CREDENTIALS:
        answer_credentials(endpoint, ex, req, route);
        break;
    case ASKED_PROTECTION:
        answer_protection(endpoint, ex, req, route);
        break;
    case ASKED_FAULT:
        refuse_fault(endpoint, ex, req, route);
        break;
    case ASKED_CONTAINER:
    case ASKED_TASK:
    case ASKED_TASK_WITH_TAGS:
    case ASKED_CONTAINER_STATS:
    case ASKED_TASK_STATS:
    case ASKED_ASSOCIATIONS:
    case ASKED_ASSOCIATION:
        answer_metadata(endpoint, ex, req, route);
        break;
    }
}

static void on_request(struct http_exchange *ex, const struct http_request *req, void *data)
{
    struct task_endpoint *endpoint = data;
    struct arena arena = {0};
    struct task_route route = task_route_read(&arena, req->path, req->query);
    char client[CLIENT_KEY_SIZE];

    client_of(endpoint, req, &route, client);
    if (throttle_admit(endpoint->throttle, client, clock_mono_ms(endpoint->options.clock)))
        dispatch(endpoint, ex, req, &route);
    else
        respond_too_often(endpoint, ex, req, shown_path(&arena, &route, route.clean));
    arena_done(&arena);
}

/* ---- where it listens ---- */

static void on_part_closed(void *data)
{
    struct task_endpoint *endpoint = data;
    loop_fn *closed = endpoint->closed;
    void *closed_data = endpoint->closed_data;

    if (--endpoint->to_close)
        return;
    throttle_free(endpoint->throttle);
    audit_log_free(endpoint->audit);
    free(endpoint);
    closed(closed_data);
}

static void on_server_closed(void *data)
{
    (void)data; /* it had no request yet */
}

static void stop_listening(struct task_endpoint *endpoint, loop_fn *closed, void *data)
{
    for (size_t i = 0; i < endpoint->server_count; i++)
        http_server_close(endpoint->servers[i], CLOSE_MS, closed, data);
    endpoint->server_count = 0;
}

static void remove_address(struct task_endpoint *endpoint)
{
    struct error *err;

    if (!endpoint->has_address)
        return;
    endpoint->has_address = false;
    err = link_address_remove(TASK_ENDPOINT_ADDRESS);
    if (err)
        log_warning("an address stays behind", "error", err->message);
    error_free(err); /* said above; the next agent takes it over */
}

static struct error *listen_at(struct task_endpoint *endpoint, const char *listen)
{
    const struct http_server_options options = {
        .listen = listen,
        .connections_max = TASK_ENDPOINT_CONNECTIONS_MAX,
        .per_peer_max = TASK_ENDPOINT_PER_PEER_MAX,
        .idle_ms = TASK_ENDPOINT_IDLE_MS,
        .request_ms = TASK_ENDPOINT_IDLE_MS,
        .on_request = on_request,
        .data = endpoint,
    };

    TRY(http_server_new(endpoint->options.loop, &options,
                        &endpoint->servers[endpoint->server_count]));
    endpoint->server_count++;
    return NULL;
}

/* Without the rule there is still the port itself, for whoever needs no task on it. */
static void serve_port_80(struct task_endpoint *endpoint)
{
    struct error *err = listen_at(endpoint, CONFIG_TASK_ENDPOINT);

    if (err)
        log_warning("tasks find no metadata and no credentials", "address", CONFIG_TASK_ENDPOINT,
                    "error", err->message);
    else
        log_warning("no rule for the tasks' endpoint could be made with iptables: no task can have "
                    "port 80 of this host",
                    NULL);
    error_free(err); /* said above */
}

static void on_rule_removed(bool is_done, void *data)
{
    (void)is_done; /* it leads to an address that is gone */
    on_part_closed(data);
}

static void remove_rule(struct task_endpoint *endpoint)
{
    struct error *err = port_rule_remove(endpoint->options.loop, on_rule_removed, endpoint);

    if (err)
        on_rule_removed(false, endpoint);
    error_free(err); /* as harmless as above */
}

static void on_rule_added(bool is_done, void *data)
{
    struct task_endpoint *endpoint = data;

    endpoint->is_adding_rule = false;
    endpoint->has_rule = is_done;
    if (endpoint->closed)
        remove_rule(endpoint);
    else if (!is_done)
        serve_port_80(endpoint);
}

static void add_rule(struct task_endpoint *endpoint)
{
    struct error *err =
        port_rule_add(endpoint->options.loop, endpoint->options.config->blocks_machine_metadata,
                      on_rule_added, endpoint);

    endpoint->is_adding_rule = !err;
    if (err)
        serve_port_80(endpoint);
    error_free(err); /* that says what follows */
}

/* Where the address cannot be ours, the host's own rules may lead it here, as the official agent's
 * documents have them (AG-005, AG-008). Takes `err`, which says why. */
static struct error *serve_loopback(struct task_endpoint *endpoint, struct error *err)
{
    CLEANUP(error_freep) struct error *why = err;

    TRY(listen_at(endpoint, LOOPBACK));
    log_warning("tasks find metadata and credentials only where rules of the host lead "
                "169.254.170.2:80 to " LOOPBACK,
                "error", why->message);
    return NULL;
}

/* The address first; it is ours only once its port is, too: another agent's carries our label. */
static struct error *serve_everywhere(struct task_endpoint *endpoint)
{
    static const char *const places[] = {
        TASK_ENDPOINT_ADDRESS ":" TASK_ENDPOINT_OLD_PORT,
        LOOPBACK,
    };
    struct error *err = NULL;
    bool is_new;

    err = link_address_add(TASK_ENDPOINT_ADDRESS, &is_new);
    if (err && err->code == API_ACCESS_DENIED)
        return serve_loopback(endpoint, err);
    if (err)
        return err;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        err = listen_at(endpoint, places[i]);
        if (!err)
            continue;
        endpoint->has_address = is_new;
        remove_address(endpoint);
        return error_wrap(err, "another agent seems to serve it");
    }
    endpoint->has_address = true;
    add_rule(endpoint);
    return NULL;
}

static void try_listen(void *data)
{
    struct task_endpoint *endpoint = data;
    const char *place = endpoint->options.config->task_endpoint;
    struct error *err = str_eq(place, CONFIG_TASK_ENDPOINT) ? serve_everywhere(endpoint)
                                                            : listen_at(endpoint, place);

    if (!err) {
        log_info("tasks find metadata and credentials", "address", place);
        return;
    }
    stop_listening(endpoint, on_server_closed, endpoint);
    if (!endpoint->has_complained)
        log_warning("tasks find no metadata and no credentials, trying every minute", "address",
                    place, "error", err->message);
    endpoint->has_complained = true;
    error_free(err); /* said above */
    timer_start(&endpoint->retry, endpoint->options.loop, TASK_ENDPOINT_RETRY_MS, try_listen,
                endpoint);
}

struct task_endpoint *task_endpoint_new(const struct task_endpoint_options *options)
{
    const struct agent_config *config = options->config;
    const struct log_file_options audit = config_log_file(config, config->audit_log_file);
    struct task_endpoint *endpoint;

    if (!config->task_endpoint_url)
        return NULL;
    endpoint = xcalloc(1, sizeof(*endpoint));
    endpoint->options = *options;
    TAILQ_INIT(&endpoint->answers);
    endpoint->throttle = throttle_new(config->metadata_rps_steady, config->metadata_rps_burst);
    endpoint->audit = audit_log_new(config->is_audit_log_disabled ? NULL : &audit, options->cluster,
                                    options->instance_arn);
    endpoint->stats = task_stats_new(options->loop, options->docker, options->clock);
    try_listen(endpoint);
    return endpoint;
}

void task_endpoint_close(struct task_endpoint *endpoint, loop_fn *closed, void *data)
{
    timer_stop(&endpoint->retry);
    endpoint->closed = closed;
    endpoint->closed_data = data;
    while (!TAILQ_EMPTY(&endpoint->answers))
        task_answer_abandon(TAILQ_FIRST(&endpoint->answers));
    endpoint->to_close = (unsigned)endpoint->server_count + 1;
    if (endpoint->has_rule || endpoint->is_adding_rule)
        endpoint->to_close++;
    stop_listening(endpoint, on_part_closed, endpoint);
    remove_address(endpoint);
    if (endpoint->has_rule)
        remove_rule(endpoint);
    task_stats_close(endpoint->stats, on_part_closed, endpoint);
}
