#include "wire/aws_json.h"

#include <string.h>

#include "base/log.h"

#define CONTENT_TYPE "application/x-amz-json-1.1"

static void respond(struct http_exchange *ex, int status, const char *request_id,
                    const char *error_type, const char *body, size_t body_len)
{
    const struct http_header headers[] = {
        {"Content-Type", CONTENT_TYPE},
        {"x-amzn-RequestId", request_id},
        {"x-amzn-ErrorType", error_type}, /* last: left out of a success */
    };

    http_respond(ex, status, headers, error_type ? 3 : 2, body, body_len);
}

static void on_answer(const struct dispatch_answer *answer, void *data)
{
    respond(data, answer->status, answer->request_id,
            answer->status == 200 ? NULL : api_error_name(answer->code), answer->body,
            answer->body_len);
}

static void on_gone(void *data)
{
    dispatch_gone(data);
}

/* The service a target is for, and the operation in it: "PREFIX.OPERATION". */
static struct dispatch *find_service(const struct aws_json *json, const char *target,
                                     const char **ret_operation)
{
    for (size_t i = 0; i < json->count; i++) {
        const char *prefix = dispatch_table(json->services[i])->target;
        size_t len = strlen(prefix);

        if (!strncmp(target, prefix, len) && target[len] == '.') {
            *ret_operation = target + len + 1;
            return json->services[i];
        }
    }
    return NULL;
}

void aws_json_refuse(const struct aws_json *json, struct http_exchange *ex, struct error *err)
{
    CLEANUP(error_freep) struct error *owned = err;
    CLEANUP(buf_done) struct buf body = {0};
    char request_id[UUID_SIZE];
    const char *message = err->message;

    uuid_new(json->rng, request_id);
    if (err->code == API_SERVER) {
        log_error("a request failed by our fault", "cause", err->message, "request", request_id);
        message = "The server failed to do this; its log says why.";
    }
    dispatch_error_body(&body, owned->code, message, NULL);
    respond(ex, api_error_http_status(owned->code), request_id, api_error_name(owned->code),
            body.data, body.len);
}

void aws_json_serve(const struct aws_json *json, struct http_exchange *ex,
                    const struct http_request *req, const struct aws_json_caller *caller)
{
    const char *target = http_request_header(req, "x-amz-target");
    struct dispatch_request request = {
        .body = req->body,
        .body_len = req->body_len,
        .region = caller->region,
        .account = caller->account,
        .principal = caller->principal,
        .host = http_request_header(req, "host"),
        .user_agent = http_request_header(req, "user-agent"),
        .is_tls = req->is_tls,
    };
    struct dispatch *service;
    struct dispatch_call *call;

    if (strcmp(req->method, "POST") != 0 || strcmp(req->path, "/") != 0) {
        aws_json_refuse(json, ex,
                        error_new(API_UNKNOWN_OPERATION,
                                  "Operations are called by POST /, not %s %s.", req->method,
                                  req->path));
        return;
    }
    service = target ? find_service(json, target, &request.operation) : NULL;
    if (!service) {
        aws_json_refuse(
            json, ex,
            error_new(API_UNKNOWN_OPERATION, "%s%s.",
                      target ? "There is no operation " : "The header X-Amz-Target is missing",
                      target ? target : ""));
        return;
    }
    call = dispatch_call(service, &request, on_answer, ex);
    http_exchange_on_gone(ex, on_gone, call);
}
