/* error.h - the one error type: the API's code and a sentence.
 *
 * NULL is success. Otherwise the caller owns the error and answers it, wraps it with what it was
 * doing, or frees it with a comment on why. `ret_` parameters are set on success and untouched on
 * failure, everywhere.
 */
#ifndef BERTH_BASE_ERROR_H
#define BERTH_BASE_ERROR_H

#include "base/attributes.h"
#include "gen/api_error.h" /* enum api_error, made from the models in api/ */

struct error {
    enum api_error code; /* API_SERVER is a fault of our own */
    char *message;       /* owned; one sentence, no newline; the API caller reads it */
    char *
        members; /* owned; what the code's shape has besides, in JSON: "\"resourceIds\":[]"; NULL */
};

MUST_USE struct error *error_new(enum api_error code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "fmt: " before the message. Takes and returns `err`. */
MUST_USE struct error *error_wrap(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* API_SERVER with the text of errno value `errnum` after "fmt: ". */
MUST_USE struct error *error_errno(int errnum, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Adds to an error what its shape has besides the message. Takes and returns `err`, copies
 * `members`. */
MUST_USE struct error *error_with_members(struct error *err, const char *members);

MUST_USE struct error *error_copy(const struct error *err); /* NULL gives NULL */
void error_free(struct error *err);                         /* NULL is fine */
DEFINE_FREEP(struct error, error_free)

/* Leaves the function with the error, if there is one. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        struct error *try_err_ = (expr);                                                           \
        if (try_err_)                                                                              \
            return try_err_;                                                                       \
    } while (0)

#endif
