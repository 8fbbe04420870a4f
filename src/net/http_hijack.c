#include "net/http_hijack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/curl_loop.h"
#include "net/http_answer.h"
#include "net/sigv4.h"
#include "net/transport.h"

#define READS_PER_EVENT 8

/*   DIALLING -> ASKING -> OPEN -> ENDED
 *                  |
 *                  +-> REFUSED (reads the body of the answer) -> ENDED
 */
enum hijack_state { DIALLING, ASKING, REFUSED, OPEN, ENDED };

struct http_hijack {
    struct loop *loop;
    struct curl_loop *curl;
    CURL *easy;
    char error_text[CURL_ERROR_SIZE];
    char *url;
    struct transport transport; /* the socket is curl's */
    uv_poll_t *poll;            /* NULL until connected; frees itself */
    int poll_events;
    enum hijack_state state;
    bool is_work_deferred;

    struct buf out;
    size_t out_sent;
    bool is_input_over; /* no more is taken */
    bool is_input_shut; /* and the peer knows, or does not listen any more */
    bool is_held, is_cut_short, is_refused;

    struct http_answer answer;
    struct error *err;
    struct timer deadline; /* of the answer, then of silence */
    int64_t timeout_ms;    /* the one that passed */
    struct http_hijack_options options;
};

static void do_deferred(void *data);

static void ask_deferred(struct http_hijack *hijack)
{
    if (!hijack->is_work_deferred)
        loop_defer(hijack->loop, do_deferred, hijack);
    hijack->is_work_deferred = true;
}

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

/* Takes `err`; on_closed is told in a later callback. */
static void end(struct http_hijack *hijack, struct error *err)
{
    if (hijack->state == ENDED) {
        error_free(err); /* the first one says why */
        return;
    }
    hijack->state = ENDED;
    hijack->err = err;
    timer_stop(&hijack->deadline);
    if (hijack->poll)
        uv_close((uv_handle_t *)hijack->poll, free_poll);
    hijack->poll = NULL;
    ask_deferred(hijack);
}

static void on_deadline(void *data)
{
    struct http_hijack *hijack = data;
    bool is_open = hijack->state == OPEN;
    const char *what = hijack->state == DIALLING ? "no connection in time"
                       : is_open                 ? "nothing moved in time"
                                                 : "no answer in time";

    hijack->timeout_ms =
        is_open ? hijack->options.idle_timeout_ms : hijack->options.answer_timeout_ms;
    end(hijack, error_new(API_SERVER, "%s: %s", hijack->url, what));
}

int64_t http_hijack_timeout_ms(const struct http_hijack *hijack)
{
    return hijack->timeout_ms;
}

/* Something moved: the limit of silence begins anew. */
static void note_life(struct http_hijack *hijack)
{
    if (hijack->state == OPEN && hijack->options.idle_timeout_ms > 0)
        timer_start(&hijack->deadline, hijack->loop, hijack->options.idle_timeout_ms, on_deadline,
                    hijack);
}

static void tell_closed(struct http_hijack *hijack)
{
    CLEANUP(buf_done) struct buf body = {0};
    struct http_response refusal = {.status = hijack->answer.status};

    if (hijack->is_refused && !hijack->err) {
        buf_add_str(&body, "");
        http_answer_body(&hijack->answer, &body);
        refusal.body = body.data;
        refusal.body_len = body.len;
    }
    hijack->options.on_closed(TAKE(hijack->err), refusal.body ? &refusal : NULL,
                              hijack->options.data);
}

static void hijack_free(struct http_hijack *hijack)
{
    curl_multi_remove_handle(curl_loop_multi(hijack->curl), hijack->easy);
    curl_easy_cleanup(hijack->easy);
    curl_loop_free(hijack->curl);
    http_answer_done(&hijack->answer);
    buf_done(&hijack->out);
    free(hijack->url);
    free(hijack);
}

/* ---- sending ---- */

static void on_poll(uv_poll_t *handle, int status, int events);

static bool is_stopped(const struct http_hijack *hijack)
{
    return hijack->is_held && hijack->state == OPEN;
}

static void watch(struct http_hijack *hijack)
{
    bool is_waiting = hijack->out.len > hijack->out_sent;
    int events = (is_stopped(hijack) ? 0 : UV_READABLE) | (is_waiting ? UV_WRITABLE : 0);

    if (!hijack->poll || hijack->poll_events == events)
        return;
    hijack->poll_events = events;
    if (events)
        uv_poll_start(hijack->poll, events, on_poll);
    else
        uv_poll_stop(hijack->poll);
}

/* The peer does not read any more. What it has said is still to be read. */
static void drop_input(struct http_hijack *hijack)
{
    buf_done(&hijack->out);
    hijack->out_sent = 0;
    hijack->is_input_over = hijack->is_input_shut = true;
    hijack->is_cut_short = false;
}

static void send_out(struct http_hijack *hijack)
{
    bool was_cut_short = hijack->is_cut_short;

    while (hijack->out.len > hijack->out_sent) {
        ssize_t sent = transport_write(&hijack->transport, hijack->out.data + hijack->out_sent,
                                       hijack->out.len - hijack->out_sent);

        if (sent == TRANSPORT_AGAIN)
            return;
        if (sent < 0) {
            drop_input(hijack);
            return;
        }
        hijack->out_sent += (size_t)sent;
        note_life(hijack);
    }
    buf_clear(&hijack->out);
    hijack->out_sent = 0;
    if (hijack->is_input_over && !hijack->is_input_shut && hijack->state == OPEN) {
        hijack->is_input_shut = true;
        transport_end_writing(&hijack->transport);
    }
    hijack->is_cut_short = false;
    if (was_cut_short && hijack->state == OPEN && hijack->options.on_room)
        hijack->options.on_room(hijack->options.data);
}

size_t http_hijack_send(struct http_hijack *hijack, const char *bytes, size_t len)
{
    size_t waiting = hijack->out.len - hijack->out_sent;
    size_t taken = len;

    if (hijack->state != OPEN || hijack->is_input_over)
        return 0;
    if (taken > HTTP_HIJACK_QUEUE_MAX - waiting) {
        taken = HTTP_HIJACK_QUEUE_MAX - waiting;
        hijack->is_cut_short = true;
    }
    buf_add(&hijack->out, bytes, taken);
    ask_deferred(hijack);
    return taken;
}

void http_hijack_end_input(struct http_hijack *hijack)
{
    hijack->is_input_over = true;
    ask_deferred(hijack);
}

void http_hijack_hold(struct http_hijack *hijack, bool is_held)
{
    hijack->is_held = is_held;
    watch(hijack);
}

void http_hijack_cancel(struct http_hijack *hijack)
{
    end(hijack, error_new(API_SERVER, "%s: cancelled", hijack->url));
}

static void do_deferred(void *data)
{
    struct http_hijack *hijack = data;

    hijack->is_work_deferred = false;
    if (hijack->state == OPEN && !hijack->is_input_shut) {
        send_out(hijack);
        watch(hijack);
    }
    if (hijack->state != ENDED || hijack->is_work_deferred)
        return;
    tell_closed(hijack);
    hijack_free(hijack);
}

/* ---- receiving ---- */

static void take_bytes(struct http_hijack *hijack, const char *bytes, size_t len)
{
    if (len > 0)
        hijack->options.on_bytes(bytes, len, hijack->options.data);
}

static void take_head(struct http_hijack *hijack, const char *bytes, size_t len)
{
    const char *problem = NULL;
    struct http_answer *answer = &hijack->answer;

    switch (http_answer_feed_head(answer, bytes, len, &problem)) {
    case HTTP_ANSWER_MORE:
        return;
    case HTTP_ANSWER_BAD:
        end(hijack, error_new(API_SERVER, "%s: %s", hijack->url, problem));
        return;
    case HTTP_ANSWER_HEAD:
        break;
    }
    if (answer->status == 101 || (answer->status == 200 && !http_answer_has_length(answer))) {
        timer_stop(&hijack->deadline);
        hijack->state = OPEN;
        note_life(hijack);
        ask_deferred(hijack); /* an input that is over already */
        if (hijack->options.on_open)
            hijack->options.on_open(hijack->options.data);
        if (hijack->state == OPEN)
            take_bytes(hijack, answer->in.data + answer->head_len,
                       answer->in.len - answer->head_len);
        http_answer_forget(answer);
    } else {
        hijack->state = REFUSED;
        hijack->is_refused = true;
        if (http_answer_feed_body(answer, "", 0))
            end(hijack, NULL);
    }
}

/* A peer that goes without having read all its input resets the connection: on a stream that is
 * an end like any other. */
static void take_end(struct http_hijack *hijack, bool is_failure)
{
    if (hijack->state == ASKING ||
        (is_failure && hijack->state == OPEN && errno != ECONNRESET && errno != EPIPE))
        end(hijack, error_new(API_SERVER, "%s: the connection broke", hijack->url));
    else
        end(hijack, NULL);
}

static void read_in(struct http_hijack *hijack)
{
    char bytes[16 * 1024];

    for (int i = 0; i < READS_PER_EVENT && hijack->state != ENDED && !is_stopped(hijack); i++) {
        ssize_t len = transport_read(&hijack->transport, bytes, sizeof(bytes));

        if (len == TRANSPORT_AGAIN)
            return;
        if (len <= 0) {
            take_end(hijack, len < 0);
            return;
        }
        note_life(hijack);
        if (hijack->state == ASKING)
            take_head(hijack, bytes, (size_t)len);
        else if (hijack->state == OPEN)
            take_bytes(hijack, bytes, (size_t)len);
        else if (http_answer_feed_body(&hijack->answer, bytes, (size_t)len))
            end(hijack, NULL);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct http_hijack *hijack = handle->data;

    if (status < 0) { /* reset: libuv has stopped watching, what was said before is still there */
        hijack->poll_events = 0;
        drop_input(hijack);
        events = UV_READABLE;
    }
    if (events & UV_WRITABLE)
        send_out(hijack);
    if (events & UV_READABLE)
        read_in(hijack);
    watch(hijack);
}

/* ---- opening ---- */

static void on_connected(CURL *easy, CURLcode result, void *private_data)
{
    struct http_hijack *hijack = private_data;
    curl_socket_t fd = CURL_SOCKET_BAD;
    int rc;

    if (hijack->state == ENDED)
        return;
    if (result == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD) {
        end(hijack,
            error_new(API_SERVER, "%s: %s", hijack->url,
                      hijack->error_text[0] ? hijack->error_text : curl_easy_strerror(result)));
        return;
    }
    hijack->transport.fd = fd;
    hijack->poll = xcalloc(1, sizeof(*hijack->poll));
    rc = uv_poll_init_socket(loop_uv(hijack->loop), hijack->poll, fd);
    if (rc < 0) {
        free(hijack->poll);
        hijack->poll = NULL;
        end(hijack, error_errno(-rc, "%s", hijack->url));
        return;
    }
    hijack->poll->data = hijack;
    hijack->state = ASKING;
    watch(hijack);
}

static void write_request(struct http_hijack *hijack)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const char *body = hijack->options.body ? hijack->options.body : "";
    const char *path = strstr(hijack->url, "://") + 3;

    path += strcspn(path, "/");
    buf_printf(&hijack->out,
               "POST %s HTTP/1.1\r\n"
               "Host: %s\r\n"
               "Connection: Upgrade\r\n"
               "Upgrade: tcp\r\n"
               "Content-Type: %s\r\n"
               "Content-Length: %zu\r\n\r\n%s",
               *path ? path : "/", sigv4_url_host(&arena, hijack->url),
               hijack->options.body ? "application/json" : "text/plain", strlen(body), body);
}

struct error *http_hijack_open(struct loop *loop, const struct http_hijack_options *options,
                               struct http_hijack **ret_hijack)
{
    struct curl_loop *curl = NULL;
    struct http_hijack *hijack;

    if (!str_starts_with(options->url, "http://") || strpbrk(options->url, " \r\n\t#"))
        return error_new(API_INVALID_PARAMETER, "%s is not the URL of a stream.", options->url);
    TRY(curl_loop_new(loop, on_connected, &curl));
    hijack = xcalloc(1, sizeof(*hijack));
    hijack->loop = loop;
    hijack->curl = curl;
    hijack->url = str_dup(options->url);
    hijack->options = *options;
    write_request(hijack);
    hijack->easy = curl_easy_init();
    if (!hijack->easy)
        abort(); /* out of memory */
    curl_easy_setopt(hijack->easy, CURLOPT_PRIVATE, hijack);
    curl_easy_setopt(hijack->easy, CURLOPT_ERRORBUFFER, hijack->error_text);
    curl_easy_setopt(hijack->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(hijack->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_set_target(hijack->easy,
                    &(struct curl_target){.url = hijack->url, .unix_socket = options->unix_socket});
    timer_start(&hijack->deadline, loop, options->answer_timeout_ms, on_deadline, hijack);
    curl_multi_add_handle(curl_loop_multi(curl), hijack->easy);
    *ret_hijack = hijack;
    return NULL;
}
