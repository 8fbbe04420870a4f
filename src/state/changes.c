/* changes.c - telling observers what a transaction changed. */
#include <assert.h>

#include "state/txn.h"

/* Deleted since by a later transaction. Its memory stays until that one is durable, which is after
 * us. */
static bool is_gone(const struct txn_entry *entry)
{
    switch (entry->table->change) {
    case CHANGE_CLUSTER:
        return ((const struct cluster *)entry->record)->is_gone;
    case CHANGE_CAPACITY_PROVIDER:
        return ((const struct capacity_provider *)entry->record)->is_gone;
    case CHANGE_INSTANCE:
        return ((const struct container_instance *)entry->record)->is_gone;
    case CHANGE_TASK:
        return ((const struct task *)entry->record)->is_gone;
    case CHANGE_TASK_DEFINITION:
        return ((const struct task_definition *)entry->record)->is_gone;
    case CHANGE_SERVICE:
        return ((const struct service *)entry->record)->is_gone;
    case CHANGE_TASK_SET:
        return ((const struct task_set *)entry->record)->is_gone;
    case CHANGE_KIND_COUNT:
        break;
    }
    return false;
}

static struct change change_of(const struct txn *txn, const struct txn_entry *entry)
{
    return (struct change){
        .kind = entry->table->change,
        .scope = &txn->scope->scope,
        .record = entry->is_removed || !is_gone(entry) ? entry->record : NULL,
        .is_new = entry->is_new,
        .is_removed = entry->is_removed,
        .task_last_before = entry->before.task_last,
        .task_desired_before = entry->before.task_desired,
        .task_instance_before = entry->before.task_instance,
        .instance_before = entry->before.instance_status,
    };
}

void changes_staged(const struct txn *txn)
{
    const struct state *state = txn->state;

    for (size_t i = 0; i < txn->count; i++) {
        if (txn->entries[i].table->change == CHANGE_KIND_COUNT)
            continue;
        struct change change = change_of(txn, &txn->entries[i]);
        for (unsigned j = 0; j < state->observer_count; j++)
            if (state->observers[j].staged)
                state->observers[j].staged(&change, state->observers[j].data);
    }
}

void changes_durable(const struct txn *txn)
{
    const struct state *state = txn->state;

    for (size_t i = 0; i < txn->count; i++) {
        if (txn->entries[i].table->change == CHANGE_KIND_COUNT)
            continue;
        for (unsigned j = 0; j < state->observer_count; j++) {
            /* Made for each: the observer before may have deleted the record. */
            struct change change = change_of(txn, &txn->entries[i]);
            if (state->observers[j].durable)
                state->observers[j].durable(&change, state->observers[j].data);
        }
    }
}

void changes_reset(struct state *state)
{
    for (unsigned j = 0; j < state->observer_count; j++)
        if (state->observers[j].reset)
            state->observers[j].reset(state->observers[j].data);
}

void state_observe(struct state *state, const struct observer *observer)
{
    assert(state->observer_count < STATE_OBSERVERS_MAX);
    state->observers[state->observer_count++] = *observer;
}

void state_unobserve(struct state *state, const void *data)
{
    unsigned kept = 0;

    for (unsigned j = 0; j < state->observer_count; j++)
        if (state->observers[j].data != data)
            state->observers[kept++] = state->observers[j];
    state->observer_count = kept;
}
