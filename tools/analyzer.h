/* analyzer.h - what clang-tidy cannot read across files: making an error always makes one, so that
 * what a function sets when it returns NULL is set. Only tools/check includes this, before all. */
#include <stdlib.h>

#include "base/error.h"

static inline struct error *analyzer_made(struct error *err)
{
    if (!err)
        abort();
    return err;
}

#define error_new(...)   analyzer_made(error_new(__VA_ARGS__))
#define error_wrap(...)  analyzer_made(error_wrap(__VA_ARGS__))
#define error_errno(...) analyzer_made(error_errno(__VA_ARGS__))
