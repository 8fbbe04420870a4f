#include "base/intern.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/mem.h"
#include "base/tree.h"

/* A tree, not a hash table: it never stops to grow. */
struct interned {
    RB_ENTRY(interned) entry;
    uint32_t refs;
    char text[];
};

static int interned_cmp(const struct interned *a, const struct interned *b)
{
    return strcmp(a->text, b->text);
}

static RB_HEAD(interned_tree, interned) tree = RB_INITIALIZER(&tree);
RB_GENERATE_STATIC(interned_tree, interned, entry, interned_cmp)

static struct interned *of(const char *text)
{
    return CONTAINER_OF((char *)(uintptr_t)text, struct interned, text);
}

const char *intern(const char *s)
{
    struct interned *added;
    struct interned *found;
    size_t size;

    if (!s)
        return NULL;
    size = strlen(s) + 1;
    added = xmalloc(sizeof(*added) + size);
    memcpy(added->text, s, size);
    added->refs = 1;
    found = RB_INSERT(interned_tree, &tree, added);
    if (!found)
        return added->text;
    free(added);
    found->refs++;
    return found->text;
}

const char *intern_ref(const char *interned)
{
    if (interned)
        of(interned)->refs++;
    return interned;
}

void intern_unref(const char *interned)
{
    struct interned *entry;

    if (!interned)
        return;
    entry = of(interned);
    assert(entry->refs > 0);
    if (--entry->refs)
        return;
    RB_REMOVE(interned_tree, &tree, entry);
    free(entry);
}
