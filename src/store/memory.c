/* memory.c - a store for tests: a tree of rows, lost with the process. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/treap.h"
#include "store/store.h"

struct row {
    struct treap_node node;
    struct store_op op; /* key and value are owned, in one block behind it */
    uint8_t bytes[];
};

struct memory_store {
    struct store store;
    struct treap rows;
};

static int bytes_cmp(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int row_cmp(const void *key, const struct treap_node *node)
{
    const struct store_op *op = key;
    const struct row *row = CONTAINER_OF(node, struct row, node);

    return bytes_cmp(op->key, op->key_len, row->op.key, row->op.key_len);
}

static void row_free(struct treap_node *node, void *data)
{
    (void)data;
    if (node)
        free(CONTAINER_OF(node, struct row, node));
}

static void apply(struct memory_store *memory, const struct store_op *op)
{
    row_free(treap_remove(&memory->rows, op, row_cmp), NULL);
    if (!op->value)
        return;

    struct row *row = xcalloc(1, sizeof(*row) + op->key_len + op->value_len);
    memcpy(row->bytes, op->key, op->key_len);
    memcpy(row->bytes + op->key_len, op->value, op->value_len);
    row->op = (struct store_op){row->bytes, row->bytes + op->key_len, op->key_len, op->value_len};
    treap_insert(&memory->rows, &row->op, &row->node, row_cmp);
}

static struct error *memory_commit(struct store *store, const struct store_txn *txns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < txns[i].count; j++)
            apply((struct memory_store *)store, &txns[i].ops[j]);
    return NULL;
}

static struct error *memory_scan(struct store *store, const void *prefix, size_t prefix_len,
                                 store_each_fn *each, void *data)
{
    struct memory_store *memory = (struct memory_store *)store;
    struct store_op from = {.key = prefix, .key_len = (uint32_t)prefix_len};
    struct treap_node *node = prefix_len ? treap_find(&memory->rows, &from, row_cmp) : NULL;

    if (!node)
        node = prefix_len ? treap_after(&memory->rows, &from, row_cmp) : treap_first(&memory->rows);
    while (node) {
        const struct store_op *op = &CONTAINER_OF(node, struct row, node)->op;
        if (op->key_len < prefix_len || (prefix_len && memcmp(op->key, prefix, prefix_len) != 0))
            break;
        TRY(each(op, data));
        node = treap_after(&memory->rows, op, row_cmp);
    }
    return NULL;
}

static struct error *memory_backup(struct store *store, const char *file)
{
    (void)store;
    return error_new(API_SERVER, "%s: a store in memory has no backup", file);
}

static void memory_close(struct store *store)
{
    treap_drain(&((struct memory_store *)store)->rows, row_free, NULL);
    free(store);
}

static const struct store_backend memory_backend = {
    .name = "memory",
    .commit = memory_commit,
    .scan = memory_scan,
    .backup = memory_backup,
    .close = memory_close,
};

struct error *store_open_memory(struct store **ret_store)
{
    struct memory_store *memory = xcalloc(1, sizeof(*memory));

    memory->store.backend = &memory_backend;
    *ret_store = &memory->store;
    return NULL;
}
