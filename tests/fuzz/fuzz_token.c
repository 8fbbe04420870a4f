/* Tokens of pages: what people send back is refused or is a place in the list; what we hand out is
 * that place again, and in another list nothing. */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "ecs/paging.h"
#include "tests/fuzz/call_world.h"

#define KEY_BYTES_MAX 255 /* names; keys of lists are no longer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool opens(struct call *call, const char *operation, const char *token, struct page *ret)
{
    struct error *err = page_open(call, operation, "filters", false, 0, token, 10, 100, ret);

    if (err && (err->code != API_INVALID_PARAMETER || !*err->message))
        abort();
    error_free(err);
    return !err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct call call = call_world(&arena);
    char *text = arena_dup_n(&arena, (const char *)data, size);
    const char *token;
    struct page page, again;
    const struct id *after;
    struct id id;

    if (opens(&call, "ListTasks", text, &page)) {
        if (*text && (!page.after || !*page.after))
            abort();
        error_free(page_after_id(&page, &id, &after));
    }
    if (!*text || strlen(text) > KEY_BYTES_MAX || !opens(&call, "ListTasks", NULL, &page))
        return 0;
    token = page_token(&page, text);
    if (!opens(&call, "ListTasks", token, &again) || !str_eq(again.after, text) ||
        opens(&call, "ListServices", token, &again))
        abort();
    return 0;
}
