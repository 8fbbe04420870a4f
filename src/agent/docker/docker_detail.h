/* docker_detail.h - what Docker says of a container that only the task's metadata wants: labels,
 * networks, mounts, times to the nanosecond (AG-206, AG-225, AG-912).
 *
 * Kept as text, some hundred bytes for a container, and read when somebody asks. Nothing secret is
 * in it: environment and log options stay out.
 *
 * Ownership  Everything lives in the arena given.
 */
#ifndef BERTH_AGENT_DOCKER_DETAIL_H
#define BERTH_AGENT_DOCKER_DETAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct json_t; /* jansson's */

struct docker_label {
    const char *name, *value;
};

struct docker_network {
    const char *name;    /* "bridge", "host"... */
    const char *address; /* "" if it has none of its own */
    const char *address_v6;
};

struct docker_mount {
    const char *name; /* of a volume; "" for a bind mount */
    const char *source, *destination;
};

struct docker_detail {
    const char *image;                                 /* as it was asked for */
    const char *created_at, *started_at, *finished_at; /* RFC 3339, UTC */
    const struct docker_label *labels;
    size_t label_count;
    const struct docker_network *networks;
    size_t network_count;
    const struct docker_mount *mounts;
    size_t mount_count;
};

/* Of the answer to an inspection. */
char *docker_detail_write(struct arena *arena, const struct json_t *container);
/* False if `text` is NULL or none. */
bool docker_detail_read(struct arena *arena, const char *text, struct docker_detail *ret);

/* Whether one of its networks gave it that address; does not read all of it. */
bool docker_detail_has_address(const char *text, const char *address);

#endif
