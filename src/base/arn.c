#include "base/arn.h"

#include <string.h>

#include "base/str.h"

bool arn_looks_like(const char *text)
{
    return str_starts_with(text, "arn:");
}

bool arn_parse(struct arena *arena, const char *text, struct arn *ret)
{
    char *parts[6];
    char *rest;
    char *separator;

    if (!arn_looks_like(text))
        return false;
    rest = arena_dup(arena, text);
    for (int i = 0; i < 5; i++) {
        parts[i] = rest;
        rest = strchr(rest, ':');
        if (!rest)
            return false;
        *rest++ = '\0';
    }
    if (!*rest)
        return false;
    *ret = (struct arn){
        .partition = parts[1],
        .service = parts[2],
        .region = parts[3],
        .account = parts[4],
        .resource = arena_dup(arena, rest),
        .type = rest,
    };
    separator = strpbrk(rest, "/:");
    ret->rest = separator ? separator + 1 : "";
    if (separator)
        *separator = '\0';
    return true;
}

#define PREFIX             "arn:aws:ecs:%s:%s:"
#define PREFIX_ARGS(scope) (scope)->region, (scope)->account

/* What DescribeTasks makes by the hundred. */
#define PREFIX_PARTS(scope) "arn:aws:ecs:", (scope)->region, ":", (scope)->account, ":"
#define JOIN(arena, ...)                                                                           \
    arena_join((arena), (const char *const[]){__VA_ARGS__},                                        \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* 32 digits as a UUID. */
static void dashed(const char *hex, char ret[UUID_SIZE])
{
    static const int lengths[] = {8, 4, 4, 4, 12};
    char *at = ret;

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        if (i)
            *at++ = '-';
        memcpy(at, hex, (size_t)lengths[i]);
        at += lengths[i];
        hex += lengths[i];
    }
    *at = '\0';
}

char *arn_cluster(struct arena *arena, const struct scope *scope, const char *cluster)
{
    return JOIN(arena, PREFIX_PARTS(scope), "cluster/", cluster);
}

char *arn_service(struct arena *arena, const struct scope *scope, const char *cluster,
                  const char *service)
{
    return arena_printf(arena, PREFIX "service/%s/%s", PREFIX_ARGS(scope), cluster, service);
}

static char *arn_of_id(struct arena *arena, const struct scope *scope, const char *type,
                       const char *cluster, const struct id *id)
{
    char hex[ID_HEX_SIZE];

    id_format(id, hex);
    return JOIN(arena, PREFIX_PARTS(scope), type, "/", cluster, "/", hex);
}

char *arn_task(struct arena *arena, const struct scope *scope, const char *cluster,
               const struct id *id)
{
    return arn_of_id(arena, scope, "task", cluster, id);
}

char *arn_container_instance(struct arena *arena, const struct scope *scope, const char *cluster,
                             const struct id *id)
{
    return arn_of_id(arena, scope, "container-instance", cluster, id);
}

char *arn_capacity_provider(struct arena *arena, const struct scope *scope, const char *provider)
{
    return arena_printf(arena, PREFIX "capacity-provider/%s", PREFIX_ARGS(scope), provider);
}

char *arn_container(struct arena *arena, const struct scope *scope, const char *cluster,
                    const struct id *task, const struct id *container)
{
    char task_hex[ID_HEX_SIZE];
    char hex[ID_HEX_SIZE];
    char uuid[UUID_SIZE];

    id_format(task, task_hex);
    id_format(container, hex);
    dashed(hex, uuid);
    return JOIN(arena, PREFIX_PARTS(scope), "container/", cluster, "/", task_hex, "/", uuid);
}

char *arn_old(struct arena *arena, const struct scope *scope, const char *type, const char *name)
{
    return arena_printf(arena, PREFIX "%s/%s", PREFIX_ARGS(scope), type, name);
}

char *arn_old_of_id(struct arena *arena, const struct scope *scope, const char *type,
                    const struct id *id)
{
    char hex[ID_HEX_SIZE];

    id_format(id, hex);
    return arena_printf(arena, PREFIX "%s/%.8s-%.4s-%.4s-%.4s-%.12s", PREFIX_ARGS(scope), type, hex,
                        hex + 8, hex + 12, hex + 16, hex + 20);
}

char *arn_task_definition(struct arena *arena, const struct scope *scope, const char *family,
                          int revision)
{
    if (revision == 0)
        return arena_printf(arena, PREFIX "task-definition/%s", PREFIX_ARGS(scope), family);
    return arena_printf(arena, PREFIX "task-definition/%s:%d", PREFIX_ARGS(scope), family,
                        revision);
}

char *arn_service_deployment(struct arena *arena, const struct scope *scope, const char *cluster,
                             const char *service, const char *id)
{
    return arena_printf(arena, PREFIX "service-deployment/%s/%s/%s", PREFIX_ARGS(scope), cluster,
                        service, id);
}

char *arn_task_set(struct arena *arena, const struct scope *scope, const char *cluster,
                   const char *service, const char *id)
{
    return arena_printf(arena, PREFIX "task-set/%s/%s/%s", PREFIX_ARGS(scope), cluster, service,
                        id);
}

char *arn_service_revision(struct arena *arena, const struct scope *scope, const char *cluster,
                           const char *service, const char *id)
{
    return arena_printf(arena, PREFIX "service-revision/%s/%s/%s", PREFIX_ARGS(scope), cluster,
                        service, id);
}
