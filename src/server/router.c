/* router.c - where a request goes: the browser rules first, then pages for machines (/healthz,
 * /metrics), the feed of events (/events), why things are as they are (/explain), agents' sockets
 * (/acs/ws, /tcs/ws) and the APIs (POST /). */
#include <string.h>

#include "base/json_text.h"
#include "base/str.h"
#include "explain/explain.h"
#include "server/parts.h"

static void respond_text(struct http_exchange *ex, int status, const char *text)
{
    static const struct http_header headers[] = {{"content-type", "text/plain; charset=utf-8"}};

    http_respond(ex, status, headers, 1, text, strlen(text));
}

/* The one-key form agents understand where they ask for an upgrade (AP-206). */
static void refuse_upgrade(struct http_exchange *ex, const struct error *err)
{
    static const struct http_header headers[] = {{"content-type", "application/json"}};
    CLEANUP(buf_done) struct buf body = {0};

    buf_printf(&body, "{\"%s\":", api_error_name(err->code));
    json_text_add_string(&body, err->message);
    buf_add_char(&body, '}');
    http_respond(ex, api_error_http_status(err->code), headers, 1, body.data, body.len);
}

static void upgrade(struct server *server, struct arena *arena, struct http_exchange *ex,
                    const struct http_request *req)
{
    struct identity identity = {0};
    struct error *err = identify(server, arena, req, &identity);

    if (!err && server->is_ending)
        err = error_new(API_SERVER, "The server is ending.");
    if (!err && identity.principal.role_arn)
        err = error_new(API_ACCESS_DENIED, "A task's role opens no session of an agent.");
    if (err) {
        refuse_upgrade(ex, err);
        error_free(err);
        return;
    }
    control_upgrade(server->control, ex, req,
                    &(struct agent_identity){
                        .scope = state_scope(server->state, identity.region, identity.account),
                        .access_key_id = identity.principal.access_key_id,
                        .agent_cluster = identity.principal.agent_cluster,
                        .agent_instance = identity.principal.agent_instance,
                        .secret_access_key = identity.secret_access_key,
                    });
}

static void call_api(struct server *server, struct arena *arena, struct http_exchange *ex,
                     const struct http_request *req)
{
    struct dispatch *const services[] = {server->ecs_dispatch, server->berth_dispatch};
    const struct aws_json json = {services, ARRAY_LEN(services), &server->rng};
    struct identity identity = {0};
    struct error *err = identify(server, arena, req, &identity);

    if (err) {
        aws_json_refuse(&json, ex, err);
        return;
    }
    aws_json_serve(
        &json, ex, req,
        &(struct aws_json_caller){identity.region, identity.account, &identity.principal});
}

/* What is asked for by GET and shows an account's resources: only to a key of that account. */
static bool identify_reader(struct server *server, struct arena *arena, struct http_exchange *ex,
                            const struct http_request *req, const struct scope **ret_scope)
{
    static const struct http_header headers[] = {{"content-type", "application/json"}};
    CLEANUP(buf_done) struct buf body = {0};
    struct identity identity = {0};
    struct error *err = identify(server, arena, req, &identity);

    if (!err && (!identity.principal.is_root || identity.is_admin))
        err = error_new(API_ACCESS_DENIED, "Only a key of the account may read its %s.",
                        str_eq(req->path, "/events") ? "events" : "explanations");
    if (!err) {
        *ret_scope = state_scope(server->state, identity.region, identity.account);
        return true;
    }
    dispatch_error_body(&body, err->code, err->message, NULL);
    http_respond(ex, api_error_http_status(err->code), headers, 1, body.data, body.len);
    error_free(err);
    return false;
}

static void stream_events(struct server *server, struct arena *arena, struct http_exchange *ex,
                          const struct http_request *req)
{
    const struct scope *scope;

    if (identify_reader(server, arena, ex, req, &scope))
        event_streams_open(server->events, scope, ex, req);
}

static void explain(struct server *server, struct arena *arena, struct http_exchange *ex,
                    const struct http_request *req)
{
    const struct scope *scope;

    if (identify_reader(server, arena, ex, req, &scope))
        explain_request(&server->ecs, &server->rng, scope, ex, req);
}

void route(struct http_exchange *ex, const struct http_request *req, void *data)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct server *server = data;
    const struct guard guard = {.is_auth_off = !server->options->has_auth};
    struct error *err = guard_check(&guard, req);

    if (err) {
        respond_text(ex, 403, err->message);
        error_free(err);
        return;
    }
    if (req->wants_websocket)
        upgrade(server, &arena, ex, req);
    else if (str_eq(req->method, "POST") && str_eq(req->path, "/"))
        call_api(server, &arena, ex, req);
    else if (str_eq(req->method, "GET") && str_eq(req->path, "/events"))
        stream_events(server, &arena, ex, req);
    else if (str_eq(req->method, "GET") && str_eq(req->path, "/explain"))
        explain(server, &arena, ex, req);
    else if (str_eq(req->method, "GET") && str_eq(req->path, "/healthz"))
        respond_health(server, ex);
    else if (str_eq(req->method, "GET") && str_eq(req->path, "/metrics"))
        respond_metrics(server, ex);
    else
        respond_text(ex, 404, "There is nothing here: operations are POST / with X-Amz-Target.\n");
}
