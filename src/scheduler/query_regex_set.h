/* query_regex_set.h - sets of characters, as classes in a pattern are made of. Values in an arena.
 */
#ifndef BERTH_SCHEDULER_QUERY_REGEX_SET_H
#define BERTH_SCHEDULER_QUERY_REGEX_SET_H

#include "scheduler/query_regex_internal.h"

const struct char_set *set_of(struct arena *arena, const struct range *ranges, size_t count);
const struct char_set *set_one(struct arena *arena, uint32_t code);
const struct char_set *set_union(struct arena *arena, const struct char_set *a,
                                 const struct char_set *b);
const struct char_set *set_intersection(struct arena *arena, const struct char_set *a,
                                        const struct char_set *b);
const struct char_set *set_negation(struct arena *arena, const struct char_set *set);
/* With the other case of each ASCII letter in it. */
const struct char_set *set_any_case(struct arena *arena, const struct char_set *set);
/* \d \w \s \h \v and their negations by letter; \p{NAME} by name. NULL: there is no such. */
const struct char_set *set_escape(struct arena *arena, char letter);
const struct char_set *set_named(struct arena *arena, const char *name, size_t len);
bool set_has(const struct char_set *set, uint32_t code);

#endif
