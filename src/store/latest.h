/* latest.h - which operations of a batch still matter: the last one on each key.
 *
 * A backend whose batches are atomic need not write what the same batch overwrites: many
 * transactions of one loop turn touch the same service or host.
 */
#ifndef BERTH_STORE_LATEST_H
#define BERTH_STORE_LATEST_H

#include "store/store.h"

struct latest {
    struct latest_slot {
        const struct store_op *op; /* NULL: free */
    } * slots;                     /* open addressing by the key's hash */
    size_t capacity;               /* a power of two */
};

void latest_done(struct latest *latest);
/* Takes in a batch, forgetting the one before. */
void latest_fill(struct latest *latest, const struct store_txn *txns, size_t count);
/* True for the last operation on its key. */
bool latest_has(const struct latest *latest, const struct store_op *op);

#endif
