/* task_endpoint_parts.h - inside of the task endpoint: task_endpoint.c listens and decides whose a
 * request is, task_answer.c makes answers that may have to wait, task_protection.c speaks to the
 * control plane in a task's name. */
#ifndef BERTH_AGENT_TASK_ENDPOINT_PARTS_H
#define BERTH_AGENT_TASK_ENDPOINT_PARTS_H

#include <sys/queue.h>

#include "agent/endpoints/audit_log.h"
#include "agent/endpoints/task_endpoint.h"
#include "agent/endpoints/task_metadata.h"
#include "agent/endpoints/task_route.h"
#include "agent/endpoints/task_stats.h"
#include "agent/endpoints/throttle.h"
#include "net/http_server.h"

#define TASK_ENDPOINT_LISTENERS_MAX 3

struct task_answer;

struct task_endpoint {
    struct task_endpoint_options options;
    struct http_server *servers[TASK_ENDPOINT_LISTENERS_MAX]; /* none: it is not served */
    size_t server_count;
    bool has_address; /* ours, to be taken away */
    bool is_adding_rule, has_rule;
    struct timer retry;
    bool has_complained;
    struct throttle *throttle;
    struct audit_log *audit;
    struct task_stats *stats;
    TAILQ_HEAD(, task_answer) answers; /* that wait */
    unsigned to_close;
    loop_fn *closed;
    void *closed_data;
};

/* ---- task_endpoint.c ---- */

void task_endpoint_respond_json(struct http_exchange *ex, int status, const struct buf *body);
/* The text as a JSON string: how errors of the metadata look (AG-910). */
void task_endpoint_respond_text(struct http_exchange *ex, int status, const char *text);

/* ---- task_answer.c ---- */

/* Metadata, statistics and associations. `task` and the container `index` of it are who was named;
 * for version 2 the caller's task, with `index` of the container named or SIZE_MAX. */
void task_answer_begin(struct task_endpoint *endpoint, struct http_exchange *ex,
                       const struct task_route *route, const struct engine_task_view *task,
                       size_t index);
/* Its exchange gets an answer now, and what comes later finds nobody. */
void task_answer_abandon(struct task_answer *answer);

/* ---- task_protection.c ---- */

void task_protection_begin(struct task_endpoint *endpoint, struct http_exchange *ex,
                           const struct http_request *req, const struct engine_task_view *task,
                           size_t index);
/* {"error": {...}} (AP-143); `arn` NULL: not known. */
void task_protection_respond_error(struct http_exchange *ex, int status, const char *arn,
                                   const char *code, const char *message, const char *request_id);

#endif
