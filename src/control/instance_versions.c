/* instance_versions.c - an instance's version goes on growing after a restart.
 *
 * It grows with every task that comes or goes, which is not written each time: the record says up
 * to where it may have been shown, and after a restart it goes on from there. An agent that
 * connects writes its instance anyway, and moves that on, so that what was told since the last
 * start is never told again (MS-058). */
#include "control/parts.h"

#define BOUND_STEP   1024 /* so many changes cost one write */
#define BOUND_MARGIN 256  /* for those that come before the write is durable */

static bool is_ahead(const struct container_instance *instance)
{
    return state_instance_version(instance) + BOUND_MARGIN <= instance->version_bound;
}

static void move_on(struct container_instance *edited)
{
    edited->version_bound = state_instance_version(edited) + BOUND_STEP;
}

void instance_versions_keep_ahead(struct container_instance *edited)
{
    if (edited->version_bound && !is_ahead(edited))
        move_on(edited);
}

/* NULL: there is none, or its record's version is all. */
static const struct container_instance *shown_by(struct control *control,
                                                 const struct change *change)
{
    const struct container_instance *instance = NULL;

    if (change->kind == CHANGE_TASK && change->record) {
        const struct task *task = change->record;

        if (!id_is_zero(&task->instance))
            instance =
                state_instance(control->state, change->scope, task->cluster, &task->instance);
    } else if (change->kind == CHANGE_INSTANCE && change->record && !change->is_removed) {
        const struct container_instance *changed = change->record;

        if (changed->version_bound)
            instance =
                state_instance(control->state, change->scope, changed->cluster, &changed->id);
    }
    return instance && instance->status != INSTANCE_INACTIVE ? instance : NULL;
}

void instance_versions_durable(struct control *control, const struct change *change)
{
    const struct container_instance *instance = shown_by(control, change);
    struct txn *txn;

    if (!instance || is_ahead(instance))
        return;
    txn = txn_begin(control->state, change->scope);
    move_on(txn_edit_instance(txn, instance));
    txn_commit(txn);
}
