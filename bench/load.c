/* load.c - a closed-loop load of signed requests, and idle agents beside it.
 *
 *   load --url http://127.0.0.1:4566 --key ID --secret S --operation ListClusters --connections 64
 *   load ... --agents 10000 --seconds 60   registers instances, holds their command sockets open
 *
 * One thread, one epoll; each connection has one request under way. Reads repeat one signed
 * request, with the body given (the server checks each signature all the same); writes are made and
 * signed anew each time. Prints one line of JSON: requests per second, latency percentiles,
 * refusals. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/api_bytes.h"

#define LATENCIES_MAX (8 * 1000 * 1000)

struct connection {
    int fd;
    bool is_connected;
    struct buf out; /* still to send */
    struct buf in;
    int64_t sent_us;
};

static struct {
    const char *operation, *definition, *cluster, *body;
    struct sockaddr_in address;
    int connections, agents;
    double seconds;
} options = {.operation = "ListClusters",
             .connections = 64,
             .seconds = 5,
             .definition = "bench",
             .cluster = "default",
             .body = "{}"};

static uint32_t *latencies;
static size_t latency_count, refused;
static uint64_t sequence;
static char last_refusal[512];

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void add_signed(struct buf *out, const char *operation, const char *body)
{
    api_add_request(out, "POST", "/", operation, body, strlen(body));
}

/* The next revision of the family that was named, or of one of a thousand. */
static char *register_body(unsigned long long n)
{
    CLEANUP(str_freep)
    char *family = options.definition ? str_dup(options.definition)
                                      : str_printf("f-%d-%llu", (int)getpid(), n % 1000);

    return str_printf("{\"family\":\"%s\",\"containerDefinitions\":[{\"name\":\"a\","
                      "\"image\":\"busybox\",\"memory\":16}]}",
                      family);
}

/* The next request of the operation under load. */
static void add_request(struct buf *out)
{
    static struct buf repeated;
    static int64_t signed_at_us;
    CLEANUP(str_freep) char *body = NULL;
    bool is_read = str_starts_with(options.operation, "List") ||
                   str_starts_with(options.operation, "Describe");
    unsigned long long n = (unsigned long long)sequence++;

    if (is_read) {
        if (!repeated.len || now_us() - signed_at_us > 60 * 1000000) {
            buf_clear(&repeated);
            add_signed(&repeated, options.operation, options.body);
            signed_at_us = now_us();
        }
        buf_add(out, repeated.data, repeated.len);
        return;
    }
    if (str_eq(options.operation, "CreateCluster"))
        body = str_printf("{\"clusterName\":\"c-%d-%llu\"}", (int)getpid(), n);
    else if (str_eq(options.operation, "RegisterTaskDefinition"))
        body = register_body(n);
    else if (str_eq(options.operation, "RunTask"))
        body = str_printf("{\"cluster\":\"%s\",\"taskDefinition\":\"%s\"}", options.cluster,
                          options.definition);
    else {
        fprintf(stderr, "load: no body is known for %s\n", options.operation);
        exit(2);
    }
    add_signed(out, options.operation, body);
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&options.address, sizeof(options.address)) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void flush(struct connection *connection)
{
    while (connection->out.len) {
        ssize_t n = send(connection->fd, connection->out.data, connection->out.len, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            return; /* what is left goes with the next event; requests are small */
        if (n < 0)
            die("send");
        buf_consume(&connection->out, (size_t)n);
    }
}

static bool fill(struct connection *connection)
{
    char piece[16384];
    ssize_t n;

    while ((n = recv(connection->fd, piece, sizeof(piece), 0)) > 0)
        buf_add(&connection->in, piece, (size_t)n);
    return n < 0 && errno == EAGAIN;
}

static void on_answer(struct connection *connection, int status, size_t len)
{
    if (latency_count < LATENCIES_MAX)
        latencies[latency_count++] = (uint32_t)(now_us() - connection->sent_us);
    if (status != 200) {
        refused++;
        snprintf(last_refusal, sizeof(last_refusal), "%.*s", (int)(len < 500 ? len : 500),
                 connection->in.data);
    }
    buf_consume(&connection->in, len);
}

/* For servers that close after each answer. */
static void redial(struct connection *connection, int epoll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (!connection->out.len) /* it was sent into the closing connection */
        add_request(&connection->out);
    close(connection->fd);
    buf_clear(&connection->in);
    connection->fd = dial();
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double percentile_ms(double part)
{
    return latency_count ? latencies[(size_t)((double)(latency_count - 1) * part)] / 1000.0 : 0;
}

static void run_load(void)
{
    struct connection *all = xcalloc((size_t)options.connections, sizeof(*all));
    struct epoll_event events[256];
    int64_t began, end;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    latencies = xcalloc(LATENCIES_MAX, sizeof(*latencies));
    for (int i = 0; i < options.connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};

        all[i].fd = dial();
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    began = now_us();
    end = began + (int64_t)(options.seconds * 1e6);
    for (int i = 0; i < options.connections; i++) {
        add_request(&all[i].out);
        all[i].sent_us = now_us();
        flush(&all[i]);
    }
    while (now_us() < end) {
        int n = epoll_wait(epoll, events, ARRAY_LEN(events), 100);

        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            bool is_open = fill(connection);
            size_t len, body;
            int status = 0;

            while ((len = api_answer(&connection->in, &status, &body))) {
                on_answer(connection, status, len);
                add_request(&connection->out);
                connection->sent_us = now_us();
            }
            if (!is_open)
                redial(connection, epoll);
            flush(connection);
        }
    }
    double seconds = (double)(now_us() - began) / 1e6;
    qsort(latencies, latency_count, sizeof(*latencies), compare);
    printf("{\"operation\":\"%s\",\"connections\":%d,\"seconds\":%.2f,\"rps\":%.0f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"refused\":%zu}\n",
           options.operation, options.connections, seconds, (double)latency_count / seconds,
           percentile_ms(0.5), percentile_ms(0.99), percentile_ms(1), refused);
    if (refused)
        fprintf(stderr, "load: the last refusal: %s\n", last_refusal);
}

/* ---- idle agents ---- */

/* One request, one answer, blocking; the body of the answer. */
static char *exchange(struct connection *connection, int *ret_status)
{
    size_t len, body_at;

    while (connection->out.len)
        flush(connection);
    while (!(len = api_answer(&connection->in, ret_status, &body_at))) {
        struct pollfd readable = {.fd = connection->fd, .events = POLLIN};

        if (poll(&readable, 1, 30000) != 1 || !fill(connection))
            die("the server closed a connection");
    }
    char *body = str_dup_n(connection->in.data + body_at, len - body_at);

    buf_consume(&connection->in, len);
    return body;
}

/* Acknowledges heartbeats, or the server would close the session; everything else is left alone. */
static void serve_agent(struct connection *connection)
{
    while (connection->in.len >= 2) {
        const unsigned char *b = (const unsigned char *)connection->in.data;
        size_t len = b[1] & 0x7f, head = 2;
        const char *id;

        if (len == 126) {
            if (connection->in.len < 4)
                return;
            len = (size_t)b[2] << 8 | b[3];
            head = 4;
        }
        if (connection->in.len < head + len)
            return;
        CLEANUP(str_freep) char *text = str_dup_n(connection->in.data + head, len);

        if ((b[0] & 15) == 9 && len < 126) { /* ping: pong with a zero mask */
            unsigned char pong[6] = {0x8a, (unsigned char)(0x80 | len)};

            buf_add(&connection->out, pong, 6);
            buf_add(&connection->out, text, len);
        }
        id = strstr(text, "HeartbeatMessage") ? strstr(text, "\"messageId\":\"") : NULL;
        if (id) {
            CLEANUP(str_freep)
            char *ack = str_printf(
                "{\"type\":\"HeartbeatAckRequest\",\"message\":{\"messageId\":\"%.*s\"}}",
                (int)strcspn(id + 13, "\""), id + 13);
            unsigned char frame[8] = {0x81, 0x80 | 126, (unsigned char)(strlen(ack) >> 8),
                                      (unsigned char)strlen(ack)};
            bool is_short = strlen(ack) < 126;

            if (is_short)
                frame[1] = (unsigned char)(0x80 | strlen(ack));
            buf_add(&connection->out, frame, is_short ? 2 : 4);
            buf_add(&connection->out, "\0\0\0\0", 4);
            buf_add_str(&connection->out, ack);
        }
        buf_consume(&connection->in, head + len);
    }
    flush(connection);
}

static void open_agent(struct connection *agent, struct connection *api)
{
    CLEANUP(str_freep) char *request = NULL;
    CLEANUP(str_freep) char *answer = NULL;
    CLEANUP(buf_done) struct buf query = {0};
    const char *arn;
    int status = 0;

    request = str_printf("{\"cluster\":\"%s\",\"totalResources\":["
                         "{\"name\":\"CPU\",\"type\":\"INTEGER\",\"integerValue\":2048},"
                         "{\"name\":\"MEMORY\",\"type\":\"INTEGER\",\"integerValue\":4096},"
                         "{\"name\":\"PORTS\",\"type\":\"STRINGSET\",\"stringSetValue\":[\"22\"]},"
                         "{\"name\":\"PORTS_UDP\",\"type\":\"STRINGSET\",\"stringSetValue\":[]}],"
                         "\"attributes\":[{\"name\":\"ecs.os-type\",\"value\":\"linux\"}]}",
                         options.cluster);
    add_signed(&api->out, "RegisterContainerInstance", request);
    answer = exchange(api, &status);
    arn = strstr(answer, "\"containerInstanceArn\":\"");
    if (status != 200 || !arn) {
        fprintf(stderr, "load: registration refused: %s\n", answer);
        exit(1);
    }
    arn += 24;
    buf_add_str(&query, "/acs/ws?agentHash=0&agentVersion=1.0.0&clusterArn=");
    buf_printf(&query, "%s&containerInstanceArn=", options.cluster);
    for (const char *p = arn; *p != '"'; p++) {
        if (*p == ':' || *p == '/')
            buf_printf(&query, "%%%02X", *p);
        else
            buf_add_char(&query, *p);
    }
    buf_add_str(
        &query,
        "&dockerVersion=DockerVersion%3A%2020&protocolVersion=2&sendCredentials=true&seqNum=1");
    agent->fd = dial();
    api_add_request(&agent->out, "GET", query.data, NULL, "", 0);
    free(exchange(agent, &status));
    if (status != 101) {
        fprintf(stderr, "load: upgrade refused with %d\n", status);
        exit(1);
    }
}

static void run_agents(void)
{
    struct connection *all = xcalloc((size_t)options.agents, sizeof(*all));
    struct connection api = {.fd = dial()};
    struct epoll_event events[256];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t end;

    for (int i = 0; i < options.agents; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};

        open_agent(&all[i], &api);
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    printf("ready\n");
    fflush(stdout);
    end = now_us() + (int64_t)(options.seconds * 1e6);
    while (now_us() < end) {
        int n = epoll_wait(epoll, events, ARRAY_LEN(events), 1000);

        for (int i = 0; i < n; i++) {
            struct connection *agent = events[i].data.ptr;

            if (!fill(agent)) {
                fprintf(stderr, "load: an agent's socket was closed\n");
                exit(1);
            }
            serve_agent(agent);
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit;

    api_account.region = "us-east-1";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (str_eq(argv[i], "--url"))
            api_account.url = argv[i + 1];
        else if (str_eq(argv[i], "--key"))
            api_account.keys.access_key_id = argv[i + 1];
        else if (str_eq(argv[i], "--secret"))
            api_account.keys.secret_access_key = argv[i + 1];
        else if (str_eq(argv[i], "--operation"))
            options.operation = argv[i + 1];
        else if (str_eq(argv[i], "--connections"))
            options.connections = atoi(argv[i + 1]);
        else if (str_eq(argv[i], "--agents"))
            options.agents = atoi(argv[i + 1]);
        else if (str_eq(argv[i], "--seconds"))
            options.seconds = atof(argv[i + 1]);
        else if (str_eq(argv[i], "--definition"))
            options.definition = argv[i + 1];
        else if (str_eq(argv[i], "--cluster"))
            options.cluster = argv[i + 1];
        else if (str_eq(argv[i], "--body"))
            options.body = argv[i + 1];
    }
    if (!str_starts_with(api_account.url, "http://127.0.0.1:") || !api_account.keys.access_key_id ||
        !api_account.keys.secret_access_key) {
        fprintf(stderr,
                "usage: load --url http://127.0.0.1:PORT --key ID --secret S [--operation O]"
                " [--connections N] [--agents N] [--seconds S] [--cluster C]"
                " [--definition D] [--body JSON]\n");
        return 2;
    }
    api_account.host = api_account.url + strlen("http://");
    options.address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(api_account.host + strlen("127.0.0.1:"))),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (options.agents)
        run_agents();
    else
        run_load();
    return 0;
}
