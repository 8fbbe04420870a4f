#include <string.h>

#include "ecs/task_definition_parts.h"

static definition_check_fn *const checks[] = {
    definition_check_containers, definition_check_secrets, definition_check_health,
    definition_check_size,       definition_check_ports,   definition_check_network,
    definition_check_volumes,    definition_check_order,   definition_check_linux,
    definition_check_logs,       definition_check_devices, definition_check_proxy,
};

/* In the order `compatibilities` lists them. */
static const struct launch {
    enum ecs_compatibility type;
    bool is_on_request; /* shown only to those who ask for it */
    definition_check_fn *check;
} launches[] = {
    {ECS_COMPATIBILITY_EXTERNAL, false, definition_check_external},
    {ECS_COMPATIBILITY_EC2, false, definition_check_ec2},
    {ECS_COMPATIBILITY_MANAGED_INSTANCES, true, definition_check_managed_instances},
    {ECS_COMPATIBILITY_FARGATE, false, definition_check_fargate},
};

static bool asks_for(const struct ecs_task_definition *definition, enum ecs_compatibility type)
{
    for (size_t i = 0; i < definition->requires_compatibilities.count; i++)
        if (definition->requires_compatibilities.items[i] == type)
            return true;
    return false;
}

/* Whom nobody asked for is left out if it fails, but one must be left (TD-021, TD-096); the reason
 * told is that of container instances. */
static struct error *check_launches(const struct ecs_task_definition *definition,
                                    struct ecs_compatibility_list *ret)
{
    CLEANUP(error_freep) struct error *unfit = NULL;

    for (size_t i = 0; i < ARRAY_LEN(launches); i++) {
        const struct launch *launch = &launches[i];
        CLEANUP(error_freep) struct error *err = launch->check(definition);
        bool is_asked_for = asks_for(definition, launch->type);

        if (err && is_asked_for)
            return TAKE(err);
        if (!err && (!launch->is_on_request || is_asked_for))
            ret->items[ret->count++] = launch->type;
        else if (launch->type == ECS_COMPATIBILITY_EC2)
            unfit = TAKE(err);
    }
    return ret->count == 0 ? TAKE(unfit) : NULL;
}

struct error *definition_check(struct arena *arena, const struct ecs_task_definition *definition,
                               struct ecs_compatibility_list *ret_compatibilities)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        TRY(checks[i](definition));
    SET_LIST(arena, ret_compatibilities, ARRAY_LEN(launches));
    ret_compatibilities->count = 0;
    return check_launches(definition, ret_compatibilities);
}
