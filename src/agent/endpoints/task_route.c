#include "agent/endpoints/task_route.h"

#include <string.h>

#include "base/str.h"

char *task_route_decode(struct arena *arena, const char *text, size_t len)
{
    char *value = arena_dup_n(arena, text, len), *out = value;

    for (const char *in = value; *in;) {
        unsigned char byte;

        if (*in == '%' && in[1] && in[2] && hex_decode(arena_dup_n(arena, in + 1, 2), 1, &byte) &&
            byte) {
            *out++ = (char)byte;
            in += 3;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
    return value;
}

const char *task_route_parameter(struct arena *arena, const char *query, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = query; *p; p += strcspn(p, "&"), p += *p == '&')
        if (strncmp(p, name, len) == 0 && p[len] == '=')
            return task_route_decode(arena, p + len + 1, strcspn(p + len + 1, "&"));
    return NULL;
}

/* Without empty parts, "." and ".."; a slash at the end stays. */
static const char *clean(struct arena *arena, const char *path)
{
    char *out = arena_alloc(arena, strlen(path) + 2);
    size_t len = 0;

    out[len++] = '/';
    for (const char *part = path + strspn(path, "/"); *part;) {
        size_t part_len = strcspn(part, "/");
        bool is_last = !part[part_len];

        if (part_len == 2 && part[0] == '.' && part[1] == '.') {
            while (len > 1 && out[--len - 1] != '/')
                ;
        } else if (part_len != 1 || part[0] != '.') {
            memcpy(out + len, part, part_len);
            len += part_len;
            if (!is_last)
                out[len++] = '/';
        }
        part += part_len + strspn(part + part_len, "/");
    }
    return arena_dup_n(arena, out, len);
}

/* The part up to the next slash, which is taken, too; NULL if there is none left. */
static const char *next_part(struct arena *arena, const char **path)
{
    size_t len = strcspn(*path, "/");
    const char *part;

    if (!**path)
        return NULL;
    part = arena_dup_n(arena, *path, len);
    *path += len;
    *path += **path == '/';
    return part;
}

static enum task_asked asked_by(const char *rest)
{
    static const struct {
        const char *rest;
        enum task_asked asked;
    } pages[] = {
        {"/task", ASKED_TASK},
        {"/taskWithTags", ASKED_TASK_WITH_TAGS},
        {"/stats", ASKED_CONTAINER_STATS},
        {"/task/stats", ASKED_TASK_STATS},
        {"", ASKED_CONTAINER},
    };

    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (strcmp(rest, pages[i].rest) == 0)
            return pages[i].asked;
    return ASKED_NOTHING;
}

/* "/v4/ID..." behind its version. */
static void read_versioned(struct arena *arena, const char *rest, struct task_route *route)
{
    static const char associations[] = "/associations/";
    size_t len = strcspn(rest, "/");

    route->id = arena_dup_n(arena, rest, len);
    rest += len;
    route->asked = asked_by(rest);
    if (!str_starts_with(rest, associations))
        return;
    rest += strlen(associations);
    len = strcspn(rest, "/");
    route->asked = rest[len] ? ASKED_ASSOCIATION : ASKED_ASSOCIATIONS;
    route->type = arena_dup_n(arena, rest, len);
    route->name = rest[len] ? arena_dup(arena, rest + len + 1) : NULL;
}

/* "/v2/..." behind its version: the task is known by the caller's address. */
static void read_v2(struct arena *arena, const char *rest, struct task_route *route)
{
    const char *page = next_part(arena, &rest);

    if (str_eq(page, "credentials")) {
        route->asked = ASKED_CREDENTIALS;
        route->id = rest;
    } else if (str_eq(page, "metadata")) {
        route->asked = *rest ? ASKED_CONTAINER : ASKED_TASK;
        route->id = *rest ? rest : NULL;
    } else if (str_eq(page, "metadataWithTags") && !*rest) {
        route->asked = ASKED_TASK_WITH_TAGS;
    } else if (str_eq(page, "stats")) {
        route->asked = *rest ? ASKED_CONTAINER_STATS : ASKED_TASK_STATS;
        route->id = *rest ? rest : NULL;
    }
}

/* "network-latency/start" */
static bool is_fault(const char *text)
{
    static const char *const faults[] = {"network-blackhole-port/", "network-latency/",
                                         "network-packet-loss/"};
    static const char *const operations[] = {"start", "stop", "status"};

    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        for (size_t k = 0; k < ARRAY_LEN(operations); k++)
            if (str_starts_with(text, faults[i]) &&
                strcmp(text + strlen(faults[i]), operations[k]) == 0)
                return true;
    return false;
}

static void read_api(struct arena *arena, const char *rest, struct task_route *route)
{
    static const char fault[] = "fault/v1/";

    route->id = next_part(arena, &rest);
    if (str_eq(rest, "task-protection/v1/state"))
        route->asked = ASKED_PROTECTION;
    else if (str_starts_with(rest, fault) && is_fault(rest + strlen(fault)))
        route->asked = ASKED_FAULT;
}

struct task_route task_route_read(struct arena *arena, const char *raw_path, const char *query)
{
    const char *path = task_route_decode(arena, raw_path, strlen(raw_path));
    struct task_route route = {.asked = ASKED_NOTHING, .version = 1, .clean = clean(arena, path)};

    if (strcmp(path, route.clean) != 0) {
        route.asked = ASKED_ELSEWHERE;
    } else if (strcmp(path, "/v1/credentials") == 0) {
        route.asked = ASKED_CREDENTIALS;
        route.id = task_route_parameter(arena, query, "id");
    } else if (str_starts_with(path, "/v2/")) {
        route.version = 2;
        read_v2(arena, path + 4, &route);
    } else if (str_starts_with(path, "/v3/") || str_starts_with(path, "/v4/")) {
        route.version = path[2] - '0';
        read_versioned(arena, path + 4, &route);
    } else if (str_starts_with(path, "/api/")) {
        read_api(arena, path + 5, &route);
    }
    return route;
}
