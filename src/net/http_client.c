#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/curl_loop.h"

#define KEPT_CONNECTIONS 8

struct http_call {
    struct http_client *client;
    LIST_ENTRY(http_call) link;
    CURL *easy;
    struct curl_slist *header_list;
    char error_text[CURL_ERROR_SIZE];
    char *what; /* "GET http://..." for errors */

    struct arena arena; /* of the response's headers */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count, header_bytes;
    struct buf body;
    /* why we ended it, if we did */
    bool is_cancelled, is_idle, is_too_big, is_refused;

    struct timer idle;
    int64_t idle_ms;
    http_chunk_fn *on_chunk;
    http_done_fn *done;
    void *data;
};

LIST_HEAD(http_calls, http_call);

struct http_client {
    struct loop *loop;
    struct curl_loop *curl;
    struct http_client_options options; /* its strings are owned */
    struct http_calls calls;
    bool is_sweep_deferred;
    bool is_freed;
};

/* Ends of calls */

static struct error *call_error(const struct http_call *call, CURLcode result)
{
    const char *why = call->error_text[0] ? call->error_text : curl_easy_strerror(result);
    long os_errno = 0;

    /* Of a socket in the file system curl only says that the URL's host and port do not answer. */
    if (result == CURLE_COULDNT_CONNECT && call->client->options.unix_socket &&
        curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno) == CURLE_OK && os_errno)
        why = strerror((int)os_errno);
    if (call->is_cancelled)
        why = "cancelled";
    else if (call->is_idle)
        why = "nothing arrived in time";
    else if (call->is_too_big)
        why = "the answer is too large";
    else if (call->is_refused)
        why = "the answer was not wanted further";
    return error_new(API_SERVER, "%s: %s", call->what, why);
}

static void call_free(struct http_call *call)
{
    timer_stop(&call->idle);
    curl_multi_remove_handle(curl_loop_multi(call->client->curl), call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->header_list);
    LIST_REMOVE(call, link);
    buf_done(&call->body);
    arena_done(&call->arena);
    free(call->what);
    free(call);
}

static void call_end(struct http_call *call, CURLcode result)
{
    struct http_response response = {
        .body = call->body.data ? call->body.data : "",
        .body_len = call->body.len,
        .headers = call->headers,
        .header_count = call->header_count,
    };
    long status = 0;

    timer_stop(&call->idle);
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    response.status = (int)status;
    if (result == CURLE_OK && !call->is_cancelled)
        call->done(NULL, &response, call->data);
    else
        call->done(call_error(call, result), NULL, call->data);
    call_free(call);
}

static void on_call_done(CURL *easy, CURLcode result, void *private_data)
{
    (void)easy;
    call_end(private_data, result);
}

/* Ends what was cancelled, outside of the call that asked and of curl's callbacks. */
static void sweep(void *data)
{
    struct http_client *client = data;
    struct http_call *call, *next;

    client->is_sweep_deferred = false;
    for (call = LIST_FIRST(&client->calls); call; call = next) {
        next = LIST_NEXT(call, link);
        if (!call->is_cancelled && !call->is_idle)
            continue;
        call_end(call, CURLE_ABORTED_BY_CALLBACK);
        next = LIST_FIRST(&client->calls); /* a completion may have changed the list */
    }
    if (!client->is_freed || client->is_sweep_deferred || !LIST_EMPTY(&client->calls))
        return;
    curl_loop_free(client->curl);
    free((char *)client->options.unix_socket);
    free((char *)client->options.ca_file);
    free(client);
}

static void ask_sweep(struct http_client *client)
{
    if (client->is_sweep_deferred)
        return;
    client->is_sweep_deferred = true;
    loop_defer(client->loop, sweep, client);
}

void http_call_cancel(struct http_call *call)
{
    call->is_cancelled = true;
    ask_sweep(call->client);
}

static void on_idle(void *data)
{
    struct http_call *call = data;

    call->is_idle = true;
    ask_sweep(call->client);
}

static void note_arrival(struct http_call *call)
{
    if (call->idle_ms > 0)
        timer_start(&call->idle, call->client->loop, call->idle_ms, on_idle, call);
}

/* What arrives */

/* "Name: value" into the headers; a status line begins them anew (after 100 Continue). */
static void add_header(struct http_call *call, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);

    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        call->header_count = 0;
        return;
    }
    if (!colon || call->header_count == HTTP_HEADERS_MAX)
        return;
    char *name = arena_dup_n(&call->arena, line, (size_t)(colon - line));
    for (char *p = name; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    const char *value = colon + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    call->headers[call->header_count++] =
        (struct http_header){name, arena_dup_n(&call->arena, value, (size_t)(end - value))};
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct http_call *call = data;
    size_t len = size * count;

    note_arrival(call);
    call->header_bytes += len;
    if (call->header_bytes > HTTP_HEADER_BYTES_MAX) {
        call->is_too_big = true;
        return 0;
    }
    add_header(call, bytes, len);
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct http_call *call = data;
    size_t len = size * count;
    long status = 0;

    note_arrival(call);
    if (call->is_cancelled)
        return len; /* its end is on the way */
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->on_chunk && status >= 200 && status < 300) {
        call->is_refused = !call->on_chunk(bytes, len, call->data);
        return call->is_refused ? 0 : len;
    }
    if (call->body.len + len > HTTP_BODY_BYTES_MAX) {
        call->is_too_big = true;
        return 0;
    }
    buf_add(&call->body, bytes, len);
    return len;
}

/* Starting */

static void add_request_header(struct http_call *call, const char *name, const char *value)
{
    /* curl sends "Name:" only if asked with a semicolon */
    char *line = *value ? str_printf("%s: %s", name, value) : str_printf("%s;", name);
    struct curl_slist *list = curl_slist_append(call->header_list, line);

    if (list)
        call->header_list = list;
    free(line);
}

static void set_headers(struct http_call *call, const struct http_call_options *options)
{
    bool has_type = false;
    struct curl_slist *list;

    for (size_t i = 0; i < options->header_count; i++) {
        has_type |= strcasecmp(options->headers[i].name, "content-type") == 0;
        add_request_header(call, options->headers[i].name, options->headers[i].value);
    }
    /* What curl would add by itself: a wait for 100 Continue, and a form's type. */
    list = curl_slist_append(call->header_list, "Expect:");
    call->header_list = list ? list : call->header_list;
    if (!has_type) {
        list = curl_slist_append(call->header_list, "Content-Type:");
        call->header_list = list ? list : call->header_list;
    }
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->header_list);
}

static void set_method(struct http_call *call, const struct http_call_options *options)
{
    bool is_post = strcmp(options->method, "POST") == 0;

    if (options->body_len > 0 || is_post) {
        curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->body_len);
        curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, options->body ? options->body : "");
    }
    if (strcmp(options->method, "HEAD") == 0)
        curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    else if (!is_post && (strcmp(options->method, "GET") != 0 || options->body_len > 0))
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, options->method);
}

struct http_call *http_call_start(struct http_client *client,
                                  const struct http_call_options *options)
{
    struct http_call *call = xcalloc(1, sizeof(*call));

    call->client = client;
    call->what = str_printf("%s %s", options->method, options->url);
    call->idle_ms = options->idle_timeout_ms;
    call->on_chunk = options->on_chunk;
    call->done = options->done;
    call->data = options->data;
    LIST_INSERT_HEAD(&client->calls, call, link);
    call->easy = curl_easy_init();
    if (!call->easy)
        abort(); /* out of memory */
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->error_text);
    curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    if (options->is_once) { /* curl repeats only what it sent over a reused connection */
        curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L); /* a burst of them leaves none */
    }
    set_method(call, options);
    set_headers(call, options);
    curl_set_target(call->easy,
                    &(struct curl_target){options->url, client->options.unix_socket,
                                          client->options.ca_file, client->options.is_insecure});
    note_arrival(call);
    curl_multi_add_handle(curl_loop_multi(client->curl), call->easy);
    if (client->is_freed)
        http_call_cancel(call);
    return call;
}

/* The client */

struct error *http_client_new(struct loop *loop, const struct http_client_options *options,
                              struct http_client **ret_client)
{
    struct curl_loop *curl = NULL;

    TRY(curl_loop_new(loop, on_call_done, &curl));
    struct http_client *client = xcalloc(1, sizeof(*client));
    client->loop = loop;
    client->curl = curl;
    client->options = *options;
    client->options.unix_socket = str_dup(options->unix_socket);
    client->options.ca_file = str_dup(options->ca_file);
    LIST_INIT(&client->calls);
    CURLM *multi = curl_loop_multi(curl);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)options->connections_max);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    *ret_client = client;
    return NULL;
}

void http_client_free(struct http_client *client)
{
    struct http_call *call;

    if (!client)
        return;
    LIST_FOREACH(call, &client->calls, link)
    call->is_cancelled = true;
    client->is_freed = true;
    ask_sweep(client);
}
