#include "control/service_images.h"

#include "base/str.h"
#include "core/image_pins.h"

const struct service_revision *
service_images_revision(struct state *state, const struct scope *scope, const struct task *task)
{
    const struct service *service =
        task->service ? state_service(state, scope, task->cluster, task->service) : NULL;

    for (uint32_t i = 0; service && i < service->deployments_count; i++) {
        const struct deployment *deployment = &service->deployments[i];

        if (str_eq(deployment->id, task->deployment))
            return deployment->service_revision
                       ? state_service_revision(state, scope, service->cluster, service->name,
                                                deployment->service_revision)
                       : NULL;
    }
    return NULL;
}

void service_images_learn(struct txn *txn, const struct task *task)
{
    const struct service_revision *revision =
        service_images_revision(txn_state(txn), txn_scope(txn), task);

    if (revision && image_pins_are_news(revision, task))
        image_pins_learn(txn_edit_service_revision(txn, revision), task);
}
