#include "store/latest.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Keys differ in their last bytes: read eight at a time, then what is left. */
static uint64_t hash(const uint8_t *bytes, size_t len)
{
    uint64_t x = len;
    uint64_t word;

    for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        x = (x ^ word) * 0xd6e8feb86659fd93u;
        x ^= x >> 32;
    }
    for (; len > 0; len--)
        x = (x ^ *bytes++) * 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

static bool is_same_key(const struct store_op *a, const struct store_op *b)
{
    return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* The slot of the operation's key, or the free one it belongs in. */
static struct latest_slot *slot_of(const struct latest *latest, const struct store_op *op)
{
    size_t i = hash(op->key, op->key_len) & (latest->capacity - 1);

    while (latest->slots[i].op && !is_same_key(latest->slots[i].op, op))
        i = (i + 1) & (latest->capacity - 1);
    return &latest->slots[i];
}

void latest_fill(struct latest *latest, const struct store_txn *txns, size_t count)
{
    size_t ops = 0;
    size_t capacity = 64;

    for (size_t i = 0; i < count; i++)
        ops += txns[i].count;
    while (capacity < 2 * ops)
        capacity *= 2;
    free(latest->slots);
    latest->slots = xcalloc(capacity, sizeof(*latest->slots));
    latest->capacity = capacity;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < txns[i].count; j++)
            slot_of(latest, &txns[i].ops[j])->op = &txns[i].ops[j];
}

bool latest_has(const struct latest *latest, const struct store_op *op)
{
    return slot_of(latest, op)->op == op;
}

void latest_done(struct latest *latest)
{
    free(latest->slots);
    *latest = (struct latest){0};
}
