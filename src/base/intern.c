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

static struct interned *find(const char *s)
{
    struct interned *entry = RB_ROOT(&tree);
    int order;

    while (entry && (order = strcmp(s, entry->text)) != 0)
        entry = order < 0 ? RB_LEFT(entry, entry) : RB_RIGHT(entry, entry);
    return entry;
}

const char *intern_find(const char *s)
{
    struct interned *entry = s ? find(s) : NULL;

    return entry ? entry->text : NULL;
}

const char *intern(const char *s)
{
    struct interned *entry;
    size_t size;

    if (!s)
        return NULL;
    entry = find(s);
    if (entry) {
        entry->refs++;
        return entry->text;
    }
    size = strlen(s) + 1;
    entry = xmalloc(sizeof(*entry) + size);
    memcpy(entry->text, s, size);
    entry->refs = 1;
    RB_INSERT(interned_tree, &tree, entry);
    return entry->text;
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
