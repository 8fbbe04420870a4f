/* task_answer.c - an answer about a task that may have to wait: for statistics, for tags, for what
 * a health check said.
 *
 *   CHECKS (one for each container that has one) -> INSTANCE_TAGS -> TASK_TAGS -> WRITE
 *   SAMPLES (all containers at once)                                           -> WRITE
 *
 * What has nothing to wait for is skipped. The task is looked up again when it is written. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "agent/endpoints/task_endpoint_parts.h"
#include "agent/engine/container.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "gen/ecs_types.h"

#define SAMPLE_MEMBER ",\"network_rate_stats\":{\"rx_bytes_per_sec\":"

struct task_answer;

struct part { /* of one container */
    struct task_answer *answer;
    char *docker_id; /* NULL: not created */
    struct task_check check;
    bool has_check, is_running;
    struct buf sample; /* empty: none */
};

struct task_answer {
    struct task_endpoint *endpoint; /* NULL: abandoned */
    TAILQ_ENTRY(task_answer) entry;
    struct http_exchange *ex;
    struct arena arena;
    struct task_route route; /* in the arena, and so are the rest's strings */
    const char *task_arn, *container_name;
    size_t index; /* SIZE_MAX: none named */
    struct part *parts;
    size_t part_count;
    enum { CHECKS, SAMPLES, INSTANCE_TAGS, TASK_TAGS, WRITE } next;
    size_t next_check;
    struct docker_call *check_call;
    struct timer check_deadline;
    unsigned samples_awaited;
    struct metadata_string_map instance_tags, task_tags;
    struct metadata_errors errors;
};

static void advance(struct task_answer *answer);

static void answer_free(struct task_answer *answer)
{
    if (answer->endpoint)
        TAILQ_REMOVE(&answer->endpoint->answers, answer, entry);
    timer_stop(&answer->check_deadline);
    for (size_t i = 0; i < answer->part_count; i++) {
        free(answer->parts[i].docker_id);
        buf_done(&answer->parts[i].sample);
    }
    free(answer->parts);
    arena_done(&answer->arena);
    free(answer);
}

void task_answer_abandon(struct task_answer *answer)
{
    TAILQ_REMOVE(&answer->endpoint->answers, answer, entry);
    answer->endpoint = NULL;
    timer_stop(&answer->check_deadline);
    task_endpoint_respond_text(answer->ex, 503, "the agent is ending");
    if (answer->check_call)
        docker_cancel(answer->check_call);
}

/* ---- health checks ---- */

static void on_checked(const struct docker_failure *failure,
                       const struct docker_container *container, void *data)
{
    struct task_answer *answer = data;

    answer->check_call = NULL;
    if (!answer->endpoint) {
        answer_free(answer);
        return;
    }
    timer_stop(&answer->check_deadline);
    if (!failure)
        answer->parts[answer->next_check].check = (struct task_check){
            container->check_exit_code, arena_dup(&answer->arena, container->check_output)};
    answer->next_check++;
    advance(answer);
}

/* Docker is slow: the answer goes without. */
static void on_check_late(void *data)
{
    struct task_answer *answer = data;

    docker_cancel(answer->check_call);
}

/* False: no container is left to be asked about. */
static bool check_next(struct task_answer *answer)
{
    struct task_endpoint *endpoint = answer->endpoint;

    while (answer->next_check < answer->part_count && !answer->parts[answer->next_check].has_check)
        answer->next_check++;
    if (answer->next_check == answer->part_count)
        return false;
    answer->check_call = docker_inspect(
        endpoint->options.docker, answer->parts[answer->next_check].docker_id, on_checked, answer);
    timer_start(&answer->check_deadline, endpoint->options.loop, TASK_ENDPOINT_CHECK_MS,
                on_check_late, answer);
    return true;
}

/* ---- statistics ---- */

/* Docker's object with the rates in it (AG-914). */
static void take_sample(const struct task_answer *answer, const struct task_sample *sample,
                        struct buf *out)
{
    size_t len = sample->len;

    if (answer->route.version < 4 || !sample->has_rates || !len || sample->json[len - 1] != '}') {
        buf_add(out, sample->json, len);
        return;
    }
    buf_add(out, sample->json, len - 1);
    buf_add_str(out, SAMPLE_MEMBER);
    json_text_add_double(out, sample->rx_bytes_per_s);
    buf_add_str(out, ",\"tx_bytes_per_sec\":");
    json_text_add_double(out, sample->tx_bytes_per_s);
    buf_add_str(out, "}}");
}

static void on_sample(const struct task_sample *sample, void *data)
{
    struct part *part = data;
    struct task_answer *answer = part->answer;

    answer->samples_awaited--;
    if (sample && answer->endpoint)
        take_sample(answer, sample, &part->sample);
    if (answer->samples_awaited)
        return;
    if (answer->endpoint)
        advance(answer);
    else
        answer_free(answer);
}

/* False: no container runs. */
static bool ask_samples(struct task_answer *answer)
{
    for (size_t i = 0; i < answer->part_count; i++) {
        struct part *part = &answer->parts[i];

        if (!part->is_running ||
            (answer->route.asked == ASKED_CONTAINER_STATS && i != answer->index))
            continue;
        answer->samples_awaited++;
        task_stats_get(answer->endpoint->stats, part->docker_id, on_sample, part);
    }
    return answer->samples_awaited > 0;
}

/* ---- tags ---- */

static void add_error(struct task_answer *answer, const char *field, const char *arn,
                      const struct error *err)
{
    const char *sentence = strstr(err->message, ": "); /* behind "X answered 400 Y" */
    struct metadata_error *error = &answer->errors.items[answer->errors.count++];

    answer->errors.is_set = true;
    error->error_field = field;
    error->error_code = api_error_name(err->code);
    error->error_message = arena_dup(&answer->arena, sentence ? sentence + 2 : err->message);
    SET(error, status_code, api_error_http_status(err->code));
    error->resource_arn = arn;
}

static struct error *read_tags(struct arena *arena, const json_t *json,
                               struct metadata_string_map *ret)
{
    struct ecs_list_tags_for_resource_response in = {0};

    TRY(ecs_decode_list_tags_for_resource_response(arena, json, &in));
    if (!in.tags.count)
        return NULL;
    SET_LIST(arena, ret, in.tags.count);
    for (size_t i = 0; i < in.tags.count; i++)
        ret->items[i] =
            (struct metadata_string_map_entry){in.tags.items[i].key, in.tags.items[i].value};
    return NULL;
}

static void on_tags(struct error *err, const json_t *json, void *data)
{
    struct task_answer *answer = data;
    bool is_task = answer->next == WRITE;

    if (!answer->endpoint) {
        error_free(err); /* the agent is ending */
        answer_free(answer);
        return;
    }
    if (!err)
        err =
            read_tags(&answer->arena, json, is_task ? &answer->task_tags : &answer->instance_tags);
    if (err)
        add_error(answer, is_task ? "TaskTags" : "ContainerInstanceTags",
                  is_task ? answer->task_arn : answer->endpoint->options.instance_arn, err);
    error_free(err); /* told in the answer (AG-905) */
    advance(answer);
}

static void ask_tags(struct task_answer *answer, const char *arn)
{
    CLEANUP(buf_done) struct buf body = {0};

    buf_add_str(&body, "{\"resourceArn\":");
    json_text_add_string(&body, arn);
    buf_add_char(&body, '}');
    api_client_call(answer->endpoint->options.client, "ListTagsForResource", &body, on_tags,
                    answer);
}

/* ---- writing ---- */

static void write_container(struct task_answer *answer, const struct engine_task_view *task,
                            const struct task_metadata_options *options, struct buf *body)
{
    struct metadata_container container;

    task_metadata_container(&answer->arena, options, &task->containers[answer->index],
                            &answer->parts[answer->index].check, &container);
    metadata_encode_container(body, &container);
}

static void write_task(struct task_answer *answer, const struct engine_task_view *task,
                       const struct task_metadata_options *options, struct buf *body)
{
    struct task_check *checks = ARENA_ARRAY(&answer->arena, struct task_check, answer->part_count);
    struct metadata_task out;

    for (size_t i = 0; i < answer->part_count; i++)
        checks[i] = answer->parts[i].check;
    task_metadata_task(&answer->arena, options, task, checks, &out);
    out.container_instance_tags = answer->instance_tags;
    out.task_tags = answer->task_tags;
    if (options->version >= 4)
        out.errors = answer->errors;
    metadata_encode_task(body, &out);
}

static void write_samples(const struct task_answer *answer, struct buf *body)
{
    buf_add_char(body, '{');
    for (size_t i = 0; i < answer->part_count; i++) {
        const struct part *part = &answer->parts[i];

        if (!part->docker_id)
            continue;
        json_text_add_name(body, part->docker_id);
        if (part->sample.len)
            buf_add(body, part->sample.data, part->sample.len);
        else
            buf_add_str(body, answer->route.version >= 4 ? "{}" : "null");
    }
    buf_add_char(body, '}');
}

static void write_associations(const struct task_answer *answer,
                               const struct engine_task_view *task, struct buf *body)
{
    const struct acs_associations *all = &task->spec->associations;
    size_t count = 0;

    buf_add_str(body, "{\"Associations\":");
    for (size_t i = 0; i < all->count; i++) {
        const struct acs_association *one = &all->items[i];

        for (size_t k = 0; str_eq(one->type, answer->route.type) && k < one->containers.count;
             k++) {
            if (!str_eq(one->containers.items[k], answer->container_name))
                continue;
            buf_add_char(body, count++ ? ',' : '[');
            json_text_add_string(body, one->name ? one->name : "");
        }
    }
    buf_add_str(body, count ? "]}" : "null}");
}

/* Its content as it came: JSON by agreement. False if there is none of that type and name. */
static bool write_association(const struct task_answer *answer, const struct engine_task_view *task,
                              struct buf *body)
{
    const struct acs_associations *all = &task->spec->associations;

    for (size_t i = 0; i < all->count; i++) {
        const struct acs_association *one = &all->items[i];

        if (!str_eq(one->type, answer->route.type) || !str_eq(one->name, answer->route.name))
            continue;
        buf_add_str(body, one->content && one->content->value ? one->content->value : "");
        return true;
    }
    return false;
}

static void respond_no_sample(const struct task_answer *answer)
{
    CLEANUP(str_freep)
    char *text =
        str_printf("Unable to get container stats for: %s",
                   answer->index < answer->part_count ? answer->parts[answer->index].docker_id
                                                      : answer->route.id);

    task_endpoint_respond_text(answer->ex, answer->route.version >= 4 ? 500 : 400, text);
}

static void respond_no_container(const struct task_answer *answer)
{
    CLEANUP(str_freep)
    char *text = str_printf("Unable to generate metadata for container '%s'", answer->route.id);

    task_endpoint_respond_text(answer->ex, 400, text);
}

static void respond_no_association(const struct task_answer *answer)
{
    CLEANUP(str_freep)
    char *text = str_printf("Unable to write container association response: unable to get "
                            "association from association type %s and association name %s",
                            answer->route.type, answer->route.name);

    task_endpoint_respond_text(answer->ex, 400, text);
}

static void respond_no_task(const struct task_answer *answer)
{
    CLEANUP(str_freep)
    char *text =
        str_printf(answer->route.version >= 4 ? "Unable to generate metadata for v4 task: '%s'"
                                              : "Unable to generate metadata for task: '%s'",
                   answer->task_arn);

    task_endpoint_respond_text(answer->ex, answer->route.version == 2 ? 400 : 500, text);
}

static void write_answer(struct task_answer *answer)
{
    const struct task_metadata_options options = {
        .version = answer->route.version,
        .cluster = answer->endpoint->options.cluster,
        .zone =
            answer->endpoint->options.config->hides_zone ? NULL : answer->endpoint->options.zone,
    };
    CLEANUP(buf_done) struct buf body = {0};
    struct engine_task_view task;

    if (!engine_view(answer->endpoint->options.engine, answer->task_arn, &task) ||
        task.container_count + task.internal_count != answer->part_count) {
        respond_no_task(answer); /* cleaned up meanwhile */
        return;
    }
    switch (answer->route.asked) {
    case ASKED_CONTAINER:
        if (answer->index == SIZE_MAX) {
            respond_no_container(answer);
            return;
        }
        write_container(answer, &task, &options, &body);
        break;
    case ASKED_TASK:
    case ASKED_TASK_WITH_TAGS:
        write_task(answer, &task, &options, &body);
        break;
    case ASKED_CONTAINER_STATS:
        if (answer->index == SIZE_MAX || !answer->parts[answer->index].sample.len) {
            respond_no_sample(answer);
            return;
        }
        buf_add(&body, answer->parts[answer->index].sample.data,
                answer->parts[answer->index].sample.len);
        break;
    case ASKED_TASK_STATS:
        write_samples(answer, &body);
        break;
    case ASKED_ASSOCIATIONS:
        write_associations(answer, &task, &body);
        break;
    case ASKED_ASSOCIATION:
        if (!write_association(answer, &task, &body)) {
            respond_no_association(answer);
            return;
        }
        break;
    case ASKED_NOTHING:
    case ASKED_ELSEWHERE:
    case ASKED_CREDENTIALS:
    case ASKED_PROTECTION:
    case ASKED_FAULT:
        break; /* not asked here */
    }
    task_endpoint_respond_json(answer->ex, 200, &body);
}

static void advance(struct task_answer *answer)
{
    bool with_tags = answer->route.asked == ASKED_TASK_WITH_TAGS;

    switch (answer->next) {
    case CHECKS:
        if (check_next(answer))
            return;
        /* fall through */
    case INSTANCE_TAGS:
        answer->next = TASK_TAGS;
        if (with_tags) {
            ask_tags(answer, answer->endpoint->options.instance_arn);
            return;
        }
        /* fall through */
    case TASK_TAGS:
        answer->next = WRITE;
        if (with_tags) {
            ask_tags(answer, answer->task_arn);
            return;
        }
        break;
    case SAMPLES:
        answer->next = WRITE;
        if (ask_samples(answer))
            return;
        break;
    case WRITE:
        break;
    }
    write_answer(answer);
    answer_free(answer);
}

/* ---- the beginning ---- */

static bool wants_checks(const struct task_route *route)
{
    return route->asked == ASKED_CONTAINER || route->asked == ASKED_TASK ||
           route->asked == ASKED_TASK_WITH_TAGS;
}

static bool wants_samples(const struct task_route *route)
{
    return route->asked == ASKED_CONTAINER_STATS || route->asked == ASKED_TASK_STATS;
}

static void fill_part(struct task_answer *answer, size_t i,
                      const struct engine_container_view *container)
{
    struct part *part = &answer->parts[i];

    part->answer = answer;
    part->docker_id = str_dup(container->docker_id);
    part->is_running = container->docker_id && container->known == ENGINE_RUNNING;
    part->has_check = wants_checks(&answer->route) && part->is_running &&
                      container_has_health_check(container->spec) && container->health &&
                      strcmp(container->health, "UNKNOWN") != 0 &&
                      (answer->route.asked != ASKED_CONTAINER || i == answer->index);
}

void task_answer_begin(struct task_endpoint *endpoint, struct http_exchange *ex,
                       const struct task_route *route, const struct engine_task_view *task,
                       size_t index)
{
    struct task_answer *answer = xcalloc(1, sizeof(*answer));

    answer->endpoint = endpoint;
    answer->ex = ex;
    answer->route = *route;
    answer->route.id = arena_dup(&answer->arena, route->id);
    answer->route.type = arena_dup(&answer->arena, route->type);
    answer->route.name = arena_dup(&answer->arena, route->name);
    answer->route.clean = NULL;
    answer->task_arn = arena_dup(&answer->arena, task->arn);
    answer->index = index;
    if (index != SIZE_MAX)
        answer->container_name = arena_dup(&answer->arena, task->containers[index].name);
    answer->part_count = task->container_count + task->internal_count;
    answer->parts = xcalloc(answer->part_count + 1, sizeof(*answer->parts));
    for (size_t i = 0; i < answer->part_count; i++)
        fill_part(answer, i, &task->containers[i]);
    answer->errors.items = ARENA_ARRAY(&answer->arena, struct metadata_error, 2);
    answer->next = wants_samples(route) ? SAMPLES : wants_checks(route) ? CHECKS : WRITE;
    TAILQ_INSERT_TAIL(&endpoint->answers, answer, entry);
    advance(answer);
}
