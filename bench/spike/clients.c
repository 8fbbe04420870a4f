/* clients.c - the spike's load: CONNECTIONS clients that each repeat one signed request, beside
 * IDLE WebSockets that only answer pings.
 *
 *   clients PORT WS_PORT CONNECTIONS IDLE SECONDS SERVER_PID [tls]
 *
 * Prints: requests per second, median and 99th percentile in microseconds, and the server's
 * resident MiB and descriptors. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "net/transport.h"
#include "spike.h"

#define LATENCIES_MAX (4 * 1000 * 1000)

struct client {
    struct transport transport;
    bool is_idle; /* a WebSocket */
    int64_t sent_us;
    size_t got;
    char in[4096];
};

static SSL_CTX *tls;
static struct buf request;
static uint32_t *latencies;
static size_t latency_count;
static bool is_counting;

static int64_t now_us(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}

static void die(const char *what)
{
    fprintf(stderr, "clients: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void write_all(struct client *client, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = transport_write(&client->transport, bytes, len);
        if (sent == TRANSPORT_FAILED)
            die("write");
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
}

static struct client *connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct client *client = xcalloc(1, sizeof(*client));
    int on = 1;

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    client->transport.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (client->transport.fd < 0 ||
        connect(client->transport.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("connect");
    setsockopt(client->transport.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (tls) {
        client->transport.ssl = SSL_new(tls);
        SSL_set_fd(client->transport.ssl, client->transport.fd);
        if (SSL_connect(client->transport.ssl) != 1)
            die("TLS handshake");
    }
    return client;
}

static void upgrade(struct client *client, int port)
{
    char text[512];
    int len = snprintf(
        text, sizeof(text),
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        port);
    size_t got = 0;

    write_all(client, text, (size_t)len);
    while (!memmem(client->in, got, "\r\n\r\n", 4)) {
        ssize_t more =
            transport_read(&client->transport, client->in + got, sizeof(client->in) - got);
        if (more == TRANSPORT_AGAIN)
            continue;
        if (more <= 0)
            die("upgrade");
        got += (size_t)more;
    }
    if (memcmp(client->in, "HTTP/1.1 101", 12) != 0)
        die("upgrade refused");
    client->is_idle = true;
}

static void make_request(int port)
{
    struct arena arena = {0};
    static const struct sigv4_keys keys = {SPIKE_KEY, SPIKE_SECRET, NULL};
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-amz-json-1.1"},
        {"X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters"},
    };
    char *url = arena_printf(&arena, "http://127.0.0.1:%d/", port);
    struct http_header *added;
    size_t count;

    sigv4_sign(&arena, &keys, "us-east-1", "ecs", "POST", url, headers, ARRAY_LEN(headers), "{}", 2,
               (int64_t)time(NULL) * 1000, &added, &count);
    buf_clear(&request);
    buf_printf(&request, "POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 2\r\n", port);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        buf_printf(&request, "%s: %s\r\n", headers[i].name, headers[i].value);
    for (size_t i = 0; i < count; i++)
        buf_printf(&request, "%s: %s\r\n", added[i].name, added[i].value);
    buf_add_str(&request, "User-Agent: spike\r\nAccept-Encoding: identity\r\n\r\n{}");
    arena_done(&arena);
}

static void send_request(struct client *client)
{
    client->sent_us = now_us();
    client->got = 0;
    write_all(client, request.data, request.len);
}

static void take_answer(struct client *client)
{
    const char *text = SPIKE_ANSWER;
    size_t len = strlen(text);

    if (client->got < len || memcmp(client->in + client->got - len, text, len) != 0)
        return;
    if (memcmp(client->in, "HTTP/1.1 200", 12) != 0)
        die("refused");
    if (is_counting && latency_count < LATENCIES_MAX)
        latencies[latency_count++] = (uint32_t)(now_us() - client->sent_us);
    send_request(client);
}

static void on_readable(struct client *client)
{
    ssize_t got = transport_read(&client->transport, client->in + client->got,
                                 sizeof(client->in) - client->got);

    if (got == TRANSPORT_AGAIN)
        return;
    if (got <= 0)
        die(client->is_idle ? "WebSocket ended" : "connection ended");
    if (client->is_idle) {
        /* pings, all of them empty: 89 00 */
        static const char pong[] = {(char)0x8a, (char)0x80, 0, 0, 0, 0};
        for (ssize_t i = 0; i + 1 < got; i += 2)
            write_all(client, pong, sizeof(pong));
        return;
    }
    client->got += (size_t)got;
    take_answer(client);
}

static void watch(int epoll, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    fcntl(client->transport.fd, F_SETFL, fcntl(client->transport.fd, F_GETFL) | O_NONBLOCK);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->transport.fd, &event) < 0)
        die("epoll");
}

static void run_for(int epoll, double seconds)
{
    int64_t end_us = now_us() + (int64_t)(seconds * 1e6);
    struct epoll_event events[512];

    do {
        int count = epoll_wait(epoll, events, ARRAY_LEN(events), seconds > 0 ? 50 : 0);
        for (int i = 0; i < count; i++)
            on_readable(events[i].data.ptr);
    } while (now_us() < end_us);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

static unsigned resident_mib(const char *pid)
{
    char path[64], line[256];
    unsigned kib = 0;

    snprintf(path, sizeof(path), "/proc/%s/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmRSS: %u", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib / 1024;
}

static unsigned descriptors(const char *pid)
{
    char path[64];
    unsigned count = 0;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* CPU time of a process so far. */
static double cpu_s(const char *pid)
{
    char path[64];
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        die("the server's CPU time");
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: clients PORT WS_PORT CONNECTIONS IDLE SECONDS SERVER_PID [tls]\n");
        return 2;
    }
    int port = atoi(argv[1]), ws_port = atoi(argv[2]), connections = atoi(argv[3]),
        idle = atoi(argv[4]);
    double seconds = atof(argv[5]);
    int epoll = epoll_create1(0);
    struct client **clients = xcalloc((size_t)connections + 1, sizeof(*clients));

    spike_raise_limits();
    signal(SIGPIPE, SIG_IGN);
    latencies = xcalloc(LATENCIES_MAX, sizeof(*latencies));
    if (argc > 7) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    }
    for (int i = 0; i < idle; i++) {
        struct client *client = connect_to(ws_port);
        upgrade(client, ws_port);
        watch(epoll, client);
        if (i % 20 == 0)
            run_for(epoll, 0); /* answers pings */
    }
    make_request(port);
    for (int i = 0; i < connections; i++) {
        clients[i] = connect_to(port);
        watch(epoll, clients[i]);
        send_request(clients[i]);
    }
    run_for(epoll, 1); /* warm */
    is_counting = true;
    int64_t start_us = now_us();
    double start_cpu_s = cpu_s(argv[6]);
    run_for(epoll, seconds);
    double took_s = (double)(now_us() - start_us) / 1e6;
    double used_s = cpu_s(argv[6]) - start_cpu_s;
    if (connections > 0 && latency_count == 0)
        die("no answer");
    qsort(latencies, latency_count, sizeof(*latencies), compare);
    printf("%.0f %u %u %u %u %.1f %.1f\n", (double)latency_count / took_s,
           latencies[latency_count / 2], latencies[latency_count * 99 / 100], resident_mib(argv[6]),
           descriptors(argv[6]), used_s / took_s * 100,
           latency_count ? used_s / (double)latency_count * 1e6 : 0);
    return 0;
}
