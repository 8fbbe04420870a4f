#include "agent/engine/env_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

#define ROOM_FIRST 16

struct env_definition {
    int rank;
    size_t number; /* in which order they came */
    const char *name, *value;
};

void env_merge_done(struct env_merge *merge)
{
    free(merge->items);
    *merge = (struct env_merge){0};
}

void env_merge_add(struct env_merge *merge, int rank, const char *name, const char *value)
{
    if (merge->count == merge->room) {
        merge->room = merge->room ? 2 * merge->room : ROOM_FIRST;
        merge->items = xrealloc(merge->items, merge->room * sizeof(*merge->items));
    }
    merge->items[merge->count] = (struct env_definition){rank, merge->count, name, value};
    merge->count++;
}

static void add_line(struct env_merge *merge, struct arena *arena, int rank, const char *line,
                     size_t len)
{
    const char *equals = memchr(line, '=', len);

    if (*line == '#' || !equals || equals == line || memchr(line, '\0', len))
        return;
    env_merge_add(merge, rank, arena_dup_n(arena, line, (size_t)(equals - line)),
                  arena_dup_n(arena, equals + 1, len - (size_t)(equals + 1 - line)));
}

/* Docker is told in JSON, which has no other bytes than UTF-8: each of them becomes U+FFFD, as in
 * Go.
 */
static void add_as_utf8(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0, char_len; i < len; i += char_len ? char_len : 1) {
        char_len = utf8_char_len((const unsigned char *)text + i, len - i);
        if (char_len)
            buf_add(out, text + i, char_len);
        else
            buf_add_str(out, "\xef\xbf\xbd");
    }
}

bool env_merge_add_file(struct env_merge *merge, struct arena *arena, int rank, const char *text,
                        size_t len)
{
    CLEANUP(buf_done) struct buf utf8 = {0};
    const char *at, *end;

    if (len == 0)
        return true;
    add_as_utf8(&utf8, text, len);
    at = utf8.data;
    end = at + utf8.len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)((newline ? newline : end) - at);

        if (line_len >= ENV_FILE_LINE_MAX)
            return false;
        if (line_len > 0 && at[line_len - 1] == '\r')
            line_len--;
        if (line_len > 0)
            add_line(merge, arena, rank, at, line_len);
        at = newline ? newline + 1 : end;
    }
    return true;
}

/* By name; of one name the one that holds first. */
static int compare(const void *a, const void *b)
{
    const struct env_definition *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    if (!order)
        order = (left->rank > right->rank) - (left->rank < right->rank);
    if (!order)
        order = (left->number < right->number) - (left->number > right->number);
    return order;
}

void env_merge_finish(struct env_merge *merge, struct arena *arena, struct acs_string_map *ret)
{
    struct acs_string_map_entry *items =
        ARENA_ARRAY(arena, struct acs_string_map_entry, merge->count);
    size_t count = 0;

    if (merge->count > 0)
        qsort(merge->items, merge->count, sizeof(*merge->items), compare);
    for (size_t i = 0; i < merge->count; i++) {
        const struct env_definition *one = &merge->items[i];

        if (i > 0 && strcmp(one->name, merge->items[i - 1].name) == 0)
            continue;
        items[count].key = one->name;
        items[count++].value = one->value;
    }
    *ret = (struct acs_string_map){.items = items, .count = count};
}
