#include "core/managed_agents.h"

#include "base/json_text.h"
#include "base/str.h"
#include "core/stored_json.h"

#define PENDING "PENDING"
#define RUNNING "RUNNING"
#define STOPPED "STOPPED"

/* ---- the stored text: containers with nothing but their names and managed agents ---- */

static struct error *read_stored(struct arena *arena, const struct task *task,
                                 struct ecs_containers *ret)
{
    if (!task->rare->managed_agents)
        return NULL;
    return stored_json_read(arena, ECS_SHAPE_CONTAINERS, task->rare->managed_agents,
                            "managed agents", task->group, ret);
}

static const char *write_stored(struct arena *arena, const struct ecs_containers *containers)
{
    CLEANUP(buf_done) struct buf text = {0};

    buf_add_char(&text, '[');
    for (size_t i = 0; i < containers->count; i++) {
        if (!containers->items[i].managed_agents.count)
            continue;
        json_text_add_comma(&text);
        buf_add_char(&text, '{');
        json_text_add_name(&text, "name");
        json_text_add_string(&text, containers->items[i].name);
        json_text_add_name(&text, "managedAgents");
        shape_encode(&ecs_shapes[ECS_SHAPE_MANAGED_AGENTS], &text,
                     &containers->items[i].managed_agents);
        buf_add_char(&text, '}');
    }
    buf_add_char(&text, ']');
    return arena_dup_n(arena, text.data, text.len);
}

/* ---- what is told ---- */

/* One for each container of the task, with what is known of its agents and room for one of each
 * name more. */
static struct error *known_containers(struct arena *arena, const struct task *task,
                                      struct ecs_containers *ret)
{
    struct ecs_containers stored = {0};

    TRY(read_stored(arena, task, &stored));
    SET_LIST(arena, ret, task->containers_count);
    for (size_t i = 0; i < ret->count; i++) {
        struct ecs_container *to = &ret->items[i];

        to->name = task->containers[i].name;
        for (size_t k = 0; k < stored.count; k++)
            if (str_eq(stored.items[k].name, to->name))
                to->managed_agents = stored.items[k].managed_agents;
    }
    return NULL;
}

static struct ecs_managed_agent *find_or_add(struct arena *arena, struct ecs_managed_agents *agents,
                                             enum ecs_managed_agent_name name)
{
    struct ecs_managed_agents longer = {0};

    for (size_t i = 0; i < agents->count; i++)
        if (agents->items[i].name == name)
            return &agents->items[i];
    SET_LIST(arena, &longer, agents->count + 1);
    for (size_t i = 0; i < agents->count; i++)
        longer.items[i] = agents->items[i];
    longer.items[agents->count].name = name;
    longer.items[agents->count].last_status = PENDING;
    *agents = longer;
    return &agents->items[agents->count - 1];
}

/* PENDING is where all begin, and a stopped container has none that runs. */
static bool may_follow(const char *from, const char *to, enum task_status container_status)
{
    if (str_eq(to, PENDING))
        return str_eq(from, PENDING);
    return str_eq(to, STOPPED) || (str_eq(to, RUNNING) && container_status < TASK_STOPPED);
}

/* True if it is news. */
static bool apply(struct ecs_managed_agent *agent, const struct ecs_managed_agent_state_change *in,
                  enum task_status container_status, int64_t now_ms)
{
    bool is_new_status = !str_eq(agent->last_status, in->status);
    bool is_new_reason = !str_is_empty(in->reason) && !str_eq(agent->reason, in->reason);

    if (!may_follow(agent->last_status, in->status, container_status) ||
        (!is_new_status && !is_new_reason))
        return false;
    if (is_new_status && str_eq(in->status, RUNNING))
        SET(agent, last_started_at_ms, now_ms);
    if (is_new_status || is_new_reason)
        agent->reason = str_is_empty(in->reason) ? NULL : in->reason;
    agent->last_status = in->status;
    return true;
}

struct error *managed_agents_apply(struct arena *arena, const struct task *task,
                                   const struct ecs_managed_agent_state_changes *changes,
                                   int64_t now_ms, const char **ret_text)
{
    struct ecs_containers known = {0};
    bool is_news = false;

    *ret_text = NULL;
    if (!changes->count)
        return NULL;
    TRY(known_containers(arena, task, &known));
    for (size_t i = 0; i < changes->count; i++) {
        const struct ecs_managed_agent_state_change *change = &changes->items[i];

        for (size_t k = 0; k < known.count; k++)
            if (str_eq(known.items[k].name, change->container_name))
                is_news |= apply(
                    find_or_add(arena, &known.items[k].managed_agents, change->managed_agent_name),
                    change, task->containers[k].last_status, now_ms);
    }
    if (is_news)
        *ret_text = write_stored(arena, &known);
    return NULL;
}

/* ---- what is shown ---- */

struct error *managed_agents_describe(struct arena *arena, const struct task *task,
                                      struct ecs_containers *containers)
{
    struct ecs_containers known = {0};

    if (!task->enable_execute_command && !task->rare->managed_agents)
        return NULL;
    TRY(known_containers(arena, task, &known));
    for (size_t i = 0; i < containers->count; i++) {
        struct ecs_managed_agents *agents = &containers->items[i].managed_agents;

        *agents = known.items[i].managed_agents;
        if (task->enable_execute_command)
            find_or_add(arena, agents, ECS_MANAGED_AGENT_NAME_EXECUTE_COMMAND_AGENT);
        for (size_t k = 0; k < agents->count; k++)
            if (task->containers[i].last_status == TASK_STOPPED)
                agents->items[k].last_status = STOPPED;
    }
    return NULL;
}

void managed_agents_take_back(enum task_status container_status, struct ecs_managed_agents *agents)
{
    for (size_t i = 0; i < agents->count; i++) {
        struct ecs_managed_agent *agent = &agents->items[i];

        if (container_status == TASK_STOPPED)
            continue;
        if (container_status < TASK_RUNNING)
            agent->has_last_started_at_ms = false;
        if (container_status < TASK_RUNNING || str_eq(agent->last_status, STOPPED)) {
            agent->last_status = agent->has_last_started_at_ms ? RUNNING : PENDING;
            agent->reason = NULL;
        }
    }
}
