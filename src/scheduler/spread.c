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
    free(group->slots);
    intern_unref(group->value);
    free(group);
}

static struct group *group_add(struct partition *partition, struct group *parent, const char *value)
{
    struct group *group = xcalloc(1, sizeof(*group));

    group->partition = partition;
    group->parent = parent;
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

/* Groups without members stay: there are few values, and hosts come back. */
void partition_add_host(struct fleet *fleet, struct partition *partition, struct host *host)
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
    if (partition->slot_capacity <= host->slot) {
        partition->slot_capacity = fleet->slot_capacity;
        partition->seats =
            xreallocarray(partition->seats, partition->slot_capacity, sizeof(struct seat));
    }
    ARRAY_GROW(group->slots, group->size, group->capacity);
    partition->seats[host->slot] = (struct seat){group, group->size};
    group->slots[group->size++] = host->slot;
    /* What owners have on the host was not counted in any view so far. */
    for (; group; group = group->parent)
        group->epoch++;
}

void partition_remove_host(struct fleet *fleet, struct partition *partition, struct host *host)
{
    struct group *group = partition->seats[host->slot].leaf;
    uint32_t number = partition->seats[host->slot].number;
    uint32_t last = group->slots[--group->size];

    (void)fleet;
    group->slots[number] = last;
    partition->seats[last].number = number;
    partition->seats[host->slot].leaf = NULL;
    for (; group; group = group->parent)
        group->epoch++;
}

/* Views point into the groups that go, so all views go with them. */
static void oldest_partition_drop(struct fleet *fleet)
{
    struct partition *partition, *oldest = NULL;

    while (!TAILQ_EMPTY(&fleet->recent))
        views_drop(fleet, TAILQ_FIRST(&fleet->recent));
    LIST_FOREACH(partition, &fleet->partitions, entry)
    oldest = partition;
    LIST_REMOVE(oldest, entry);
    partition_free(oldest);
    fleet->partition_count--;
}

struct partition *partition_for(struct fleet *fleet, const char *const *fields, size_t field_count)
{
    struct partition *partition;

    LIST_FOREACH(partition, &fleet->partitions, entry)
    {
        bool is_same = partition->field_count == field_count;

        for (size_t i = 0; i < field_count && is_same; i++)
            is_same = strcmp(partition->fields[i], fields[i]) == 0;
        if (is_same)
            return partition;
    }
    if (fleet->partition_count == PARTITIONS_MAX)
        oldest_partition_drop(fleet);
    fleet->partition_count++;
    partition = xcalloc(1, sizeof(*partition));
    partition->field_count = field_count;
    for (size_t i = 0; i < field_count; i++)
        partition->fields[i] = intern(fields[i]);
    partition->root = group_add(partition, NULL, NULL);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->slots[slot].host && fleet->slots[slot].host->is_known)
            partition_add_host(fleet, partition, fleet->slots[slot].host);
    LIST_INSERT_HEAD(&fleet->partitions, partition, entry);
    return partition;
}

static bool group_is_leaf(const struct group *group)
{
    return !group->children;
}

/* The child of `group` that a host is (under), or NO_SLOT if the host is not in it. */
static uint32_t group_child_of(const struct group *group, uint32_t slot)
{
    const struct partition *partition = group->partition;
    const struct seat *seat = slot < partition->slot_capacity ? &partition->seats[slot] : NULL;
    const struct group *at = seat ? seat->leaf : NULL;

    if (group_is_leaf(group))
        return at == group ? seat->number : NO_SLOT;
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
    if (!owner->view_count)
        return;
    while (owner->view_count)
        view_free(fleet, owner, owner->views[owner->view_count - 1]);
    TAILQ_REMOVE(&fleet->recent, owner, recent);
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

struct view *view_for(struct fleet *fleet, struct owner *owner, struct group *group)
{
    struct view *view = view_find(owner, group);

    if (owner->view_count)
        TAILQ_REMOVE(&fleet->recent, owner, recent);
    if (view && view->epoch != group->epoch) {
        view_free(fleet, owner, view);
        view = NULL;
    }
    if (!view) {
        view = xcalloc(1, sizeof(*view));
        view->group = group;
        view->epoch = group->epoch;
        view->size = group->size;
        view->order = xcalloc(view->size + 1, sizeof(uint32_t));
        view->children = xcalloc(view->size + 1, sizeof(struct view_child));
        for (uint32_t i = 0; i < owner->holding_size; i++) {
            const struct holding *holding = &owner->holdings[i];
            uint32_t child = holding->slot != NO_SLOT && fleet->slots[holding->slot].host->is_known
                                 ? group_child_of(group, holding->slot)
                                 : NO_SLOT;

            if (child != NO_SLOT)
                view->children[child].count += holding->count;
        }
        view_sort(view);
        view_add(owner, view);
        owner->view_entries += view->size;
        fleet->view_entries += view->size;
    }
    TAILQ_INSERT_HEAD(&fleet->recent, owner, recent);
    while (fleet->view_entries > VIEW_ENTRIES_MAX &&
           TAILQ_LAST(&fleet->recent, owners_recent) != owner)
        views_drop(fleet, TAILQ_LAST(&fleet->recent, owners_recent));
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

void views_count(struct fleet *fleet, struct owner *owner, const struct host *host, bool is_held)
{
    struct partition *partition;

    if (!owner->view_count || !host->is_known)
        return;
    LIST_FOREACH(partition, &fleet->partitions, entry)
    {
        struct group *group = partition->seats[host->slot].leaf;

        for (; group; group = group->parent) {
            struct view *view = view_find(owner, group);
            uint32_t child;

            if (!view || view->epoch != group->epoch)
                continue;
            child = group_child_of(group, host->slot);
            view_count(view, child, is_held);
        }
    }
}
