#include "core/task_roles.h"

#include <jansson.h>

#include "base/str.h"

static const char *role_arn(struct arena *arena, const struct scope *scope, const char *role)
{
    if (str_is_empty(role))
        return NULL;
    return arn_looks_like(role)
               ? role
               : arena_printf(arena, "arn:aws:iam::%s:role/%s", scope->account, role);
}

struct error *task_roles_read(struct arena *arena, const struct scope *scope,
                              const struct task *task, const struct ecs_task_definition *document,
                              struct task_roles *ret)
{
    CLEANUP(json_decrefp) json_t *over = NULL;
    const char *application, *execution;

    if (task->rare->overrides) {
        over = json_loads(task->rare->overrides, 0, NULL);
        if (!over)
            return error_new(API_SERVER, "The stored task override is damaged.");
    }
    application = arena_dup(arena, json_string_value(json_object_get(over, "taskRoleArn")));
    execution = arena_dup(arena, json_string_value(json_object_get(over, "executionRoleArn")));
    ret->application =
        role_arn(arena, scope, str_is_empty(application) ? document->task_role_arn : application);
    ret->execution =
        role_arn(arena, scope, str_is_empty(execution) ? document->execution_role_arn : execution);
    return NULL;
}
