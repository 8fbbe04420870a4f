/* lws_common.h - a libwebsockets context on a libuv loop that answers signed requests and echoes on
 * WebSockets; the whole server of server_lws, the agents' listener of server_mhd. */
#ifndef BERTH_SPIKE_LWS_H
#define BERTH_SPIKE_LWS_H

#include <libwebsockets.h>
#include <string.h>

#include "spike.h"

static struct sigv4_cache *cache;
static struct arena arena;
static struct commits commits;

struct lws_call {
    struct lws *wsi;
    bool is_ok, is_gone;
    char body[1024];
    size_t body_len;
};

/* libwebsockets 4.1 does not enumerate headers: they are asked for by the names the signature
 * lists. */
static size_t copy_headers(struct lws *wsi, struct http_header *headers, size_t max)
{
    static const struct {
        enum lws_token_indexes token;
        const char *name;
    } known[] = {{WSI_TOKEN_HTTP_AUTHORIZATION, "authorization"},
                 {WSI_TOKEN_HOST, "host"},
                 {WSI_TOKEN_HTTP_CONTENT_TYPE, "content-type"},
                 {WSI_TOKEN_HTTP_CONTENT_LENGTH, "content-length"}};
    static const char *const custom[] = {"x-amz-date:", "x-amz-target:", "x-amz-security-token:"};
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(known) && count < max; i++) {
        int len = lws_hdr_total_length(wsi, known[i].token);
        if (len <= 0)
            continue;
        char *value = arena_alloc(&arena, (size_t)len + 1);
        lws_hdr_copy(wsi, value, len + 1, known[i].token);
        headers[count++] = (struct http_header){known[i].name, value};
    }
    for (size_t i = 0; i < ARRAY_LEN(custom) && count < max; i++) {
        int name_len = (int)strlen(custom[i]);
        int len = lws_hdr_custom_length(wsi, custom[i], name_len);
        if (len <= 0)
            continue;
        char *value = arena_alloc(&arena, (size_t)len + 1);
        lws_hdr_custom_copy(wsi, value, len + 1, custom[i], name_len);
        headers[count++] =
            (struct http_header){arena_dup_n(&arena, custom[i], (size_t)name_len - 1), value};
    }
    return count;
}

static void check_request(struct lws_call *call)
{
    struct http_header headers[8];
    char *uri = "/";
    int len = 0;

    if (lws_http_get_uri_and_method(call->wsi, &uri, &len) < 0)
        len = 0; /* the signature will not match */
    struct http_request req = {.method = "POST",
                               .path = arena_dup_n(&arena, uri, (size_t)len),
                               .query = "",
                               .headers = headers,
                               .header_count = copy_headers(call->wsi, headers, ARRAY_LEN(headers)),
                               .body = call->body,
                               .body_len = call->body_len};
    call->is_ok = spike_is_signed(cache, &arena, &req);
}

static inline void release_lws(void *held)
{
    lws_callback_on_writable(held);
}

static int write_answer(struct lws_call *call)
{
    unsigned char bytes[LWS_PRE + 1024], *start = bytes + LWS_PRE, *p = start,
                                         *end = bytes + sizeof(bytes);
    size_t len = sizeof(SPIKE_ANSWER) - 1;

    if (lws_add_http_common_headers(call->wsi, call->is_ok ? 200 : 400, "application/json", len, &p,
                                    end) ||
        lws_finalize_http_header(call->wsi, &p, end))
        return 1;
    memcpy(p, SPIKE_ANSWER, len);
    p += len;
    if (lws_write(call->wsi, start, (size_t)(p - start), LWS_WRITE_HTTP_HEADERS) < 0)
        return 1;
    return lws_http_transaction_completed(call->wsi);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct lws_call *call = user;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        memset(call, 0, sizeof(*call));
        call->wsi = wsi;
        return 0;
    case LWS_CALLBACK_HTTP_BODY:
        if (call->body_len + len > sizeof(call->body))
            return 1;
        memcpy(call->body + call->body_len, in, len);
        call->body_len += len;
        return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        check_request(call);
        commits_hold(&commits, wsi);
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_answer(call);
    default:
        return 0;
    }
}

static struct lws_context *make_lws(uv_loop_t *loop, int port, const char *cert, const char *key)
{
    static const struct lws_protocols protocols[] = {
        {"spike", on_lws, sizeof(struct lws_call), 4096, 0, NULL, 0}, {0}};
    void *loops[] = {loop};
    struct lws_context_creation_info info = {
        .port = port,
        .iface = "127.0.0.1",
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | (cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .foreign_loops = loops,
        .ssl_cert_filepath = cert,
        .ssl_private_key_filepath = key,
        .alpn = "http/1.1",
        .max_http_header_pool = 1024,
        .keepalive_timeout = 120,
    };

    lws_set_log_level(LLL_ERR, NULL);
    return lws_create_context(&info);
}

#endif
