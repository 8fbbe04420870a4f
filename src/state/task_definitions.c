/* task_definitions.c - families by name, and in each its revisions by status and number. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "state/txn.h"

/* Families */

static struct family_home *home_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct family_home, node) : NULL;
}

static int name_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct family_home, node)->name);
}

struct family_home *family_home_find(const struct scope_home *scope, const char *name)
{
    return home_of(treap_find(&scope->families, name, name_cmp));
}

struct family_home *family_home_get(struct scope_home *scope, const char *name)
{
    struct family_home *home = family_home_find(scope, name);

    if (home)
        return home;
    home = xcalloc(1, sizeof(*home));
    home->name = intern(name);
    home->scope = scope;
    treap_insert(&scope->families, home->name, &home->node, name_cmp);
    return home;
}

static bool attach_family(struct state *state, struct scope_home *scope, void *record)
{
    struct task_family *family = record;
    struct family_home *home = family_home_get(scope, family->name);

    (void)state;
    if (home->family)
        return false;
    home->family = family;
    family->home = home;
    return true;
}

static void detach_family(struct state *state, void *record, const struct before *before)
{
    struct task_family *family = record;

    (void)state;
    (void)before;
    ((struct family_home *)family->home)->family = NULL;
    family->is_gone = true;
}

static void release_family(void *record)
{
    task_family_free(record);
}

const struct table task_family_table = {
    .kind = RECORD_TASK_FAMILY,
    .change = CHANGE_KIND_COUNT,
    .attach = attach_family,
    .look = look_at_nothing,
    .follow = follow_nothing,
    .detach = detach_family,
    .release = release_family,
};

/* Revisions */

static struct task_definition *definition_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct task_definition, links[0]) : NULL;
}

static int revision_cmp(const void *key, const struct treap_node *node)
{
    int32_t wanted = *(const int32_t *)key;
    int32_t found = CONTAINER_OF(node, struct task_definition, links[0])->revision;

    return (wanted > found) - (wanted < found);
}

static struct task_definition *find_revision(const struct family_home *home, int32_t revision)
{
    struct treap_node *node = NULL;

    for (int status = 0; !node && status < DEFINITION_COUNT; status++)
        node = treap_find(&home->revisions[status], &revision, revision_cmp);
    return definition_of(node);
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct task_definition *definition = record;
    struct family_home *home = family_home_get(scope, definition->family);

    (void)state;
    if (find_revision(home, definition->revision))
        return false;
    definition->home = home;
    return treap_insert(&home->revisions[definition->status], &definition->revision,
                        &definition->links[0], revision_cmp);
}

static void look(const void *record, struct before *ret)
{
    ret->definition_status = ((const struct task_definition *)record)->status;
}

static void take_out(struct task_definition *definition, const struct before *before)
{
    struct family_home *home = definition->home;
    struct treap_node *node = treap_remove(&home->revisions[before->definition_status],
                                           &definition->revision, revision_cmp);

    assert(node == &definition->links[0]); /* else its revision was changed */
}

static void follow(void *record, const struct before *before)
{
    struct task_definition *definition = record;
    struct family_home *home = definition->home;

    if (definition->status != before->definition_status) {
        take_out(definition, before);
        treap_insert(&home->revisions[definition->status], &definition->revision,
                     &definition->links[0], revision_cmp);
    }
    if (definition->status == DEFINITION_DELETE_IN_PROGRESS &&
        !state_task_definition_is_used(definition))
        definition_unused_add(home, definition->revision);
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct task_definition *definition = record;

    (void)state;
    take_out(definition, before);
    definition->is_gone = true;
}

static void release(void *record)
{
    task_definition_free(record);
}

const struct table task_definition_table = {
    .kind = RECORD_TASK_DEFINITION,
    .change = CHANGE_TASK_DEFINITION,
    .attach = attach,
    .look = look,
    .follow = follow,
    .detach = detach,
    .release = release,
};

static void drop_revision(struct treap_node *node, void *data)
{
    (void)data;
    task_definition_free(definition_of(node));
}

static void drop(struct treap_node *node, void *data)
{
    struct family_home *home = home_of(node);

    (void)data;
    for (int status = 0; status < DEFINITION_COUNT; status++)
        treap_drain(&home->revisions[status], drop_revision, NULL);
    definition_uses_drop(home);
    task_family_free(home->family);
    intern_unref(home->name);
    free(home);
}

void families_drop(struct scope_home *scope)
{
    treap_drain(&scope->families, drop, NULL);
}

/* Reading and changing */

const struct task_definition *state_task_definition(struct state *state, const struct scope *scope,
                                                    const char *family, int revision)
{
    struct family_home *home = family_home_find(scope_home_of(scope), family);

    (void)state;
    return home ? find_revision(home, revision) : NULL;
}

const struct task_definition *
state_task_definition_latest(struct state *state, const struct scope *scope, const char *family)
{
    struct family_home *home = family_home_find(scope_home_of(scope), family);

    (void)state;
    return home ? definition_of(treap_last(&home->revisions[DEFINITION_ACTIVE])) : NULL;
}

const struct task_family *state_family(struct state *state, const struct scope *scope,
                                       const char *name)
{
    struct family_home *home = family_home_find(scope_home_of(scope), name);

    (void)state;
    return home ? home->family : NULL;
}

const struct task_family *state_family_after(struct state *state, const struct scope *scope,
                                             const char *after)
{
    const struct treap *families = &scope_home_of(scope)->families;
    struct family_home *home =
        home_of(after ? treap_after(families, after, name_cmp) : treap_first(families));

    (void)state;
    while (home && !home->family)
        home = home_of(treap_after(families, home->name, name_cmp));
    return home ? home->family : NULL;
}

const struct task_family *state_family_before(struct state *state, const struct scope *scope,
                                              const char *before)
{
    const struct treap *families = &scope_home_of(scope)->families;
    struct family_home *home =
        home_of(before ? treap_before(families, before, name_cmp) : treap_last(families));

    (void)state;
    while (home && !home->family)
        home = home_of(treap_before(families, home->name, name_cmp));
    return home ? home->family : NULL;
}

static bool has_revision(const struct task_family *family, enum definition_status status)
{
    return ((const struct family_home *)family->home)->revisions[status].root != NULL;
}

bool state_family_is_active(const struct task_family *family)
{
    return has_revision(family, DEFINITION_ACTIVE);
}

bool state_family_is_empty(const struct task_family *family)
{
    for (int status = 0; status < DEFINITION_COUNT; status++)
        if (has_revision(family, (enum definition_status)status))
            return false;
    return true;
}

bool definition_is_leaving(const struct family_home *home, int32_t revision)
{
    return treap_find(&home->revisions[DEFINITION_DELETE_IN_PROGRESS], &revision, revision_cmp);
}

const struct task_definition *state_revision_after(struct state *state, const struct scope *scope,
                                                   const char *family,
                                                   enum definition_status status, int after,
                                                   bool descending)
{
    struct family_home *home = family_home_find(scope_home_of(scope), family);
    int32_t key = after;

    (void)state;
    if (!home)
        return NULL;
    const struct treap *revisions = &home->revisions[status];
    if (descending)
        return definition_of(after ? treap_before(revisions, &key, revision_cmp)
                                   : treap_last(revisions));
    return definition_of(treap_after(revisions, &key, revision_cmp)); /* 0 comes before all */
}

static const struct scope_home *definition_scope(const struct task_definition *definition)
{
    return ((const struct family_home *)definition->home)->scope;
}

struct task_definition *txn_insert_task_definition(struct txn *txn,
                                                   struct task_definition *definition)
{
    struct family_home *home = family_home_get(txn->scope, definition->family);
    struct task_family *family;

    if (home->family) {
        family = txn_edit(txn, &task_family_table, home->family);
    } else {
        family = task_family_new();
        task_family_set_name(family, definition->family);
        txn_insert(txn, &task_family_table, family);
    }
    definition->revision = ++family->last_revision;
    return txn_insert(txn, &task_definition_table, definition);
}

struct task_definition *txn_edit_task_definition(struct txn *txn,
                                                 const struct task_definition *definition)
{
    assert(definition_scope(definition) == txn->scope);
    return txn_edit(txn, &task_definition_table, definition);
}

void txn_delete_task_definition(struct txn *txn, const struct task_definition *definition)
{
    assert(definition_scope(definition) == txn->scope);
    txn_delete(txn, &task_definition_table, definition);
}
