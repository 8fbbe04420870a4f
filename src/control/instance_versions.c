/* instance_versions.c - an instance's version goes on growing after a restart.
 *
 * It grows with every task that comes or goes, which is not written each time: the record says up
 * to where it may have been shown, and after a restart it goes on from there. */
#include "control/parts.h"

#define BOUND_STEP   1024 /* so many changes cost one write */
#define BOUND_MARGIN 256  /* for those that come before the write is durable */

void instance_versions_durable(struct control *control, const struct change *change)
{
    const struct task *task = change->record;
    const struct container_instance *instance;
    struct txn *txn;

    if (change->kind != CHANGE_TASK || !task || id_is_zero(&task->instance))
        return;
    instance = state_instance(control->state, change->scope, task->cluster, &task->instance);
    if (!instance || instance->status == INSTANCE_INACTIVE ||
        state_instance_version(instance) + BOUND_MARGIN <= instance->version_bound)
        return;
    txn = txn_begin(control->state, change->scope);
    txn_edit_instance(txn, instance)->version_bound = state_instance_version(instance) + BOUND_STEP;
    txn_commit(txn);
}
