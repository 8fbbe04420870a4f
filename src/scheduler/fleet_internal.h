/* fleet_internal.h - the inside of a fleet, for the files of this folder only.
 *
 * Hosts sit in slots; what a decision reads (ids, what is free) is in arrays by slot, apart from
 * what it seldom reads (struct host). Above them are four kinds of index, all caches: made when a
 * plan first needs them, kept current by claims and facts, dropped when there are too many. They
 * are why a plan may change a fleet it got as const: what it shows does not change.
 *
 *   partition   hosts by the values of a list of attributes, a tree with a level for each
 *   view        one owner's counts on the children of one group of a partition, in order
 *   selection   the hosts that meet the lasting demands of one kind of task (attributes,
 *               constraints), in a pool for each leaf of a partition
 *   floor       the least count of one owner on the hosts of one pool
 *
 * A host of a pool that turned out to have no room for the selection's tasks is parked at the end
 * of the pool, where nobody looks, until something on it is freed. Claims only take, so what is
 * parked cannot fit, and what has no room is looked at once, not at every decision.
 */
#ifndef BERTH_SCHEDULER_FLEET_INTERNAL_H
#define BERTH_SCHEDULER_FLEET_INTERNAL_H

#include <sys/queue.h>

#include "base/tree.h"
#include "scheduler/fleet.h"
#include "scheduler/query.h"

#define SPREAD_FIELDS_MAX 5   /* SC-033: rules a demand may have */
#define BITS_COUNT        256 /* requirements and queries that are kept as bits of each host */
#define MET_COUNT         256
#define SELECTIONS_MAX    256
#define PARTITIONS_MAX    64
#define ENTRIES_MAX       (8 * 1024 * 1024) /* of all selections together; also of all views */
#define FLOORS_MAX        1024              /* of one owner */
#define LOG_SIZE          1024
#define LOW_MAX           16
#define PENDING_MAX       16
#define MOVED_MAX         64
#define PENDING_RELEASE   0x80000000u
#define NO_SLOT           UINT32_MAX
/* Stands for host->capacity_provider where attributes are required; no attribute is called so. */
#define CAPACITY_PROVIDER_ATTRIBUTE "\001capacity-provider"

struct group;
struct owner;
struct pool;

struct bits {
    uint64_t words[BITS_COUNT / 64];
};

/* ---- hosts ---- */

/* What a decision reads of a host. */
struct slot {
    int64_t cpu, memory; /* free; negative when more is held than there is */
    int32_t gpus, enis;
    uint32_t claims;
    uint32_t parked; /* selections it is parked in */
};

struct host {
    struct id id;
    uint32_t slot;
    bool is_known; /* put, not only held on */
    bool is_placeable;
    const char *unplaceable_reason;
    int32_t cpu, memory, gpu_count, eni_count; /* registered */
    uint32_t *ports; /* taken, in order, a port as often as it is taken; PORT_KEY() */
    size_t port_count, port_capacity;
    uint32_t *reserved; /* of `ports`, those of the facts */
    size_t reserved_count;
    struct host_attribute *attributes; /* names and values referenced */
    size_t attribute_count;
    const char *agent_version, *ec2_instance_id, *capacity_provider; /* referenced; or NULL */
    int64_t registered_at_ms;
    struct bits has;       /* requirements met */
    struct bits matches;   /* queries */
    struct bits parked_in; /* selections, by number */
    struct owner **owners; /* of what is held on it; only kept while fleet->keeps_owners */
    size_t owner_count, owner_capacity;
};
#define PORT_KEY(port) ((uint32_t)((port)->is_udp ? 0x10000 : 0) | (port)->number)

/* An attribute some demand required. Its number is its bit in host->has. */
struct requirement {
    RB_ENTRY(requirement) entry; /* by text */
    const char *text;            /* interned, referenced */
    const char *name, *value;    /* interned, referenced; value NULL: the name is enough */
    unsigned number;
};

/* A memberOf expression some demand had. Its number is its bit in host->matches. */
struct known_query {
    char *text; /* owned */
    struct query *query;
    bool is_lasting;  /* no claim changes its answers */
    bool is_too_much; /* to ask all hosts: no bits are kept, no demand may have it */
};

struct by_id {
    uint32_t random; /* of the id */
    uint32_t slot;   /* BY_ID_FREE, BY_ID_GONE */
};
#define BY_ID_FREE UINT32_MAX
#define BY_ID_GONE (UINT32_MAX - 1) /* removed: a search goes on behind it */

/* ---- who holds what ---- */

/* How many claims an owner has on a host. */
struct holding {
    uint32_t slot; /* NO_SLOT: an empty place */
    uint32_t count;
};

/* The slots something happened to, the last LOG_SIZE of them. */
struct slot_log {
    uint64_t count; /* ever */
    uint32_t *slots;
};

/* The least count of the owner on the active hosts of a pool. Those that may be below are `low`. */
struct floor {
    uint64_t pool; /* its serial number */
    uint64_t pool_seen, owner_seen;
    uint32_t least;
    uint32_t low_count;
    uint32_t low[LOW_MAX];
};

struct owner {
    RB_ENTRY(owner) entry; /* by name's address */
    const char *name;      /* interned, referenced */
    size_t task_count;
    uint16_t *dense; /* counts by slot, once it is on many hosts; NULL: all are in `holdings` */
    uint32_t dense_size;
    struct holding *holdings; /* open addressing by slot; beside `dense` what it cannot count */
    uint32_t holding_size, holding_count;
    uint32_t pending[PENDING_MAX]; /* slots whose `dense` is behind, with PENDING_RELEASE or not */
    uint32_t pending_count;
    struct view **views; /* in order of their groups' addresses */
    size_t view_count, view_capacity;
    TAILQ_ENTRY(owner) recent; /* in fleet->recent while it has views */
    size_t view_entries;
    struct floor *floors; /* in order of their pools */
    size_t floor_count, floor_capacity;
    struct slot_log released;
};

/* ---- partitions and views ---- */

/* The children from `start` up to the next run's start have this count. */
struct run {
    uint32_t count, start;
};

/* A child of a group as one owner sees it. */
struct view_child {
    uint32_t count;
    uint32_t place; /* in view->order */
};

struct view {
    struct group *group;
    uint64_t epoch; /* of the group when it was made */
    uint32_t size;
    uint32_t *order; /* child numbers by count, the lowest first */
    struct view_child *children;
    struct run *runs; /* in order of the count */
    size_t run_count, run_capacity;
};

struct group {
    struct partition *partition;
    struct group *parent;    /* NULL: the root */
    uint32_t number;         /* among the parent's children */
    uint32_t leaf_number;    /* among the leaves; NO_SLOT: none */
    const char *value;       /* interned, referenced; NULL: hosts without the attribute */
    uint64_t epoch;          /* changes with its children and their members */
    struct group **children; /* NULL: a leaf */
    uint32_t size, capacity; /* children */
};

struct partition {
    const char *fields[SPREAD_FIELDS_MAX]; /* attribute names, interned, referenced */
    size_t field_count;
    struct group *root;
    struct group **seats; /* by slot: its leaf; NULL: nowhere */
    uint32_t slot_capacity;
    uint32_t leaf_count;
};

/* ---- selections ---- */

/* Slots in order of what is free on them, then of their numbers: blocks of a sorted array. */
#define BLOCK_SIZE 64
struct block {
    uint32_t count;
    uint64_t keys[BLOCK_SIZE];
};
struct order {
    struct block **blocks;
    uint64_t *firsts; /* the first key of each */
    size_t count, capacity;
};

struct pool {
    uint64_t serial;
    uint32_t *slots; /* the first `active` may have room, the others are parked */
    uint32_t active, count, capacity;
    struct order order;     /* of the active that have enough, if the selection is ordered */
    struct slot_log joined; /* became active */
};

enum order_kind { ORDER_NONE, ORDER_CPU, ORDER_MEMORY };

/* What all tasks of one kind demand; two demands alike share a selection. Without padding: keys are
 * compared as bytes. */
struct selection_key {
    struct bits required, forbidden; /* attributes */
    struct bits queries;             /* lasting ones */
    int32_t cpu, memory, gpus, enis;
    uint32_t order; /* enum order_kind */
    uint32_t port_count;
    const struct partition *partition;
    const uint32_t *ports; /* PORT_KEY() */
};

struct selection {
    struct selection_key key;
    uint64_t hash;
    uint32_t number;
    uint64_t used;    /* fleet->uses when it was last asked for */
    uint32_t *places; /* by slot: in its pool; NO_SLOT: not a member */
    uint32_t place_count;
    struct pool **pools; /* by leaf number; NULL: none yet */
    uint32_t pool_count;
    struct refused *refused; /* why nothing was placed the last time; NULL: it was */
    /* Of a selection with an order: the keys by slot, and the slots whose keys may be behind. */
    uint64_t *keys;
    uint32_t moved[MOVED_MAX];
    uint32_t moved_count;
};

struct fleet {
    struct by_id *by_id;           /* open addressing on the random bytes of the id */
    size_t by_id_size, by_id_used; /* used: with those gone */
    /* By slot. */
    struct id *ids;
    struct slot *slots;
    struct host **hosts; /* NULL: an empty slot */
    uint32_t slot_count, slot_capacity;
    uint32_t *free_slots;
    uint32_t free_slot_count, free_slot_capacity;
    size_t host_count, placeable_count;

    RB_HEAD(owner_tree, owner) owners;
    struct owner *last_owner; /* asked for; NULL: none */
    TAILQ_HEAD(owners_recent, owner) recent;
    size_t view_entries;

    RB_HEAD(requirement_tree, requirement) requirements;
    unsigned requirement_count;
    const struct requirement *met[MET_COUNT]; /* the last asked for, by their texts' addresses */
    struct known_query queries[BITS_COUNT];
    unsigned query_count, lasting_count;
    bool keeps_owners;

    struct partition *partitions[PARTITIONS_MAX];
    size_t partition_count;
    struct selection *selections[SELECTIONS_MAX]; /* by number; NULL: free */
    unsigned ordered_count;                       /* of them, those with an order */
    struct selection *ordered[SELECTIONS_MAX];
    struct selection *last_selection;
    struct selection *met_selections[SELECTIONS_MAX]; /* by their hashes */
    size_t selection_entries;
    uint64_t uses, serials;
    uint64_t changes; /* of what hosts are and have free: grows with each */

    struct fleet_port *port_answer; /* of fleet_host_free() */
    size_t port_answer_capacity;
};

/* ---- fleet.c ---- */
/* The slot of a host, NO_SLOT if the fleet has not heard of it. */
uint32_t fleet_find(const struct fleet *fleet, const struct id *id);
bool host_port_taken(const struct host *host, uint32_t key);
bool host_has(const struct host *host, const char *name, const char *value);
const char *host_value(const struct host *host, const char *interned_name, bool *ret_has);
/* A claim more (is_held) or less on a host; one that is tentative too. */
void fleet_claim(struct fleet *fleet, uint32_t slot, const struct claim *claim, bool is_held);
/* Forgets all requirements, queries, partitions, selections and views. */
void fleet_drop_caches(struct fleet *fleet);

/* ---- fleet_bits.c ---- */
static inline bool bits_cover(const struct bits *has, const struct bits *wanted)
{
    uint64_t lacking = 0;

    for (size_t i = 0; i < BITS_COUNT / 64; i++)
        lacking |= wanted->words[i] & ~has->words[i];
    return !lacking;
}

static inline bool bits_meet(const struct bits *a, const struct bits *b)
{
    uint64_t common = 0;

    for (size_t i = 0; i < BITS_COUNT / 64; i++)
        common |= a->words[i] & b->words[i];
    return common != 0;
}

static inline bool bits_any(const struct bits *bits)
{
    return bits_meet(bits, bits);
}

static inline bool bits_has(const struct bits *bits, unsigned number)
{
    return bits->words[number / 64] >> (number % 64) & 1;
}

static inline void bits_set(struct bits *bits, unsigned number, bool is_set)
{
    uint64_t bit = (uint64_t)1 << (number % 64);

    if (is_set)
        bits->words[number / 64] |= bit;
    else
        bits->words[number / 64] &= ~bit;
}

/* The bit of a required attribute; -1 when all are given out. */
int requirement_number(struct fleet *fleet, const char *text);
/* The bit of an expression; `*ret` -1 when all are given out. Fails if it cannot be parsed, or
 * takes too long to ask of all hosts. */
MUST_USE struct error *query_number(struct fleet *fleet, const char *text, int *ret);
/* All bits of a host whose facts changed. */
void host_bits_set(struct fleet *fleet, struct host *host);
/* Those of queries about tasks, after a claim; `owner_came_or_went`: on this host. */
void host_bits_follow_claim(struct fleet *fleet, struct host *host, bool owner_came_or_went);
void host_add_owner(struct host *host, struct owner *owner);
void host_drop_owner(struct host *host, struct owner *owner);
void fleet_bits_drop(struct fleet *fleet);

/* ---- owner.c ---- */
struct owner *fleet_owner(struct fleet *fleet, const char *name,
                          bool may_add);                                   /* NULL name: NULL */
struct owner *fleet_owner_after(struct fleet *fleet, struct owner *owner); /* NULL: the first */
void owner_free(struct fleet *fleet, struct owner *owner);
/* One claim more or less. The count is fetched from afar now and written later. */
void owner_count(struct fleet *fleet, struct owner *owner, uint32_t slot, bool is_held);
/* Writes what is pending. Before anything below is asked. */
void owner_settle_pending(const struct fleet *fleet, struct owner *owner);
static inline void owner_settle(const struct fleet *fleet, struct owner *owner)
{
    if (owner && owner->pending_count)
        owner_settle_pending(fleet, owner);
}
/* Counts beside `dense`, or all of them. */
uint32_t owner_holds_sparse(const struct owner *owner, uint32_t slot);
static inline uint32_t owner_holds(const struct owner *owner, uint32_t slot)
{
    if (!owner)
        return 0; /* nobody holds nothing */
    if (!owner->dense)
        return owner_holds_sparse(owner, slot);
    if (slot >= owner->dense_size)
        return 0;
    return owner->dense[slot] < UINT16_MAX ? owner->dense[slot]
                                           : UINT16_MAX + owner_holds_sparse(owner, slot);
}
/* Calls `fn` for each host it has claims on. */
void owner_each(const struct owner *owner, void (*fn)(void *data, uint32_t slot, uint32_t count),
                void *data);

/* ---- spread.c ---- */
/* NULL when there are too many. */
struct partition *partition_for(struct fleet *fleet, const char *const *fields, size_t field_count);
void partition_add_host(struct fleet *fleet, struct partition *partition, const struct host *host);
void partition_remove_host(struct partition *partition, const struct host *host);
void partition_free(struct partition *partition);
struct view *view_for(struct fleet *fleet, struct owner *owner, struct group *group);
/* Where a run of equal counts ends. */
uint32_t view_run_end(const struct view *view, size_t run);
void views_count(struct fleet *fleet, struct owner *owner, uint32_t slot, bool is_held);
void views_drop(struct fleet *fleet, struct owner *owner); /* and its floors */
/* The owner's views or floors are in use; `was_used`: it had some before. Owners not asked for
 * longest lose theirs when there are too many. */
void views_used(struct fleet *fleet, struct owner *owner, bool was_used);

/* ---- floor.c ---- */
/* The floor of an owner on a pool, with what happened since it was last asked for. */
struct floor *floor_for(struct fleet *fleet, struct owner *owner, const struct selection *selection,
                        const struct pool *pool);
/* No active host has fewer than this. */
static inline uint32_t floor_least(const struct floor *floor)
{
    return floor->low_count ? 0 : floor->least;
}
void floors_drop(struct fleet *fleet, struct owner *owner);

/* ---- selection.c ---- */
struct selection *selection_for(struct fleet *fleet, const struct selection_key *key);
void selections_add_host(struct fleet *fleet, struct host *host);
void selections_remove_host(struct fleet *fleet, struct host *host);
/* Something on the host was freed: it may have room again. */
void selections_unpark(struct fleet *fleet, struct host *host);
/* What is free on it changed. */
void selections_reorder(struct fleet *fleet, uint32_t slot);
/* Brings the orders of the selection up to date; before they are asked. */
void selection_settle_order(struct fleet *fleet, struct selection *selection);
void selections_drop(struct fleet *fleet);
/* Whether the host meets the lasting demands. */
bool selection_may_have(const struct selection *selection, const struct host *host);
/* The pool of a leaf; NULL if it never had a member. */
struct pool *selection_pool(const struct selection *selection, const struct group *leaf);
/* The active host at `place` has no room. */
void pool_park(struct fleet *fleet, struct selection *selection, struct pool *pool, uint32_t place);
/* Whether a slot is an active host of the pool. */
bool pool_is_active(const struct selection *selection, const struct pool *pool, uint32_t slot);

/* ---- refused.c ---- */
void refused_forget(struct selection *selection);

/* ---- slot_log.c ---- */
void slot_log_add(struct slot_log *log, uint32_t slot);

/* ---- order.c ---- */
static inline uint64_t order_key(int64_t free, uint32_t slot)
{
    int64_t value = free < INT32_MIN ? INT32_MIN : free > INT32_MAX ? INT32_MAX : free;

    return (uint64_t)(value - INT32_MIN) << 32 | slot;
}
/* The least key of a host that has enough for a task of an ordered selection. */
static inline uint64_t selection_least(const struct selection *selection)
{
    const struct selection_key *key = &selection->key;

    return order_key(key->order == ORDER_CPU ? key->cpu : key->memory, 0);
}
struct order_at {
    size_t block;
    uint32_t place;
};
void order_insert(struct order *order, uint64_t key);
void order_move(struct order *order, uint64_t from, uint64_t to);
void order_remove(struct order *order, uint64_t key);
/* The first key that is not less; false if there is none. */
bool order_find(const struct order *order, uint64_t key, struct order_at *ret);
bool order_next(const struct order *order, struct order_at *at);
void order_done(struct order *order);

#endif
