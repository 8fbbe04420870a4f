/* query_regex.h - regular expressions in Java's syntax (SC-078), matched against whole values.
 *
 * A pattern becomes a program for a nondeterministic automaton that is run on all its states at
 * once, so the time is bounded by states times characters whatever the pattern. What only a
 * backtracking engine can do (back references, possessive quantifiers, atomic groups) is refused
 * with a sentence. Letters and character classes are ASCII's unless written out, as in Java without
 * its Unicode flag.
 *
 * Ownership  A regex lives in the arena it was made in, and has scratch memory of its own.
 */
#ifndef BERTH_SCHEDULER_QUERY_REGEX_H
#define BERTH_SCHEDULER_QUERY_REGEX_H

#include <stdbool.h>

#include "base/arena.h"

#define REGEX_STATES_MAX 1000 /* of a program, counted repetitions written out */
#define REGEX_DEPTH_MAX  32   /* groups and nested classes */

struct regex;

/* NULL if it is no such pattern: then `*ret_why` says so, in the arena, and `*ret_at` where in the
 * pattern (0: its start). */
struct regex *regex_compile(struct arena *arena, const char *pattern, const char **ret_why,
                            size_t *ret_at);
enum regex_answer {
    REGEX_NO,
    REGEX_YES,
    REGEX_UNDECIDED, /* looks inside looks took too many steps on a long text */
};
enum regex_answer regex_matches(const struct regex *regex, const char *text);

#endif
