/* scopes.c - the pairs of region and account there are, and what is common to all tables. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "state/tables.h"

void look_at_nothing(const void *record, struct before *ret)
{
    (void)record;
    (void)ret;
}

void follow_nothing(void *record, const struct before *before)
{
    (void)record;
    (void)before;
}

static int scope_cmp(const void *key, const struct treap_node *node)
{
    const struct scope *a = key;
    const struct scope *b = &CONTAINER_OF(node, struct scope_home, node)->scope;
    int order = strcmp(a->account, b->account);

    return order ? order : strcmp(a->region, b->region);
}

static struct scope_home *home_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct scope_home, node) : NULL;
}

struct scope_home *scope_home_get(struct state *state, const char *account, const char *region)
{
    struct scope key = {.region = region, .account = account};
    struct scope_home *home = home_of(treap_find(&state->scopes, &key, scope_cmp));

    if (home)
        return home;
    home = xcalloc(1, sizeof(*home));
    home->state = state;
    home->scope.region = intern(region);
    home->scope.account = intern(account);
    treap_insert(&state->scopes, &home->scope, &home->node, scope_cmp);
    return home;
}

struct scope_home *scope_home_after(struct state *state, const struct scope_home *after)
{
    return home_of(after ? treap_after(&state->scopes, &after->scope, scope_cmp)
                         : treap_first(&state->scopes));
}

const struct scope *state_scope(struct state *state, const char *region, const char *account)
{
    return &scope_home_get(state, account, region)->scope;
}

const struct scope *state_scope_after(struct state *state, const struct scope *after)
{
    struct scope_home *home = scope_home_after(state, after ? scope_home_of(after) : NULL);

    return home ? &home->scope : NULL;
}

static void free_scope(struct treap_node *node, void *data)
{
    struct scope_home *home = home_of(node);

    (void)data;
    intern_unref(home->scope.region);
    intern_unref(home->scope.account);
    free(home);
}

void scopes_free(struct state *state)
{
    treap_drain(&state->scopes, free_scope, NULL);
}
