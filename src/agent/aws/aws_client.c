#include "agent/aws/aws_client.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

#define SIGNATURE_HEADERS 3

struct aws_client {
    struct http_client *http;
    const struct clock *clock;
};

struct error *aws_client_new(const struct aws_client_options *options,
                             struct aws_client **ret_client)
{
    const struct http_client_options http = {.ca_file = options->config->ca_file,
                                             .is_insecure = options->config->is_insecure,
                                             .connections_max = options->connections_max};
    struct aws_client *client;
    struct http_client *made;

    TRY(http_client_new(options->loop, &http, &made));
    client = xcalloc(1, sizeof(*client));
    client->http = made;
    client->clock = options->clock;
    *ret_client = client;
    return NULL;
}

void aws_client_free(struct aws_client *client)
{
    if (!client)
        return;
    http_client_free(client->http);
    free(client);
}

struct http_call *aws_client_start(struct aws_client *client, const struct aws_request *request)
{
    struct http_header headers[AWS_HEADERS_MAX + SIGNATURE_HEADERS + 1];
    struct http_call_options http = {
        .method = request->method,
        .url = request->url,
        .headers = headers,
        .body = request->body ? request->body : "",
        .body_len = request->body_len,
        .timeout_ms = request->timeout_ms,
        .idle_timeout_ms = request->idle_timeout_ms,
        .done = request->done,
        .data = request->data,
    };
    struct http_header *signature;
    struct arena arena = {0};
    struct http_call *call;
    size_t count = 0, signed_count;

    assert(request->header_count <= AWS_HEADERS_MAX);
    for (; count < request->header_count; count++)
        headers[count] = request->headers[count];
    sigv4_sign(&arena, &request->keys, request->region, request->service, request->method,
               request->url, headers, count, http.body, http.body_len, clock_wall_ms(client->clock),
               &signature, &signed_count);
    for (size_t i = 0; i < signed_count; i++)
        headers[count++] = signature[i];
    headers[count++] = (struct http_header){"user-agent", request->user_agent};
    http.header_count = count;
    call = http_call_start(client->http, &http);
    arena_done(&arena);
    return call;
}
