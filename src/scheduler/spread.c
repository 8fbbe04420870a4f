#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "scheduler/fleet_internal.h"

/* ---- partitions ---- */

static void group_free(struct group *group)
{
    for (uint32_t i = 0; group->children && i < group->size; i++)
        group_free(group->children[i]);
    free(group->children);
    intern_unref(group->value);
    free(group);
}

static struct group *group_add(struct partition *partition, struct group *parent, const char *value)
{
    struct group *group = xcalloc(1, sizeof(*group));

    group->partition = partition;
    group->parent = parent;
    group->leaf_number = NO_SLOT;
    group->value = intern_ref(value);
    if (parent) {
        ARRAY_GROW(parent->children, parent->size, parent->capacity);
        group->number = parent->size;
        parent->children[parent->size++] = group;
        parent->epoch++;
    }
    return group;
}

void partition_free(struct partition *partition)
{
    group_free(partition->root);
    for (size_t i = 0; i < partition->field_count; i++)
        intern_unref(partition->fields[i]);
    free(partition->seats);
    free(partition);
}

static void epochs_step(struct group *group)
{
    for (; group; group = group->parent)
        group->epoch++;
}

/* Groups without members stay: there are few values, and hosts come back. */
void partition_add_host(struct fleet *fleet, struct partition *partition, const struct host *host)
{
    struct group *group = partition->root;

    for (size_t i = 0; i < partition->field_count; i++) {
        bool has;
        const char *value = host_value(host, partition->fields[i], &has);
        struct group *child = NULL;

        for (uint32_t n = 0; n < group->size && !child; n++)
            if (group->children[n]->value == value)
                child = group->children[n];
        group = child ? child : group_add(partition, group, value);
    }
    if (group->leaf_number == NO_SLOT)
        group->leaf_number = partition->leaf_count++;
    if (partition->slot_capacity < fleet->slot_capacity) {
        partition->seats =
            xreallocarray(partition->seats, fleet->slot_capacity, sizeof(struct group *));
        memset(partition->seats + partition->slot_capacity, 0,
               (fleet->slot_capacity - partition->slot_capacity) * sizeof(struct group *));
        partition->slot_capacity = fleet->slot_capacity;
    }
    partition->seats[host->slot] = group;
    /* What owners have on the host was not counted in any view so far. */
    epochs_step(group);
}

void partition_remove_host(struct partition *partition, const struct host *host)
{
    epochs_step(partition->seats[host->slot]);
    partition->seats[host->slot] = NULL;
}

static bool is_partition_by(const struct partition *partition, const char *const *fields,
                            size_t field_count)
{
    if (partition->field_count != field_count)
        return false;
    for (size_t i = 0; i < field_count; i++)
        if (strcmp(partition->fields[i], fields[i]) != 0)
            return false;
    return true;
}

struct partition *partition_for(struct fleet *fleet, const char *const *fields, size_t field_count)
{
    struct partition *partition;

    for (size_t i = 0; i < fleet->partition_count; i++)
        if (is_partition_by(fleet->partitions[i], fields, field_count))
            return fleet->partitions[i];
    if (fleet->partition_count == PARTITIONS_MAX)
        return NULL;
    partition = xcalloc(1, sizeof(*partition));
    partition->field_count = field_count;
    for (size_t i = 0; i < field_count; i++)
        partition->fields[i] = intern(fields[i]);
    partition->root = group_add(partition, NULL, NULL);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->hosts[slot] && fleet->hosts[slot]->is_known)
            partition_add_host(fleet, partition, fleet->hosts[slot]);
    fleet->partitions[fleet->partition_count++] = partition;
    return partition;
}

/* The child of `group` that a host is under, or NO_SLOT if the host is not in it. */
static uint32_t group_child_of(const struct group *group, uint32_t slot)
{
    const struct partition *partition = group->partition;
    const struct group *at = slot < partition->slot_capacity ? partition->seats[slot] : NULL;

    while (at && at->parent != group)
        at = at->parent;
    return at ? at->number : NO_SLOT;
}

/* ---- views ---- */

/* Where the view of a group is, or would be. */
static size_t view_place(const struct owner *owner, const struct group *group)
{
    size_t low = 0, high = owner->view_count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if ((uintptr_t)owner->views[mid]->group < (uintptr_t)group)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct view *view_find(const struct owner *owner, const struct group *group)
{
    size_t at = view_place(owner, group);

    return at < owner->view_count && owner->views[at]->group == group ? owner->views[at] : NULL;
}

static void view_free(struct fleet *fleet, struct owner *owner, struct view *view)
{
    size_t at = view_place(owner, view->group);

    owner->view_count--;
    memmove(owner->views + at, owner->views + at + 1,
            (owner->view_count - at) * sizeof(struct view *));
    fleet->view_entries -= view->size;
    owner->view_entries -= view->size;
    free(view->order);
    free(view->children);
    free(view->runs);
    free(view);
}

void views_drop(struct fleet *fleet, struct owner *owner)
{
    if (!owner->view_count && !owner->floor_count)
        return;
    while (owner->view_count)
        view_free(fleet, owner, owner->views[owner->view_count - 1]);
    floors_drop(fleet, owner);
    TAILQ_REMOVE(&fleet->recent, owner, recent);
}

void views_used(struct fleet *fleet, struct owner *owner, bool was_used)
{
    if (was_used && TAILQ_FIRST(&fleet->recent) == owner)
        return;
    if (was_used)
        TAILQ_REMOVE(&fleet->recent, owner, recent);
    TAILQ_INSERT_HEAD(&fleet->recent, owner, recent);
    while (fleet->view_entries > ENTRIES_MAX && TAILQ_LAST(&fleet->recent, owners_recent) != owner)
        views_drop(fleet, TAILQ_LAST(&fleet->recent, owners_recent));
}

/* Puts the children in order of their counts and finds the runs. */
static void view_sort(struct view *view)
{
    uint32_t most = 0;
    uint32_t *start;

    for (uint32_t i = 0; i < view->size; i++)
        if (view->children[i].count > most)
            most = view->children[i].count;
    if (most > 4 * view->size + 1024) {
        /* Few children with large counts: insertion is enough. */
        for (uint32_t child = 0; child < view->size; child++) {
            uint32_t at = child;

            while (at > 0 &&
                   view->children[view->order[at - 1]].count > view->children[child].count) {
                view->order[at] = view->order[at - 1];
                at--;
            }
            view->order[at] = child;
        }
    } else {
        start = xcalloc(most + 2, sizeof(*start));
        for (uint32_t i = 0; i < view->size; i++)
            start[view->children[i].count + 1]++;
        for (uint32_t c = 1; c <= most; c++)
            start[c] += start[c - 1];
        for (uint32_t i = 0; i < view->size; i++)
            view->order[start[view->children[i].count]++] = i;
        free(start);
    }
    for (uint32_t i = 0; i < view->size; i++) {
        uint32_t count = view->children[view->order[i]].count;

        view->children[view->order[i]].place = i;
        if (view->run_count && view->runs[view->run_count - 1].count == count)
            continue;
        ARRAY_GROW(view->runs, view->run_count, view->run_capacity);
        view->runs[view->run_count++] = (struct run){count, i};
    }
}

static void view_add(struct owner *owner, struct view *view)
{
    size_t at = view_place(owner, view->group);

    ARRAY_GROW(owner->views, owner->view_count, owner->view_capacity);
    memmove(owner->views + at + 1, owner->views + at,
            (owner->view_count - at) * sizeof(struct view *));
    owner->views[at] = view;
    owner->view_count++;
}

struct counting {
    const struct fleet *fleet;
    struct view *view;
};

static void count_holding(void *data, uint32_t slot, uint32_t count)
{
    const struct counting *counting = data;
    uint32_t child = counting->fleet->hosts[slot]->is_known
                         ? group_child_of(counting->view->group, slot)
                         : NO_SLOT;

    if (child != NO_SLOT)
        counting->view->children[child].count += count;
}

static struct view *view_new(const struct fleet *fleet, const struct owner *owner,
                             struct group *group)
{
    struct view *view = xcalloc(1, sizeof(*view));

    view->group = group;
    view->epoch = group->epoch;
    view->size = group->size;
    view->order = xcalloc(view->size + 1, sizeof(uint32_t));
    view->children = xcalloc(view->size + 1, sizeof(struct view_child));
    owner_each(owner, count_holding, &(struct counting){fleet, view});
    view_sort(view);
    return view;
}

struct view *view_for(struct fleet *fleet, struct owner *owner, struct group *group)
{
    struct view *view = view_find(owner, group);
    bool was_used = owner->view_count || owner->floor_count;

    if (view && view->epoch != group->epoch) {
        view_free(fleet, owner, view);
        view = NULL;
    }
    if (!view) {
        view = view_new(fleet, owner, group);
        view_add(owner, view);
        owner->view_entries += view->size;
        fleet->view_entries += view->size;
    }
    views_used(fleet, owner, was_used);
    return view;
}

uint32_t view_run_end(const struct view *view, size_t run)
{
    return run + 1 < view->run_count ? view->runs[run + 1].start : view->size;
}

static size_t run_of_count(const struct view *view, uint32_t count)
{
    size_t low = 0, high = view->run_count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (view->runs[mid].count < count)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void run_insert(struct view *view, size_t at, struct run run)
{
    ARRAY_GROW(view->runs, view->run_count, view->run_capacity);
    memmove(view->runs + at + 1, view->runs + at, (view->run_count - at) * sizeof(struct run));
    view->runs[at] = run;
    view->run_count++;
}

static void run_remove(struct view *view, size_t at)
{
    view->run_count--;
    memmove(view->runs + at, view->runs + at + 1, (view->run_count - at) * sizeof(struct run));
}

static void view_swap(struct view *view, uint32_t a, uint32_t b)
{
    uint32_t child = view->order[a];

    view->order[a] = view->order[b];
    view->order[b] = child;
    view->children[view->order[a]].place = a;
    view->children[view->order[b]].place = b;
}

/* The child moves to the edge of its run of equals; there one more or less makes it the
 * neighbour's. */
static void view_count(struct view *view, uint32_t child, bool is_held)
{
    uint32_t count = view->children[child].count;
    size_t run = run_of_count(view, count);
    uint32_t start = view->runs[run].start, end = view_run_end(view, run);
    uint32_t edge = is_held ? end - 1 : start;

    assert(is_held || count);
    view_swap(view, view->children[child].place, edge);
    view->children[child].count = is_held ? count + 1 : count - 1;
    if (is_held) {
        if (run + 1 < view->run_count && view->runs[run + 1].count == count + 1)
            view->runs[run + 1].start--;
        else
            run_insert(view, run + 1, (struct run){count + 1, edge});
    } else {
        if (run && view->runs[run - 1].count == count - 1)
            view->runs[run].start++;
        else {
            run_insert(view, run, (struct run){count - 1, edge});
            view->runs[++run].start++;
        }
    }
    if (start + 1 == end)
        run_remove(view, run);
}

void views_count(struct fleet *fleet, struct owner *owner, uint32_t slot, bool is_held)
{
    for (size_t i = 0; i < fleet->partition_count; i++) {
        const struct partition *partition = fleet->partitions[i];
        const struct group *group = slot < partition->slot_capacity ? partition->seats[slot] : NULL;

        for (; group && group->parent; group = group->parent) {
            struct view *view = view_find(owner, group->parent);

            if (view && view->epoch == group->parent->epoch)
                view_count(view, group->number, is_held);
        }
    }
}
