/* query_value.h - the values a query compares other than by their characters: numbers, versions,
 * dates. Nothing is allocated. */
#ifndef BERTH_SCHEDULER_QUERY_VALUE_H
#define BERTH_SCHEDULER_QUERY_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* "1.14.5", with any number of parts, "1.14.5-rc.1" and "1.14.5+build" (SC-080). */
bool version_is_good(const char *text);
/* Part by part as numbers, a part that is missing is 0; a version before its release is less than
 * the release (semver). Both must be good. */
int version_cmp(const char *a, const char *b);

/* "12", "-3", "0.25". */
bool decimal_is_good(const char *text);
int decimal_cmp(const char *a, const char *b);

/* The four forms of SC-084, and fractions of a second; no zone is UTC, a date alone its midnight.
 * `*ret_has_fraction`: it is meant to the millisecond. */
bool date_parse(const char *text, int64_t *ret_ms, bool *ret_has_fraction);

#endif
