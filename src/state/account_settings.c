/* account_settings.c - settings by principal and name. */
#include <string.h>

#include "state/txn.h"

struct key {
    const char *principal, *name;
};

static struct account_setting *setting_of(const struct treap_node *node)
{
    return node ? CONTAINER_OF((struct treap_node *)(uintptr_t)node, struct account_setting,
                               links[0])
                : NULL;
}

static int cmp(const void *key, const struct treap_node *node)
{
    const struct key *wanted = key;
    const struct account_setting *setting = setting_of(node);
    int order = strcmp(wanted->principal, setting->principal);

    return order ? order : strcmp(wanted->name, setting->name);
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct account_setting *setting = record;
    struct key key = {setting->principal, setting->name};

    (void)state;
    if (!treap_insert(&scope->settings, &key, &setting->links[0], cmp))
        return false;
    setting->home = scope;
    return true;
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct account_setting *setting = record;
    struct key key = {setting->principal, setting->name};

    (void)state;
    (void)before;
    treap_remove(&((struct scope_home *)setting->home)->settings, &key, cmp);
    setting->is_gone = true;
}

static void release(void *record)
{
    account_setting_free(record);
}

const struct table account_setting_table = {
    .kind = RECORD_ACCOUNT_SETTING,
    .change = CHANGE_KIND_COUNT,
    .attach = attach,
    .look = look_at_nothing,
    .follow = follow_nothing,
    .detach = detach,
    .release = release,
};

static void drop(struct treap_node *node, void *data)
{
    (void)data;
    account_setting_free(setting_of(node));
}

void account_settings_drop(struct scope_home *scope)
{
    treap_drain(&scope->settings, drop, NULL);
}

static struct account_setting *find(const struct scope_home *scope, const char *principal,
                                    const char *name)
{
    struct key key = {principal, name};

    return setting_of(treap_find(&scope->settings, &key, cmp));
}

const struct account_setting *state_account_setting(struct state *state, const struct scope *scope,
                                                    const char *principal, const char *name)
{
    (void)state;
    return find(scope_home_of(scope), principal, name);
}

void txn_put_account_setting(struct txn *txn, struct account_setting *setting)
{
    struct account_setting *found = find(txn->scope, setting->principal, setting->name);

    if (!found) {
        txn_insert(txn, &account_setting_table, setting);
        return;
    }
    account_setting_copy(txn_edit(txn, &account_setting_table, found), setting);
    account_setting_free(setting);
}

void txn_delete_account_setting(struct txn *txn, const struct account_setting *setting)
{
    txn_delete(txn, &account_setting_table, setting);
}
