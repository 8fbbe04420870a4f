/* load.c - the tables from the rows of the store, at the start and after a batch failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/log.h"
#include "base/mem.h"
#include "state/txn.h"

static const struct table *const tables[RECORD_COUNT] = {
    [RECORD_CLUSTER] = &cluster_table,
    [RECORD_CAPACITY_PROVIDER] = &capacity_provider_table,
    [RECORD_CONTAINER_INSTANCE] = &instance_table,
    [RECORD_TASK] = &task_table,
    [RECORD_TASK_FAMILY] = &task_family_table,
    [RECORD_TASK_DEFINITION] = &task_definition_table,
    [RECORD_SERVICE] = &service_table,
    [RECORD_SERVICE_EVENT] = &service_event_table,
    [RECORD_SERVICE_REVISION] = &service_revision_table,
    [RECORD_SERVICE_DEPLOYMENT] = &service_deployment_table,
    [RECORD_TASK_SET] = &task_set_table,
    [RECORD_CLIENT_TOKEN] = &client_token_table,
    [RECORD_ACCOUNT_SETTING] = &account_setting_table,
    [RECORD_CONNECT_NAMESPACE] = &connect_namespace_table,
    [RECORD_FEED_ROW] = &feed_row_table,
    [RECORD_ACCESS_KEY] = &access_key_table,
};

struct loading {
    struct state *state;
    struct buf key;
    uint64_t unknown; /* rows of kinds a newer berth wrote: left alone */
};

/* A row whose content belongs under another key would be written there with the next change. */
static bool is_own_key(struct loading *loading, const struct record_key *key, const void *record,
                       const struct store_op *row)
{
    struct scope scope = {.account = key->account, .region = key->region};

    buf_clear(&loading->key);
    record_key(key->kind, record, &scope, &loading->key);
    return loading->key.len == row->key_len && !memcmp(loading->key.data, row->key, row->key_len);
}

static struct error *load_record(struct loading *loading, const struct record_key *key,
                                 void *record, const struct store_op *row)
{
    const struct table *table = tables[key->kind];
    struct scope_home *scope = NULL;
    struct before before = {0};

    if (!is_own_key(loading, key, record, row))
        return error_new(API_SERVER, "a stored %s is under another one's key",
                         record_kind_name(key->kind));
    if (table != &access_key_table)
        scope = scope_home_get(loading->state, key->account, key->region);
    if (!table->attach(loading->state, scope, record))
        return error_new(API_SERVER, "a stored %s is there twice", record_kind_name(key->kind));
    table->look(record, &before);
    table->follow(record, &before);
    loading->state->counts[key->kind]++;
    return NULL;
}

static struct error *load_row(const struct store_op *row, void *data)
{
    struct loading *loading = data;
    struct record_key key;
    struct error *err;
    void *record;

    if (!record_key_parse(row->key, row->key_len, &key)) {
        loading->unknown++;
        return NULL;
    }
    TRY(record_decode(key.kind, row->value, row->value_len, &record));
    err = load_record(loading, &key, record, row);
    if (err)
        record_free(key.kind, record);
    return err;
}

struct error *state_load(struct state *state)
{
    struct loading loading = {.state = state};
    struct error *err = store_scan(state->store, NULL, 0, load_row, &loading);

    buf_done(&loading.key);
    if (err)
        return error_wrap(err, "reading state");
    for (struct scope_home *scope = scope_home_after(state, NULL); scope;
         scope = scope_home_after(state, scope))
        feed_loaded(&scope->feed);
    if (loading.unknown > 0) {
        char count[24];
        snprintf(count, sizeof(count), "%llu", (unsigned long long)loading.unknown);
        log_warning("the store has rows of a newer berth, they are left alone", "rows", count);
    }
    return NULL;
}

void state_drop(struct state *state)
{
    for (struct scope_home *scope = scope_home_after(state, NULL); scope;
         scope = scope_home_after(state, scope)) {
        clusters_drop(scope);
        capacity_providers_drop(scope);
        families_drop(scope);
        client_tokens_drop(scope);
        account_settings_drop(scope);
        connect_namespaces_drop(scope);
        feed_drop(&scope->feed);
    }
    access_keys_drop(state);
    definition_unused_drop(state);
    memset(state->counts, 0, sizeof(state->counts));
}

static void sweep_cluster(struct state *state, struct cluster_home *cluster)
{
    struct service_home *next;

    for (struct service_home *home = service_home_after(cluster, NULL); home; home = next) {
        next = service_home_after(cluster, home);
        if (home->service)
            continue;
        journal_empty_service(state->journal, home);
        service_home_uncount(state, home);
        service_home_detach(home);
        service_home_free(home);
    }
}

void state_sweep_orphans(struct state *state)
{
    for (struct scope_home *scope = scope_home_after(state, NULL); scope;
         scope = scope_home_after(state, scope))
        for (struct cluster_home *cluster = cluster_home_after(scope, NULL); cluster;
             cluster = cluster_home_after(scope, cluster))
            sweep_cluster(state, cluster);
}
