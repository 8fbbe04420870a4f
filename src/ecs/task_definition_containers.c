#include <string.h>

#include "ecs/name_check.h"
#include "ecs/task_definition_parts.h"
#include "scheduler/query.h"

#define IMAGE_CHARS_MAX 255
#define CONSTRAINTS_MAX 10

static struct error *check_image(const struct ecs_container_definition *container)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:./#@";

    if (str_is_empty(container->image))
        return error_new(API_CLIENT, "Container.image should not be null or empty");
    if (container->image[strspn(container->image, allowed)])
        return error_new(API_CLIENT, "Container.image contains invalid characters: '%.256s'.",
                         container->image);
    if (strlen(container->image) > IMAGE_CHARS_MAX)
        return error_new(API_CLIENT, "Container.image cannot be longer than %d characters.",
                         IMAGE_CHARS_MAX);
    return NULL;
}

/* TD-057: an empty value is one. */
static struct error *check_environment(const struct ecs_container_definition *container)
{
    for (size_t i = 0; i < container->environment.count; i++) {
        const struct ecs_key_value_pair *pair = &container->environment.items[i];

        if (str_is_empty(pair->name))
            return error_new(API_CLIENT,
                             "Container '%s': environment.name should not be null or empty.",
                             container->name);
        if (!pair->value)
            return error_new(API_CLIENT, "Container '%s': environment variable '%s' has no value.",
                             container->name, pair->name);
    }
    return NULL;
}

/* TD-074: user, user:group, uid, uid:gid...; a number is not negative. */
static struct error *check_user(const struct ecs_container_definition *container)
{
    const char *user = container->user;
    const char *colon = user ? strchr(user, ':') : NULL;

    if (!user)
        return NULL;
    if (*user == '-' || *user == ':' ||
        (colon && (!colon[1] || colon[1] == '-' || strchr(colon + 1, ':'))))
        return error_new(API_CLIENT, "Invalid 'user' setting for container '%s'.", container->name);
    return NULL;
}

static struct error *check_times(const struct ecs_container_definition *container)
{
    if ((container->has_start_timeout && container->start_timeout < 0) ||
        (container->has_stop_timeout && container->stop_timeout < 0))
        return error_new(API_CLIENT,
                         "Container '%s': startTimeout and stopTimeout cannot be negative.",
                         container->name);
    if (container->restart_policy && container->restart_policy->has_restart_attempt_period &&
        (container->restart_policy->restart_attempt_period < 60 ||
         container->restart_policy->restart_attempt_period > 1800))
        return error_new(API_CLIENT,
                         "Container '%s': restartAttemptPeriod must be between 60 and 1800.",
                         container->name);
    if (container->restart_policy && container->restart_policy->ignored_exit_codes.count > 50)
        return error_new(API_CLIENT, "Container '%s': ignoredExitCodes can have at most 50 items.",
                         container->name);
    return NULL;
}

/* API- section 14: no-new-privileges, apparmor:PROFILE, label:value, credentialspec:PATH; Docker
 * takes = for the colon, and a value behind no-new-privileges. */
static struct error *check_security_options(const struct ecs_container_definition *container)
{
    static const char *const kinds[] = {"no-new-privileges", "apparmor", "label", "credentialspec"};

    for (size_t i = 0; i < container->docker_security_options.count; i++) {
        const char *option = container->docker_security_options.items[i];
        size_t len = strcspn(option, ":=");
        bool is_known = false;

        for (size_t j = 0; j < ARRAY_LEN(kinds); j++)
            is_known = is_known || (strlen(kinds[j]) == len && !memcmp(kinds[j], option, len) &&
                                    (j == 0 || (option[len] && option[len + 1])));
        if (!is_known)
            return error_new(API_CLIENT,
                             "Container '%s': '%s' of dockerSecurityOptions is none of "
                             "no-new-privileges, apparmor:PROFILE, label:value and "
                             "credentialspec:PATH.",
                             container->name, option);
    }
    return NULL;
}

static struct error *check_container(const struct ecs_container_definition *container)
{
    if (str_is_empty(container->name))
        return error_new(API_CLIENT, "Container.name should not be null or empty.");
    if (!name_is_valid(container->name))
        return error_new(API_CLIENT, "Container.name contains invalid characters: '%.256s'.",
                         container->name); /* TD-255: left as ${PLACEHOLDER} */
    TRY(check_image(container));
    TRY(check_environment(container));
    TRY(check_user(container));
    TRY(check_security_options(container));
    return check_times(container);
}

/* SC-058, SC-087: what cannot be read is refused here, not at the first launch. */
static struct error *check_expression(const char *expression)
{
    CLEANUP(query_freep) struct query *query = NULL;
    struct error *err;

    if (str_is_empty(expression))
        return error_new(API_CLIENT,
                         "Placement constraint expression should not be null or empty.");
    err = query_parse(expression, &query);
    if (err)
        err->code = API_CLIENT;
    return err;
}

/* TD-033 */
static struct error *check_constraints(const struct ecs_task_definition *definition)
{
    if (definition->placement_constraints.count > CONSTRAINTS_MAX)
        return error_new(API_CLIENT, "A task definition can have at most %d placement constraints.",
                         CONSTRAINTS_MAX);
    for (size_t i = 0; i < definition->placement_constraints.count; i++) {
        if (!definition->placement_constraints.items[i].type)
            return error_new(API_CLIENT, "Placement constraint type should not be null or empty.");
        TRY(check_expression(definition->placement_constraints.items[i].expression));
    }
    return NULL;
}

struct error *definition_check_containers(const struct ecs_task_definition *definition)
{
    const struct ecs_container_definitions *containers = &definition->container_definitions;
    bool has_essential = false;

    if (str_is_empty(definition->family))
        return error_new(API_CLIENT, "Family should not be null or empty.");
    if (!name_is_valid(definition->family))
        return error_new(API_CLIENT, "Family contains invalid characters.");
    if (containers->count == 0)
        return error_new(API_CLIENT, "Container list cannot be empty.");
    if (containers->count > DEFINITION_CONTAINERS_MAX)
        return error_new(API_CLIENT, "A task definition can have at most %d containers.",
                         DEFINITION_CONTAINERS_MAX);
    for (size_t i = 0; i < containers->count; i++) {
        TRY(check_container(&containers->items[i]));
        if (definition_container(definition, containers->items[i].name) != &containers->items[i])
            return error_new(API_CLIENT, "Container names must be unique: '%s' is there twice.",
                             containers->items[i].name);
        has_essential = has_essential || containers->items[i].essential;
    }
    if (!has_essential)
        return error_new(API_CLIENT, "At least one container must be marked as essential.");
    return check_constraints(definition);
}

/* TD-061, TD-062, API-103 */
struct error *definition_check_health(const struct ecs_task_definition *definition)
{
    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];
        const struct ecs_health_check *health = container->health_check;

        if (!health)
            continue;
        const struct {
            const char *name;
            bool is_set;
            int32_t value, min, max;
        } bounds[] = {
            {"interval", health->has_interval, health->interval, 5, 300},
            {"timeout", health->has_timeout, health->timeout, 2, 60},
            {"retries", health->has_retries, health->retries, 1, 10},
            {"startPeriod", health->has_start_period, health->start_period, 0, 300},
        };

        if (health->command.count == 0 || str_is_empty(health->command.items[0]))
            return error_new(API_CLIENT,
                             "Health check command of container '%s' should not be empty.",
                             container->name);
        if (health->command.count == 1 && (strcmp(health->command.items[0], "CMD") == 0 ||
                                           strcmp(health->command.items[0], "CMD-SHELL") == 0))
            return error_new(API_CLIENT,
                             "Health check command of container '%s' has nothing behind %s.",
                             container->name, health->command.items[0]);
        for (size_t j = 0; j < ARRAY_LEN(bounds); j++)
            if (bounds[j].is_set &&
                (bounds[j].value < bounds[j].min || bounds[j].value > bounds[j].max))
                return error_new(
                    API_CLIENT,
                    "Health check %s of container '%s' must be between %d and %d, but was %d.",
                    bounds[j].name, container->name, (int)bounds[j].min, (int)bounds[j].max,
                    (int)bounds[j].value);
    }
    return NULL;
}
