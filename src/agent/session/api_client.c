#include "agent/session/api_client.h"

#include <jansson.h>
#include <string.h>

#include "agent/aws/aws_client.h"
#include "agent/version.h" /* made at build time: AGENT_HASH */
#include "base/log.h"
#include "base/mem.h"
#include "wire/shape.h"

#define TARGET_PREFIX   "AmazonEC2ContainerServiceV20141113."
#define CONTENT_TYPE    "application/x-amz-json-1.1"
#define CONNECTIONS_MAX 12 /* ten reports and what the sessions ask */
#define MESSAGE_SHOWN   1024

const char *const api_client_version = BERTH_VERSION;
const char *const api_client_hash = AGENT_HASH;
const char *const api_client_agent = "Amazon ECS Agent - v" BERTH_VERSION " (" AGENT_HASH ")";

#define USER_AGENT "Amazon ECS Agent - v" BERTH_VERSION " (" AGENT_HASH ") (linux; LINUX) (berth)"

struct api_client {
    struct api_client_options options;
    struct aws_client *aws;
    char *url; /* with the slash the path needs */
};

struct call {
    struct api_client *client;
    const char *operation;    /* constant */
    struct error *refused;    /* owned; could not be asked at all */
    api_client_done_fn *done; /* one of the two */
    api_client_answered_fn *answered;
    void *data;
};

struct error *api_client_new(const struct api_client_options *options,
                             struct api_client **ret_client)
{
    const struct aws_client_options aws = {options->loop, options->clock, options->config,
                                           CONNECTIONS_MAX};
    struct api_client *client;
    struct aws_client *made;

    TRY(aws_client_new(&aws, &made));
    client = xcalloc(1, sizeof(*client));
    client->options = *options;
    client->aws = made;
    client->url = str_printf("%s/", options->config->server_url);
    *ret_client = client;
    return NULL;
}

void api_client_free(struct api_client *client)
{
    if (!client)
        return;
    aws_client_free(client->aws);
    free(client->url);
    free(client);
}

/* The code and message of an error answer; a body that is none gives the status. */
static struct error *answer_error(const char *operation, const struct http_response *response)
{
    json_t *json = json_loadb(response->body, response->body_len, 0, NULL);
    const char *type = json_string_value(json_object_get(json, "__type"));
    const char *message = json_string_value(json_object_get(json, "message"));
    enum api_error code = response->status >= 500 ? API_SERVER : API_CLIENT;
    struct error *err;

    if (!message)
        message = json_string_value(json_object_get(json, "Message"));
    if (type && !api_error_parse(type, &code))
        log_warning("error code unknown", "operation", operation, "code", type);
    if (response->status == 429)
        code = API_THROTTLING;
    err = error_new(code, "%s answered %d %s: %.*s", operation, response->status,
                    type ? type : "without a code", MESSAGE_SHOWN, message ? message : "");
    json_decref(json);
    return err;
}

static struct error *read_answer(const struct call *call, const struct http_response *response,
                                 json_t **ret_json)
{
    struct error *err;

    if (response->status != 200)
        return answer_error(call->operation, response);
    err = shape_parse_json(response->body, response->body_len, ret_json);
    if (err) {
        err->code = API_SERVER; /* a 200 that is not JSON comes from something in between */
        err = error_wrap(err, "%s", call->operation);
    }
    return err;
}

static const char *request_id_of(const struct http_response *response)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (str_eq_nocase(response->headers[i].name, "x-amzn-requestid"))
            return response->headers[i].value;
    return NULL;
}

/* The call is gone after it. */
static void complete(struct call *call, struct error *err, const json_t *json,
                     const char *request_id)
{
    if (call->answered)
        call->answered(err, json, request_id, call->data);
    else
        call->done(err, json, call->data);
    free(call);
}

static void on_answer(struct error *err, const struct http_response *response, void *data)
{
    struct call *call = data;
    json_t *json = NULL;

    if (err) {
        err->code = API_SERVICE_UNAVAILABLE;
        err = error_wrap(err, "%s", call->operation);
    } else {
        err = read_answer(call, response, &json);
    }
    complete(call, err, json, response ? request_id_of(response) : NULL);
    json_decref(json);
}

static void on_not_asked(void *data)
{
    struct call *call = data;

    complete(call, TAKE(call->refused), NULL, NULL);
}

/* `caller` NULL: the agent itself. */
static struct error *start(struct call *call, const struct api_client_caller *caller,
                           struct arena *arena, const struct buf *body)
{
    struct api_client *client = call->client;
    const struct http_header headers[] = {
        {"content-type", CONTENT_TYPE},
        {"x-amz-target", arena_printf(arena, TARGET_PREFIX "%s", call->operation)},
    };
    struct aws_request request = {
        .service = API_CLIENT_SERVICE,
        .region = client->options.config->region,
        .method = "POST",
        .url = client->url,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = body->data,
        .body_len = body->len,
        .user_agent = caller ? arena_printf(arena, USER_AGENT " container/%s", caller->container)
                             : USER_AGENT,
        .timeout_ms = caller ? caller->timeout_ms : API_CLIENT_TIMEOUT_MS,
        .done = on_answer,
        .data = call,
    };

    if (caller)
        request.keys = caller->keys;
    else
        TRY(config_keys_get(client->options.keys, clock_mono_ms(client->options.clock),
                            &request.keys));
    (void)aws_client_start(client->aws, &request); /* its deadline ends it */
    return NULL;
}

/* Makes the call of a copy of `wanted`. */
static void make_call(const struct call *wanted, const struct api_client_caller *caller,
                      const struct buf *body)
{
    struct call *call = xcalloc(1, sizeof(*call));
    struct arena arena = {0};

    *call = *wanted;
    call->refused = start(call, caller, &arena, body);
    if (call->refused)
        loop_defer(call->client->options.loop, on_not_asked, call);
    arena_done(&arena);
}

void api_client_call(struct api_client *client, const char *operation, const struct buf *body,
                     api_client_done_fn *done, void *data)
{
    const struct call call = {.client = client, .operation = operation, .done = done, .data = data};

    make_call(&call, NULL, body);
}

void api_client_call_as(struct api_client *client, const struct api_client_caller *caller,
                        const char *operation, const struct buf *body, api_client_answered_fn *done,
                        void *data)
{
    const struct call call = {
        .client = client, .operation = operation, .answered = done, .data = data};

    make_call(&call, caller, body);
}

bool api_client_is_retriable(const struct error *err)
{
    switch (err->code) {
    case API_SERVER:
    case API_SERVICE_UNAVAILABLE:
    case API_THROTTLING:
    case API_LIMIT_EXCEEDED:
        return true;
    default:
        return false;
    }
}
