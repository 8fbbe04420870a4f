#include "agent/engine/engine_task.h"

/* Gates: how many containers may be worked on at once, so that Docker answers each within its limit
 * however many tasks came in together. A task that finds a gate full is woken when somebody leaves.
 */

void engine_gates_init(struct engine *engine, unsigned cpus)
{
    engine->gates[ENGINE_GATE_LOOK].most = ENGINE_LOOKS_MAX;
    engine->gates[ENGINE_GATE_START].most = cpus * ENGINE_STARTS_PER_CPU;
    for (int i = 0; i < ENGINE_GATE_COUNT; i++)
        TAILQ_INIT(&engine->gates[i].waiting);
}

bool engine_gate_enter(struct engine_task *task, enum engine_gate_kind kind)
{
    struct engine_gate *gate = &task->engine->gates[kind];

    if (gate->inside < gate->most) {
        gate->inside++;
        return true;
    }
    if (!task->is_waiting[kind]) {
        task->is_waiting[kind] = true;
        TAILQ_INSERT_TAIL(&gate->waiting, task, in_waiting[kind]);
    }
    return false;
}

static void forget_waiting(struct engine_task *task, enum engine_gate_kind kind)
{
    TAILQ_REMOVE(&task->engine->gates[kind].waiting, task, in_waiting[kind]);
    task->is_waiting[kind] = false;
}

void engine_gate_leave(struct engine *engine, enum engine_gate_kind kind)
{
    struct engine_gate *gate = &engine->gates[kind];
    struct engine_task *next = TAILQ_FIRST(&gate->waiting);

    gate->inside--;
    if (!next)
        return;
    forget_waiting(next, kind);
    engine_task_wake(next);
}

void engine_gates_forget(struct engine_task *task)
{
    for (int i = 0; i < ENGINE_GATE_COUNT; i++)
        if (task->is_waiting[i])
            forget_waiting(task, (enum engine_gate_kind)i);
}
