/* A question, what it is about, its answer. */
#include "explain/explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "ecs/names.h"
#include "explain/parts.h"
#include "state/archive.h"
#include "wire/dispatch.h"

static const struct http_header headers[] = {{"content-type", "application/json"}};

static void answer_free(struct answer *answer)
{
    buf_done(&answer->out);
    arena_done(&answer->arena);
    free(answer);
}

static void refuse(struct answer *answer, struct error *err)
{
    CLEANUP(error_freep) struct error *owned = err;
    const char *message = owned->message;

    if (owned->code == API_SERVER) {
        log_error("a question could not be answered", "cause", message);
        message = "The server failed to do this; its log says why.";
    }
    buf_clear(&answer->out);
    dispatch_error_body(&answer->out, owned->code, message, NULL);
    http_respond(answer->ex, api_error_http_status(owned->code), headers, ARRAY_LEN(headers),
                 answer->out.data, answer->out.len);
    answer_free(answer);
}

static void on_durable(const struct error *err, void *data)
{
    struct answer *answer = data;

    if (err) {
        refuse(answer, error_copy(err));
        return;
    }
    http_respond(answer->ex, 200, headers, ARRAY_LEN(headers), answer->out.data, answer->out.len);
    answer_free(answer);
}

/* Takes `err`. */
static void finish(struct answer *answer, struct error *err)
{
    if (err) {
        refuse(answer, err);
        return;
    }
    buf_add_str(&answer->out, "}\n");
    state_when_durable(answer->ecs->state, on_durable, answer);
}

/* ---- tasks, of which some are in the archive ---- */

static void on_found(const struct error *err, const struct task *const *tasks, size_t count,
                     void *data)
{
    struct answer *answer = data;

    if (err)
        finish(answer, error_copy(err));
    else if (count)
        finish(answer, explain_task(answer, tasks[0]));
    else
        finish(answer, error_new(API_INVALID_PARAMETER, "The referenced task was not found."));
}

static struct error *find_task(struct answer *answer, const struct cluster *cluster,
                               const char *text, bool *ret_waits)
{
    const struct task *task;

    TRY(names_task_id(&answer->call, cluster->name, text, &answer->id));
    task = state_task(answer->ecs->state, answer->scope, cluster->name, &answer->id);
    if (task)
        return explain_task(answer, task);
    if (!state_archive(answer->ecs->state))
        return error_new(API_INVALID_PARAMETER, "The referenced task was not found.");
    *ret_waits = true;
    answer->cluster = arena_dup(&answer->arena, cluster->name);
    archive_find(state_archive(answer->ecs->state), answer->scope, answer->cluster, &answer->id, 1,
                 on_found, answer);
    return NULL;
}

/* ---- what a name is of ---- */

/* An ARN says its type; an id is a task's; else a service's name comes before a family's. */
static void read_name(struct answer *answer, const struct cluster *cluster)
{
    struct question *question = &answer->question;
    const char *name = question->name;
    struct arn arn;
    struct id id;

    if (arn_looks_like(name) && arn_parse(&answer->arena, name, &arn)) {
        if (str_eq(arn.type, "service"))
            question->service = name;
        else if (str_eq(arn.type, "task"))
            question->task = name;
        else
            question->task_definition = name;
    } else if (id_parse(name, &id)) {
        question->task = name;
    } else if (state_service(answer->ecs->state, answer->scope, cluster->name, name)) {
        question->service = name;
    } else {
        question->task_definition = name;
    }
}

/* An ARN with a cluster in it needs no other word for the cluster. */
static const char *cluster_of_arn(struct arena *arena, const struct question *question)
{
    const char *const texts[] = {question->service, question->task, question->name};
    const char *slash;
    struct arn arn;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!texts[i] || !arn_looks_like(texts[i]) || !arn_parse(arena, texts[i], &arn))
            continue;
        slash = strchr(arn.rest, '/');
        if (slash && !str_eq(arn.type, "task-definition"))
            return arena_dup_n(arena, arn.rest, (size_t)(slash - arn.rest));
    }
    return NULL;
}

static struct error *find_service(struct answer *answer, const struct cluster *cluster,
                                  const char *text)
{
    const struct service *service;

    TRY(names_find_service(&answer->call, cluster->name, text, &service));
    return explain_service(answer, service);
}

static struct error *find_definition(struct answer *answer, const struct cluster *cluster,
                                     const char *text)
{
    const struct task_definition *definition;
    struct error *err = names_find_active_task_definition(&answer->call, text, &definition);

    if (err && answer->question.name && err->code == API_CLIENT) {
        error_free(err); /* said better below */
        return error_new(API_CLIENT,
                         "There is no service, task or task definition '%s' in cluster %s.", text,
                         cluster->name);
    }
    TRY(err);
    return explain_try(answer, cluster, definition);
}

static struct error *look(struct answer *answer, const char *query, bool *ret_waits)
{
    struct question *question = &answer->question;
    const struct cluster *cluster;
    const char *name;

    TRY(question_read(&answer->arena, query, question));
    name = question->cluster ? question->cluster : cluster_of_arn(&answer->arena, question);
    TRY(names_find_any_cluster(&answer->call, name, &cluster));
    if (question->name)
        read_name(answer, cluster);
    if (question->service)
        return find_service(answer, cluster, question->service);
    if (question->task)
        return find_task(answer, cluster, question->task, ret_waits);
    return find_definition(answer, cluster, question->task_definition);
}

void explain_request(struct ecs *ecs, struct rng *rng, const struct scope *scope,
                     struct http_exchange *ex, const struct http_request *req)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));
    bool waits = false;
    struct error *err;

    answer->ex = ex;
    answer->ecs = ecs;
    answer->scope = scope;
    answer->call = (struct call){
        .region = scope->region,
        .account = scope->account,
        .now_ms = clock_wall_ms(state_clock(ecs->state)),
        .arena = &answer->arena,
        .rng = rng,
        .service = ecs,
    };
    buf_add_char(&answer->out, '{');
    err = look(answer, req->query, &waits);
    if (!waits)
        finish(answer, err);
}
