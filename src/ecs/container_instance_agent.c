/* container_instance_agent.c - UpdateContainerAgent: asks the agent of an instance to replace
 * itself by the operator's release (API-170, AG-024, AG-025; control/agent_updates.c does it). */
#include "core/agent_update.h"
#include "ecs/container_instance.h"
#include "ecs/names_enter.h"
#include "gen/ecs_handlers.h"
#include "scheduler/query_value.h"

#define GIVEN_UP_MS (30 * 60 * 1000) /* an agent that left in the middle and never came back */

static struct error *check(struct call *call, const struct container_instance *instance)
{
    const struct agent_release *release = ecs_of(call)->agent_release;
    const char *version = instance->agent_version;

    if (instance->status != INSTANCE_ACTIVE && instance->status != INSTANCE_DRAINING)
        return error_new(API_CLIENT, "The container instance is %s.",
                         instance_status_name(instance->status));
    if (!version || !version_is_good(version))
        return error_new(API_MISSING_VERSION,
                         "The version of the agent of the container instance is not known.");
    if (agent_update_is_under_way(instance->agent_update) &&
        call->now_ms - instance->agent_update_since_ms < GIVEN_UP_MS)
        return error_new(API_UPDATE_IN_PROGRESS,
                         "An update of the agent of the container instance is in progress.");
    if (!release || !release->version || version_cmp(version, release->version) >= 0)
        return error_new(API_NO_UPDATE_AVAILABLE,
                         "There is no update for agent version %.64s of the container instance.",
                         version);
    return NULL;
}

struct error *api_update_container_agent(struct call *call,
                                         const struct ecs_update_container_agent_request *in,
                                         struct ecs_update_container_agent_response *out)
{
    const struct container_instance *instance;
    struct container_instance *edited;

    TRY(names_enter_instance(call, "ecs:UpdateContainerAgent", in->cluster, in->container_instance,
                             &instance));
    TRY(check(call, instance));
    edited = txn_edit_instance(call->txn, instance);
    if (agent_update_is_under_way(edited->agent_update))
        agent_update_set(edited, AGENT_UPDATE_FAILED, call->now_ms);
    agent_update_set(edited, AGENT_UPDATE_PENDING, call->now_ms);
    container_instance_set_agent_update_version(edited, ecs_of(call)->agent_release->version);
    out->container_instance = ARENA_NEW(call->arena, struct ecs_container_instance);
    container_instance_describe(call, edited, INSTANCE_WITH_TAGS, out->container_instance);
    return NULL;
}
