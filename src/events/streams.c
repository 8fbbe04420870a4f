#include "events/streams.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/json_text.h"
#include "base/log.h"
#include "base/mem.h"
#include "events/filter.h"

struct reader {
    struct event_streams *streams;
    struct http_exchange *ex;
    const struct scope *scope;
    struct arena arena; /* of the filter */
    struct filter filter;
    int64_t seen;         /* number of the last event looked at */
    struct feed_row *row; /* what it is in, a copy; NULL: none */
    struct timer heartbeat;
    bool is_gone; /* its peer */
    TAILQ_ENTRY(reader) link;
};

struct event_streams {
    struct ecs *ecs;
    struct event_streams_options options;
    TAILQ_HEAD(, reader) readers;
    struct event_streams_stats stats;
    struct arena arena; /* of the event being made */
    struct buf out;
    bool is_asked; /* for on_turn() */
    bool is_closing;
};

/* ---- readers ---- */

static void reader_free(struct reader *reader)
{
    struct event_streams *streams = reader->streams;

    TAILQ_REMOVE(&streams->readers, reader, link);
    streams->stats.readers--;
    timer_stop(&reader->heartbeat);
    http_stream_end(reader->ex);
    feed_row_free(reader->row);
    arena_done(&reader->arena);
    free(reader);
}

/* Ends the stream with a reason that its reader can act on. */
static void reader_end(struct reader *reader, const char *why)
{
    CLEANUP(buf_done) struct buf out = {0};

    buf_add_str(&out, "event: closed\ndata: {\"reason\":");
    json_text_add_string(&out, why);
    buf_printf(&out, ",\"lastEventId\":\"%" PRId64 "\"}\n\n", reader->seen);
    /* If it is not taken any more the end of the stream says enough. */
    (void)http_stream_write(reader->ex, out.data, out.len);
    reader_free(reader);
}

static void send_event(struct reader *reader, const struct event_maker *maker, uint32_t nth)
{
    struct event_streams *streams = reader->streams;

    buf_clear(&streams->out);
    buf_printf(&streams->out, "id: %" PRId64 "\ndata: ", reader->row->first + nth);
    event_write(maker, reader->row, nth, &streams->out);
    buf_add_str(&streams->out, "\n\n");
    if (http_stream_write(reader->ex, streams->out.data, streams->out.len))
        streams->stats.sent++;
}

/* The row that holds the event behind the last one seen; false if the ring has passed it. */
static bool reader_turn_row(struct reader *reader)
{
    int64_t next = reader->seen + 1;

    if (reader->row && next < reader->row->first + reader->row->entries_count)
        return true;
    feed_row_free(reader->row);
    reader->row = state_feed_row(reader->streams->ecs->state, reader->scope, next);
    return reader->row != NULL;
}

static void reader_step(struct reader *reader)
{
    struct event_streams *streams = reader->streams;
    struct event_maker maker = {streams->ecs, reader->scope, &streams->arena};
    uint32_t nth = (uint32_t)(reader->seen + 1 - reader->row->first);

    arena_reset(&streams->arena);
    if (filter_fits(&reader->filter, &maker, &reader->row->entries[nth]))
        send_event(reader, &maker, nth);
    reader->seen++;
}

/* True if there is more for it that it would take. May free it. */
static bool reader_go_on(struct reader *reader)
{
    int64_t last = state_feed_last(reader->streams->ecs->state, reader->scope);

    for (int i = 0; reader->seen < last; i++) {
        if (http_stream_unsent(reader->ex) > READER_UNSENT_BYTES)
            return false; /* on_sent() goes on */
        if (i == READER_EVENTS_A_TURN)
            return true;
        if (!reader_turn_row(reader)) {
            reader->streams->stats.passed++;
            log_warning("a reader of events was too slow", "region", reader->scope->region,
                        "account", reader->scope->account);
            reader_end(reader, "This reader was too slow: events behind lastEventId are not kept "
                               "any more. Begin anew without it, and describe what is followed.");
            return false;
        }
        reader_step(reader);
    }
    return false;
}

/* ---- turns ---- */

static void on_turn(void *data);

static void ask(struct event_streams *streams)
{
    if (streams->is_asked || streams->is_closing || TAILQ_EMPTY(&streams->readers))
        return;
    streams->is_asked = true;
    loop_defer(streams->ecs->loop, on_turn, streams);
}

static void on_turn(void *data)
{
    struct event_streams *streams = data;
    struct reader *next;
    bool has_more = false;

    streams->is_asked = false;
    for (struct reader *reader = TAILQ_FIRST(&streams->readers); reader; reader = next) {
        next = TAILQ_NEXT(reader, link);
        if (reader->is_gone)
            reader_free(reader);
        else
            has_more |= reader_go_on(reader);
    }
    if (has_more)
        ask(streams);
}

static void on_change(const struct change *change, void *data)
{
    (void)change;
    ask(data);
}

static void on_sent(void *data)
{
    ask(((struct reader *)data)->streams);
}

static void on_gone(void *data)
{
    struct reader *reader = data;

    reader->is_gone = true;
    ask(reader->streams);
}

/* Shows that both sides are there, and where the reader is: a filter may let nothing through for
 * long. */
static void say_place(struct reader *reader, const char *comment)
{
    CLEANUP(buf_done) struct buf out = {0};

    buf_printf(&out, "%sid: %" PRId64 "\n\n", comment, reader->seen);
    (void)http_stream_write(reader->ex, out.data, out.len); /* gone: on_gone() comes */
}

static void on_heartbeat(void *data)
{
    struct reader *reader = data;

    if (http_stream_unsent(reader->ex) == 0)
        say_place(reader, ": heartbeat\n");
    timer_start(&reader->heartbeat, reader->streams->ecs->loop,
                reader->streams->options.heartbeat_ms, on_heartbeat, reader);
}

/* ---- requests ---- */

static void refuse(struct http_exchange *ex, int status, const char *type, const char *message)
{
    static const struct http_header headers[] = {{"content-type", "application/json"}};
    CLEANUP(buf_done) struct buf body = {0};

    buf_add_str(&body, "{\"__type\":");
    json_text_add_string(&body, type);
    buf_add_str(&body, ",\"message\":");
    json_text_add_string(&body, message);
    buf_add_char(&body, '}');
    http_respond(ex, status, headers, ARRAY_LEN(headers), body.data, body.len);
}

/* Where it begins. False: refused. */
static bool find_place(struct reader *reader)
{
    struct state *state = reader->streams->ecs->state;
    int64_t first = state_feed_first(state, reader->scope);
    int64_t last = state_feed_last(state, reader->scope);
    const struct filter *filter = &reader->filter;

    reader->seen = filter->has_after ? filter->after : last;
    if (reader->seen > last) {
        refuse(reader->ex, 400, "InvalidParameterException",
               arena_printf(&reader->arena,
                            "Event %" PRId64 " has not happened: the newest is %" PRId64 ".",
                            reader->seen, last));
        return false;
    }
    if (reader->seen + 1 < first) {
        refuse(reader->ex, 410, "EventsExpiredException",
               arena_printf(&reader->arena,
                            "The events behind %" PRId64 " are not kept any more: the oldest is "
                            "%" PRId64 ". Begin anew without it, and describe what is followed.",
                            reader->seen, first));
        return false;
    }
    return true;
}

static void begin(struct reader *reader)
{
    static const struct http_header headers[] = {
        {"content-type", "text/event-stream"},
        {"cache-control", "no-store"},
        {"x-accel-buffering", "no"},
    };
    struct event_streams *streams = reader->streams;
    char retry[32];

    TAILQ_INSERT_TAIL(&streams->readers, reader, link);
    streams->stats.readers++;
    http_exchange_on_gone(reader->ex, on_gone, reader);
    http_stream_begin(reader->ex, 200, headers, ARRAY_LEN(headers));
    http_stream_on_sent(reader->ex, on_sent, reader);
    snprintf(retry, sizeof(retry), "retry: %d\n", READER_RETRY_MS);
    say_place(reader, retry);
    timer_start(&reader->heartbeat, streams->ecs->loop, streams->options.heartbeat_ms, on_heartbeat,
                reader);
    ask(streams);
}

void event_streams_open(struct event_streams *streams, const struct scope *scope,
                        struct http_exchange *ex, const struct http_request *req)
{
    struct reader *reader;
    struct error *err;

    if (streams->is_closing || streams->stats.readers >= streams->options.readers_max) {
        refuse(ex, 503, "ServiceUnavailableException",
               streams->is_closing ? "The server is ending." : "There are too many readers.");
        return;
    }
    reader = xcalloc(1, sizeof(*reader));
    reader->streams = streams;
    reader->scope = scope;
    reader->ex = ex;
    err = filter_read(&reader->arena, req, &reader->filter);
    if (err)
        refuse(ex, 400, api_error_name(err->code), err->message);
    if (!err && find_place(reader)) {
        begin(reader);
        return;
    }
    error_free(err);
    arena_done(&reader->arena);
    free(reader);
}

void event_streams_stats(const struct event_streams *streams, struct event_streams_stats *ret)
{
    *ret = streams->stats;
}

struct event_streams *event_streams_new(struct ecs *ecs,
                                        const struct event_streams_options *options)
{
    struct event_streams *streams = xcalloc(1, sizeof(*streams));

    streams->ecs = ecs;
    if (options)
        streams->options = *options;
    if (!streams->options.readers_max)
        streams->options.readers_max = EVENT_READERS_MAX;
    if (!streams->options.heartbeat_ms)
        streams->options.heartbeat_ms = READER_HEARTBEAT_MS;
    TAILQ_INIT(&streams->readers);
    state_observe(ecs->state, &(struct observer){.durable = on_change, .data = streams});
    return streams;
}

void event_streams_close(struct event_streams *streams)
{
    streams->is_closing = true;
    while (!TAILQ_EMPTY(&streams->readers))
        reader_end(TAILQ_FIRST(&streams->readers), "The server is ending.");
}

void event_streams_free(struct event_streams *streams)
{
    if (!streams)
        return;
    state_unobserve(streams->ecs->state, streams);
    arena_done(&streams->arena);
    buf_done(&streams->out);
    free(streams);
}
