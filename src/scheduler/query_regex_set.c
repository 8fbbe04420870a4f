#include "scheduler/query_regex_set.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"

static int range_cmp(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

/* Takes ranges in any order, touching or not; they are the set's afterwards. */
static const struct char_set *set_make(struct arena *arena, struct range *ranges, size_t count)
{
    struct char_set *set = ARENA_NEW(arena, struct char_set);
    size_t kept = 0;

    if (count)
        qsort(ranges, count, sizeof(*ranges), range_cmp);
    for (size_t i = 0; i < count; i++) {
        if (kept && ranges[i].first <= ranges[kept - 1].last + 1) {
            if (ranges[i].last > ranges[kept - 1].last)
                ranges[kept - 1].last = ranges[i].last;
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    set->ranges = ranges;
    set->count = kept;
    for (size_t i = 0; i < kept; i++)
        for (uint32_t c = ranges[i].first; c <= ranges[i].last && c < 128; c++)
            set->ascii[c / 64] |= (uint64_t)1 << (c % 64);
    return set;
}

const struct char_set *set_of(struct arena *arena, const struct range *ranges, size_t count)
{
    struct range *copy = ARENA_ARRAY(arena, struct range, count + 1);

    if (count)
        memcpy(copy, ranges, count * sizeof(*copy));
    return set_make(arena, copy, count);
}

const struct char_set *set_one(struct arena *arena, uint32_t code)
{
    return set_of(arena, &(struct range){code, code}, 1);
}

const struct char_set *set_union(struct arena *arena, const struct char_set *a,
                                 const struct char_set *b)
{
    struct range *ranges = ARENA_ARRAY(arena, struct range, a->count + b->count + 1);

    if (a->count)
        memcpy(ranges, a->ranges, a->count * sizeof(*ranges));
    if (b->count)
        memcpy(ranges + a->count, b->ranges, b->count * sizeof(*ranges));
    return set_make(arena, ranges, a->count + b->count);
}

const struct char_set *set_negation(struct arena *arena, const struct char_set *set)
{
    struct range *ranges = ARENA_ARRAY(arena, struct range, set->count + 1);
    uint32_t from = 0;
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++) {
        if (set->ranges[i].first > from)
            ranges[count++] = (struct range){from, set->ranges[i].first - 1};
        from = set->ranges[i].last + 1;
    }
    if (from <= CODE_POINT_MAX)
        ranges[count++] = (struct range){from, CODE_POINT_MAX};
    return set_make(arena, ranges, count);
}

const struct char_set *set_intersection(struct arena *arena, const struct char_set *a,
                                        const struct char_set *b)
{
    return set_negation(arena, set_union(arena, set_negation(arena, a), set_negation(arena, b)));
}

const struct char_set *set_any_case(struct arena *arena, const struct char_set *set)
{
    struct range *ranges = ARENA_ARRAY(arena, struct range, 2 * 26 + 1);
    size_t count = 0;

    for (uint32_t c = 'a'; c <= 'z'; c++) {
        uint32_t upper = (uint32_t)toupper((int)c);

        if (set_has(set, c) || set_has(set, upper)) {
            ranges[count++] = (struct range){c, c};
            ranges[count++] = (struct range){upper, upper};
        }
    }
    return set_union(arena, set, set_make(arena, ranges, count));
}

bool set_has(const struct char_set *set, uint32_t code)
{
    size_t low = 0, high = set->count;

    if (code < 128)
        return set->ascii[code / 64] >> (code % 64) & 1;
    while (low < high) {
        size_t mid = (low + high) / 2;

        if (set->ranges[mid].last < code)
            low = mid + 1;
        else
            high = mid;
    }
    return low < set->count && set->ranges[low].first <= code;
}

/* ---- those with a name ---- */

static const struct {
    const char *name;
    size_t count;
    struct range ranges[7];
} named[] = {
    {"d", 1, {{'0', '9'}}},
    {"w", 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {"s", 2, {{'\t', '\r'}, {' ', ' '}}},
    {"h",
     7,
     {{'\t', '\t'},
      {' ', ' '},
      {0xa0, 0xa0},
      {0x1680, 0x1680},
      {0x180e, 0x180e},
      {0x2000, 0x200a},
      {0x202f, 0x202f}}},
    {"v", 3, {{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}},
    {"Lower", 1, {{'a', 'z'}}},
    {"Upper", 1, {{'A', 'Z'}}},
    {"ASCII", 1, {{0, 127}}},
    {"Alpha", 2, {{'A', 'Z'}, {'a', 'z'}}},
    {"Digit", 1, {{'0', '9'}}},
    {"Alnum", 3, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"Punct", 4, {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"Graph", 1, {{'!', '~'}}},
    {"Print", 1, {{' ', '~'}}},
    {"Blank", 2, {{'\t', '\t'}, {' ', ' '}}},
    {"Cntrl", 2, {{0, 31}, {127, 127}}},
    {"XDigit", 3, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    {"Space", 2, {{'\t', '\r'}, {' ', ' '}}},
};

static const struct char_set *find_named(struct arena *arena, const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        if (strlen(named[i].name) == len && memcmp(named[i].name, name, len) == 0)
            return set_of(arena, named[i].ranges, named[i].count);
    return NULL;
}

const struct char_set *set_escape(struct arena *arena, char letter)
{
    char lower = (char)tolower((unsigned char)letter);
    const struct char_set *set;

    if (!memchr("dwshv", lower, 5))
        return NULL;
    set = find_named(arena, &lower, 1);
    return lower == letter ? set : set_negation(arena, set);
}

const struct char_set *set_named(struct arena *arena, const char *name, size_t len)
{
    return len > 1 ? find_named(arena, name, len) : NULL;
}
