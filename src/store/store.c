#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"

static atomic_long env_fail_commit; /* of the whole process: it may open several stores */
static pthread_once_t env_once = PTHREAD_ONCE_INIT;

static void read_environment(void)
{
    const char *nth = getenv("BERTH_FAIL_STORE");

    if (nth)
        atomic_store(&env_fail_commit, strtol(nth, NULL, 10));
}

static bool is_same_key(const struct store_op *a, const struct store_op *b)
{
    return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static struct error *check_limits(const struct store_txn *txn)
{
    size_t bytes = 0;

    if (txn->count > STORE_TXN_KEYS_MAX)
        return error_new(API_SERVER, "a transaction of %zu keys, at most %d are stored at once",
                         txn->count, STORE_TXN_KEYS_MAX);
    for (size_t i = 0; i < txn->count; i++) {
        const struct store_op *op = &txn->ops[i];
        bytes += op->key_len + op->value_len;
        if (op->key_len == 0 || op->key_len > STORE_KEY_BYTES_MAX)
            return error_new(API_SERVER, "a key of %u bytes, 1 to %d are stored", op->key_len,
                             STORE_KEY_BYTES_MAX);
        for (size_t j = 0; j < i; j++)
            if (is_same_key(op, &txn->ops[j]))
                return error_new(API_SERVER, "a transaction has a key twice");
    }
    if (bytes > STORE_TXN_BYTES_MAX)
        return error_new(API_SERVER, "a transaction of %zu bytes, at most %d are stored at once",
                         bytes, STORE_TXN_BYTES_MAX);
    return NULL;
}

static bool is_turn(atomic_long *left)
{
    return atomic_load(left) > 0 && atomic_fetch_sub(left, 1) == 1;
}

struct error *store_commit(struct store *store, const struct store_txn *txns, size_t count)
{
    pthread_once(&env_once, read_environment);
    for (size_t i = 0; i < count; i++)
        TRY(check_limits(&txns[i]));
    FAIL_POINT("before_commit");
    if (is_turn(&store->fail_commit) || is_turn(&env_fail_commit))
        return error_new(API_SERVER, "the store was told to fail this commit");
    TRY(store->backend->commit(store, txns, count));
    FAIL_POINT("after_commit");
    return NULL;
}

struct error *store_scan(struct store *store, const void *prefix, size_t prefix_len,
                         store_each_fn *each, void *data)
{
    return store->backend->scan(store, prefix, prefix_len, each, data);
}

struct error *store_backup(struct store *store, const char *file)
{
    return store->backend->backup(store, file);
}

void store_fail_commit(struct store *store, long nth)
{
    atomic_store(&store->fail_commit, nth);
}

void store_close(struct store *store)
{
    if (store)
        store->backend->close(store);
}
