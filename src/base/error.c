#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static struct error *make(enum api_error code, char *message)
{
    struct error *err = xcalloc(1, sizeof(*err));

    err->code = code;
    err->message = message;
    return err;
}

struct error *error_new(enum api_error code, const char *fmt, ...)
{
    va_list ap;
    char *message;

    va_start(ap, fmt);
    message = str_vprintf(fmt, ap);
    va_end(ap);
    return make(code, message);
}

struct error *error_wrap(struct error *err, const char *fmt, ...)
{
    CLEANUP(str_freep) char *inner = err->message;
    CLEANUP(str_freep) char *outer = NULL;
    va_list ap;

    va_start(ap, fmt);
    outer = str_vprintf(fmt, ap);
    va_end(ap);
    err->message = str_printf("%s: %s", outer, inner);
    return err;
}

struct error *error_errno(int errnum, const char *fmt, ...)
{
    CLEANUP(str_freep) char *what = NULL;
    va_list ap;

    va_start(ap, fmt);
    what = str_vprintf(fmt, ap);
    va_end(ap);
    return error_new(API_SERVER, "%s: %s", what, strerror(errnum));
}

struct error *error_with_members(struct error *err, const char *members)
{
    free(err->members);
    err->members = str_dup(members);
    return err;
}

struct error *error_copy(const struct error *err)
{
    return err ? error_with_members(make(err->code, str_dup(err->message)), err->members) : NULL;
}

void error_free(struct error *err)
{
    if (!err)
        return;
    free(err->message);
    free(err->members);
    free(err);
}
