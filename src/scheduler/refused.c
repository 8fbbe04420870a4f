/* A demand that found no host finds none until something changed: what was said of it then is said
 * again without looking at every host. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "scheduler/search.h"

struct refused {
    struct arena arena; /* of the plan's texts */
    uint64_t changes;   /* of the fleet */
    struct bits passing;
    bool is_distinct;
    const char *owner; /* interned, referenced; NULL: none */
    struct plan plan;
};

static void copy_plan(struct arena *arena, const struct plan *from, struct plan *to)
{
    *to = *from;
    to->hosts = NULL;
    to->refusals = ARENA_ARRAY(arena, struct refusal, from->refusal_count + 1);
    for (size_t i = 0; i < from->refusal_count; i++) {
        to->refusals[i] = from->refusals[i];
        to->refusals[i].detail = arena_dup(arena, from->refusals[i].detail);
    }
    for (size_t i = 0; i < from->tally_count; i++) {
        to->tallies[i].rule = arena_dup(arena, from->tallies[i].rule);
        to->tallies[i].one = arena_dup(arena, from->tallies[i].one);
        to->tallies[i].many = arena_dup(arena, from->tallies[i].many);
    }
}

bool refused_again(struct arena *arena, const struct search *search, struct plan *ret)
{
    const struct refused *refused = search->selection->refused;

    if (!refused || search->demand->only_host || refused->changes != search->fleet->changes ||
        refused->is_distinct != search->is_distinct ||
        memcmp(&refused->passing, &search->passing, sizeof(search->passing)) != 0 ||
        (search->is_distinct && refused->owner != search->demand->claim.owner))
        return false;
    copy_plan(arena, &refused->plan, ret);
    return true;
}

void refused_remember(const struct search *search, const struct plan *plan)
{
    struct refused *refused;

    if (search->demand->only_host)
        return;
    refused_forget(search->selection);
    refused = xcalloc(1, sizeof(*refused));
    refused->changes = search->fleet->changes;
    refused->passing = search->passing;
    refused->is_distinct = search->is_distinct;
    refused->owner = intern_ref(search->demand->claim.owner);
    copy_plan(&refused->arena, plan, &refused->plan);
    search->selection->refused = refused;
}

void refused_forget(struct selection *selection)
{
    if (!selection->refused)
        return;
    intern_unref(selection->refused->owner);
    arena_done(&selection->refused->arena);
    free(selection->refused);
    selection->refused = NULL;
}
