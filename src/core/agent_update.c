#include "core/agent_update.h"

#include <assert.h>

#include "base/attributes.h"

#define ENDING (BIT(AGENT_UPDATE_UPDATED) | BIT(AGENT_UPDATE_FAILED))
static const unsigned next[AGENT_UPDATE_COUNT] = {
    [AGENT_UPDATE_NONE] = BIT(AGENT_UPDATE_PENDING),
    [AGENT_UPDATE_PENDING] = BIT(AGENT_UPDATE_STAGING) | ENDING,
    [AGENT_UPDATE_STAGING] = BIT(AGENT_UPDATE_STAGED) | ENDING,
    [AGENT_UPDATE_STAGED] = BIT(AGENT_UPDATE_UPDATING) | ENDING,
    [AGENT_UPDATE_UPDATING] = ENDING,
    [AGENT_UPDATE_UPDATED] = BIT(AGENT_UPDATE_PENDING),
    [AGENT_UPDATE_FAILED] = BIT(AGENT_UPDATE_PENDING),
};

bool agent_update_may_follow(enum agent_update from, enum agent_update to)
{
    return next[from] & BIT(to);
}

bool agent_update_is_under_way(enum agent_update status)
{
    return next[status] & BIT(AGENT_UPDATE_FAILED);
}

void agent_update_set(struct container_instance *instance, enum agent_update to, int64_t now_ms)
{
    assert(agent_update_may_follow(instance->agent_update, to));
    instance->agent_update = to;
    instance->agent_update_since_ms = now_ms;
    instance->version++;
}
