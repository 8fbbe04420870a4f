/* shape_check.h - whether a decoded value is what the model wants of it, and the sentence if it is
 * not.
 *
 * Errors  A refusal carries the code given and starts with the path of the member, or is ECS's own
 * words where the model has them.
 */
#ifndef BERTH_WIRE_SHAPE_CHECK_H
#define BERTH_WIRE_SHAPE_CHECK_H

#include "wire/shape.h"

/* Where a value stands in the message, linked from the inside out; only a refusal reads it. */
struct shape_place {
    const struct shape_place *up;
    const char *name; /* without a NUL; NULL: an item */
    size_t len;       /* of the name */
    size_t index;
};

/* "MEMBER must ...", for the path of `place`; NULL is the request itself. */
MUST_USE struct error *shape_refuse(enum api_error code, const struct shape_place *place,
                                    const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The refusal in ECS's words (shape_rule), which may have a hole for the value. */
MUST_USE struct error *shape_own_words(enum api_error code, const char *message, const char *value);

/* What is measured, for "must VERB at least 1 UNIT, but IS 0". */
struct shape_measure {
    const char *verb, *unit, *is;
};
extern const struct shape_measure shape_of_value, shape_of_list;

/* `text` is the value as ECS's own words may want it; NULL: the number itself. A NULL rule allows
 * all. */
MUST_USE struct error *shape_check_bounds(enum api_error refusal, const struct shape_rule *rule,
                                          const struct shape_place *place,
                                          const struct shape_measure *measure, double value,
                                          const char *text);
/* Length in characters and pattern. `text` is well-formed UTF-8. */
MUST_USE struct error *shape_check_string(enum api_error refusal, const struct shape_rule *rule,
                                          const struct shape_place *place, const char *text);

#endif
