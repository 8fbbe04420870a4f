/* query_regex.h - regular expressions in Java's syntax (SC-078), matched against whole values.
 *
 * PCRE2 does the work; query_regex_java.h is where Java writes things otherwise, and what is
 * refused. Letters and character classes are ASCII's unless written out, as in Java without its
 * Unicode flag; (?i) is for all letters.
 *
 * Ownership  A regex lives in the arena it was made in, PCRE2's part of it too: there is nothing
 *            to free.
 * Costs      Asking allocates nothing, and changes nothing: its memory is on the stack. Its steps
 *            are counted, and a pattern that takes too many on a value has no answer for it.
 */
#ifndef BERTH_SCHEDULER_QUERY_REGEX_H
#define BERTH_SCHEDULER_QUERY_REGEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define REGEX_LENGTH_MAX 8000  /* bytes of a pattern: what fits into a query, however written */
#define REGEX_STEPS_MAX  16000 /* of one match: a fifth of a millisecond */

struct regex;

/* NULL if it is no such pattern: then `*ret_why` says so, in the arena, and `*ret_at` where in the
 * pattern (0: its start). */
struct regex *regex_compile(struct arena *arena, const char *pattern, const char **ret_why,
                            size_t *ret_at);
enum regex_answer {
    REGEX_NO,
    REGEX_YES,
    REGEX_UNDECIDED, /* it took too many steps or too much memory; or the text is not UTF-8 */
};
/* Within `*steps_left`, from which what it took is taken off: no less, and at most ten times as
 * much. */
enum regex_answer regex_matches(const struct regex *regex, const char *text, int64_t *steps_left);

#endif
