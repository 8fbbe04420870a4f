#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/task_definition.h"
#include "gen/ecs_handlers.h"

static struct error *authorize(struct call *call, const char *family, int revision)
{
    return call_authorize(call, "ecs:DeleteTaskDefinitions",
                          arn_task_definition(call->arena, call_scope(call), family, revision));
}

/* Why the one that is asked for cannot be deleted; NULL: it can, or is being deleted. */
static const char *find(struct call *call, const char *text,
                        const struct task_definition **ret_definition)
{
    CLEANUP(error_freep) struct error *err = NULL; /* which fault it is, callers are not told */
    const char *family = NULL;
    int revision = 0;

    err = names_family_revision(call, text, &family, &revision);
    if (err || revision == 0)
        return "The specified task definition identifier is invalid. Specify a valid name or ARN "
               "and try again.";
    *ret_definition =
        state_task_definition(ecs_of(call)->state, call_scope(call), family, revision);
    if (!*ret_definition)
        return "The specified task definition does not exist. Specify a valid account, family, "
               "revision and try again.";
    if ((*ret_definition)->status == DEFINITION_ACTIVE)
        return "The specified task definition is still in ACTIVE status. Please deregister the "
               "target and try again.";
    return NULL;
}

/* What is deleted, described as it still is. */
struct deletion {
    const struct task_definition *definition;
    struct ecs_task_definition *shown;
};

static struct error *look_up(struct call *call, const struct ecs_string_list *asked,
                             struct deletion *deletions,
                             struct ecs_delete_task_definitions_response *out)
{
    for (size_t i = 0; i < asked->count; i++) {
        const struct task_definition *definition = NULL;
        const char *reason = find(call, asked->items[i], &definition);
        struct deletion *deletion = &deletions[out->task_definitions.count];

        if (reason) {
            out->failures.items[out->failures.count++] =
                (struct ecs_failure){.arn = asked->items[i], .reason = reason};
            continue;
        }
        TRY(authorize(call, definition->family, definition->revision));
        deletion->definition = definition;
        deletion->shown = &out->task_definitions.items[out->task_definitions.count++];
        TRY(task_definition_describe(call, definition, deletion->shown));
    }
    return NULL;
}

static void begin(struct call *call, const struct deletion *deletion)
{
    struct task_definition *edited;

    if (deletion->definition->status != DEFINITION_DELETE_IN_PROGRESS) {
        edited = txn_edit_task_definition(call->txn, deletion->definition);
        edited->status = DEFINITION_DELETE_IN_PROGRESS;
        edited->delete_requested_at_ms = call->now_ms;
    }
    deletion->shown->status = ECS_TASK_DEFINITION_STATUS_DELETE_IN_PROGRESS;
    SET(deletion->shown, delete_requested_at_ms, deletion->definition->delete_requested_at_ms);
}

/* DeleteTaskDefinitions: INACTIVE revisions become DELETE_IN_PROGRESS and go once nothing rests on
 * them (control/definitions.h); their numbers are not given again. What cannot be deleted is a
 * failure under the name it was asked by. */
struct error *api_delete_task_definitions(struct call *call,
                                          const struct ecs_delete_task_definitions_request *in,
                                          struct ecs_delete_task_definitions_response *out)
{
    const struct ecs_string_list *asked = &in->task_definitions;
    struct deletion *deletions = ARENA_ARRAY(call->arena, struct deletion, asked->count);

    SET_LIST(call->arena, &out->task_definitions, asked->count);
    SET_LIST(call->arena, &out->failures, asked->count);
    out->task_definitions.count = 0;
    out->failures.count = 0;
    TRY(look_up(call, asked, deletions, out));
    for (size_t i = 0; i < out->task_definitions.count; i++)
        begin(call, &deletions[i]);
    return NULL;
}
