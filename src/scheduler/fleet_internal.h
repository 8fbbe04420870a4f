/* fleet_internal.h - the inside of a fleet, for the files of this folder only.
 *
 * Hosts sit in slots; what a decision reads first (free CPU and memory) is in arrays by slot. A
 * partition groups the hosts by the values of a list of attributes (none: one group of all), as a
 * tree with a level for each attribute; its leaves list the slots. A view is one owner's counts on
 * the children of one group, kept in order of the count, so that "the child with the fewest tasks
 * of this service" is the first, and a task more or less moves one child by one place.
 *
 * Views and partitions are caches: made when a plan first needs them, kept current by claims,
 * dropped when a group's members change. They are why a plan may change a fleet it got as const:
 * what it shows does not change.
 */
#ifndef BERTH_SCHEDULER_FLEET_INTERNAL_H
#define BERTH_SCHEDULER_FLEET_INTERNAL_H

#include <sys/queue.h>

#include "base/tree.h"
#include "scheduler/fleet.h"

#define SPREAD_FIELDS_MAX 5 /* SC-033: rules a demand may have */
#define REQUIREMENT_WORDS 4 /* attributes that are kept as bits of each host */
#define REQUIREMENTS_MET  256
#define REQUIREMENT_COUNT (64 * REQUIREMENT_WORDS)
#define VIEW_ENTRIES_MAX                                                                           \
    (4 * 1024 * 1024) /* of all views together; the owners not asked for longest lose theirs */
#define PARTITIONS_MAX 64
#define NO_SLOT        UINT32_MAX

struct group;
struct owner;

struct attribute_mask {
    uint64_t words[REQUIREMENT_WORDS];
};
#define MASK_PLACEABLE 1u /* bit 0 of the first word */

/* An attribute some demand required. Its number is its bit. */
struct requirement {
    RB_ENTRY(requirement) entry; /* by text */
    const char *text;            /* interned, referenced */
    const char *name, *value;    /* interned, referenced; value NULL: the name is enough */
    unsigned number;
};

/* What a decision reads of a host, in one cache line. */
struct slot {
    struct host *host;   /* NULL: an empty slot */
    int64_t cpu, memory; /* free; negative when more is held than there is */
    int32_t gpus;
    uint32_t claims;
    struct attribute_mask has; /* requirements met, and MASK_PLACEABLE */
};

/* How many claims an owner has on a host. */
struct holding {
    uint32_t slot; /* NO_SLOT: an empty place */
    uint32_t count;
};

struct host {
    struct id id;
    uint32_t slot;
    bool is_known; /* put, not only held on */
    bool is_placeable;
    const char *unplaceable_reason;
    int32_t cpu, memory, gpu_count; /* registered */
    uint32_t *ports; /* taken, in order, a port as often as it is taken; PORT_KEY() */
    size_t port_count, port_capacity;
    uint32_t *reserved; /* of `ports`, those of the facts */
    size_t reserved_count;
    struct host_attribute *attributes; /* names and values referenced */
    size_t attribute_count;
};
#define PORT_KEY(port) ((uint32_t)((port)->is_udp ? 0x10000 : 0) | (port)->number)

struct owner {
    RB_ENTRY(owner) entry;    /* by name's address */
    const char *name;         /* interned, referenced */
    struct holding *holdings; /* open addressing by slot */
    uint32_t holding_size, holding_count;
    struct view **views; /* in order of their groups' addresses */
    size_t view_count, view_capacity;
    TAILQ_ENTRY(owner) recent; /* in fleet->recent while it has views */
    size_t view_entries;
};

/* The children from `start` up to the next run's start have this count. */
struct run {
    uint32_t count, start;
};

/* A child of a group as one owner sees it. */
struct view_child {
    uint32_t count;
    uint32_t place; /* in view->order */
};

/* An owner's counts on the children of a group, or on the hosts of a leaf. */
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
    const char *value;       /* interned, referenced; NULL: hosts without the attribute */
    uint64_t epoch;          /* changes with its members */
    struct group **children; /* NULL: a leaf */
    uint32_t *slots;         /* of a leaf */
    uint32_t size, capacity; /* children or slots */
};

/* Where a host is in a partition. */
struct seat {
    struct group *leaf; /* NULL: nowhere */
    uint32_t number;    /* in the leaf's slots */
};

struct partition {
    LIST_ENTRY(partition) entry;
    const char *fields[SPREAD_FIELDS_MAX]; /* attribute names, interned, referenced */
    size_t field_count;
    struct group *root;
    struct seat *seats; /* by slot */
    uint32_t slot_capacity;
};

struct by_id {
    uint64_t random; /* of the id */
    uint32_t slot;   /* NO_SLOT: empty or removed */
    bool is_used;    /* was used: a search goes on behind it */
};

struct fleet {
    struct by_id *by_id;           /* open addressing on the random bytes of the id */
    size_t by_id_size, by_id_used; /* used: with the marks of the removed */
    struct slot *slots;
    uint32_t slot_count, slot_capacity;
    uint32_t *free_slots;
    uint32_t free_slot_count, free_slot_capacity;
    size_t host_count, placeable_count;
    RB_HEAD(owner_tree, owner) owners;
    RB_HEAD(requirement_tree, requirement) requirements;
    unsigned requirement_count; /* bits given out, MASK_PLACEABLE included */
    const struct requirement
        *met[REQUIREMENTS_MET]; /* those asked for last, by their texts' addresses */
    struct owner *last_owner;   /* asked for; NULL: none */
    LIST_HEAD(, partition) partitions;
    size_t partition_count;
    TAILQ_HEAD(owners_recent, owner) recent;
    size_t view_entries;
    struct fleet_port *port_answer; /* of fleet_host_free() */
    size_t port_answer_capacity;
};

/* ---- fleet.c ---- */
struct host *fleet_find(const struct fleet *fleet, const struct id *id);
struct owner *fleet_owner(struct fleet *fleet, const char *name,
                          bool may_add);                        /* NULL name: NULL */
uint32_t owner_holds(const struct owner *owner, uint32_t slot); /* NULL holds nothing */
bool host_port_taken(const struct host *host, const struct fleet_port *port);
bool host_has(const struct host *host, const char *name, const char *value);
const char *host_value(const struct host *host, const char *interned_name, bool *ret_has);
/* A claim more (is_held) or less on a host that may be tentative. */
void fleet_claim(struct fleet *fleet, struct host *host, const struct claim *claim, bool is_held);
/* The bit of a required attribute, or -1 when all are given out. */
int fleet_requirement(struct fleet *fleet, const char *text);

/* ---- spread.c ---- */
struct partition *partition_for(struct fleet *fleet, const char *const *fields, size_t field_count);
void partition_add_host(struct fleet *fleet, struct partition *partition, struct host *host);
void partition_remove_host(struct fleet *fleet, struct partition *partition, struct host *host);
void partition_free(struct partition *partition);
struct view *view_for(struct fleet *fleet, struct owner *owner, struct group *group);
/* Where a run of equal counts ends. */
uint32_t view_run_end(const struct view *view, size_t run);
void views_count(struct fleet *fleet, struct owner *owner, const struct host *host, bool is_held);
void views_drop(struct fleet *fleet, struct owner *owner);

#endif
