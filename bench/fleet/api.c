#include "bench/fleet/api.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

#define REDIAL_MS     200
#define LATENCIES_MAX (4 * 1000 * 1000)

struct request {
    TAILQ_ENTRY(request) entry;
    const char *operation;
    struct buf body;
    api_answer_fn *fn;
    void *data;
    int64_t sent_us;
};

struct line {
    struct conn conn;
    struct due redial;
    struct api *api;
    struct request *request; /* under way; NULL: idle */
};

struct api {
    struct line *lines;
    int line_count;
    TAILQ_HEAD(, request) queue;
    size_t waiting, refused;
    uint32_t *latencies_us;
    size_t latency_count;
};

static void dial(struct line *line);

static void on_redial(struct due *due)
{
    dial(CONTAINER_OF(due, struct line, redial));
}

static void start_next(struct line *line)
{
    struct request *request = TAILQ_FIRST(&line->api->queue);

    if (!request || line->request || line->conn.fd < 0)
        return;
    TAILQ_REMOVE(&line->api->queue, request, entry);
    line->request = request;
    if (!request->sent_us)
        request->sent_us = now_us();
    api_add_request(&line->conn.out, "POST", "/", request->operation, request->body.data,
                    request->body.len);
    conn_send(&line->conn);
}

static void on_answer(struct line *line, int status, char *body, size_t len)
{
    struct request *request = line->request;
    struct api *api = line->api;
    char behind = body[len];

    if (api->latency_count < LATENCIES_MAX)
        api->latencies_us[api->latency_count++] = (uint32_t)(now_us() - request->sent_us);
    if (status != 200 && !api->refused++)
        fprintf(stderr, "fleet: %s is refused: %.*s\n", request->operation,
                (int)(len < 500 ? len : 500), body);
    line->request = NULL;
    api->waiting--;
    body[len] = '\0';
    if (request->fn)
        request->fn(status, body, request->data);
    body[len] = behind;
    buf_done(&request->body);
    free(request);
}

static void on_input(struct conn *conn)
{
    struct line *line = CONTAINER_OF(conn, struct line, conn);
    size_t len, body;
    int status;

    while (line->request && (len = api_answer(&conn->in, &status, &body))) {
        on_answer(line, status, conn->in.data + body, len - body);
        buf_consume(&conn->in, len);
    }
    start_next(line);
}

static void on_closed(struct conn *conn)
{
    struct line *line = CONTAINER_OF(conn, struct line, conn);

    if (line->request) {
        TAILQ_INSERT_HEAD(&line->api->queue, line->request, entry);
        line->request = NULL;
    }
    due_in(&line->redial, REDIAL_MS, on_redial);
}

static void dial(struct line *line)
{
    if (conn_dial(&line->conn))
        start_next(line);
    else
        due_in(&line->redial, REDIAL_MS, on_redial);
}

struct api *api_new(int connections)
{
    struct api *api = xcalloc(1, sizeof(*api));

    TAILQ_INIT(&api->queue);
    api->line_count = connections;
    api->lines = xcalloc((size_t)connections, sizeof(*api->lines));
    api->latencies_us = xcalloc(LATENCIES_MAX, sizeof(*api->latencies_us));
    for (int i = 0; i < connections; i++) {
        api->lines[i].api = api;
        api->lines[i].conn.on_input = on_input;
        api->lines[i].conn.on_closed = on_closed;
        dial(&api->lines[i]);
    }
    return api;
}

void api_call(struct api *api, const char *operation, struct buf *body, api_answer_fn *fn,
              void *data)
{
    struct request *request = xcalloc(1, sizeof(*request));

    request->operation = operation;
    request->body = *body;
    *body = (struct buf){0};
    request->fn = fn;
    request->data = data;
    TAILQ_INSERT_TAIL(&api->queue, request, entry);
    api->waiting++;
    if (api->waiting > (size_t)api->line_count)
        return; /* all are busy */
    for (int i = 0; i < api->line_count; i++)
        start_next(&api->lines[i]);
}

size_t api_waiting(const struct api *api)
{
    return api->waiting;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

void api_figures(struct api *api, struct api_figures *ret)
{
    const uint32_t *sorted = api->latencies_us;
    size_t count = api->latency_count;

    *ret = (struct api_figures){.answers = count, .refused = api->refused};
    api->latency_count = api->refused = 0;
    if (!count)
        return;
    qsort(api->latencies_us, count, sizeof(*api->latencies_us), compare);
    ret->p50_ms = sorted[count / 2] / 1000.0;
    ret->p99_ms = sorted[(count - 1) * 99 / 100] / 1000.0;
    ret->max_ms = sorted[count - 1] / 1000.0;
}
