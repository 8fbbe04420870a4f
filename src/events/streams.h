/* streams.h - GET /events: the feed of events as server-sent events, to any number of readers up to
 * EVENT_READERS_MAX.
 *
 *     id: 4711
 *     data: {"version":"0","id":"...","detail-type":"ECS Task State Change",...}
 *
 * The id is the event's number in its scope. A reader is a place in the ring and no more: it is
 * given what its connection takes, so that a slow one costs READER_UNSENT_BYTES and falls behind.
 * Once the ring has passed it, it is told so and closed (`event: closed`); it may come again from
 * there with `after`, is then refused with 410, and begins anew. A peer that takes nothing at all
 * is given up by the connection's own deadline, one that is dead by the heartbeat's failing.
 *
 * Delivery is at least once: what a reader has not seen when it is cut off is sent again after its
 * Last-Event-ID. Readers are woken by the change feed; nothing here polls.
 */
#ifndef BERTH_EVENTS_STREAMS_H
#define BERTH_EVENTS_STREAMS_H

#include "ecs/ecs.h"
#include "net/http_server.h"

#define EVENT_READERS_MAX    1024
#define READER_UNSENT_BYTES  (256 * 1024)
#define READER_EVENTS_A_TURN 64
#define READER_HEARTBEAT_MS  15000
#define READER_RETRY_MS      1000 /* when a reader that was cut off shall come again */

struct event_streams_options {
    unsigned readers_max; /* 0: EVENT_READERS_MAX */
    int64_t heartbeat_ms; /* 0: READER_HEARTBEAT_MS */
};

struct event_streams;
/* `ecs` is lent; `options` NULL: the defaults. */
struct event_streams *event_streams_new(struct ecs *ecs,
                                        const struct event_streams_options *options);
/* Answers a request for events: with the stream, or refuses it. */
void event_streams_open(struct event_streams *streams, const struct scope *scope,
                        struct http_exchange *ex, const struct http_request *req);
/* Ends all streams, each with a sentence. Requests that come later are refused. */
void event_streams_close(struct event_streams *streams);
void event_streams_free(struct event_streams *streams); /* a closed one */

struct event_streams_stats {
    unsigned readers;
    uint64_t sent, passed; /* events; readers that the ring has passed */
};
void event_streams_stats(const struct event_streams *streams, struct event_streams_stats *ret);

#endif
