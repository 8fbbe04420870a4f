/* What lasts and when it was told is kept in service->event_key: "placement:1795159149994
 * stuck:1795159200000". */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/str.h"
#include "control/service_work.h"
#include "core/event_names.h"
#include "core/service_events.h"

static const char *const keys[TOLD_COUNT] = {
    [TOLD_PLACEMENT] = "placement", [TOLD_IMPAIRED] = "impaired",     [TOLD_STUCK] = "stuck",
    [TOLD_PROTECTED] = "protected", [TOLD_UNBALANCED] = "unbalanced", [TOLD_ZONE_FULL] = "zone",
};

static void say(struct pass *pass, const struct telling *telling)
{
    struct service *service = pass_edit_service(pass);
    struct service_event *event = service_event_new();
    const struct deployment *primary = service_primary(service);

    service_event_set_cluster(event, service->cluster);
    service_event_set_service(event, service->name);
    event->number = ++service->next_event;
    event->id = id_new(state_rng(pass->state), pass->now_ms);
    event->created_at_ms = pass->now_ms;
    event->name = telling->name;
    service_event_set_reason(event, telling->reason);
    service_event_set_message(event, telling->message);
    if (primary && event_facts(telling->name).is_deployment) { /* MS-104 */
        service_event_set_deployment(event, primary->id);
        service_event_set_reason(event, primary->rollout_state_reason);
    }
    txn_insert_service_event(pass->txn, event);
}

void pass_say(struct pass *pass, enum event_name name, const char *message)
{
    say(pass, &(struct telling){.name = name, .message = message});
}

static int64_t told_at(const struct pass *pass, enum told what)
{
    const char *at = pass->service->event_key;
    size_t len = strlen(keys[what]);

    for (; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
        if (strncmp(at, keys[what], len) == 0 && at[len] == ':')
            return strtoll(at + len + 1, NULL, 10);
    return 0;
}

static void set_told_at(struct pass *pass, enum told what, int64_t at_ms)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (told_at(pass, what) == at_ms)
        return;
    for (enum told i = 0; i < TOLD_COUNT; i++) {
        int64_t when = i == what ? at_ms : told_at(pass, i);

        if (when)
            buf_printf(&text, "%s%s:%" PRId64, text.len ? " " : "", keys[i], when);
    }
    service_set_event_key(pass_edit_service(pass), text.data);
}

bool pass_tell(struct pass *pass, enum told what, const struct telling *telling)
{
    int64_t last_ms = told_at(pass, what);
    bool is_news = !last_ms || pass->now_ms - last_ms >= SERVICE_EVENT_REPEAT_MS;

    if (is_news) {
        say(pass, telling);
        set_told_at(pass, what, pass->now_ms);
        last_ms = pass->now_ms;
    }
    pass_due(pass, last_ms + SERVICE_EVENT_REPEAT_MS);
    return is_news;
}

void pass_resolved(struct pass *pass, enum told what)
{
    set_told_at(pass, what, 0);
}

void pass_tell_stuck(struct pass *pass, bool is_stuck)
{
    if (is_stuck)
        pass_tell(pass, TOLD_STUCK,
                  &(struct telling){.message =
                                        event_deployment_stuck(&pass->arena, pass->service->name)});
    else
        pass_resolved(pass, TOLD_STUCK);
}

void pass_tell_protected(struct pass *pass, bool is_protected)
{
    const struct deployment *primary = service_primary(pass->service);

    if (is_protected && primary)
        pass_tell(
            pass, TOLD_PROTECTED,
            &(struct telling){
                .name = EVENT_TASKSET_SCALE_IN_FAILURE_BY_TASK_PROTECTION,
                .message = event_scale_in_protected(&pass->arena, pass->service->name, primary->id),
            });
    else
        pass_resolved(pass, TOLD_PROTECTED);
}
