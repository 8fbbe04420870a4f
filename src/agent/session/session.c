#include "agent/session/session.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/ws_client.h"
#include "wire/shape.h"

#define CLOSE_REGULAR  1000
#define CLOSE_AWAY     1001
#define CLOSE_ABNORMAL 1006
#define CLOSE_FAULT    1011
#define INACTIVE_TEXT  "InactiveInstanceException"
#define EXPIRED_TEXT   "ConnectionExpired: Reconnect to continue"

enum state { IDLE, DISCOVERING, CONNECTING, OPEN, CLOSING, WAITING, ENDED, STATE_COUNT };

#define ENDING (BIT(CLOSING) | BIT(ENDED))
static const struct {
    const char *name;
    unsigned next;
} states[STATE_COUNT] = {
    [IDLE] = {"idle", BIT(DISCOVERING) | BIT(WAITING) | ENDING},
    [DISCOVERING] = {"discovering", BIT(CONNECTING) | BIT(WAITING) | ENDING},
    [CONNECTING] = {"connecting", BIT(OPEN) | BIT(WAITING) | ENDING},
    [OPEN] = {"open", BIT(WAITING) | ENDING},
    [CLOSING] = {"closing", BIT(WAITING) | BIT(ENDED)},
    [WAITING] = {"waiting", BIT(DISCOVERING) | BIT(WAITING) | ENDING},
    [ENDED] = {"ended", 0},
};

struct agent_session {
    struct agent_session_options options;
    struct backoff backoff;
    enum state state;
    struct ws_client *ws; /* CONNECTING, OPEN, CLOSING; frees itself after on_closed */
    char *url;
    bool was_open; /* the connection of `ws` opened */
    int64_t opened_at_ms, settled_after_ms;
    int64_t pause_ms; /* asked for while closing; 0: none */
    bool is_paused;   /* WAITING because it was asked to */
    bool has_complained;
    struct timer retry, silence, expiry;
    loop_fn *closed; /* NULL: not asked to close */
    void *closed_data;
};

static void discover(struct agent_session *session);

static void set_state(struct agent_session *session, enum state to)
{
    assert(states[session->state].next & BIT(to));
    session->state = to;
    log_debug("session", "name", session->options.name, "state", states[to].name);
}

static int64_t up_to_twice(struct agent_session *session, int64_t ms)
{
    return ms + (int64_t)rng_below(session->options.rng, (uint64_t)ms + 1);
}

struct agent_session *agent_session_new(const struct agent_session_options *options)
{
    struct agent_session *session = xcalloc(1, sizeof(*session));

    session->options = *options;
    session->backoff = options->backoff;
    return session;
}

static void on_ended(void *data)
{
    struct agent_session *session = data;
    loop_fn *closed = session->closed;
    void *closed_data = session->closed_data;

    free(session->url);
    free(session);
    closed(closed_data);
}

/* Nothing refers to the session from outside any more but the deferred call. */
static void end(struct agent_session *session)
{
    timer_stop(&session->retry);
    timer_stop(&session->silence);
    timer_stop(&session->expiry);
    set_state(session, ENDED);
    loop_defer(session->options.loop, on_ended, session);
}

static void on_retry(void *data)
{
    struct agent_session *session = data;

    session->is_paused = false;
    discover(session);
}

static void wait(struct agent_session *session, int64_t wait_ms)
{
    set_state(session, WAITING);
    timer_start(&session->retry, session->options.loop, wait_ms, on_retry, session);
}

static void wait_after_error(struct agent_session *session, struct error *err)
{
    int64_t wait_ms = backoff_next_ms(&session->backoff, session->options.rng);
    CLEANUP(str_freep) char *wait_text = str_printf("%lldms", (long long)wait_ms);

    /* The first failure in a row is news. */
    log_event(session->has_complained ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, __FILE_NAME__,
              "session not open, trying until it is", "name", session->options.name, "in",
              wait_text, "error", err->message, (char *)0);
    session->has_complained = true;
    error_free(err); /* said above */
    wait(session, wait_ms);
}

/* Says goodbye; on_closed() goes on. */
static void close_connection(struct agent_session *session, const char *reason)
{
    timer_stop(&session->silence);
    timer_stop(&session->expiry);
    set_state(session, CLOSING);
    ws_client_close(session->ws, CLOSE_REGULAR, reason);
}

static void on_silence(void *data)
{
    struct agent_session *session = data;

    log_warning("session silent, connecting anew", "name", session->options.name);
    close_connection(session, "no message");
}

static void on_expiry(void *data)
{
    close_connection(data, EXPIRED_TEXT);
}

static void watch_silence(struct agent_session *session)
{
    timer_start(&session->silence, session->options.loop, up_to_twice(session, SESSION_SILENCE_MS),
                on_silence, session);
}

static void on_open(struct ws_client *ws, void *data)
{
    struct agent_session *session = data;

    (void)ws;
    if (session->state != CONNECTING)
        return; /* asked to close meanwhile */
    set_state(session, OPEN);
    session->was_open = true;
    session->has_complained = false;
    session->opened_at_ms = clock_mono_ms(session->options.clock);
    session->settled_after_ms = up_to_twice(session, SESSION_SETTLED_MS);
    watch_silence(session);
    timer_start(&session->expiry, session->options.loop,
                SESSION_EXPIRY_MS +
                    (int64_t)rng_below(session->options.rng, SESSION_EXPIRY_MORE_MS + 1),
                on_expiry, session);
    log_info("session open", "name", session->options.name);
    session->options.on_open(session->options.data);
}

/* AP-211: {"type":..., "message":{...}}; what is not that is logged and ignored. */
static void on_message(struct ws_client *ws, const char *text, size_t len, void *data)
{
    struct agent_session *session = data;
    json_t *json = NULL;
    struct error *err;
    const char *type;

    (void)ws;
    if (session->state != OPEN)
        return;
    err = shape_parse_json(text, len, &json);
    type = json_string_value(json_object_get(json, "type"));
    if (err || !type) {
        log_warning("message ignored", "session", session->options.name, "error",
                    err ? err->message : "it has no type");
        error_free(err); /* said above */
    } else if (session->options.on_message(type, json_object_get(json, "message"),
                                           session->options.data)) {
        if (session->state == OPEN)
            watch_silence(session);
    } else {
        log_debug("message of unknown type", "session", session->options.name, "type", type);
    }
    json_decref(json);
}

static bool is_regular(int close_code)
{
    return close_code == CLOSE_REGULAR || close_code == CLOSE_AWAY ||
           close_code == CLOSE_ABNORMAL || close_code == CLOSE_FAULT;
}

/* What an ended connection that was open leads to. Takes `err`. */
static void go_on_after_open(struct agent_session *session, struct error *err, int close_code)
{
    int64_t lived_ms = clock_mono_ms(session->options.clock) - session->opened_at_ms;
    /* A connection that broke off without a close frame counts as 1006 (AP-216). */
    bool regular = is_regular(err ? CLOSE_ABNORMAL : close_code ? close_code : CLOSE_ABNORMAL);

    if (lived_ms >= SESSION_SHORT_MS && (regular || lived_ms >= session->settled_after_ms))
        backoff_reset(&session->backoff);
    if (regular && lived_ms >= SESSION_SHORT_MS) {
        log_info("session ended, connecting anew", "name", session->options.name, "error",
                 err ? err->message : NULL);
        error_free(err); /* said above */
        wait(session, 0);
        return;
    }
    wait_after_error(session, err ? err
                                  : error_new(API_SERVER, "closed with code %d after %lld ms",
                                              close_code, (long long)lived_ms));
}

static void go_on_after_refusal(struct agent_session *session, struct error *err, int http_status)
{
    if (!err)
        err = error_new(API_SERVER, "the upgrade was answered with status %d", http_status);
    if (!strstr(err->message, INACTIVE_TEXT)) {
        wait_after_error(session, err);
        return;
    }
    log_error("this instance is deregistered; containers keep running", "session",
              session->options.name, "error", err->message);
    error_free(err); /* said above */
    session->is_paused = true;
    wait(session, SESSION_INACTIVE_MS);
    if (session->options.on_inactive)
        session->options.on_inactive(session->options.data);
}

static void on_closed(struct error *err, int http_status, int close_code, void *data)
{
    struct agent_session *session = data;
    bool was_open = session->was_open;

    session->ws = NULL;
    session->was_open = false;
    timer_stop(&session->silence);
    timer_stop(&session->expiry);
    if (session->closed) {
        error_free(err); /* it was to end anyway */
        end(session);
    } else if (session->pause_ms) {
        error_free(err); /* the same */
        wait(session, session->pause_ms);
        session->pause_ms = 0;
    } else if (was_open) {
        go_on_after_open(session, err, close_code);
    } else {
        go_on_after_refusal(session, err, http_status);
    }
    if (was_open)
        session->options.on_close(session->options.data);
}

/* Upgrades are signed as a GET with an empty body over host and date (AP-021). */
static struct error *open_connection(struct agent_session *session, struct arena *arena,
                                     const char *endpoint)
{
    const struct agent_session_options *options = &session->options;
    const char *slash = str_ends_with(endpoint, "/") ? "" : "/";
    struct ws_client_options ws = {.ca_file = options->config->ca_file,
                                   .is_insecure = options->config->is_insecure,
                                   .connect_timeout_ms = SESSION_CONNECT_MS,
                                   .on_open = on_open,
                                   .on_message = on_message,
                                   .on_closed = on_closed,
                                   .data = session};
    struct http_header *headers;
    struct sigv4_keys keys;

    free(session->url);
    session->url = str_printf("%s%sws?%s", endpoint, slash, options->query(arena, options->data));
    TRY(config_keys_get(options->keys, clock_mono_ms(options->clock), &keys));
    sigv4_sign(arena, &keys, options->config->region, API_CLIENT_SERVICE, "GET", session->url, NULL,
               0, "", 0, clock_wall_ms(options->clock), &headers, &ws.header_count);
    ws.url = session->url;
    ws.headers = headers;
    return ws_client_open(options->loop, &ws, &session->ws);
}

static void on_discovered(struct error *err, const struct endpoints *endpoints, void *data)
{
    struct agent_session *session = data;
    struct arena arena = {0};

    if (!err)
        err = open_connection(session, &arena, session->options.endpoint(endpoints));
    arena_done(&arena);
    if (err)
        wait_after_error(session, err);
    else
        set_state(session, CONNECTING);
}

static void discover(struct agent_session *session)
{
    set_state(session, DISCOVERING);
    discover_get(session->options.discover, on_discovered, session);
}

void agent_session_start(struct agent_session *session)
{
    discover(session);
}

/* Leaves whatever is under way; true if a connection has to close first. */
static bool leave(struct agent_session *session, const char *reason)
{
    timer_stop(&session->retry);
    discover_cancel(session->options.discover, session);
    if (session->state == CONNECTING || session->state == OPEN)
        close_connection(session, reason);
    return session->state == CLOSING;
}

void agent_session_close(struct agent_session *session, loop_fn *closed, void *data)
{
    session->closed = closed;
    session->closed_data = data;
    if (!leave(session, "agent stops"))
        end(session);
}

void agent_session_pause(struct agent_session *session, int64_t pause_ms)
{
    if (session->closed)
        return;
    session->is_paused = true;
    if (leave(session, "paused"))
        session->pause_ms = pause_ms;
    else
        wait(session, pause_ms);
}

void agent_session_hurry(struct agent_session *session)
{
    if (session->state == WAITING && !session->is_paused)
        timer_start(&session->retry, session->options.loop, 0, on_retry, session);
}

bool agent_session_is_open(const struct agent_session *session)
{
    return session->state == OPEN;
}

void agent_session_send(struct agent_session *session, const char *text, size_t len)
{
    if (session->state == OPEN)
        ws_client_send(session->ws, text, len);
}

const char *agent_session_url(const struct agent_session *session)
{
    return session->url;
}

static void add_encoded(struct buf *buf, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (isalnum(*p) || strchr("-_.~", *p))
            buf_add_char(buf, (char)*p);
        else
            buf_printf(buf, "%%%02X", *p);
    }
}

char *agent_session_query(struct arena *arena, const struct agent_session_param *params,
                          size_t count)
{
    CLEANUP(buf_done) struct buf query = {0};

    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(&query, '&');
        add_encoded(&query, params[i].name);
        buf_add_char(&query, '=');
        add_encoded(&query, params[i].value);
    }
    return arena_dup(arena, query.data ? query.data : "");
}
