#include "scheduler/query_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdalign.h>
#include <stdint.h>

#include "scheduler/query_regex_java.h"

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
};

/* ---- compiling ---- */

static void *arena_take(PCRE2_SIZE size, void *data)
{
    return arena_alloc(data, size);
}

static void arena_keep(void *memory, void *data) /* it goes with the arena */
{
    (void)memory;
    (void)data;
}

static const char *why_text(struct arena *arena, int error)
{
    PCRE2_UCHAR text[128];

    pcre2_get_error_message(error, text, sizeof(text));
    return arena_dup(arena, (const char *)text);
}

struct regex *regex_compile(struct arena *arena, const char *pattern, const char **ret_why,
                            size_t *ret_at)
{
    pcre2_general_context *memory = pcre2_general_context_create(arena_take, arena_keep, arena);
    pcre2_compile_context *context = pcre2_compile_context_create(memory);
    struct regex *regex = ARENA_NEW(arena, struct regex);
    struct pcre_text text;
    PCRE2_SIZE at;
    int error;

    if (!regex_from_java(arena, pattern, &text, ret_why, ret_at))
        return NULL;
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    regex->code =
        pcre2_compile((PCRE2_SPTR)text.pattern, text.len,
                      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &at, context);
    if (!regex->code) {
        *ret_why = why_text(arena, error);
        *ret_at = text.places[at < text.len ? at : text.len];
        return NULL;
    }
    regex->limits = pcre2_match_context_create(memory);
    pcre2_set_match_limit(regex->limits, REGEX_STEPS_MAX);
    return regex;
}

/* ---- asking ---- */

/* What PCRE2 remembers to try again: it starts with 20 KiB and copies them to twice as much when
 * they are full, which is four sizes. That is enough for a group that is repeated for each of the
 * 262 characters of the longest value, the name of a task group. */
struct space {
    size_t used;
    alignas(max_align_t) char bytes[320 * 1024];
};

static void *space_take(PCRE2_SIZE size, void *data)
{
    struct space *space = data;
    char *memory = space->bytes + space->used;

    if (size > sizeof(space->bytes) - space->used)
        return NULL;
    size += -size % alignof(max_align_t);
    space->used += size;
    return memory;
}

static void space_keep(void *memory, void *data) /* it goes with the call */
{
    (void)memory;
    (void)data;
}

enum regex_answer regex_matches(const struct regex *regex, const char *text)
{
    struct space space; /* not cleared: most of it is not touched */
    pcre2_match_data *data;
    int found;

    space.used = 0;
    data = pcre2_match_data_create(1, pcre2_general_context_create(space_take, space_keep, &space));
    found = pcre2_match(regex->code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, data,
                        regex->limits);
    if (found == PCRE2_ERROR_NOMATCH)
        return REGEX_NO;
    return found >= 0 ? REGEX_YES : REGEX_UNDECIDED;
}
