#include "state/txn.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct txn *txn_begin(struct state *state, const struct scope *scope)
{
    struct txn *txn = xcalloc(1, sizeof(*txn));

    assert(!state->txn);
    txn->state = state;
    txn->scope = scope ? scope_home_of(scope) : NULL;
    state->txn = txn;
    return txn;
}

static void txn_free(struct txn *txn)
{
    for (size_t i = 0; i < txn->count; i++)
        if (txn->entries[i].is_removed)
            txn->entries[i].table->release(txn->entries[i].record);
    while (txn->emptied) {
        struct service_home *home = txn->emptied;
        txn->emptied = home->next_emptied;
        service_home_free(home);
    }
    free(txn->entries);
    free(txn);
}

struct state *txn_state(const struct txn *txn)
{
    return txn->state;
}

const struct scope *txn_scope(const struct txn *txn)
{
    return txn->scope ? &txn->scope->scope : NULL;
}

bool txn_is_empty(const struct txn *txn)
{
    return txn->count == 0;
}

size_t txn_room_keys(const struct txn *txn)
{
    size_t used = txn->count + FEED_ROW_KEYS;

    return used < STORE_TXN_KEYS_MAX ? STORE_TXN_KEYS_MAX - used : 0;
}

static struct txn_entry *find(const struct txn *txn, const void *record)
{
    for (size_t i = txn->count; i-- > 0;)
        if (txn->entries[i].record == record)
            return &txn->entries[i];
    return NULL;
}

static struct txn_entry *add(struct txn *txn, const struct table *table, void *record)
{
    struct txn_entry *entry;

    ARRAY_GROW(txn->entries, txn->count, txn->capacity);
    entry = &txn->entries[txn->count++];
    *entry = (struct txn_entry){.table = table, .record = record};
    table->look(record, &entry->before);
    return entry;
}

void *txn_insert(struct txn *txn, const struct table *table, void *record)
{
    bool is_attached = table->attach(txn->state, txn->scope, record);

    assert(is_attached); /* else there is one with that key: callers look first */
    add(txn, table, record)->is_new = true;
    txn->state->counts[table->kind]++;
    return record;
}

void *txn_edit(struct txn *txn, const struct table *table, const void *record)
{
    struct txn_entry *entry = find(txn, record);

    if (!entry) {
        entry = add(txn, table, (void *)(uintptr_t)record);
        entry->before.is_counted = true;
    }
    assert(!entry->is_removed);
    return entry->record;
}

static void forget(struct txn *txn, struct txn_entry *entry)
{
    txn->count--;
    for (; entry < &txn->entries[txn->count]; entry++)
        entry[0] = entry[1];
}

void txn_delete(struct txn *txn, const struct table *table, const void *lent)
{
    void *record = txn_edit(txn, table, lent);
    struct txn_entry *entry = find(txn, record);

    table->detach(txn->state, record, &entry->before);
    txn->state->counts[table->kind]--;
    if (entry->is_new) { /* the store never heard of it */
        forget(txn, entry);
        table->release(record);
    } else {
        entry->is_removed = true;
    }
}

static bool is_child_of(const struct txn_entry *entry, const struct service_home *home)
{
    switch (entry->table->kind) {
    case RECORD_SERVICE_EVENT:
        return ((const struct service_event *)entry->record)->home == home;
    case RECORD_SERVICE_REVISION:
        return ((const struct service_revision *)entry->record)->home == home;
    case RECORD_SERVICE_DEPLOYMENT:
        return ((const struct service_deployment *)entry->record)->home == home;
    case RECORD_TASK_SET:
        return ((const struct task_set *)entry->record)->home == home;
    default:
        return false;
    }
}

void txn_empty_service(struct txn *txn, struct service_home *home)
{
    for (size_t i = txn->count; i-- > 0;)
        if (!txn->entries[i].is_removed && is_child_of(&txn->entries[i], home))
            forget(txn, &txn->entries[i]);
    home->next_emptied = txn->emptied;
    txn->emptied = home;
}

static void put_entry(const struct txn *txn, const struct txn_entry *entry, struct buf *key,
                      struct buf *value)
{
    struct journal *journal = txn->state->journal;

    buf_clear(key);
    record_key(entry->table->kind, entry->record, txn->scope ? &txn->scope->scope : NULL, key);
    if (entry->is_removed) {
        journal_delete(journal, key);
        return;
    }
    buf_clear(value);
    record_encode(entry->table->kind, entry->record, value);
    journal_put(journal, key, value);
}

size_t txn_room_bytes(const struct txn *txn)
{
    CLEANUP(buf_done) struct buf bytes = {0};

    for (size_t i = 0; i < txn->count; i++) {
        const struct txn_entry *entry = &txn->entries[i];
        record_key(entry->table->kind, entry->record, txn->scope ? &txn->scope->scope : NULL,
                   &bytes);
        if (!entry->is_removed)
            record_encode(entry->table->kind, entry->record, &bytes);
    }
    return bytes.len + FEED_ROW_BYTES < STORE_TXN_BYTES_MAX
               ? STORE_TXN_BYTES_MAX - bytes.len - FEED_ROW_BYTES
               : 0;
}

static void on_durable(const struct error *err, void *data)
{
    struct txn *txn = data;

    /* After a failure the tables were loaded again: only what they no longer held is ours to free.
     */
    if (!err && !txn->state->is_closing) {
        if (txn->told)
            feed_durable(&txn->scope->feed, txn->told);
        changes_durable(txn);
    }
    txn_free(txn);
}

/* The children of deleted services first, and in transactions of their own: they may be many. */
static void put_emptied(struct txn *txn)
{
    for (const struct service_home *home = txn->emptied; home; home = home->next_emptied) {
        journal_empty_service(txn->state->journal, home);
        service_home_uncount(txn->state, home);
    }
}

void txn_commit(struct txn *txn)
{
    CLEANUP(buf_done) struct buf key = {0};
    CLEANUP(buf_done) struct buf value = {0};
    struct state *state = txn->state;

    assert(state->txn == txn);
    if (txn->count == 0 && !txn->emptied) {
        state->txn = NULL;
        txn_free(txn);
        return;
    }
    for (size_t i = 0; i < txn->count; i++)
        if (!txn->entries[i].is_removed)
            txn->entries[i].table->follow(txn->entries[i].record, &txn->entries[i].before);
    put_emptied(txn);
    if (txn->count > 0) {
        journal_begin(state->journal);
        for (size_t i = 0; i < txn->count; i++)
            put_entry(txn, &txn->entries[i], &key, &value);
        txn->told = feed_put(txn, &key, &value);
        journal_end(state->journal);
    }
    changes_staged(txn);
    state->txn = NULL;
    journal_when_durable(state->journal, on_durable, txn);
}

void state_when_durable(struct state *state, state_durable_fn *fn, void *data)
{
    journal_when_durable(state->journal, fn, data);
}

bool state_is_full(const struct state *state)
{
    return journal_is_full(state->journal);
}

bool state_is_resting(const struct state *state)
{
    return state_is_full(state) || clock_mono_ms(state->clock) < state->resting_until_mono_ms;
}
