/* txn.h - transactions over tables: what was touched, what it was before, and its way to the
 * journal.
 *
 * Memory changes at once. A transaction remembers each record it touched; at commit lists and
 * figures follow, the rows go to the journal, and observers are told, once now (staged) and once
 * when it is durable. It is freed then, with the records it removed.
 */
#ifndef BERTH_STATE_TXN_H
#define BERTH_STATE_TXN_H

#include "state/tables.h"

struct txn_entry {
    const struct table *table;
    void *record;
    bool is_new, is_removed;
    struct before before;
};

struct txn {
    struct state *state;
    struct scope_home *scope; /* NULL: only records of no scope */
    struct txn_entry *entries;
    size_t count, capacity;
    struct service_home *emptied; /* of deleted services: their children go too */
    int64_t told;                 /* the newest number its row in the feed has; 0: none */
};

void *txn_insert(struct txn *txn, const struct table *table,
                 void *record); /* takes; lends it back */
void *txn_edit(struct txn *txn, const struct table *table, const void *record);
void txn_delete(struct txn *txn, const struct table *table, const void *record);
/* Deletes what `home` holds, in transactions of its own before this one; takes it. */
void txn_empty_service(struct txn *txn, struct service_home *home);

/* The transactions that delete what `home` holds. */
void journal_empty_service(struct journal *journal, const struct service_home *home);

/* changes.c */
void changes_staged(const struct txn *txn);
void changes_durable(const struct txn *txn);
void changes_reset(struct state *state);

#endif
