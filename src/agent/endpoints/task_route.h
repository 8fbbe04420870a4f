/* task_route.h - what a request to the task endpoint asks for, by its path (AG-220 to AG-243,
 * AG-904, AG-906, AP-451). Pure.
 */
#ifndef BERTH_AGENT_TASK_ROUTE_H
#define BERTH_AGENT_TASK_ROUTE_H

#include "base/arena.h"

enum task_asked {
    ASKED_NOTHING,   /* no such page */
    ASKED_ELSEWHERE, /* the path is not clean: `clean` is */
    ASKED_CREDENTIALS,
    ASKED_CONTAINER,
    ASKED_TASK,
    ASKED_TASK_WITH_TAGS,
    ASKED_CONTAINER_STATS,
    ASKED_TASK_STATS,
    ASKED_ASSOCIATIONS,
    ASKED_ASSOCIATION,
    ASKED_PROTECTION,
    ASKED_FAULT,
};

struct task_route {
    enum task_asked asked;
    int version;    /* 1 to 4; of ASKED_PROTECTION and ASKED_FAULT 1 */
    const char *id; /* of the credentials (NULL or "": none), the endpoint (v3, v4, /api) or the
                         Docker container (v2, NULL: none) */
    const char *type, *name; /* of an association */
    const char *clean;
};

/* `path` and `query` as they were sent. */
struct task_route task_route_read(struct arena *arena, const char *path, const char *query);

/* "%2F" decoded; what is not well formed stays. */
char *task_route_decode(struct arena *arena, const char *text, size_t len);
/* The decoded value of a parameter; NULL if the query has none. */
const char *task_route_parameter(struct arena *arena, const char *query, const char *name);

#endif
