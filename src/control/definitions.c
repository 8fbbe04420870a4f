#include "control/definitions.h"

#define DELETIONS_AT_ONCE 20

void definitions_settle(struct state *state)
{
    for (int n = 0; n < DELETIONS_AT_ONCE && !state_is_resting(state); n++) {
        const struct scope *scope;
        const struct task_definition *definition = state_next_unused_definition(state, &scope);
        struct txn *txn;

        if (!definition)
            return;
        txn = txn_begin(state, scope);
        txn_delete_task_definition(txn, definition);
        txn_commit(txn);
    }
}
