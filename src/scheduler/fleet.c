#include "scheduler/fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/str.h"
#include "scheduler/fleet_internal.h"

struct fleet *fleet_new(void)
{
    struct fleet *fleet = xcalloc(1, sizeof(*fleet));

    RB_INIT(&fleet->owners);
    RB_INIT(&fleet->requirements);
    TAILQ_INIT(&fleet->recent);
    return fleet;
}

/* ---- hosts by id: the last bytes of an id are random, and its own hash ---- */

static uint32_t id_random(const struct id *id)
{
    uint32_t random;

    memcpy(&random, id->bytes + sizeof(id->bytes) - sizeof(random), sizeof(random));
    return random;
}

/* Where the id is, or where it may be put. */
static struct by_id *by_id_find(const struct fleet *fleet, const struct id *id)
{
    uint32_t random = id_random(id);
    size_t at = random & (fleet->by_id_size - 1);
    struct by_id *free_place = NULL;

    for (; fleet->by_id[at].slot != BY_ID_FREE; at = (at + 1) & (fleet->by_id_size - 1)) {
        struct by_id *place = &fleet->by_id[at];

        if (place->slot == BY_ID_GONE)
            free_place = free_place ? free_place : place;
        else if (place->random == random && id_cmp(&fleet->ids[place->slot], id) == 0)
            return place;
    }
    return free_place ? free_place : &fleet->by_id[at];
}

uint32_t fleet_find(const struct fleet *fleet, const struct id *id)
{
    const struct by_id *place = fleet->by_id_size ? by_id_find(fleet, id) : NULL;

    return place && place->slot < BY_ID_GONE ? place->slot : NO_SLOT;
}

static void by_id_put(struct fleet *fleet, uint32_t slot)
{
    struct by_id *place = by_id_find(fleet, &fleet->ids[slot]);

    fleet->by_id_used += place->slot == BY_ID_FREE;
    *place = (struct by_id){id_random(&fleet->ids[slot]), slot};
}

static void by_id_add(struct fleet *fleet, uint32_t slot)
{
    if (2 * (fleet->by_id_used + 1) > fleet->by_id_size) {
        fleet->by_id_size = 64;
        while (fleet->by_id_size < 3 * (size_t)(fleet->slot_count + 1))
            fleet->by_id_size *= 2;
        free(fleet->by_id);
        fleet->by_id = xreallocarray(NULL, fleet->by_id_size, sizeof(struct by_id));
        memset(fleet->by_id, 0xff, fleet->by_id_size * sizeof(struct by_id)); /* BY_ID_FREE */
        fleet->by_id_used = 0;
        for (uint32_t other = 0; other < fleet->slot_count; other++)
            if (fleet->hosts[other] && other != slot)
                by_id_put(fleet, other);
    }
    by_id_put(fleet, slot);
}

/* ---- ports ---- */

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

bool host_port_taken(const struct host *host, uint32_t key)
{
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

/* ---- facts ---- */

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

static void facts_clear(struct host *host)
{
    for (size_t i = 0; i < host->attribute_count; i++) {
        intern_unref(host->attributes[i].name);
        intern_unref(host->attributes[i].value);
    }
    free(host->attributes);
    host->attributes = NULL;
    host->attribute_count = 0;
    intern_unref(host->agent_version);
    intern_unref(host->ec2_instance_id);
    intern_unref(host->capacity_provider);
    host->agent_version = host->ec2_instance_id = host->capacity_provider = NULL;
}

/* Whether the host belongs where it did: what is free on it is another matter. */
static bool facts_equal(const struct host *host, const struct host_facts *facts)
{
    const char *reason = facts->unplaceable_reason ? facts->unplaceable_reason : "AGENT";

    if (host->attribute_count != facts->attribute_count ||
        host->is_placeable != facts->is_placeable || !str_eq(host->unplaceable_reason, reason) ||
        !str_eq(host->agent_version, facts->agent_version) ||
        !str_eq(host->ec2_instance_id, facts->ec2_instance_id) ||
        !str_eq(host->capacity_provider, facts->capacity_provider) ||
        host->registered_at_ms != facts->registered_at_ms)
        return false;
    for (size_t i = 0; i < facts->attribute_count; i++)
        if (!str_eq(host->attributes[i].name, facts->attributes[i].name) ||
            !str_eq(host->attributes[i].value, facts->attributes[i].value))
            return false;
    return true;
}

static void facts_copy(struct host *host, const struct host_facts *facts)
{
    struct host_attribute *attributes =
        xcalloc(facts->attribute_count + 1, sizeof(struct host_attribute));

    for (size_t i = 0; i < facts->attribute_count; i++)
        attributes[i] = (struct host_attribute){intern(facts->attributes[i].name),
                                                intern(facts->attributes[i].value)};
    facts_clear(host);
    host->attributes = attributes;
    host->attribute_count = facts->attribute_count;
    host->agent_version = intern(facts->agent_version);
    host->ec2_instance_id = intern(facts->ec2_instance_id);
    host->capacity_provider = intern(facts->capacity_provider);
    host->registered_at_ms = facts->registered_at_ms;
    host->is_placeable = facts->is_placeable;
    host->unplaceable_reason = facts->unplaceable_reason ? facts->unplaceable_reason : "AGENT";
}

/* ---- hosts ---- */

static void slots_grow(struct fleet *fleet)
{
    uint32_t capacity = fleet->slot_capacity ? 2 * fleet->slot_capacity : 8;

    fleet->ids = xreallocarray(fleet->ids, capacity, sizeof(*fleet->ids));
    fleet->slots = xreallocarray(fleet->slots, capacity, sizeof(*fleet->slots));
    fleet->hosts = xreallocarray(fleet->hosts, capacity, sizeof(*fleet->hosts));
    fleet->slot_capacity = capacity;
}

static struct host *host_add(struct fleet *fleet, const struct id *id)
{
    struct host *host = xcalloc(1, sizeof(*host));

    host->id = *id;
    if (fleet->free_slot_count) {
        host->slot = fleet->free_slots[--fleet->free_slot_count];
    } else {
        if (fleet->slot_count == fleet->slot_capacity)
            slots_grow(fleet);
        host->slot = fleet->slot_count++;
    }
    fleet->slots[host->slot] = (struct slot){0};
    fleet->hosts[host->slot] = host;
    fleet->ids[host->slot] = *id;
    by_id_add(fleet, host->slot);
    return host;
}

static void host_free(struct host *host)
{
    facts_clear(host);
    free(host->ports);
    free(host->reserved);
    free(host->owners);
    free(host);
}

/* Forgets a host nobody knows and nothing is held on. */
static void host_drop_if_unused(struct fleet *fleet, struct host *host)
{
    if (host->is_known || fleet->slots[host->slot].claims)
        return;
    by_id_find(fleet, &host->id)->slot = BY_ID_GONE;
    fleet->hosts[host->slot] = NULL;
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

static void reserved_set(struct host *host, const struct host_facts *facts)
{
    reserved_clear(host);
    host->reserved = xcalloc(facts->reserved_port_count + 1, sizeof(uint32_t));
    host->reserved_count = facts->reserved_port_count;
    for (size_t i = 0; i < facts->reserved_port_count; i++) {
        host->reserved[i] = PORT_KEY(&facts->reserved_ports[i]);
        port_take(host, host->reserved[i]);
    }
}

/* Takes the host out of all indexes, or puts it in. */
static void host_leave(struct fleet *fleet, struct host *host)
{
    selections_remove_host(fleet, host);
    for (size_t i = 0; i < fleet->partition_count; i++)
        partition_remove_host(fleet->partitions[i], host);
    fleet->host_count--;
    fleet->placeable_count -= host->is_placeable;
    host->is_known = false;
}

static void host_join(struct fleet *fleet, struct host *host)
{
    host->is_known = true;
    fleet->host_count++;
    fleet->placeable_count += host->is_placeable;
    host_bits_set(fleet, host);
    for (size_t i = 0; i < fleet->partition_count; i++)
        partition_add_host(fleet, fleet->partitions[i], host);
    selections_add_host(fleet, host);
}

static int32_t enis_of(const struct host_facts *facts)
{
    return facts->has_eni_slots ? facts->eni_slots : INT32_MAX / 2;
}

static void size_set(struct fleet *fleet, struct host *host, const struct host_facts *facts)
{
    struct slot *slot = &fleet->slots[host->slot];

    slot->cpu += facts->cpu - host->cpu;
    slot->memory += facts->memory - host->memory;
    slot->gpus += (int32_t)facts->gpu_count - host->gpu_count;
    slot->enis += enis_of(facts) - host->eni_count;
    host->cpu = facts->cpu;
    host->memory = facts->memory;
    host->gpu_count = (int32_t)facts->gpu_count;
    host->eni_count = enis_of(facts);
    reserved_set(host, facts);
}

void fleet_put_host(struct fleet *fleet, const struct host_facts *facts)
{
    uint32_t at = fleet_find(fleet, &facts->id);
    struct host *host = at != NO_SLOT ? fleet->hosts[at] : host_add(fleet, &facts->id);

    fleet->changes++;
    if (host->is_known && facts_equal(host, facts)) {
        size_set(fleet, host, facts);
        selections_reorder(fleet, host->slot);
        selections_unpark(fleet, host);
        return;
    }
    if (host->is_known)
        host_leave(fleet, host);
    facts_copy(host, facts);
    size_set(fleet, host, facts);
    host_join(fleet, host);
}

void fleet_remove_host(struct fleet *fleet, const struct id *id)
{
    uint32_t at = fleet_find(fleet, id);
    struct host *host = at != NO_SLOT ? fleet->hosts[at] : NULL;

    if (!host || !host->is_known)
        return;
    fleet->changes++;
    host_leave(fleet, host);
    host->is_placeable = false;
    reserved_clear(host);
    host_drop_if_unused(fleet, host);
}

/* ---- claims ---- */

/* Hosts that are asked about their tasks are told who came and who went. */
static void tell_queries(struct fleet *fleet, struct host *host, struct owner *owner, bool is_held)
{
    bool came_or_went = false;

    if (owner) {
        owner_settle(fleet, owner);
        came_or_went = owner_holds(owner, host->slot) == (is_held ? 1 : 0);
    }
    if (came_or_went && fleet->keeps_owners) {
        if (is_held)
            host_add_owner(host, owner);
        else
            host_drop_owner(host, owner);
    }
    host_bits_follow_claim(fleet, host, came_or_went);
}

static void claim_owner(struct fleet *fleet, uint32_t slot, const char *name, bool is_held)
{
    struct owner *owner = fleet_owner(fleet, name, is_held);

    if (owner) {
        owner_count(fleet, owner, slot, is_held);
        if (owner->view_count)
            views_count(fleet, owner, slot, is_held);
    }
    if (fleet->lasting_count < fleet->query_count)
        tell_queries(fleet, fleet->hosts[slot], owner, is_held);
    if (owner && !owner->task_count)
        owner_free(fleet, owner);
}

void fleet_claim(struct fleet *fleet, uint32_t at, const struct claim *claim, bool is_held)
{
    struct slot *slot = &fleet->slots[at];
    int sign = is_held ? -1 : 1;

    slot->cpu += (int64_t)sign * claim->cpu;
    slot->memory += (int64_t)sign * claim->memory;
    slot->gpus += sign * claim->gpu_count;
    slot->enis += sign * claim->eni_count;
    slot->claims += is_held ? 1 : -1u;
    for (size_t i = 0; i < claim->port_count; i++) {
        if (is_held)
            port_take(fleet->hosts[at], PORT_KEY(&claim->ports[i]));
        else
            port_give_back(fleet->hosts[at], PORT_KEY(&claim->ports[i]));
    }
    if (fleet->ordered_count)
        selections_reorder(fleet, at);
    if (!is_held && slot->parked)
        selections_unpark(fleet, fleet->hosts[at]);
    claim_owner(fleet, at, claim->owner, is_held);
}

void fleet_hold(struct fleet *fleet, const struct id *id, const struct claim *claim)
{
    uint32_t slot = fleet_find(fleet, id);

    fleet->changes++;
    fleet_claim(fleet, slot != NO_SLOT ? slot : host_add(fleet, id)->slot, claim, true);
}

void fleet_release(struct fleet *fleet, const struct id *id, const struct claim *claim)
{
    uint32_t slot = fleet_find(fleet, id);

    assert(slot != NO_SLOT && fleet->slots[slot].claims);
    fleet->changes++;
    fleet_claim(fleet, slot, claim, false);
    host_drop_if_unused(fleet, fleet->hosts[slot]);
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

static const struct host *find_known(const struct fleet *fleet, const struct id *id)
{
    uint32_t slot = fleet_find(fleet, id);

    return slot != NO_SLOT && fleet->hosts[slot]->is_known ? fleet->hosts[slot] : NULL;
}

bool fleet_host_free(const struct fleet *fleet, const struct id *id, struct host_free *ret)
{
    const struct host *host = find_known(fleet, id);
    struct fleet *cache = (struct fleet *)fleet; /* of the lent answer */

    if (!host)
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
    uint32_t slot = fleet_find(fleet, id);
    const struct host *host = slot != NO_SLOT ? fleet->hosts[slot] : NULL;

    for (size_t i = 0; host && i < host->attribute_count; i++)
        if (str_eq(host->attributes[i].name, name))
            return host->attributes[i].value;
    return NULL;
}

/* ---- the end of caches and all ---- */

void fleet_drop_caches(struct fleet *fleet)
{
    while (!TAILQ_EMPTY(&fleet->recent))
        views_drop(fleet, TAILQ_FIRST(&fleet->recent));
    selections_drop(fleet);
    while (fleet->partition_count)
        partition_free(fleet->partitions[--fleet->partition_count]);
    fleet_bits_drop(fleet);
}

void fleet_free(struct fleet *fleet)
{
    struct owner *owner;

    if (!fleet)
        return;
    fleet_drop_caches(fleet);
    while ((owner = fleet_owner_after(fleet, NULL)))
        owner_free(fleet, owner);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->hosts[slot])
            host_free(fleet->hosts[slot]);
    free(fleet->by_id);
    free(fleet->ids);
    free(fleet->slots);
    free(fleet->hosts);
    free(fleet->free_slots);
    free(fleet->port_answer);
    free(fleet);
}
