/* server_mhd.c - libmicrohttpd for the API on PORT, libwebsockets for agents on PORT+1, one libuv
 * loop. server_mhd PORT [CERT KEY] */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#include "lws_common.h"

struct mhd_call {
    char body[1024];
    size_t body_len;
    bool is_checked, is_ok;
};

static struct MHD_Daemon *daemon_;
static struct MHD_Response *answer;
static uv_timer_t timeout;

static void run_daemon(void)
{
    MHD_UNSIGNED_LONG_LONG ms;

    MHD_run(daemon_);
    if (MHD_get_timeout(daemon_, &ms) == MHD_YES)
        uv_timer_start(&timeout, (uv_timer_cb)run_daemon, ms, 0);
}

static void on_epoll(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
    run_daemon();
}

/* Resuming takes effect in the next MHD_run(), which one call after the last serves them all. */
static void release_mhd(void *held)
{
    MHD_resume_connection(held);
    uv_timer_start(&timeout, (uv_timer_cb)run_daemon, 0, 0);
}

static enum MHD_Result add_header(void *data, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct http_request *req = data;
    char *lower = arena_dup(&arena, name);

    (void)kind;
    for (char *p = lower; *p; p++)
        *p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
    ((struct http_header *)req->headers)[req->header_count++] = (struct http_header){lower, value};
    return req->header_count < 32 ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_mhd(void *data, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **state)
{
    struct mhd_call *call = *state;
    struct http_header headers[32];
    struct http_request req = {.method = method, .path = url, .query = "", .headers = headers};

    (void)data;
    (void)version;
    if (!call) {
        *state = xcalloc(1, sizeof(*call));
        return MHD_YES;
    }
    if (*upload_len > 0) {
        if (call->body_len + *upload_len > sizeof(call->body))
            return MHD_NO;
        memcpy(call->body + call->body_len, upload, *upload_len);
        call->body_len += *upload_len;
        *upload_len = 0;
        return MHD_YES;
    }
    if (!call->is_checked) {
        req.body = call->body;
        req.body_len = call->body_len;
        MHD_get_connection_values(conn, MHD_HEADER_KIND, add_header, &req);
        call->is_ok = spike_is_signed(cache, &arena, &req);
        call->is_checked = true;
        MHD_suspend_connection(conn);
        commits_hold(&commits, conn);
        return MHD_YES;
    }
    return MHD_queue_response(conn, call->is_ok ? 200 : 400, answer);
}

static void on_completed(void *data, struct MHD_Connection *conn, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)data;
    (void)conn;
    (void)code;
    free(*state);
    *state = NULL;
}

static char *read_text(const char *path)
{
    struct buf text = {0};
    char bytes[4096];
    size_t len;
    FILE *file = fopen(path, "r");

    while (file && (len = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_add(&text, bytes, len);
    if (file)
        fclose(file);
    return buf_take(&text);
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 7902;
    bool is_tls = argc > 3;
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    uv_poll_t poll;

    spike_raise_limits();
    cache = sigv4_cache_new();
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    answer = MHD_create_response_from_buffer(sizeof(SPIKE_ANSWER) - 1, SPIKE_ANSWER,
                                             MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(answer, "Content-Type", "application/json");
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (is_tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, is_tls ? read_text(argv[2]) : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, is_tls ? read_text(argv[3]) : NULL},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    daemon_ = MHD_start_daemon(flags, 0, NULL, NULL, on_mhd, NULL, MHD_OPTION_SOCK_ADDR, &address,
                               MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                               MHD_OPTION_CONNECTION_LIMIT, 8000u, MHD_OPTION_ARRAY,
                               is_tls ? tls : none, MHD_OPTION_END);
    if (!daemon_)
        return 1;
    commits_init(&commits, loop, release_mhd);
    uv_timer_init(loop, &timeout);
    uv_poll_init(loop, &poll, MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    uv_poll_start(&poll, UV_READABLE, on_epoll);
    if (!make_lws(loop, port + 1, is_tls ? argv[2] : NULL, is_tls ? argv[3] : NULL))
        return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}
