#include "net/ws_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/curl_loop.h"
#include "net/http_answer.h"
#include "net/http_parse.h"
#include "net/sigv4.h"
#include "net/ws_frame.h"

#define WS_CLOSE_MS     5000 /* from our close frame to the peer's */
#define READS_PER_EVENT 16

/* curl dials, does TLS and proxies (CURLOPT_CONNECT_ONLY) and then carries bytes; HTTP's upgrade
 * and the frames are done here.
 *
 *   DIALLING -> UPGRADING -> OPEN -> CLOSING -> ENDED
 *                   |
 *                   +-> REFUSED (reads the body of the answer) -> ENDED
 */
enum ws_client_state { DIALLING, UPGRADING, REFUSED, OPEN, CLOSING, ENDED };

struct ws_client {
    struct loop *loop;
    struct curl_loop *curl;
    CURL *easy;
    char error_text[CURL_ERROR_SIZE];
    char *url;       /* http or https */
    uv_poll_t *poll; /* NULL until connected; frees itself */
    int poll_events;
    enum ws_client_state state;
    bool is_work_deferred; /* do_deferred() is asked for */

    char key[32];       /* Sec-WebSocket-Key */
    struct buf request; /* the upgrade, until connected */
    struct http_answer answer;
    struct buf out;
    size_t out_sent;
    struct ws_reader reader;
    struct rng rng; /* masks */

    int close_code;
    struct error *err; /* what on_closed gets */

    struct timer deadline;
    struct ws_client_options options; /* only the callbacks, data and times */
};

/* Endings */

static void do_deferred(void *data);

static void ask_deferred(struct ws_client *ws)
{
    if (ws->is_work_deferred)
        return;
    ws->is_work_deferred = true;
    loop_defer(ws->loop, do_deferred, ws);
}

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

/* The connection is over; on_closed is told in a later callback. Takes `err`. */
static void end(struct ws_client *ws, struct error *err)
{
    if (ws->state == ENDED) {
        error_free(err); /* the first one says why */
        return;
    }
    ws->state = ENDED;
    ws->err = err;
    timer_stop(&ws->deadline);
    if (ws->poll)
        uv_close((uv_handle_t *)ws->poll, free_poll);
    ws->poll = NULL;
    ask_deferred(ws);
}

static void ws_client_free(struct ws_client *ws)
{
    timer_stop(&ws->deadline);
    if (ws->easy) {
        curl_multi_remove_handle(curl_loop_multi(ws->curl), ws->easy);
        curl_easy_cleanup(ws->easy);
    }
    curl_loop_free(ws->curl);
    ws_reader_done(&ws->reader);
    buf_done(&ws->request);
    http_answer_done(&ws->answer);
    buf_done(&ws->out);
    free(ws->url);
    free(ws);
}

static void on_deadline(void *data)
{
    struct ws_client *ws = data;

    switch (ws->state) {
    case DIALLING:
        end(ws, error_new(API_SERVER, "%s: no connection in time", ws->url));
        return;
    case UPGRADING:
    case REFUSED:
        end(ws, error_new(API_SERVER, "%s: no answer in time", ws->url));
        return;
    case CLOSING:
        end(ws, NULL); /* we asked to close; the peer does not say goodbye */
        return;
    case OPEN:
    case ENDED:
        return;
    }
}

/* Sending */

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(struct ws_client *ws, int events)
{
    if (ws->poll_events == events || !ws->poll)
        return;
    ws->poll_events = events;
    uv_poll_start(ws->poll, events, on_poll);
}

static void send_out(struct ws_client *ws)
{
    while (ws->out.len > ws->out_sent) {
        size_t sent = 0;
        CURLcode rc = curl_easy_send(ws->easy, ws->out.data + ws->out_sent,
                                     ws->out.len - ws->out_sent, &sent);
        if (rc == CURLE_AGAIN) {
            watch(ws, UV_READABLE | UV_WRITABLE);
            return;
        }
        if (rc != CURLE_OK) {
            end(ws, error_new(API_SERVER, "%s: the connection broke", ws->url));
            return;
        }
        ws->out_sent += sent;
    }
    buf_done(&ws->out);
    ws->out_sent = 0;
    watch(ws, UV_READABLE);
}

static void add_frame(struct ws_client *ws, enum ws_opcode opcode, const char *bytes, size_t len)
{
    uint8_t mask[4];

    rng_bytes(&ws->rng, mask, sizeof(mask));
    ws_frame_add(&ws->out, opcode, mask, bytes, len);
    ask_deferred(ws);
}

static void begin_close(struct ws_client *ws, int code, const char *reason)
{
    uint8_t mask[4];

    if (ws->state != OPEN)
        return;
    ws->state = CLOSING;
    rng_bytes(&ws->rng, mask, sizeof(mask));
    ws_frame_add_close(&ws->out, mask, code, reason);
    timer_start(&ws->deadline, ws->loop, WS_CLOSE_MS, on_deadline, ws);
    ask_deferred(ws);
}

void ws_client_send(struct ws_client *ws, const char *text, size_t len)
{
    if (ws->state != OPEN)
        return;
    if (ws->out.len - ws->out_sent + len > WS_QUEUE_BYTES_MAX)
        begin_close(ws, WS_CLOSE_TRY_LATER, "The peer does not take its messages.");
    else
        add_frame(ws, WS_OP_TEXT, text, len);
}

void ws_client_close(struct ws_client *ws, int code, const char *reason)
{
    if (ws->state == OPEN)
        begin_close(ws, code, reason);
    else if (ws->state != CLOSING)
        end(ws, error_new(API_SERVER, "%s: closed before it was open", ws->url));
}

static void do_deferred(void *data)
{
    struct ws_client *ws = data;

    ws->is_work_deferred = false;
    if (ws->state != ENDED && ws->poll)
        send_out(ws);
    if (ws->state != ENDED || ws->is_work_deferred)
        return;
    ws->options.on_closed(TAKE(ws->err), ws->answer.status,
                          ws->close_code ? ws->close_code : WS_CLOSE_ABNORMAL, ws->options.data);
    ws_client_free(ws);
}

/* Receiving frames */

static bool handle_event(struct ws_client *ws, enum ws_event event)
{
    struct ws_reader *reader = &ws->reader;

    switch (event) {
    case WS_EVENT_NONE:
        return false;
    case WS_EVENT_MESSAGE:
        if (ws->state == OPEN && ws->options.on_message)
            ws->options.on_message(ws, reader->bytes, reader->len, ws->options.data);
        return ws->state != ENDED;
    case WS_EVENT_PING:
        if (ws->state == OPEN && ws->out.len - ws->out_sent < WS_QUEUE_BYTES_MAX)
            add_frame(ws, WS_OP_PONG, reader->bytes, reader->len);
        return true;
    case WS_EVENT_PONG:
        return true;
    case WS_EVENT_CLOSE:
        ws->close_code = reader->close_code;
        begin_close(ws, reader->close_code, NULL);
        send_out(ws); /* the answer to the peer's close frame, as far as the socket takes it */
        end(ws, NULL);
        return false;
    case WS_EVENT_ERROR:
        begin_close(ws, reader->close_code, NULL);
        send_out(ws);
        end(ws, error_new(API_SERVER, "%s: the peer sent a malformed frame (%d)", ws->url,
                          reader->close_code));
        return false;
    }
    return false;
}

static void take_frames(struct ws_client *ws, char *bytes, size_t len)
{
    ws_reader_feed(&ws->reader, bytes, len);
    while (handle_event(ws, ws_reader_next(&ws->reader)))
        continue;
}

/* The answer to the upgrade */

static bool is_accepted(struct ws_client *ws, struct arena *arena)
{
    char expected[WS_ACCEPT_SIZE];
    const char *accept = http_answer_value(&ws->answer, arena, "sec-websocket-accept");
    const char *upgrade = http_answer_value(&ws->answer, arena, "upgrade");

    ws_accept_key(ws->key, strlen(ws->key), expected);
    return upgrade && strcasecmp(upgrade, "websocket") == 0 && accept &&
           strcmp(accept, expected) == 0;
}

/* A refusal is told with its body: what it says decides how the agent goes on (AP-206, AP-217). */
static void end_refused(struct ws_client *ws)
{
    CLEANUP(buf_done) struct buf body = {0};

    http_answer_body(&ws->answer, &body);
    for (size_t i = 0; i < body.len; i++)
        if ((unsigned char)body.data[i] < ' ')
            body.data[i] = ' ';
    if (body.len == 0)
        buf_add_str(&body, http_status_text(ws->answer.status));
    end(ws, error_new(API_SERVER, "%s", body.data));
}

static void take_refusal(struct ws_client *ws, const char *bytes, size_t len)
{
    if (http_answer_feed_body(&ws->answer, bytes, len))
        end_refused(ws);
}

static void take_answer(struct ws_client *ws, const char *bytes, size_t len)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct http_answer *answer = &ws->answer;
    const char *problem = NULL;

    switch (http_answer_feed_head(answer, bytes, len, &problem)) {
    case HTTP_ANSWER_MORE:
        return;
    case HTTP_ANSWER_BAD:
        end(ws, error_new(API_SERVER, "%s: %s", ws->url, problem));
        return;
    case HTTP_ANSWER_HEAD:
        break;
    }
    if (answer->status != 101) {
        ws->state = REFUSED;
        take_refusal(ws, "", 0);
    } else if (!is_accepted(ws, &arena)) {
        end(ws, error_new(API_SERVER, "%s: the answer does not accept the WebSocket", ws->url));
    } else {
        timer_stop(&ws->deadline);
        ws->state = OPEN;
        if (ws->options.on_open)
            ws->options.on_open(ws, ws->options.data);
        if (ws->state != ENDED)
            take_frames(ws, answer->in.data + answer->head_len, answer->in.len - answer->head_len);
        http_answer_forget(answer);
    }
}

static void take_end(struct ws_client *ws)
{
    if (ws->state == REFUSED)
        end_refused(ws);
    else if (ws->state == CLOSING)
        end(ws, NULL);
    else
        end(ws, error_new(API_SERVER, "%s: the peer ended the connection", ws->url));
}

static void read_in(struct ws_client *ws)
{
    char bytes[16 * 1024];

    for (int i = 0; i < READS_PER_EVENT && ws->state != ENDED; i++) {
        size_t len = 0;
        CURLcode rc = curl_easy_recv(ws->easy, bytes, sizeof(bytes), &len);
        if (rc == CURLE_AGAIN)
            return;
        if (rc != CURLE_OK || len == 0)
            take_end(ws);
        else if (ws->state == UPGRADING)
            take_answer(ws, bytes, len);
        else if (ws->state == REFUSED)
            take_refusal(ws, bytes, len);
        else
            take_frames(ws, bytes, len);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct ws_client *ws = handle->data;

    if ((events & UV_WRITABLE) && ws->state != ENDED)
        send_out(ws);
    if (((events & UV_READABLE) || status < 0) && ws->state != ENDED)
        read_in(ws);
    if (status < 0)
        end(ws, error_new(API_SERVER, "%s: the connection broke", ws->url));
}

/* Opening */

static void on_connected(CURL *easy, CURLcode result, void *private_data)
{
    struct ws_client *ws = private_data;
    curl_socket_t fd = CURL_SOCKET_BAD;

    if (ws->state == ENDED)
        return;
    if (result == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD) {
        end(ws, error_new(API_SERVER, "%s: %s", ws->url,
                          ws->error_text[0] ? ws->error_text : curl_easy_strerror(result)));
        return;
    }
    ws->poll = xcalloc(1, sizeof(*ws->poll));
    int rc = uv_poll_init_socket(loop_uv(ws->loop), ws->poll, fd);
    if (rc < 0) {
        free(ws->poll);
        ws->poll = NULL;
        end(ws, error_errno(-rc, "%s", ws->url));
        return;
    }
    ws->poll->data = ws;
    ws->state = UPGRADING;
    ws->out = ws->request;
    ws->request = (struct buf){0};
    send_out(ws);
}

static void write_request(struct ws_client *ws, const struct ws_client_options *options)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const char *path = strstr(ws->url, "://") + 3;
    bool has_host = false;
    uint8_t nonce[16];

    path += strcspn(path, "/?#");
    rng_bytes(&ws->rng, nonce, sizeof(nonce));
    EVP_EncodeBlock((unsigned char *)ws->key, nonce, sizeof(nonce));
    buf_printf(&ws->request, "GET %s%.*s HTTP/1.1\r\n", *path == '/' ? "" : "/",
               (int)strcspn(path, "#"), path);
    for (size_t i = 0; i < options->header_count; i++) {
        has_host |= strcasecmp(options->headers[i].name, "host") == 0;
        buf_printf(&ws->request, "%s: %s\r\n", options->headers[i].name, options->headers[i].value);
    }
    if (!has_host)
        buf_printf(&ws->request, "Host: %s\r\n", sigv4_url_host(&arena, ws->url));
    buf_printf(&ws->request,
               "Connection: Upgrade\r\n"
               "Upgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: %s\r\n\r\n",
               ws->key);
}

static struct error *read_url(const char *url, char **ret_url)
{
    static const struct {
        const char *prefix, *scheme;
    } schemes[] = {
        {"ws://", "http"}, {"http://", "http"}, {"wss://", "https"}, {"https://", "https"}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncasecmp(url, schemes[i].prefix, len) != 0)
            continue;
        if (strpbrk(url, " \r\n\t"))
            break;
        *ret_url = str_printf("%s://%s", schemes[i].scheme, url + len);
        return NULL;
    }
    return error_new(API_INVALID_PARAMETER, "%s is not the URL of a WebSocket.", url);
}

static void set_curl_options(struct ws_client *ws, const struct ws_client_options *options)
{
    CURL *easy = ws->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, ws);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, ws->error_text);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    curl_set_target(easy, &(struct curl_target){.url = ws->url,
                                                .ca_file = options->ca_file,
                                                .is_insecure = options->is_insecure});
}

struct error *ws_client_open(struct loop *loop, const struct ws_client_options *options,
                             struct ws_client **ret_ws)
{
    CLEANUP(str_freep) char *url = NULL;
    struct curl_loop *curl = NULL;
    struct rng seed = rng_system();

    TRY(read_url(options->url, &url));
    TRY(curl_loop_new(loop, on_connected, &curl));
    struct ws_client *ws = xcalloc(1, sizeof(*ws));
    ws->loop = loop;
    ws->curl = curl;
    ws->url = TAKE(url);
    ws->options = *options;
    ws->rng = rng_seeded(rng_next(&seed) | 1);
    ws->reader.bytes_max = WS_FRAME_BYTES_MAX;
    write_request(ws, options);
    ws->easy = curl_easy_init();
    if (!ws->easy)
        abort(); /* out of memory */
    set_curl_options(ws, options);
    if (options->connect_timeout_ms > 0)
        timer_start(&ws->deadline, loop, options->connect_timeout_ms, on_deadline, ws);
    curl_multi_add_handle(curl_loop_multi(curl), ws->easy);
    *ret_ws = ws;
    return NULL;
}
