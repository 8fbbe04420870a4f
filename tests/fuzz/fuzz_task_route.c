/* What containers ask of their endpoint: a path and, behind a newline, a query. Whatever a path says, what is
 * made of it names one thing, and nothing above it (AG-909, AP-451). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/endpoints/task_route.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No part of it is empty, "." or "..", but for the last, which may be empty. */
static void check_clean(const char *path)
{
    if (*path != '/')
        abort();
    for (const char *part = path + 1; *part;) {
        size_t len = strcspn(part, "/");

        if (len == 0 || (len == 1 && *part == '.') ||
            (len == 2 && part[0] == '.' && part[1] == '.'))
            abort();
        part += len + (part[len] == '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_freep) char *text = str_dup_n((const char *)data, size);
    char *query = text + strcspn(text, "\n");
    struct arena arena = {0};
    struct task_route route;

    if (*query)
        *query++ = '\0';
    route = task_route_read(&arena, text, query);
    check_clean(route.clean);
    if (route.asked == ASKED_ELSEWHERE ? str_eq(text, route.clean)
                                       : !strchr(text, '%') && !str_eq(text, route.clean))
        abort();
    if (route.asked != ASKED_NOTHING && route.asked != ASKED_ELSEWHERE && route.version != 2 &&
        route.version != 1 && (!route.id || strchr(route.id, '/')))
        abort();
    if (route.version < 1 || route.version > 4)
        abort();
    arena_done(&arena);
    return 0;
}
