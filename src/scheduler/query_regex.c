#include "scheduler/query_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdalign.h>
#include <stdint.h>

#include "base/mem.h"
#include "scheduler/query_regex_java.h"

/* PCRE2 does not tell how many steps it took, only that it took more than so many. Nearly all
 * matches end within the first limit, most of them long before it. */
static const struct {
    uint32_t limit, price;
} tries[] = {{100, 20}, {1000, 1000}, {REGEX_STEPS_MAX, REGEX_STEPS_MAX}};

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits[ARRAY_LEN(tries)];
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
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        regex->limits[i] = pcre2_match_context_create(memory);
        pcre2_set_match_limit(regex->limits[i], tries[i].limit);
    }
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

static int match(const struct regex *regex, const char *text, pcre2_match_context *limit)
{
    struct space space; /* not cleared: most of it is not touched */
    pcre2_match_data *data;

    space.used = 0;
    data = pcre2_match_data_create(1, pcre2_general_context_create(space_take, space_keep, &space));
    return pcre2_match(regex->code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, data, limit);
}

enum regex_answer regex_matches(const struct regex *regex, const char *text, int64_t *steps_left)
{
    int found = PCRE2_ERROR_MATCHLIMIT;

    for (size_t i = 0; i < ARRAY_LEN(tries) && found == PCRE2_ERROR_MATCHLIMIT; i++) {
        if (*steps_left < tries[i].price)
            return REGEX_UNDECIDED;
        *steps_left -= tries[i].price;
        found = match(regex, text, regex->limits[i]);
    }
    if (found == PCRE2_ERROR_NOMATCH)
        return REGEX_NO;
    return found >= 0 ? REGEX_YES : REGEX_UNDECIDED;
}
