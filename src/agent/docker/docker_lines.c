#include "agent/docker/docker_lines.h"

#include <string.h>

static void emit(struct docker_lines *lines, docker_line_fn *on_line, void *data)
{
    struct buf *rest = &lines->rest;

    while (rest->len > 0 && rest->data[rest->len - 1] == '\r')
        rest->data[--rest->len] = '\0';
    if (rest->len > 0)
        on_line(rest->data, rest->len, data);
    buf_clear(rest);
}

bool docker_lines_feed(struct docker_lines *lines, const char *bytes, size_t len,
                       docker_line_fn *on_line, void *data)
{
    const char *end = bytes + len;

    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t part = (size_t)((newline ? newline : end) - bytes);

        if (lines->rest.len + part > DOCKER_LINE_BYTES_MAX)
            return false;
        buf_add(&lines->rest, bytes, part);
        if (!newline)
            return true;
        emit(lines, on_line, data);
        bytes = newline + 1;
    }
    return true;
}

void docker_lines_done(struct docker_lines *lines)
{
    buf_done(&lines->rest);
}
