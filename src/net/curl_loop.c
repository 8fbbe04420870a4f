#include "net/curl_loop.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

static bool is_this_host(const char *url)
{
    static const char *const names[] = {"localhost", "127.", "[::1]"};
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strncasecmp(host, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

void curl_set_target(CURL *easy, const struct curl_target *target)
{
    const char *proxy = getenv("HTTP_PROXY"); /* curl itself only looks at http_proxy */

    curl_easy_setopt(easy, CURLOPT_URL, target->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* what is signed is sent */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    if (target->unix_socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, target->unix_socket);
    if (target->unix_socket || is_this_host(target->url))
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    else if (proxy && !getenv("http_proxy") && strncasecmp(target->url, "http://", 7) == 0)
        curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
    if (target->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
    if (target->is_insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}
