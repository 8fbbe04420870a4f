#include "net/curl_loop.h"

#include <stdlib.h>

#include "base/mem.h"

struct curl_loop {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    curl_done_fn *done;
};

/* A socket curl wants to know about. */
struct watch {
    uv_poll_t poll;
    struct curl_loop *curl;
    curl_socket_t fd;
};

static uv_once_t global_once = UV_ONCE_INIT;

static void init_global(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort(); /* out of memory */
}

static void take_results(struct curl_loop *curl)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(curl->multi, &left))) {
        void *private_data = NULL;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private_data);
        curl->done(msg->easy_handle, msg->data.result, private_data);
    }
}

static void act(struct curl_loop *curl, curl_socket_t fd, int flags)
{
    int running;

    curl_multi_socket_action(curl->multi, fd, flags, &running);
    take_results(curl);
}

static void on_timeout(void *data)
{
    act(data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data)
{
    struct curl_loop *curl = data;

    (void)multi;
    if (timeout_ms < 0)
        timer_stop(&curl->timer);
    else
        timer_start(&curl->timer, curl->loop, timeout_ms, on_timeout, curl);
    return 0;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct watch *watch = handle->data;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);

    act(watch->curl, watch->fd, flags);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct curl_loop *curl = data;
    struct watch *watch = socket_data;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(curl->multi, fd, NULL);
        if (watch)
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        return 0;
    }
    if (!watch) {
        watch = xcalloc(1, sizeof(*watch));
        if (uv_poll_init_socket(loop_uv(curl->loop), &watch->poll, fd) < 0) {
            free(watch);
            return -1;
        }
        watch->poll.data = watch;
        watch->curl = curl;
        watch->fd = fd;
        curl_multi_assign(curl->multi, fd, watch);
    }
    uv_poll_start(&watch->poll, events, on_poll);
    return 0;
}

struct error *curl_loop_new(struct loop *loop, curl_done_fn *done, struct curl_loop **ret_curl)
{
    uv_once(&global_once, init_global);

    struct curl_loop *curl = xcalloc(1, sizeof(*curl));
    curl->loop = loop;
    curl->done = done;
    curl->multi = curl_multi_init();
    if (!curl->multi) {
        free(curl);
        return error_new(API_SERVER, "The HTTP client cannot be set up.");
    }
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    *ret_curl = curl;
    return NULL;
}

CURLM *curl_loop_multi(struct curl_loop *curl)
{
    return curl->multi;
}

void curl_loop_free(struct curl_loop *curl)
{
    if (!curl)
        return;
    curl_multi_cleanup(curl->multi);
    timer_stop(&curl->timer);
    free(curl);
}
