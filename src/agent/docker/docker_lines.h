/* docker_lines.h - Docker's streams (events, pull progress) are JSON texts, one a line, cut into
 * chunks at any byte: this puts the lines together again.
 *
 * A line longer than DOCKER_LINE_BYTES_MAX ends the stream: nothing Docker says is that long.
 */
#ifndef BERTH_AGENT_DOCKER_LINES_H
#define BERTH_AGENT_DOCKER_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define DOCKER_LINE_BYTES_MAX (256 * 1024)

/* A zeroed struct is the start of a stream. */
struct docker_lines {
    struct buf rest; /* the line under way */
};

/* `line` is NUL-terminated, without its end; lent. Empty lines are left out. */
typedef void docker_line_fn(const char *line, size_t len, void *data);

/* False if a line is too long; what follows is then of no use. */
bool docker_lines_feed(struct docker_lines *lines, const char *bytes, size_t len,
                       docker_line_fn *on_line, void *data);
void docker_lines_done(struct docker_lines *lines);

#endif
