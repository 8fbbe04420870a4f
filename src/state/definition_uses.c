/* definition_uses.c - how much rests on each revision of a task definition: tasks that are not
 * STOPPED, deployments of services that are not INACTIVE, task sets. Kept with every change of
 * those, so that whoever deletes a definition need not look for them.
 *
 * A revision has a figure while something rests on it. One that is DELETE_IN_PROGRESS when the last
 * goes, or becomes so when nothing is there, is queued; who takes it from the queue looks again.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/intern.h"
#include "base/mem.h"
#include "state/txn.h"

struct definition_use {
    struct treap_node node;
    int32_t revision;
    int32_t count;
};

struct unused_definition {
    STAILQ_ENTRY(unused_definition) entry;
    const struct scope_home *scope;
    const char *family; /* interned, referenced */
    int32_t revision;
};

/* ---- the queue ---- */

void definition_unused_add(const struct family_home *home, int32_t revision)
{
    struct unused_definition *one = xcalloc(1, sizeof(*one));

    one->scope = home->scope;
    one->family = intern_ref(home->name);
    one->revision = revision;
    STAILQ_INSERT_TAIL(&home->scope->state->unused_definitions, one, entry);
}

static void drop_first(struct unused_definitions *queue)
{
    struct unused_definition *one = STAILQ_FIRST(queue);

    STAILQ_REMOVE_HEAD(queue, entry);
    intern_unref(one->family);
    free(one);
}

void definition_unused_drop(struct state *state)
{
    while (!STAILQ_EMPTY(&state->unused_definitions))
        drop_first(&state->unused_definitions);
}

const struct task_definition *state_next_unused_definition(struct state *state,
                                                           const struct scope **ret_scope)
{
    const struct unused_definition *one;

    while ((one = STAILQ_FIRST(&state->unused_definitions))) {
        const struct task_definition *definition =
            state_task_definition(state, &one->scope->scope, one->family, one->revision);

        *ret_scope = &one->scope->scope;
        drop_first(&state->unused_definitions);
        if (definition && definition->status == DEFINITION_DELETE_IN_PROGRESS &&
            !state_task_definition_is_used(definition))
            return definition;
    }
    return NULL;
}

/* ---- the figures ---- */

static struct definition_use *use_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct definition_use, node) : NULL;
}

static int use_cmp(const void *key, const struct treap_node *node)
{
    int32_t wanted = *(const int32_t *)key;
    int32_t found = CONTAINER_OF(node, struct definition_use, node)->revision;

    return (wanted > found) - (wanted < found);
}

static struct definition_use *find(const struct family_home *home, int32_t revision)
{
    return use_of(treap_find(&home->uses, &revision, use_cmp));
}

bool state_task_definition_is_used(const struct task_definition *definition)
{
    return find(definition->home, definition->revision) != NULL;
}

/* What rests on a definition may be loaded before it. */
static void add_use(struct scope_home *scope, const char *family, int32_t revision)
{
    struct family_home *home = family_home_get(scope, family);
    struct definition_use *use = find(home, revision);

    if (!use) {
        use = xcalloc(1, sizeof(*use));
        use->revision = revision;
        treap_insert(&home->uses, &use->revision, &use->node, use_cmp);
    }
    use->count++;
}

static void remove_use(struct scope_home *scope, const char *family, int32_t revision)
{
    struct family_home *home = family_home_find(scope, family);
    struct definition_use *use = home ? find(home, revision) : NULL;

    assert(use); /* it was added */
    if (--use->count > 0)
        return;
    treap_remove(&home->uses, &revision, use_cmp);
    free(use);
    if (definition_is_leaving(home, revision))
        definition_unused_add(home, revision);
}

static void free_use(struct treap_node *node, void *data)
{
    (void)data;
    free(use_of(node));
}

void definition_uses_drop(struct family_home *home)
{
    treap_drain(&home->uses, free_use, NULL);
}

/* ---- who rests on them ---- */

void definition_uses_follow_task(const struct task *task, bool was, bool is)
{
    struct scope_home *scope = ((const struct cluster_home *)task->home)->scope;

    if (was == is || !task->family)
        return;
    if (is)
        add_use(scope, task->family, task->revision);
    else
        remove_use(scope, task->family, task->revision);
}

static struct scope_home *scope_of(const struct service_home *home)
{
    return home->cluster->scope;
}

void definition_uses_follow_task_set(const struct task_set *set, bool is)
{
    struct scope_home *scope = scope_of(set->home);

    if (!set->family)
        return;
    if (is)
        add_use(scope, set->family, set->revision);
    else
        remove_use(scope, set->family, set->revision);
}

/* Those of its deployments, and the one that a rollback goes to (API-191). */
static uint32_t count_used(const struct service *service)
{
    return service->deployments_count + (service->completed_family != NULL);
}

static struct used_definition used_by(const struct service *service, uint32_t i)
{
    if (i == service->deployments_count)
        return (struct used_definition){service->completed_family, service->completed_definition};
    return (struct used_definition){service->deployments[i].family,
                                    service->deployments[i].revision};
}

static bool is_remembered(const struct service_home *home, const struct service *service)
{
    if (home->used_definition_count != count_used(service))
        return false;
    for (uint32_t i = 0; i < home->used_definition_count; i++) {
        struct used_definition now = used_by(service, i);

        if (home->used_definitions[i].family != now.family ||
            home->used_definitions[i].revision != now.revision)
            return false;
    }
    return true;
}

void definition_uses_forget_service(struct service_home *home)
{
    for (uint32_t i = 0; i < home->used_definition_count; i++)
        intern_unref(home->used_definitions[i].family);
    free(home->used_definitions);
    home->used_definitions = NULL;
    home->used_definition_count = 0;
}

void definition_uses_follow_service(struct service_home *home, const struct service *service)
{
    static const struct service none;
    const struct service *now = service ? service : &none;
    struct used_definition *used = NULL;

    if (is_remembered(home, now))
        return;
    if (count_used(now))
        used = xcalloc(count_used(now), sizeof(*used));
    /* The new ones first: what stays is never without one. */
    for (uint32_t i = 0; i < count_used(now); i++) {
        used[i] = used_by(now, i);
        used[i].family = intern_ref(used[i].family);
        add_use(scope_of(home), used[i].family, used[i].revision);
    }
    for (uint32_t i = 0; i < home->used_definition_count; i++)
        remove_use(scope_of(home), home->used_definitions[i].family,
                   home->used_definitions[i].revision);
    definition_uses_forget_service(home);
    home->used_definitions = used;
    home->used_definition_count = count_used(now);
}
