/* Streams to a fake engine that follows a script on a unix socket: what it says whole or byte by
 * byte, what it must hear, when it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <pthread.h>

#include <cmocka.h>

#include "agent/docker/docker_stream.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_hijack.h"

#define GUARD_MS 60000
#define MUCH     (4 * 1024 * 1024)

#define UPGRADED                                                                                   \
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"                 \
    "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
#define OUT(len, text) "\1\0\0\0\0\0\0" len text
#define ERR(len, text) "\2\0\0\0\0\0\0" len text
#define BYTES(text)    text, sizeof(text) - 1

struct script {
    const char *says; /* after the request; then it goes */
    size_t says_len;
    const char *hears; /* behind the request, up to the end of the input; NULL: not waited for */
    bool is_piecemeal;
    enum { SPEAKS, STAYS, POURS, DRINKS } then; /* before it goes */
};

struct world {
    struct loop *loop;
    struct docker *docker;
    struct docker_stream *stream;
    char dir[64], path[96];
    int listener;
    pthread_t thread;
    const struct script *script;
    char request[1024]; /* of the engine's thread until it has ended */
    bool has_heard;
    size_t drunk;

    struct buf out, err;
    size_t poured, sent, taken_first;
    bool was_open, is_over, failed, holds;
    enum docker_fault fault;
    char *message;
    unsigned rooms;
    struct timer guard;
};

/* ---- the engine ---- */

static void say(int fd, const char *bytes, size_t len, bool is_piecemeal)
{
    while (len > 0) {
        ssize_t put = send(fd, bytes, is_piecemeal ? 1 : len, MSG_NOSIGNAL);

        if (put <= 0)
            return;
        bytes += put;
        len -= (size_t)put;
    }
}

static void hear_request(struct world *world, int fd)
{
    size_t len = 0;
    const char *end;

    do {
        ssize_t got = recv(fd, world->request + len, 1, 0);

        if (got <= 0)
            return;
        len += (size_t)got;
        world->request[len] = '\0';
        end = strstr(world->request, "\r\n\r\n");
    } while (!end);
    const char *length = strstr(world->request, "Content-Length: ");
    size_t body = (size_t)atoi(length + strlen("Content-Length: "));
    if (body > 0)
        (void)!recv(fd, world->request + len, body, MSG_WAITALL);
    world->request[len + body] = '\0';
}

static bool hear(int fd, const char *expected)
{
    char bytes[256];
    size_t len = 0;
    ssize_t got;

    while (len < sizeof(bytes) && (got = recv(fd, bytes + len, sizeof(bytes) - len, 0)) > 0)
        len += (size_t)got;
    return len == strlen(expected) && memcmp(bytes, expected, len) == 0;
}

static void release(void *data)
{
    struct world *world = data;

    assert_true(world->poured < MUCH / 4); /* the engine was stopped long before its end */
    world->holds = false;
    docker_stream_hold(world->stream, false);
}

/* Frames of 64 KiB until the peer takes no more; then asks for more room. */
static void pour(struct world *world, int fd)
{
    static char frame[DOCKER_FRAME_HEADER + 65536] = "\1\0\0\0\0\1\0\0";
    size_t done = 0;
    bool has_asked = false;

    for (size_t n = 0; n < MUCH / 65536; n++)
        for (done = 0; done < sizeof(frame);) {
            ssize_t put = send(fd, frame + done, sizeof(frame) - done,
                               MSG_NOSIGNAL | (has_asked ? 0 : MSG_DONTWAIT));
            if (put < 0 && !has_asked) {
                loop_post(world->loop, release, world);
                has_asked = true;
            } else if (put < 0) {
                return;
            } else {
                done += (size_t)put;
            }
        }
}

static void drink(struct world *world, int fd)
{
    char bytes[65536];
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        world->drunk += (size_t)got;
}

static void *engine(void *data)
{
    struct world *world = data;
    const struct script *script = world->script;
    int fd = accept(world->listener, NULL, NULL);

    if (fd < 0)
        return NULL;
    hear_request(world, fd);
    say(fd, script->says, script->says_len, script->is_piecemeal);
    if (script->hears)
        world->has_heard = hear(fd, script->hears);
    if (script->then == POURS)
        pour(world, fd);
    else if (script->then == DRINKS || script->then == STAYS)
        drink(world, fd);
    close(fd);
    return NULL;
}

/* ---- the world ---- */

static void on_guard(void *data)
{
    (void)data;
    fail_msg("%s", "the test hangs");
}

static void world_init(struct world *world, const struct script *script)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char host[128];

    *world = (struct world){.script = script};
    snprintf(world->dir, sizeof(world->dir), "/tmp/berth-stream-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(world->path, sizeof(world->path), "%s/s", world->dir);
    snprintf(host, sizeof(host), "unix://%s", world->path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", world->path);
    world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(world->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(world->listener, 1), 0);
    assert_int_equal(pthread_create(&world->thread, NULL, engine, world), 0);
    assert_null(loop_new(&world->loop));
    assert_null(docker_new(world->loop, host, &world->docker));
    timer_start(&world->guard, world->loop, GUARD_MS, on_guard, NULL);
}

static void world_done(struct world *world)
{
    timer_stop(&world->guard);
    docker_free(world->docker);
    loop_free(world->loop);
    shutdown(world->listener, SHUT_RDWR);
    pthread_join(world->thread, NULL);
    close(world->listener);
    unlink(world->path);
    rmdir(world->dir);
    buf_done(&world->out);
    buf_done(&world->err);
    free(world->message);
}

static void on_open(void *data)
{
    struct world *world = data;

    world->was_open = true;
    docker_stream_hold(world->stream, world->holds);
}

static void on_output(enum docker_output output, const char *bytes, size_t len, void *data)
{
    struct world *world = data;

    world->poured += len;
    if (world->script->then != POURS)
        buf_add(output == DOCKER_STDERR ? &world->err : &world->out, bytes, len);
}

static void on_closed(const struct docker_failure *failure, void *data)
{
    struct world *world = data;

    world->is_over = true;
    world->failed = failure != NULL;
    world->fault = failure ? failure->fault : 0;
    world->message = str_dup(failure ? failure->message : NULL);
    loop_stop(world->loop);
}

static struct docker_stream_options options_of(struct world *world)
{
    return (struct docker_stream_options){
        .on_open = on_open, .on_output = on_output, .on_closed = on_closed, .data = world};
}

/* ---- tests ---- */

static const struct {
    const char *why;
    struct script script;
    bool has_tty;
    const char *out, *err;
    bool failed;
    enum docker_fault fault;
    const char *message;
} rows[] = {
    {"two outputs",
     {BYTES(UPGRADED OUT("\2", "ab") ERR("\1", "x") OUT("\1", "c")), 0, 0, 0},
     0,
     "abc",
     "x",
     0,
     0,
     0},
    {"a frame of nothing",
     {BYTES(UPGRADED OUT("\0", "") OUT("\1", "c")), 0, 0, 0},
     0,
     "c",
     "",
     0,
     0,
     0},
    {"a terminal has no frames",
     {BYTES(UPGRADED OUT("\2", "ab")), 0, 0, 0},
     true,
     "\1",
     "",
     0,
     0,
     0},
    {"an engine that does not upgrade",
     {BYTES("HTTP/1.1 200 OK\r\n\r\n" OUT("\2", "ab")), 0, 0, 0},
     0,
     "ab",
     "",
     0,
     0,
     0},
    {"nothing at all", {BYTES(UPGRADED), 0, 0, 0}, 0, "", "", 0, 0, 0},
    {"no such exec",
     {BYTES("HTTP/1.1 404 Not Found\r\nContent-Length: 26\r\n\r\n{\"message\":\"No such exec\"}x"),
      0, 0, 0},
     0,
     "",
     "",
     true,
     DOCKER_NOT_FOUND,
     "Error response from daemon: No such exec"},
    {"not running, in chunks",
     {BYTES("HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n"
            "6\r\n{\"mess\r\nb\r\nage\":\"no\"}\n\r\n0\r\n\r\n"),
      0, 0, 0},
     0,
     "",
     "",
     true,
     DOCKER_CONFLICT,
     "Error response from daemon: no"},
    {"a refusal that ends with the connection",
     {BYTES("HTTP/1.1 500 Internal Server Error\r\n\r\nbroken"), 0, 0, 0},
     0,
     "",
     "",
     true,
     DOCKER_REFUSED,
     "Error response from daemon: broken"},
    {"not HTTP", {BYTES("SSH-2.0-x\r\n\r\n"), 0, 0, 0}, 0, "", "", true, DOCKER_UNREACHABLE, NULL},
    {"no answer", {BYTES(""), 0, 0, 0}, 0, "", "", true, DOCKER_UNREACHABLE, NULL},
    {"half a head", {BYTES("HTTP/1.1 101 UP"), 0, 0, 0}, 0, "", "", true, DOCKER_UNREACHABLE, NULL},
    {"an output nobody knows",
     {BYTES(UPGRADED "\7\0\0\0\0\0\0\1x"), 0, 0, 0},
     0,
     "",
     "",
     true,
     DOCKER_MALFORMED,
     NULL},
    {"ends within a header",
     {BYTES(UPGRADED "\1\0\0"), 0, 0, 0},
     0,
     "",
     "",
     true,
     DOCKER_MALFORMED,
     NULL},
    {"ends within a frame",
     {BYTES(UPGRADED OUT("\5", "abc")), 0, 0, 0},
     0,
     "abc",
     "",
     true,
     DOCKER_MALFORMED,
     NULL},
};

static void check_row(size_t i, bool is_piecemeal)
{
    struct script script = rows[i].script;
    struct world world;
    struct docker_stream_options options = options_of(&world);

    script.is_piecemeal = is_piecemeal;
    world_init(&world, &script);
    options.has_tty = rows[i].has_tty;
    world.stream = docker_start_exec(world.docker, "e1", &options);
    assert_false(world.is_over); /* never from inside the call */
    loop_run(world.loop);
    if (world.failed != rows[i].failed || (world.failed && world.fault != rows[i].fault))
        fail_msg("%s: %s", rows[i].why, world.message ? world.message : "no failure");
    if (rows[i].message)
        assert_string_equal(world.message, rows[i].message);
    assert_string_equal(world.out.data ? world.out.data : "", rows[i].out);
    assert_string_equal(world.err.data ? world.err.data : "", rows[i].err);
    assert_non_null(strstr(world.request, "POST /exec/e1/start HTTP/1.1\r\n"));
    assert_non_null(strstr(world.request, "Upgrade: tcp\r\n"));
    assert_non_null(
        strstr(world.request, rows[i].has_tty ? "\"Tty\":true}" : "{\"Detach\":false}"));
    world_done(&world);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_row(i, false);
        check_row(i, true);
    }
}

/* The end of the input is said before the stream is open, and told once it is. */
static void test_input_ends(void **state)
{
    static const struct script script = {BYTES(UPGRADED OUT("\2", "ok")), "", false, SPEAKS};
    struct world world;
    struct docker_stream_options options = options_of(&world);

    (void)state;
    world_init(&world, &script);
    world.stream = docker_attach(world.docker, "c1", &options);
    docker_stream_end_input(world.stream);
    loop_run(world.loop);
    assert_false(world.failed);
    assert_string_equal(world.out.data, "ok");
    world_done(&world);
    assert_true(world.has_heard);
    assert_non_null(strstr(world.request, "POST /containers/c1/attach?stream=1&stdin=1"));
}

static void send_more(void *data)
{
    static char bytes[65536];
    struct world *world = data;
    size_t taken;

    world->rooms++;
    do {
        taken = docker_stream_send(world->stream, bytes, sizeof(bytes));
        world->sent += taken;
    } while (taken == sizeof(bytes) && world->sent < MUCH);
    if (!world->taken_first)
        world->taken_first = world->sent;
    if (world->sent >= MUCH)
        docker_stream_end_input(world->stream);
}

/* What the peer does not take waits up to the limit, and no more is taken until it has. */
static void test_input_pressure(void **state)
{
    static const struct script script = {BYTES(UPGRADED), NULL, false, DRINKS};
    struct world world;
    struct docker_stream_options options = options_of(&world);

    (void)state;
    world_init(&world, &script);
    options.on_open = options.on_room = send_more;
    world.stream = docker_start_exec(world.docker, "e1", &options);
    assert_int_equal(docker_stream_send(world.stream, "x", 1), 0); /* not open yet */
    loop_run(world.loop);
    assert_false(world.failed);
    assert_int_equal(world.taken_first, HTTP_HIJACK_QUEUE_MAX);
    assert_true(world.rooms > 1);
    world_done(&world);
    assert_int_equal(world.drunk, world.sent);
}

/* A stream that is held stops the engine; it goes on where it was. */
static void test_output_pressure(void **state)
{
    static const struct script script = {BYTES(UPGRADED), NULL, false, POURS};
    struct world world;
    struct docker_stream_options options = options_of(&world);

    (void)state;
    world_init(&world, &script);
    world.holds = true;
    world.stream = docker_start_exec(world.docker, "e1", &options);
    loop_run(world.loop);
    assert_false(world.failed);
    assert_false(world.holds);
    assert_int_equal(world.poured, MUCH);
    world_done(&world);
}

/* A process that ends without having read its input: what it wrote is read, the end is regular. */
static void test_input_not_read(void **state)
{
    static const struct script script = {BYTES(UPGRADED OUT("\2", "ab")), NULL, false, SPEAKS};
    struct world world;
    struct docker_stream_options options = options_of(&world);

    (void)state;
    world_init(&world, &script);
    options.on_open = options.on_room = send_more;
    world.stream = docker_start_exec(world.docker, "e1", &options);
    loop_run(world.loop);
    assert_false(world.failed);
    assert_string_equal(world.out.data, "ab");
    world_done(&world);
}

static void cancel(void *data)
{
    struct world *world = data;

    docker_stream_cancel(world->stream);
}

static void free_docker(void *data)
{
    struct world *world = data;

    docker_free(TAKE(world->docker));
}

static void test_cancel(void **state)
{
    static const struct script script = {BYTES(UPGRADED), NULL, false, STAYS};
    static void (*const ways[])(void *data) = {cancel, free_docker};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(ways); i++) {
        struct world world;
        struct docker_stream_options options = options_of(&world);

        world_init(&world, &script);
        options.on_open = ways[i / 2];
        world.stream = docker_start_exec(world.docker, "e1", &options);
        if (i % 2)
            ways[i / 2](&world); /* before it is connected */
        assert_false(world.is_over);
        loop_run(world.loop);
        assert_true(world.failed);
        assert_int_equal(world.fault, DOCKER_CANCELLED);
        world_done(&world);
    }
}

static void test_silence(void **state)
{
    static const struct script script = {BYTES(UPGRADED), NULL, false, STAYS};
    struct world world;
    struct docker_stream_options options = options_of(&world);

    (void)state;
    world_init(&world, &script);
    options.idle_timeout_ms = 20;
    world.stream = docker_start_exec(world.docker, "e1", &options);
    loop_run(world.loop);
    assert_true(world.was_open);
    assert_true(world.failed);
    assert_int_equal(world.fault, DOCKER_TIMEOUT);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),        cmocka_unit_test(test_input_ends),
        cmocka_unit_test(test_input_pressure), cmocka_unit_test(test_output_pressure),
        cmocka_unit_test(test_input_not_read), cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
