/* Runs a pattern's program: all its states at once, one character after the other. */
#include <string.h>

#include "base/utf8.h"
#include "scheduler/query_regex_internal.h"
#include "scheduler/query_regex_set.h"

#define NO_CHAR   UINT32_MAX
#define STEPS_MAX (4 * 1000 * 1000) /* only looks inside looks on long values come near */

/* The text, and where a run is in it. */
struct run {
    const struct regex *regex;
    const char *text;
    size_t len;
    long steps; /* left */
};

struct place {
    size_t at;
    uint32_t before, after; /* the characters; NO_CHAR: none */
    size_t after_len;
};

size_t regex_read_char(const char *s, size_t len, uint32_t *ret)
{
    const unsigned char *bytes = (const unsigned char *)s;
    size_t size = utf8_char_len(bytes, len);

    if (size <= 1) { /* what is not UTF-8 stands for itself */
        *ret = bytes[0];
        return 1;
    }
    *ret = bytes[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++)
        *ret = *ret << 6 | (bytes[i] & 0x3f);
    return size;
}

static void place_look_up(const struct run *run, struct place *place)
{
    place->after = NO_CHAR;
    place->after_len = 0;
    if (place->at < run->len)
        place->after_len =
            regex_read_char(run->text + place->at, run->len - place->at, &place->after);
}

static void place_advance(const struct run *run, struct place *place)
{
    place->at += place->after_len;
    place->before = place->after;
    place_look_up(run, place);
}

static bool is_word(uint32_t code)
{
    return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || code == '_' ||
           (code >= 'a' && code <= 'z');
}

static bool is_break(uint32_t code)
{
    return code == '\n' || code == '\r' || code == 0x85 || code == 0x2028 || code == 0x2029;
}

static bool holds(const struct run *run, enum assertion assertion, const struct place *place)
{
    switch (assertion) {
    case AT_START:
        return place->at == 0;
    case AT_END:
        return place->after == NO_CHAR;
    case AT_END_OR_BREAK:
        return place->after == NO_CHAR ||
               (is_break(place->after) &&
                (place->at + place->after_len == run->len ||
                 (place->after == '\r' && strcmp(run->text + place->at + 1, "\n") == 0)));
    case AT_LINE_START:
        return place->at == 0 || (is_break(place->before) && place->after != NO_CHAR);
    case AT_LINE_END:
        return place->after == NO_CHAR || is_break(place->after);
    case AT_WORD_EDGE:
    case NOT_AT_WORD_EDGE:
        return (is_word(place->before) != is_word(place->after)) == (assertion == AT_WORD_EDGE);
    }
    return false;
}

static bool looks_right(struct run *run, unsigned level, uint32_t look, const struct place *place);

/* Adds a state and all it leads to without a character. */
static void add(struct run *run, unsigned level, uint32_t *states, uint32_t *count, uint32_t state,
                const struct place *place)
{
    struct scratch *scratch = &run->regex->scratch[level];
    uint32_t depth = 0;

    if (scratch->marks[state] == scratch->round)
        return;
    scratch->marks[state] = scratch->round;
    scratch->stack[depth++] = state;
    while (depth) {
        const struct instruction *code;
        uint32_t to[2];
        int ways = 0;

        state = scratch->stack[--depth];
        code = &run->regex->code[state];
        run->steps--;
        switch (code->kind) {
        case CODE_SET:
        case CODE_MATCH:
            states[(*count)++] = state;
            break;
        case CODE_SPLIT:
            to[ways++] = state + 1;
            to[ways++] = code->to;
            break;
        case CODE_JUMP:
            to[ways++] = code->to;
            break;
        case CODE_ASSERT:
            if (holds(run, code->assertion, place))
                to[ways++] = state + 1;
            break;
        case CODE_LOOK:
            if (looks_right(run, level + 1, state, place))
                to[ways++] = code->to;
            break;
        }
        for (int i = 0; i < ways; i++) {
            if (scratch->marks[to[i]] == scratch->round)
                continue;
            scratch->marks[to[i]] = scratch->round;
            scratch->stack[depth++] = to[i];
        }
    }
}

static void next_round(const struct regex *regex, struct scratch *scratch)
{
    if (++scratch->round == 0) { /* once in four thousand million characters */
        memset(scratch->marks, 0, regex->count * sizeof(*scratch->marks));
        scratch->round = 1;
    }
}

static bool has_match(const struct run *run, const uint32_t *states, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (run->regex->code[states[i]].kind == CODE_MATCH)
            return true;
    return false;
}

enum goal {
    GOAL_WHOLE,  /* ends where the text ends */
    GOAL_PREFIX, /* ends anywhere */
    GOAL_SUFFIX, /* starts anywhere and ends at `end` */
};

/* Whether the program from `first` on leads to a match from `place` on. */
static bool run_from(struct run *run, unsigned level, uint32_t first, struct place place,
                     enum goal goal, size_t end)
{
    struct scratch *scratch = &run->regex->scratch[level];
    uint32_t count = 0;

    next_round(run->regex, scratch);
    add(run, level, scratch->now, &count, first, &place);
    while (run->steps > 0) {
        uint32_t next_count = 0;
        uint32_t *swap;
        uint32_t taken;

        if (goal == GOAL_PREFIX && has_match(run, scratch->now, count))
            return true;
        if (place.at == end || (!count && goal != GOAL_SUFFIX))
            return goal != GOAL_PREFIX && has_match(run, scratch->now, count);
        taken = place.after;
        place_advance(run, &place);
        next_round(run->regex, scratch);
        for (uint32_t i = 0; i < count; i++) {
            const struct instruction *code = &run->regex->code[scratch->now[i]];

            run->steps--;
            if (code->kind == CODE_SET && set_has(code->set, taken))
                add(run, level, scratch->next, &next_count, scratch->now[i] + 1, &place);
        }
        if (goal == GOAL_SUFFIX)
            add(run, level, scratch->next, &next_count, first, &place);
        swap = scratch->now;
        scratch->now = scratch->next;
        scratch->next = swap;
        count = next_count;
    }
    return false;
}

static bool looks_right(struct run *run, unsigned level, uint32_t look, const struct place *place)
{
    const struct instruction *code = &run->regex->code[look];
    struct place start = {.at = 0, .before = NO_CHAR};
    bool is_found;

    if (code->is_behind) {
        place_look_up(run, &start);
        is_found = run_from(run, level, look + 1, start, GOAL_SUFFIX, place->at);
    } else {
        is_found = run_from(run, level, look + 1, *place, GOAL_PREFIX, run->len);
    }
    return is_found != code->is_negative;
}

enum regex_answer regex_matches(const struct regex *regex, const char *text)
{
    struct run run = {.regex = regex, .text = text, .len = strlen(text), .steps = STEPS_MAX};
    struct place start = {.at = 0, .before = NO_CHAR};
    bool is_match;

    place_look_up(&run, &start);
    is_match = run_from(&run, 0, 0, start, GOAL_WHOLE, run.len);
    if (run.steps <= 0)
        return REGEX_UNDECIDED;
    return is_match ? REGEX_YES : REGEX_NO;
}
