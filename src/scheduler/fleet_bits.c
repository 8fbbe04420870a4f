/* What hosts are asked for again and again, kept as bits of each host: required attributes and
 * memberOf expressions. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/str.h"
#include "scheduler/fleet_internal.h"

/* ---- attributes ---- */

static int requirement_cmp(const struct requirement *a, const struct requirement *b)
{
    return strcmp(a->text, b->text);
}
RB_GENERATE_STATIC(requirement_tree, requirement, entry, requirement_cmp)

bool host_has(const struct host *host, const char *name, const char *value)
{
    if (*name == *CAPACITY_PROVIDER_ATTRIBUTE)
        return host->capacity_provider && host->capacity_provider == value;
    for (size_t i = 0; i < host->attribute_count; i++)
        if (host->attributes[i].name == name && (!value || host->attributes[i].value == value))
            return true;
    return false;
}

static struct requirement *requirement_new(const char *text, unsigned number)
{
    struct requirement *requirement = xcalloc(1, sizeof(*requirement));
    const char *equals = strchr(text, '=');

    requirement->number = number;
    requirement->text = intern(text);
    if (equals) {
        CLEANUP(str_freep) char *name = str_dup_n(text, (size_t)(equals - text));

        requirement->name = intern(name);
        requirement->value = intern(equals + 1);
    } else {
        requirement->name = intern(text);
    }
    return requirement;
}

int requirement_number(struct fleet *fleet, const char *text)
{
    const struct requirement **met = &fleet->met[((uintptr_t)text >> 4) % MET_COUNT];
    struct requirement key = {.text = text};
    struct requirement *requirement;

    if (*met && strcmp((*met)->text, text) == 0)
        return (int)(*met)->number;
    requirement = RB_FIND(requirement_tree, &fleet->requirements, &key);
    if (!requirement) {
        if (fleet->requirement_count == BITS_COUNT)
            return -1;
        requirement = requirement_new(text, fleet->requirement_count++);
        RB_INSERT(requirement_tree, &fleet->requirements, requirement);
        for (uint32_t slot = 0; slot < fleet->slot_count; slot++) {
            struct host *host = fleet->hosts[slot];

            if (host)
                bits_set(&host->has, requirement->number,
                         host_has(host, requirement->name, requirement->value));
        }
    }
    *met = requirement;
    return (int)requirement->number;
}

/* ---- expressions ---- */

static bool any_group(const void *tasks, query_group_test_fn *test, const void *arg)
{
    const struct host *host = tasks;

    for (size_t i = 0; i < host->owner_count; i++)
        if (test(host->owners[i]->name, arg))
            return true;
    return false;
}

static struct query_instance instance_of(const struct fleet *fleet, const struct host *host)
{
    return (struct query_instance){
        .agent_connected = host->is_placeable || !str_eq(host->unplaceable_reason, "AGENT"),
        .agent_version = host->agent_version,
        .ec2_instance_id = host->ec2_instance_id,
        .registered_at_ms = host->registered_at_ms,
        .running_tasks = fleet->slots[host->slot].claims,
        .attributes = host->attributes,
        .attribute_count = host->attribute_count,
        .any_group = any_group,
        .tasks = host,
    };
}

static void ask(struct fleet *fleet, unsigned number, struct host *host)
{
    const struct known_query *known = &fleet->queries[number];
    struct query_instance instance;

    if (known->is_too_much)
        return;
    instance = instance_of(fleet, host);
    bits_set(&host->matches, number, query_matches(known->query, &instance));
}

/* False if that takes too long: an expression of a client must not hold the loop. */
static bool ask_all(struct fleet *fleet, unsigned number)
{
    struct query_run run;

    query_run_begin(&run, fleet->queries[number].query);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++) {
        struct host *host = fleet->hosts[slot];
        struct query_instance instance;

        if (!host)
            continue;
        instance = instance_of(fleet, host);
        bits_set(&host->matches, number, query_run_matches(&run, &instance));
        if (query_run_is_spent(&run))
            return false;
    }
    return true;
}

static struct error *too_much(const struct known_query *known)
{
    return error_new(API_INVALID_PARAMETER,
                     "The regular expressions of \"%.200s\" take too long on the container "
                     "instances of this cluster; write them with fewer repetitions.",
                     known->text);
}

static void add_owner_of(void *data, uint32_t slot, uint32_t count)
{
    void **both = data;
    struct fleet *fleet = both[0];

    (void)count;
    host_add_owner(fleet->hosts[slot], both[1]);
}

/* From now on each host knows whose tasks are on it. */
static void keep_owners(struct fleet *fleet)
{
    struct owner *owner = NULL;

    if (fleet->keeps_owners)
        return;
    fleet->keeps_owners = true;
    while ((owner = fleet_owner_after(fleet, owner))) {
        owner_settle(fleet, owner);
        owner_each(owner, add_owner_of, (void *[]){fleet, owner});
    }
}

struct error *query_number(struct fleet *fleet, const char *text, int *ret)
{
    struct known_query *known;
    struct query *query = NULL;
    unsigned subjects;

    for (unsigned i = 0; i < fleet->query_count; i++) {
        if (strcmp(fleet->queries[i].text, text) == 0) {
            *ret = (int)i;
            return fleet->queries[i].is_too_much ? too_much(&fleet->queries[i]) : NULL;
        }
    }
    TRY(query_parse(text, &query));
    if (fleet->query_count == BITS_COUNT) {
        query_free(query);
        *ret = -1;
        return NULL;
    }
    subjects = query_subjects(query);
    known = &fleet->queries[fleet->query_count];
    known->text = str_dup(text);
    known->query = query;
    known->is_lasting = !(subjects & (BIT(QUERY_RUNNING_TASKS_COUNT) | BIT(QUERY_TASK_GROUP)));
    fleet->lasting_count += known->is_lasting;
    if (subjects & BIT(QUERY_TASK_GROUP))
        keep_owners(fleet);
    *ret = (int)fleet->query_count++;
    known->is_too_much = !ask_all(fleet, (unsigned)*ret);
    return known->is_too_much ? too_much(known) : NULL;
}

void host_add_owner(struct host *host, struct owner *owner)
{
    ARRAY_GROW(host->owners, host->owner_count, host->owner_capacity);
    host->owners[host->owner_count++] = owner;
}

void host_drop_owner(struct host *host, struct owner *owner)
{
    size_t at = 0;

    while (host->owners[at] != owner)
        at++;
    host->owners[at] = host->owners[--host->owner_count];
}

void host_bits_set(struct fleet *fleet, struct host *host)
{
    struct requirement *requirement;

    RB_FOREACH (requirement, requirement_tree, &fleet->requirements)
        bits_set(&host->has, requirement->number,
                 host_has(host, requirement->name, requirement->value));
    for (unsigned i = 0; i < fleet->query_count; i++)
        ask(fleet, i, host);
}

void host_bits_follow_claim(struct fleet *fleet, struct host *host, bool owner_came_or_went)
{
    for (unsigned i = 0; i < fleet->query_count; i++) {
        const struct known_query *known = &fleet->queries[i];

        if (!known->is_lasting &&
            (owner_came_or_went || query_subjects(known->query) & BIT(QUERY_RUNNING_TASKS_COUNT)))
            ask(fleet, i, host);
    }
}

void fleet_bits_drop(struct fleet *fleet)
{
    struct requirement *requirement, *next;

    RB_FOREACH_SAFE (requirement, requirement_tree, &fleet->requirements, next) {
        RB_REMOVE(requirement_tree, &fleet->requirements, requirement);
        intern_unref(requirement->text);
        intern_unref(requirement->name);
        intern_unref(requirement->value);
        free(requirement);
    }
    memset(fleet->met, 0, sizeof(fleet->met));
    fleet->requirement_count = 0;
    for (unsigned i = 0; i < fleet->query_count; i++) {
        free(fleet->queries[i].text);
        query_free(fleet->queries[i].query);
    }
    fleet->query_count = fleet->lasting_count = 0;
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++) {
        struct host *host = fleet->hosts[slot];

        if (!host)
            continue;
        host->has = host->matches = (struct bits){{0}};
        if (fleet->keeps_owners) {
            free(host->owners);
            host->owners = NULL;
            host->owner_count = host->owner_capacity = 0;
        }
    }
    fleet->keeps_owners = false;
}
