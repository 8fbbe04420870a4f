/* store.h - where state is kept: ordered keys, ordered batches of small transactions, leadership.
 *
 * A backend does blocking work and is called from one thread at a time (the store thread); the
 * queue, the thread and who waits for what are in state/journal.h. Backends: memory (tests),
 * sqlite; etcd is to come, hence the limits, which every backend enforces.
 *
 * Errors  store_commit() applies the whole batch or nothing. After an error the backend's content
 * is what it was after the last batch that succeeded.
 */
#ifndef BERTH_STORE_STORE_H
#define BERTH_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define STORE_TXN_KEYS_MAX  100
#define STORE_TXN_BYTES_MAX (512 * 1024)
#define STORE_KEY_BYTES_MAX 1024

struct store_op {
    const void *key;
    const void *value; /* NULL: delete */
    uint32_t key_len;
    uint32_t value_len;
};

/* All or nothing; a key at most once. */
struct store_txn {
    const struct store_op *ops;
    size_t count;
};

struct store;
struct store_backend {
    const char *name;
    struct error *(*commit)(struct store *store, const struct store_txn *txns, size_t count);
    /* Every key that starts with `prefix`, in order. `each` returns an error to stop. */
    struct error *(*scan)(struct store *store, const void *prefix, size_t prefix_len,
                          struct error *(*each)(const struct store_op *row, void *data),
                          void *data);
    /* `row` is lent for the call, which must not commit. */
    struct error *(*backup)(struct store *store,
                            const char *file); /* from any thread, while live */
    void (*close)(struct store *store);
};
struct store {
    const struct store_backend
        *backend;            /* `struct store` is the first member of every backend's own */
    atomic_long fail_commit; /* commits until one fails; 0: none is to */
};

MUST_USE struct error *store_open_memory(struct store **ret_store);
/* One SQLite file, mode 0600: WAL, full sync. Creates it if missing. Refuses a file that is not a
 * berth store, or one that a newer berth has changed; migrates those of older ones. */
MUST_USE struct error *store_open_sqlite(const char *file, struct store **ret_store);
void store_close(struct store *store);

/* Checks the limits, then commits; the fail points before_commit and after_commit are here. The
 * environment's BERTH_FAIL_STORE=n makes the n-th commit of the process fail. */
MUST_USE struct error *store_commit(struct store *store, const struct store_txn *txns,
                                    size_t count);
typedef struct error *store_each_fn(const struct store_op *row, void *data);
MUST_USE struct error *store_scan(struct store *store, const void *prefix, size_t prefix_len,
                                  store_each_fn *each, void *data);
/* `file` must not exist; it is complete and on disk, or absent. */
MUST_USE struct error *store_backup(struct store *store, const char *file);

/* For tests: the nth commit from now fails and changes nothing. */
void store_fail_commit(struct store *store, long nth);

#endif
