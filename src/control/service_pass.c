#include "control/service_pass.h"

#include <stdlib.h>

#include "base/log.h"
#include "control/service_work.h"

static void keep_up(struct pass *pass)
{
    struct error *err = service_config_read(&pass->arena, pass->service, &pass->config);

    if (err) {
        log_error("a service cannot be read", "service", pass->service->name, "why", err->message);
        error_free(err); /* logged; only a change of the service can mend it */
        return;
    }
    if (pass->service->controller != CONTROLLER_ECS)
        task_sets_keep_up(pass);
    else if (pass->service->strategy == STRATEGY_DAEMON)
        daemon_keep_up(pass);
    else
        replica_keep_up(pass);
}

void service_pass(struct control *control, const struct scope *scope, const struct service *service,
                  struct service_memory *memory, struct service_pass_result *ret)
{
    struct pass pass = {
        .control = control,
        .state = control->state,
        .scope = scope,
        .service = service,
        .memory = memory,
        .result = ret,
        .now_ms = control_wall_ms(control),
        .subject = service->name,
        .is_judged = service->status == SERVICE_DRAINING, /* it wants no tasks */
    };

    if (service->status == SERVICE_DRAINING)
        wind_down(&pass);
    else
        keep_up(&pass);
    shortages_settle(&pass);
    pass_done(&pass);
    free(pass.fresh.items);
    free(pass.old.items);
    free(pass.ailing.items);
    arena_done(&pass.arena);
}
