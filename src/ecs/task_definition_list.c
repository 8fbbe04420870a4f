#include <stdio.h>
#include <string.h>

#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"

/* Families without a match one page passes before it ends early, with a token (API-057). */
#define FAMILIES_PASSED_MAX 5000

/* A place in the list: behind this revision of this family; 0: behind none of it yet. */
struct place {
    const char *family;
    int revision;
    bool is_family_done;
};

/* Tokens say "family:revision", or "family:" behind all of a family. */
static struct error *read_place(const struct page *page, struct place *ret)
{
    const char *colon = page->after ? strrchr(page->after, ':') : NULL;
    int64_t revision = 0;

    *ret = (struct place){0};
    if (!page->after)
        return NULL;
    if (!colon ||
        (colon[1] && (!str_to_int64(colon + 1, &revision) || revision < 1 || revision > INT32_MAX)))
        return error_new(API_INVALID_PARAMETER, "Invalid token");
    ret->family = arena_dup_n(page->arena, page->after, (size_t)(colon - page->after));
    ret->revision = (int)revision;
    ret->is_family_done = !colon[1];
    return NULL;
}

static const char *place_token(const struct page *page, const struct place *place)
{
    if (place->is_family_done)
        return page_token(page, arena_printf(page->arena, "%s:", place->family));
    return page_token(page, arena_printf(page->arena, "%s:%d", place->family, place->revision));
}

static enum definition_status wanted_status(enum ecs_task_definition_status status)
{
    switch (status) {
    case ECS_TASK_DEFINITION_STATUS_INACTIVE:
        return DEFINITION_INACTIVE;
    case ECS_TASK_DEFINITION_STATUS_DELETE_IN_PROGRESS:
        return DEFINITION_DELETE_IN_PROGRESS;
    default:
        return DEFINITION_ACTIVE;
    }
}

/* ListTaskDefinitions: families by name and revisions by number, or both the other way (API-115).
 * familyPrefix is a whole family name here. */
struct error *api_list_task_definitions(struct call *call,
                                        const struct ecs_list_task_definitions_request *in,
                                        struct ecs_list_task_definitions_response *out)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    enum definition_status status = wanted_status(in->status);
    bool is_descending = in->sort == ECS_SORT_ORDER_DESC;
    const char *only = str_is_empty(in->family_prefix) ? NULL : in->family_prefix;
    const struct task_family *family;
    struct place place;
    struct page page;
    size_t passed = 0;

    TRY(call_authorize(call, "ecs:ListTaskDefinitions", "*"));
    TRY(page_open(
        call, "ListTaskDefinitions",
        arena_printf(call->arena, "%d/%d/%s", (int)status, is_descending, only ? only : ""),
        PAGE_ASKED(in), 100, 100, &page));
    TRY(read_place(&page, &place));
    SET_LIST(call->arena, &out->task_definition_arns, page.limit);
    out->task_definition_arns.count = 0;

    if (only)
        family = place.is_family_done ? NULL : state_family(state, scope, only);
    else if (place.family && !place.is_family_done && state_family(state, scope, place.family))
        family = state_family(state, scope, place.family);
    else
        family = is_descending ? state_family_before(state, scope, place.family)
                               : state_family_after(state, scope, place.family);
    while (family) {
        const struct task_definition *next = state_revision_after(
            state, scope, family->name, status,
            str_eq(place.family, family->name) ? place.revision : 0, is_descending);

        if (next && page_is_full(&page)) {
            out->next_token = place_token(&page, &place);
            return NULL;
        }
        place = (struct place){.family = family->name, .is_family_done = !next};
        if (next) {
            place.revision = next->revision;
            out->task_definition_arns.items[out->task_definition_arns.count++] =
                arn_task_definition(call->arena, scope, next->family, next->revision);
            page.count++;
            continue;
        }
        if (only)
            break;
        family = is_descending ? state_family_before(state, scope, family->name)
                               : state_family_after(state, scope, family->name);
        if (family && ++passed >= FAMILIES_PASSED_MAX) {
            out->next_token = place_token(&page, &place);
            return NULL;
        }
    }
    return NULL;
}

/* The name of a family that was deleted whole is kept, but not told. */
static bool is_listed(const struct task_family *family,
                      enum ecs_task_definition_family_status status)
{
    if (state_family_is_empty(family))
        return false;
    switch (status) {
    case ECS_TASK_DEFINITION_FAMILY_STATUS_ACTIVE:
        return state_family_is_active(family);
    case ECS_TASK_DEFINITION_FAMILY_STATUS_INACTIVE:
        return !state_family_is_active(family);
    default:
        return true; /* both (API-116) */
    }
}

/* ListTaskDefinitionFamilies: familyPrefix is a true prefix here (API-116). */
struct error *
api_list_task_definition_families(struct call *call,
                                  const struct ecs_list_task_definition_families_request *in,
                                  struct ecs_list_task_definition_families_response *out)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const char *prefix = in->family_prefix ? in->family_prefix : "";
    const struct task_family *family = NULL;
    const char *last = NULL;
    struct page page;
    size_t passed = 0;

    TRY(call_authorize(call, "ecs:ListTaskDefinitionFamilies", "*"));
    TRY(page_open(call, "ListTaskDefinitionFamilies",
                  arena_printf(call->arena, "%d/%s", (int)in->status, prefix), PAGE_ASKED(in), 100,
                  100, &page));
    SET_LIST(call->arena, &out->families, page.limit);
    out->families.count = 0;

    if (page.after)
        family = state_family_after(state, scope, page.after);
    else if (*prefix && state_family(state, scope, prefix))
        family = state_family(state, scope, prefix);
    else
        family = state_family_after(state, scope, *prefix ? prefix : NULL);
    for (; family && str_starts_with(family->name, prefix);
         family = state_family_after(state, scope, family->name)) {
        bool is_wanted = is_listed(family, in->status);

        if (last && ((is_wanted && page_is_full(&page)) || ++passed > FAMILIES_PASSED_MAX)) {
            out->next_token = page_token(&page, last);
            return NULL;
        }
        last = family->name;
        if (!is_wanted)
            continue;
        out->families.items[out->families.count++] = family->name;
        page.count++;
    }
    return NULL;
}
