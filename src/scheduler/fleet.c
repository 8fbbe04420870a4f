#include "scheduler/fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/str.h"
#include "scheduler/fleet_internal.h"

static int owner_cmp(const struct owner *a, const struct owner *b)
{
    return ((uintptr_t)a->name > (uintptr_t)b->name) - ((uintptr_t)a->name < (uintptr_t)b->name);
}
RB_GENERATE_STATIC(owner_tree, owner, entry, owner_cmp)

static int requirement_cmp(const struct requirement *a, const struct requirement *b)
{
    return strcmp(a->text, b->text);
}
RB_GENERATE_STATIC(requirement_tree, requirement, entry, requirement_cmp)

struct fleet *fleet_new(void)
{
    struct fleet *fleet = xcalloc(1, sizeof(*fleet));

    RB_INIT(&fleet->owners);
    RB_INIT(&fleet->requirements);
    LIST_INIT(&fleet->partitions);
    TAILQ_INIT(&fleet->recent);
    fleet->requirement_count = 1; /* MASK_PLACEABLE */
    return fleet;
}

/* ---- hosts by id: the last bytes of an id are random, and its own hash ---- */

static uint64_t id_random(const struct id *id)
{
    uint64_t random;

    memcpy(&random, id->bytes + sizeof(id->bytes) - sizeof(random), sizeof(random));
    return random;
}

/* Where the id is, or where it may be put. */
static struct by_id *by_id_find(const struct fleet *fleet, const struct id *id)
{
    uint64_t random = id_random(id);
    size_t at = random & (fleet->by_id_size - 1);
    struct by_id *free_place = NULL;

    for (; fleet->by_id[at].is_used; at = (at + 1) & (fleet->by_id_size - 1)) {
        struct by_id *place = &fleet->by_id[at];

        if (place->slot == NO_SLOT)
            free_place = free_place ? free_place : place;
        else if (place->random == random && id_cmp(&fleet->slots[place->slot].host->id, id) == 0)
            return place;
    }
    return free_place ? free_place : &fleet->by_id[at];
}

struct host *fleet_find(const struct fleet *fleet, const struct id *id)
{
    const struct by_id *place = fleet->by_id_size ? by_id_find(fleet, id) : NULL;

    return place && place->is_used && place->slot != NO_SLOT ? fleet->slots[place->slot].host
                                                             : NULL;
}

static void by_id_put(struct fleet *fleet, const struct host *host)
{
    struct by_id *place = by_id_find(fleet, &host->id);

    fleet->by_id_used += !place->is_used;
    *place = (struct by_id){id_random(&host->id), host->slot, true};
}

static void by_id_add(struct fleet *fleet, const struct host *host)
{
    if (2 * (fleet->by_id_used + 1) > fleet->by_id_size) {
        fleet->by_id_size = 64;
        while (fleet->by_id_size < 4 * (size_t)(fleet->slot_count + 1))
            fleet->by_id_size *= 2;
        free(fleet->by_id);
        fleet->by_id = xcalloc(fleet->by_id_size, sizeof(struct by_id));
        fleet->by_id_used = 0;
        for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
            if (fleet->slots[slot].host && fleet->slots[slot].host != host)
                by_id_put(fleet, fleet->slots[slot].host);
    }
    by_id_put(fleet, host);
}

/* ---- what is free ---- */

static size_t port_place(const uint32_t *ports, size_t count, uint32_t key)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (ports[mid] < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool host_port_taken(const struct host *host, const struct fleet_port *port)
{
    uint32_t key = PORT_KEY(port);
    size_t at = port_place(host->ports, host->port_count, key);

    return at < host->port_count && host->ports[at] == key;
}

static void port_take(struct host *host, uint32_t key)
{
    size_t at = port_place(host->ports, host->port_count, key);

    ARRAY_GROW(host->ports, host->port_count, host->port_capacity);
    memmove(host->ports + at + 1, host->ports + at, (host->port_count - at) * sizeof(uint32_t));
    host->ports[at] = key;
    host->port_count++;
}

static void port_give_back(struct host *host, uint32_t key)
{
    size_t at = port_place(host->ports, host->port_count, key);

    assert(at < host->port_count && host->ports[at] == key);
    host->port_count--;
    memmove(host->ports + at, host->ports + at + 1, (host->port_count - at) * sizeof(uint32_t));
}

/* ---- attributes ---- */

bool host_has(const struct host *host, const char *name, const char *value)
{
    for (size_t i = 0; i < host->attribute_count; i++)
        if (host->attributes[i].name == name && (!value || host->attributes[i].value == value))
            return true;
    return false;
}

const char *host_value(const struct host *host, const char *interned_name, bool *ret_has)
{
    for (size_t i = 0; i < host->attribute_count; i++) {
        if (host->attributes[i].name == interned_name) {
            *ret_has = true;
            return host->attributes[i].value;
        }
    }
    *ret_has = false;
    return NULL;
}

static void mask_set(struct attribute_mask *mask, unsigned number, bool is_set)
{
    uint64_t bit = (uint64_t)1 << (number % 64);

    if (is_set)
        mask->words[number / 64] |= bit;
    else
        mask->words[number / 64] &= ~bit;
}

int fleet_requirement(struct fleet *fleet, const char *text)
{
    const struct requirement **met = &fleet->met[((uintptr_t)text >> 4) % REQUIREMENTS_MET];
    struct requirement key = {.text = text};
    struct requirement *requirement;
    const char *equals;

    if (*met && strcmp((*met)->text, text) == 0)
        return (int)(*met)->number;
    requirement = RB_FIND(requirement_tree, &fleet->requirements, &key);
    if (requirement) {
        *met = requirement;
        return (int)requirement->number;
    }
    if (fleet->requirement_count == REQUIREMENT_COUNT)
        return -1;
    requirement = xcalloc(1, sizeof(*requirement));
    requirement->text = intern(text);
    equals = strchr(text, '=');
    if (equals) {
        char *name = str_dup_n(text, (size_t)(equals - text));

        requirement->name = intern(name);
        requirement->value = intern(equals + 1);
        free(name);
    } else {
        requirement->name = intern(text);
    }
    requirement->number = fleet->requirement_count++;
    RB_INSERT(requirement_tree, &fleet->requirements, requirement);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->slots[slot].host)
            mask_set(&fleet->slots[slot].has, requirement->number,
                     host_has(fleet->slots[slot].host, requirement->name, requirement->value));
    return (int)requirement->number;
}

static void attributes_clear(struct host *host)
{
    for (size_t i = 0; i < host->attribute_count; i++) {
        intern_unref(host->attributes[i].name);
        intern_unref(host->attributes[i].value);
    }
    free(host->attributes);
    host->attributes = NULL;
    host->attribute_count = 0;
}

static bool attributes_equal(const struct host *host, const struct host_facts *facts)
{
    if (host->attribute_count != facts->attribute_count)
        return false;
    for (size_t i = 0; i < facts->attribute_count; i++)
        if (!str_eq(host->attributes[i].name, facts->attributes[i].name) ||
            !str_eq(host->attributes[i].value, facts->attributes[i].value))
            return false;
    return true;
}

static void attributes_set(struct fleet *fleet, struct host *host, const struct host_facts *facts)
{
    struct requirement *requirement;
    struct partition *partition;
    struct attribute_mask *has = &fleet->slots[host->slot].has;
    bool was_known = host->is_known;

    if (was_known && attributes_equal(host, facts))
        return;
    if (was_known)
        LIST_FOREACH(partition, &fleet->partitions, entry)
    partition_remove_host(fleet, partition, host);
    attributes_clear(host);
    host->attributes = xcalloc(facts->attribute_count + 1, sizeof(struct host_attribute));
    host->attribute_count = facts->attribute_count;
    for (size_t i = 0; i < facts->attribute_count; i++) {
        host->attributes[i].name = intern(facts->attributes[i].name);
        host->attributes[i].value = intern(facts->attributes[i].value);
    }
    *has = (struct attribute_mask){0};
    RB_FOREACH (requirement, requirement_tree, &fleet->requirements)
        mask_set(has, requirement->number, host_has(host, requirement->name, requirement->value));
    LIST_FOREACH(partition, &fleet->partitions, entry)
    partition_add_host(fleet, partition, host);
}

/* ---- hosts ---- */

static struct host *host_add(struct fleet *fleet, const struct id *id)
{
    struct host *host = xcalloc(1, sizeof(*host));

    host->id = *id;
    if (fleet->free_slot_count) {
        host->slot = fleet->free_slots[--fleet->free_slot_count];
    } else {
        ARRAY_GROW(fleet->slots, fleet->slot_count, fleet->slot_capacity);
        host->slot = fleet->slot_count++;
    }
    fleet->slots[host->slot] = (struct slot){.host = host};
    by_id_add(fleet, host);
    return host;
}

static void host_free(struct host *host)
{
    attributes_clear(host);
    free(host->ports);
    free(host->reserved);
    free(host);
}

/* Forgets a host nobody knows and nothing is held on. */
static void host_drop_if_unused(struct fleet *fleet, struct host *host)
{
    if (host->is_known || fleet->slots[host->slot].claims)
        return;
    by_id_find(fleet, &host->id)->slot = NO_SLOT;
    fleet->slots[host->slot] = (struct slot){0};
    ARRAY_GROW(fleet->free_slots, fleet->free_slot_count, fleet->free_slot_capacity);
    fleet->free_slots[fleet->free_slot_count++] = host->slot;
    host_free(host);
}

static void reserved_clear(struct host *host)
{
    for (size_t i = 0; i < host->reserved_count; i++)
        port_give_back(host, host->reserved[i]);
    free(host->reserved);
    host->reserved = NULL;
    host->reserved_count = 0;
}

void fleet_put_host(struct fleet *fleet, const struct host_facts *facts)
{
    struct host *host = fleet_find(fleet, &facts->id);
    struct slot *slot;

    if (!host)
        host = host_add(fleet, &facts->id);
    slot = &fleet->slots[host->slot];
    attributes_set(fleet, host, facts);
    if (!host->is_known)
        fleet->host_count++;
    if (host->is_placeable)
        fleet->placeable_count--;
    if (facts->is_placeable)
        fleet->placeable_count++;
    host->is_known = true;
    host->is_placeable = facts->is_placeable;
    host->unplaceable_reason = facts->unplaceable_reason ? facts->unplaceable_reason : "AGENT";
    mask_set(&slot->has, 0, facts->is_placeable);
    slot->cpu += facts->cpu - host->cpu;
    slot->memory += facts->memory - host->memory;
    slot->gpus += (int32_t)facts->gpu_count - host->gpu_count;
    host->cpu = facts->cpu;
    host->memory = facts->memory;
    host->gpu_count = (int32_t)facts->gpu_count;
    reserved_clear(host);
    host->reserved = xcalloc(facts->reserved_port_count + 1, sizeof(uint32_t));
    host->reserved_count = facts->reserved_port_count;
    for (size_t i = 0; i < facts->reserved_port_count; i++) {
        host->reserved[i] = PORT_KEY(&facts->reserved_ports[i]);
        port_take(host, host->reserved[i]);
    }
}

void fleet_remove_host(struct fleet *fleet, const struct id *id)
{
    struct host *host = fleet_find(fleet, id);
    struct partition *partition;

    if (!host || !host->is_known)
        return;
    LIST_FOREACH(partition, &fleet->partitions, entry)
    partition_remove_host(fleet, partition, host);
    fleet->host_count--;
    fleet->placeable_count -= host->is_placeable;
    host->is_known = host->is_placeable = false;
    mask_set(&fleet->slots[host->slot].has, 0, false);
    reserved_clear(host);
    host_drop_if_unused(fleet, host);
}

/* ---- claims ---- */

struct owner *fleet_owner(struct fleet *fleet, const char *name, bool may_add)
{
    struct owner key = {.name = name};
    struct owner *owner;

    if (!name || (fleet->last_owner && fleet->last_owner->name == name))
        return name ? fleet->last_owner : NULL;
    owner = RB_FIND(owner_tree, &fleet->owners, &key);
    if (owner)
        fleet->last_owner = owner;
    if (owner || !may_add)
        return owner;
    owner = xcalloc(1, sizeof(*owner));
    owner->name = intern_ref(name);

    RB_INSERT(owner_tree, &fleet->owners, owner);
    return owner;
}

static void owner_free(struct fleet *fleet, struct owner *owner)
{
    views_drop(fleet, owner);
    RB_REMOVE(owner_tree, &fleet->owners, owner);
    if (fleet->last_owner == owner)
        fleet->last_owner = NULL;
    intern_unref(owner->name);
    free(owner->holdings);
    free(owner->views);
    free(owner);
}

/* Slots are small numbers: multiplied, they fall apart well enough. */
static uint32_t holding_home(const struct owner *owner, uint32_t slot)
{
    return (slot * 2654435769u) & (owner->holding_size - 1);
}

/* Where the slot is, or the empty place for it. */
static struct holding *holding_find(const struct owner *owner, uint32_t slot)
{
    uint32_t at = holding_home(owner, slot);

    while (owner->holdings[at].slot != slot && owner->holdings[at].slot != NO_SLOT)
        at = (at + 1) & (owner->holding_size - 1);
    return &owner->holdings[at];
}

static void holdings_grow(struct owner *owner)
{
    struct holding *old = owner->holdings;
    uint32_t old_size = owner->holding_size;

    owner->holding_size = old_size ? 2 * old_size : 8;
    owner->holdings = xreallocarray(NULL, owner->holding_size, sizeof(struct holding));
    for (uint32_t i = 0; i < owner->holding_size; i++)
        owner->holdings[i] = (struct holding){NO_SLOT, 0};
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].slot != NO_SLOT)
            *holding_find(owner, old[i].slot) = old[i];
    free(old);
}

/* Takes out an entry and moves up those behind it that were pushed out of their place. */
static void holding_remove(struct owner *owner, struct holding *holding)
{
    uint32_t mask = owner->holding_size - 1;
    uint32_t hole = (uint32_t)(holding - owner->holdings);

    for (uint32_t at = (hole + 1) & mask; owner->holdings[at].slot != NO_SLOT;
         at = (at + 1) & mask) {
        uint32_t home = holding_home(owner, owner->holdings[at].slot);

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            owner->holdings[hole] = owner->holdings[at];
            hole = at;
        }
    }
    owner->holdings[hole] = (struct holding){NO_SLOT, 0};
    owner->holding_count--;
}

uint32_t owner_holds(const struct owner *owner, uint32_t slot)
{
    return owner ? holding_find(owner, slot)->count : 0;
}

static void owner_claim(struct fleet *fleet, const struct host *host, const char *name,
                        bool is_held)
{
    struct owner *owner = fleet_owner(fleet, name, is_held);
    struct holding *holding;

    if (!owner)
        return;
    if (2 * owner->holding_count >= owner->holding_size)
        holdings_grow(owner);
    holding = holding_find(owner, host->slot);
    if (is_held && holding->slot == NO_SLOT) {
        holding->slot = host->slot;
        owner->holding_count++;
    }
    assert(is_held || holding->count);
    holding->count += is_held ? 1 : -1u;
    views_count(fleet, owner, host, is_held);
    if (holding->count)
        return;
    holding_remove(owner, holding);
    if (!owner->holding_count)
        owner_free(fleet, owner);
}

void fleet_claim(struct fleet *fleet, struct host *host, const struct claim *claim, bool is_held)
{
    struct slot *slot = &fleet->slots[host->slot];
    int sign = is_held ? -1 : 1;

    slot->cpu += (int64_t)sign * claim->cpu;
    slot->memory += (int64_t)sign * claim->memory;
    slot->gpus += sign * claim->gpu_count;
    slot->claims += is_held ? 1 : -1u;
    for (size_t i = 0; i < claim->port_count; i++) {
        if (is_held)
            port_take(host, PORT_KEY(&claim->ports[i]));
        else
            port_give_back(host, PORT_KEY(&claim->ports[i]));
    }
    owner_claim(fleet, host, claim->owner, is_held);
}

void fleet_hold(struct fleet *fleet, const struct id *id, const struct claim *claim)
{
    struct host *host = fleet_find(fleet, id);

    if (!host)
        host = host_add(fleet, id);
    fleet_claim(fleet, host, claim, true);
}

void fleet_release(struct fleet *fleet, const struct id *id, const struct claim *claim)
{
    struct host *host = fleet_find(fleet, id);

    assert(host && fleet->slots[host->slot].claims);
    fleet_claim(fleet, host, claim, false);
    host_drop_if_unused(fleet, host);
}

/* ---- figures ---- */

size_t fleet_host_count(const struct fleet *fleet)
{
    return fleet->host_count;
}

size_t fleet_placeable_count(const struct fleet *fleet)
{
    return fleet->placeable_count;
}

static int32_t clamp32(int64_t n)
{
    return n < INT32_MIN ? INT32_MIN : n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

bool fleet_host_free(const struct fleet *fleet, const struct id *id, struct host_free *ret)
{
    const struct host *host = fleet_find(fleet, id);
    struct fleet *cache = (struct fleet *)fleet; /* of the lent answer */

    if (!host || !host->is_known)
        return false;
    if (cache->port_answer_capacity < host->port_count) {
        cache->port_answer_capacity = host->port_capacity;
        cache->port_answer = xreallocarray(cache->port_answer, cache->port_answer_capacity,
                                           sizeof(struct fleet_port));
    }
    ret->cpu = clamp32(fleet->slots[host->slot].cpu);
    ret->memory = clamp32(fleet->slots[host->slot].memory);
    ret->gpus = fleet->slots[host->slot].gpus;
    ret->ports = cache->port_answer;
    ret->port_count = 0;
    for (size_t i = 0; i < host->port_count; i++) {
        if (i && host->ports[i] == host->ports[i - 1])
            continue;
        cache->port_answer[ret->port_count++] = (struct fleet_port){
            .number = (uint16_t)(host->ports[i] & 0xffff), .is_udp = host->ports[i] >> 16};
    }
    return true;
}

const char *fleet_host_value(const struct fleet *fleet, const struct id *id, const char *name)
{
    const struct host *host = fleet_find(fleet, id);

    for (size_t i = 0; host && i < host->attribute_count; i++)
        if (str_eq(host->attributes[i].name, name))
            return host->attributes[i].value;
    return NULL;
}

void fleet_free(struct fleet *fleet)
{
    struct requirement *requirement, *next_requirement;
    struct owner *owner, *next_owner;

    if (!fleet)
        return;
    RB_FOREACH_SAFE (owner, owner_tree, &fleet->owners, next_owner)
        owner_free(fleet, owner);
    while (!LIST_EMPTY(&fleet->partitions)) {
        struct partition *partition = LIST_FIRST(&fleet->partitions);

        LIST_REMOVE(partition, entry);
        partition_free(partition);
    }
    RB_FOREACH_SAFE (requirement, requirement_tree, &fleet->requirements, next_requirement) {
        RB_REMOVE(requirement_tree, &fleet->requirements, requirement);
        intern_unref(requirement->text);
        intern_unref(requirement->name);
        intern_unref(requirement->value);
        free(requirement);
    }
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->slots[slot].host)
            host_free(fleet->slots[slot].host);
    free(fleet->by_id);
    free(fleet->slots);
    free(fleet->free_slots);
    free(fleet->port_answer);
    free(fleet);
}
