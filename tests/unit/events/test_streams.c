/* Readers of GET /events over a real connection: where they begin, how many there may be, that they
 * hear from us, and what becomes of one that the ring has passed. */
#include "world.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "events/streams.h"

#define ROWS_PER_TURN 512
#define WAIT_MS       30000 /* for what has to come */

struct site {
    struct world *world;
    struct http_server *http;
    struct event_streams *streams;
};

static void on_request(struct http_exchange *ex, const struct http_request *req, void *data)
{
    struct site *site = data;

    event_streams_open(site->streams, world_scope(site->world), ex, req);
}

static void site_start(struct site *site, const struct event_streams_options *options)
{
    site->world = world_new();
    site->streams = event_streams_new(&site->world->ecs, options);
    assert_null(http_server_new(site->world->loop,
                                &(struct http_server_options){
                                    .listen = "127.0.0.1:0",
                                    .connections_max = 100,
                                    .on_request = on_request,
                                    .data = site,
                                },
                                &site->http));
}

static void on_closed(void *data)
{
    loop_stop(data);
}

static void site_done(struct site *site)
{
    event_streams_close(site->streams);
    http_server_close(site->http, 1000, on_closed, site->world->loop);
    loop_run(site->world->loop);
    event_streams_free(site->streams);
    world_free(site->world);
}

/* ---- what happens ---- */

static void stop(void *data)
{
    loop_stop(data);
}

/* One turn of the loop with what is ready, or a short wait if nothing is. */
static void turn(struct site *site)
{
    struct timer timer = {0};

    timer_start(&timer, site->world->loop, 1, stop, site->world->loop);
    loop_run(site->world->loop);
    timer_stop(&timer);
}

static void tell(struct site *site)
{
    const struct scope *scope = world_scope(site->world);
    struct txn *txn = txn_begin(site->world->state, scope);
    const struct container_instance *host =
        state_instance_after(site->world->state, scope, "default", NULL);

    txn_edit_instance(txn, host)->version++;
    txn_commit(txn);
}

static void tell_many(struct site *site, int64_t rows)
{
    while (rows > 0) {
        for (int i = 0; i < ROWS_PER_TURN && rows > 0; i++, rows--)
            tell(site);
        do
            turn(site);
        while (state_is_full(site->world->state));
    }
}

/* ---- a reader ---- */

struct reader {
    int fd;
    struct buf got;
};

static struct reader reader_open(struct site *site, const char *query)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(site->http)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct reader reader = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    char *request = str_printf("GET /events%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
    int small = 4096;

    assert_true(reader.fd >= 0);
    setsockopt(reader.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(reader.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(write(reader.fd, request, strlen(request)), (ssize_t)strlen(request));
    free(request);
    return reader;
}

/* Whether something came; `ret_end`: that nothing more will. */
static bool reader_take(struct reader *reader, bool *ret_end)
{
    char bytes[65536];
    ssize_t len = recv(reader->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    *ret_end = len == 0;
    if (len <= 0)
        return false;
    buf_add(&reader->got, bytes, (size_t)len);
    return true;
}

static bool has(const struct reader *reader, const char *text)
{
    return reader->got.data && strstr(reader->got.data, text);
}

/* Reads until `text` has come; only the end of what came before is kept. */
static void expect(struct site *site, struct reader *reader, const char *text)
{
    bool is_end = false;
    int waited = 0;

    while (!has(reader, text)) {
        if (reader->got.len > 1024 * 1024)
            buf_consume(&reader->got, reader->got.len - 4096);
        if (!reader_take(reader, &is_end)) {
            turn(site);
            waited++;
        }
        if (is_end || waited > WAIT_MS)
            fail_msg("no %s in: %.400s", text,
                     reader->got.len > 400 ? reader->got.data + reader->got.len - 400
                     : reader->got.data    ? reader->got.data
                                           : "");
    }
}

static void reader_close(struct reader *reader)
{
    close(reader->fd);
    buf_done(&reader->got);
}

/* ---- the tests ---- */

static void a_silent_reader_hears_from_us(void **data)
{
    const struct event_streams_options options = {.heartbeat_ms = 20};
    struct site site;
    struct reader reader;

    (void)data;
    site_start(&site, &options);
    reader = reader_open(&site, "?cluster=nobody");
    expect(&site, &reader, "retry: 1000\nid: ");
    expect(&site, &reader, ": heartbeat\nid: ");
    buf_clear(&reader.got);
    expect(&site, &reader, ": heartbeat\nid: ");
    reader_close(&reader);
    site_done(&site);
}

static void readers_of(struct site *site, unsigned count)
{
    struct event_streams_stats stats;

    for (int i = 0; i < WAIT_MS; i++) {
        event_streams_stats(site->streams, &stats);
        if (stats.readers == count)
            return;
        turn(site);
    }
    fail_msg("%u readers, not %u", stats.readers, count);
}

static void so_many_readers_and_no_more(void **data)
{
    const struct event_streams_options options = {.readers_max = 3};
    struct site site;
    struct reader readers[3], refused, late;

    (void)data;
    site_start(&site, &options);
    for (size_t i = 0; i < 3; i++) {
        readers[i] = reader_open(&site, "");
        expect(&site, &readers[i], "HTTP/1.1 200");
    }
    refused = reader_open(&site, "");
    expect(&site, &refused, "HTTP/1.1 503");
    expect(&site, &refused, "There are too many readers.");
    reader_close(&refused);
    reader_close(&readers[1]);
    readers_of(&site, 2);
    late = reader_open(&site, "");
    expect(&site, &late, "HTTP/1.1 200");
    reader_close(&late);
    reader_close(&readers[0]);
    reader_close(&readers[2]);
    site_done(&site);
}

/* Both ends of it: one that comes too late, one that was there and too slow. */
static void who_is_passed_by_the_ring_is_told(void **data)
{
    struct site site;
    struct event_streams_stats stats;
    struct reader slow, late, quick;
    char *query;
    int64_t first;

    (void)data;
    site_start(&site, NULL);
    world_instance(site.world, 2048, 3767);
    slow = reader_open(&site, "");
    expect(&site, &slow, "retry: ");
    tell_many(&site, FEED_ROWS_MAX + 20000);
    first = state_feed_first(site.world->state, world_scope(site.world));
    assert_true(first > 1);
    event_streams_stats(site.streams, &stats);
    assert_int_equal(stats.passed,
                     0); /* what is sent to it is not lost: it has not been told yet */
    expect(&site, &slow, "event: closed\ndata: {\"reason\":\"This reader was too slow");
    expect(&site, &slow, "\"lastEventId\":\"");
    event_streams_stats(site.streams, &stats);
    assert_int_equal(stats.passed, 1);
    assert_int_equal(stats.readers, 0);
    reader_close(&slow);

    query = str_printf("?after=%lld", (long long)first - 2);
    late = reader_open(&site, query);
    expect(&site, &late, "HTTP/1.1 410");
    expect(&site, &late, "\"__type\":\"EventsExpiredException\"");
    free(query);
    query = str_printf("?after=%lld", (long long)first - 1); /* the oldest is kept */
    quick = reader_open(&site, query);
    expect(&site, &quick, "HTTP/1.1 200");
    free(query);
    query = str_printf("\nid: %lld\ndata: ", (long long)first);
    expect(&site, &quick, query);
    free(query);
    reader_close(&late);
    reader_close(&quick);
    site_done(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_reader_hears_from_us),
        cmocka_unit_test(so_many_readers_and_no_more),
        cmocka_unit_test(who_is_passed_by_the_ring_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
