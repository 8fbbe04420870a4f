/* env_file.h - files of variables, and which of several definitions of a variable holds (TD-242,
 * TD-243, AP-471). Pure.
 *
 * A line is NAME=VALUE: all behind the first '=' is the value, spaces and quotes too. Lines that
 * begin with '#', have no '=' or no name mean nothing. Bytes that are not UTF-8 become U+FFFD.
 *
 * Within a file the last definition holds, among several files the first file; what the task
 * definition says itself goes before any file, and a secret before that.
 */
#ifndef BERTH_AGENT_ENV_FILE_H
#define BERTH_AGENT_ENV_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "gen/agent_types.h"

#define ENV_FILE_LINE_MAX 65536 /* bytes; a longer one makes the file unreadable */

/* Variables on their way into one environment. Zeroed: none. */
struct env_merge {
    struct env_definition *items;
    size_t count, room;
};
void env_merge_done(struct env_merge *merge);

/* `rank`: the lowest holds; among equal ones the one that was added last. Texts are lent. */
void env_merge_add(struct env_merge *merge, int rank, const char *name, const char *value);
/* All of a file; names and values live in `arena`. False if a line is too long. */
bool env_merge_add_file(struct env_merge *merge, struct arena *arena, int rank, const char *text,
                        size_t len);
/* Those that hold, by name. The list lives in `arena`. */
void env_merge_finish(struct env_merge *merge, struct arena *arena, struct acs_string_map *ret);

#endif
