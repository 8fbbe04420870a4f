#include "core/task_roles.h"

#include "base/str.h"
#include "core/stored_json.h"

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
    struct ecs_task_override over = {0};

    TRY(stored_json_read(arena, ECS_SHAPE_TASK_OVERRIDE, task->rare->overrides, "overrides",
                         task->group, &over));
    ret->application =
        role_arn(arena, scope,
                 str_is_empty(over.task_role_arn) ? document->task_role_arn : over.task_role_arn);
    ret->execution = role_arn(arena, scope,
                              str_is_empty(over.execution_role_arn) ? document->execution_role_arn
                                                                    : over.execution_role_arn);
    return NULL;
}
