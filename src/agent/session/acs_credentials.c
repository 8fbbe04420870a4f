#include "agent/session/acs_credentials.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"
#include "gen/agent_types.h"

struct entry {
    RB_ENTRY(entry) in_tree;
    struct arena arena; /* holds the strings */
    struct role_credentials value;
};

RB_HEAD(entry_tree, entry);

struct acs_credentials {
    struct entry_tree entries;
    size_t count;
};

static int compare(const struct entry *a, const struct entry *b)
{
    return strcmp(a->value.id, b->value.id);
}

RB_GENERATE_STATIC(entry_tree, entry, in_tree, compare)

struct acs_credentials *acs_credentials_new(void)
{
    struct acs_credentials *table = xcalloc(1, sizeof(*table));

    RB_INIT(&table->entries);
    return table;
}

static void entry_remove(struct acs_credentials *table, struct entry *entry)
{
    RB_REMOVE(entry_tree, &table->entries, entry);
    table->count--;
    arena_done(&entry->arena);
    free(entry);
}

void acs_credentials_free(struct acs_credentials *table)
{
    struct entry *entry, *next;

    if (!table)
        return;
    RB_FOREACH_SAFE (entry, entry_tree, &table->entries, next)
        entry_remove(table, entry);
    free(table);
}

static struct entry *find(const struct acs_credentials *table, const char *id)
{
    struct entry key = {.value.id = id};

    return RB_FIND(entry_tree, (struct entry_tree *)&table->entries, &key);
}

static struct entry *entry_new(const char *task_arn, const char *role_type,
                               const struct acs_role_credentials *given)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    entry->value = (struct role_credentials){
        .id = arena_dup(&entry->arena, given->credentials_id),
        .task_arn = arena_dup(&entry->arena, task_arn),
        .role_type = arena_dup(&entry->arena, role_type),
        .role_arn = arena_dup(&entry->arena, given->role_arn),
        .access_key_id = arena_dup(&entry->arena, given->access_key_id),
        .secret_access_key = arena_dup(&entry->arena, given->secret_access_key),
        .session_token = arena_dup(&entry->arena, given->session_token),
        .expiration = arena_dup(&entry->arena, given->expiration),
    };
    return entry;
}

bool acs_credentials_put(struct acs_credentials *table, const char *task_arn, const char *role_type,
                         const struct acs_role_credentials *given)
{
    struct entry *known;

    if (str_is_empty(given->credentials_id) || str_is_empty(task_arn))
        return false;
    known = find(table, given->credentials_id);
    if (known)
        entry_remove(table, known);
    else if (table->count >= ACS_CREDENTIALS_MAX)
        return false;
    RB_INSERT(entry_tree, &table->entries, entry_new(task_arn, role_type, given));
    table->count++;
    return true;
}

bool acs_credentials_find(const struct acs_credentials *table, const char *id,
                          struct role_credentials *ret)
{
    const struct entry *entry = find(table, id);

    if (!entry)
        return false;
    *ret = entry->value;
    return true;
}

size_t acs_credentials_count(const struct acs_credentials *table)
{
    return table->count;
}

void acs_credentials_forget(struct acs_credentials *table, const char *task_arn)
{
    struct entry *entry, *next;

    RB_FOREACH_SAFE (entry, entry_tree, &table->entries, next)
        if (str_eq(entry->value.task_arn, task_arn))
            entry_remove(table, entry);
}

void acs_credentials_sweep(struct acs_credentials *table, acs_credentials_wanted_fn *is_wanted,
                           void *data)
{
    struct entry *entry, *next;

    RB_FOREACH_SAFE (entry, entry_tree, &table->entries, next)
        if (!is_wanted(entry->value.task_arn, data))
            entry_remove(table, entry);
}
