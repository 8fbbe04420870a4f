#include "control/gpus.h"

#include "base/str.h"
#include "core/stored_json.h"
#include "core/task_gpus.h"

struct taken {
    struct arena *arena;
    const char **ids;
    size_t count, room;
};

static void add_taken(struct taken *taken, const struct task_gpu *gpus, size_t count)
{
    if (taken->count + count > taken->room) {
        size_t room = (taken->count + count) * 2;
        const char **ids = ARENA_ARRAY(taken->arena, const char *, room);

        for (size_t i = 0; i < taken->count; i++)
            ids[i] = taken->ids[i];
        taken->ids = ids;
        taken->room = room;
    }
    for (size_t i = 0; i < count; i++)
        taken->ids[taken->count++] = gpus[i].id;
}

/* What the tasks of a host hold, of those that are to run or of those that are to stop. */
static struct error *add_holders(struct state *state, const struct scope *scope,
                                 const struct task *task, bool is_stopped_list, struct taken *taken)
{
    char host[ID_HEX_SIZE];
    const struct task *other = NULL;
    struct task_gpu *gpus;
    size_t count;

    id_format(&task->instance, host);
    while ((other = state_task_after(state, scope, task->cluster, TASKS_BY_INSTANCE, host,
                                     is_stopped_list, other ? &other->id : NULL))) {
        if (other->last_status == TASK_STOPPED || !other->rare->gpus)
            continue;
        TRY(task_gpus_read(taken->arena, other, &gpus, &count));
        add_taken(taken, gpus, count);
    }
    return NULL;
}

static bool is_taken(const struct taken *taken, const char *id)
{
    for (size_t i = 0; i < taken->count; i++)
        if (str_eq(taken->ids[i], id))
            return true;
    return false;
}

static struct error *find_free(struct arena *arena, struct state *state, const struct scope *scope,
                               const struct task *task, const char ***ret_ids, size_t *ret_count)
{
    const struct container_instance *host =
        state_instance(state, scope, task->cluster, &task->instance);
    struct taken taken = {.arena = arena};
    size_t count = 0;

    if (!host)
        return error_new(API_SERVER, "The task's container instance is gone.");
    TRY(add_holders(state, scope, task, false, &taken));
    TRY(add_holders(state, scope, task, true, &taken));
    *ret_ids = ARENA_ARRAY(arena, const char *, host->gpu_ids_count);
    for (uint32_t i = 0; i < host->gpu_ids_count; i++)
        if (!is_taken(&taken, host->gpu_ids[i]))
            (*ret_ids)[count++] = host->gpu_ids[i];
    *ret_count = count;
    return NULL;
}

static struct error *read_recipe(struct arena *arena, struct state *state,
                                 const struct scope *scope, const struct task *task,
                                 struct task_recipe *ret)
{
    const struct task_definition *definition =
        state_task_definition(state, scope, task->family, task->revision);
    struct ecs_task_override *overrides = ARENA_NEW(arena, struct ecs_task_override);

    if (!definition)
        return error_new(API_SERVER, "The task's definition is gone.");
    TRY(task_recipe_read(arena, definition, ret));
    TRY(stored_json_read(arena, ECS_SHAPE_TASK_OVERRIDE, task->rare->overrides, "overrides",
                         task->family, overrides));
    return task_recipe_override(arena, ret, overrides);
}

static struct error *choose(struct arena *arena, struct state *state, const struct scope *scope,
                            const struct task *task, const char **ret_text)
{
    struct task_recipe recipe;
    const char **ids = NULL;
    size_t count = 0;

    TRY(read_recipe(arena, state, scope, task, &recipe));
    TRY(find_free(arena, state, scope, task, &ids, &count));
    *ret_text = task_gpus_give(arena, &recipe, ids, count);
    if (!*ret_text)
        return error_new(API_SERVER, "The container instance has too few GPUs left.");
    return NULL;
}

struct error *gpus_give(struct state *state, const struct scope *scope, const struct task *task)
{
    struct arena arena = {0};
    const char *text = NULL;
    struct error *err = choose(&arena, state, scope, task, &text);

    if (!err) {
        struct txn *txn = txn_begin(state, scope);

        task_set_gpus(txn_edit_task(txn, task), text);
        txn_commit(txn);
    }
    arena_done(&arena);
    return err;
}
