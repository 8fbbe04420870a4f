/* query_regex_java.h - patterns as java.util.regex.Pattern reads them, written for PCRE2 (SC-078).
 *
 * The two agree on nearly everything. Written otherwise: \p{Lower} and its like, which are ASCII's
 * in Java, \uHHHH, \0 with octal digits, and a hyphen after a class in a class. Refused, because
 * PCRE2 would read it as something else: classes in classes and their intersections. Refused,
 * because Java has no such thing: PCRE2's verbs, recursion, conditions and other groups.
 */
#ifndef BERTH_SCHEDULER_QUERY_REGEX_JAVA_H
#define BERTH_SCHEDULER_QUERY_REGEX_JAVA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* In the arena. */
struct pcre_text {
    char *pattern;
    size_t len;
    uint16_t *places; /* by byte, and for the end: where it stands in Java's pattern */
};

/* False if it is refused: `*ret_why` says why, `*ret_at` where. */
bool regex_from_java(struct arena *arena, const char *pattern, struct pcre_text *ret,
                     const char **ret_why, size_t *ret_at);

#endif
