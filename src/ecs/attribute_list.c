/* attribute_list.c - ListAttributes: one element for each attribute of each container instance, by
 * instance and name. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "core/shown_arn.h"
#include "ecs/attribute.h"
#include "ecs/auth.h"
#include "ecs/names_enter.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"

/* An answer looks at no more instances than this: a page may be short and go on (API-057). */
#define INSTANCES_PASSED_MAX 1000

struct filter {
    bool has_name;
    const char *name;  /* interned, as all names of attributes are; NULL: no one has it */
    const char *value; /* NULL: any */
};

static bool is_wanted(const struct filter *filter, const struct attribute *attribute)
{
    if (filter->has_name && attribute->name != filter->name)
        return false;
    return !filter->value || (attribute->value && strcmp(attribute->value, filter->value) == 0);
}

static int by_name(const void *a, const void *b)
{
    const struct attribute *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* The wanted attributes of an instance in the order of their names. */
static size_t select_wanted(struct arena *arena, const struct container_instance *instance,
                            const struct filter *filter, const struct attribute ***ret)
{
    size_t count = 0;

    for (uint32_t i = 0; i < instance->attributes_count; i++)
        count += is_wanted(filter, &instance->attributes[i]);
    if (!count)
        return 0;
    *ret = ARENA_ARRAY(arena, const struct attribute *, count);
    count = 0;
    for (uint32_t i = 0; i < instance->attributes_count; i++)
        if (is_wanted(filter, &instance->attributes[i]))
            (*ret)[count++] = &instance->attributes[i];
    qsort(*ret, count, sizeof(**ret), by_name);
    return count;
}

/* Where a page begins: behind attribute `name` of an instance, or (name "") behind the instance. */
struct place {
    struct id id;
    const char *name;
};

static struct error *read_place(const struct page *page, struct place *ret, bool *ret_is_set)
{
    char hex[ID_HEX_SIZE];

    *ret_is_set = page->after != NULL;
    if (!page->after)
        return NULL;
    if (strlen(page->after) < ID_HEX_SIZE || page->after[ID_HEX_SIZE - 1] != '/')
        return error_new(API_INVALID_PARAMETER, "Invalid token");
    memcpy(hex, page->after, ID_HEX_SIZE - 1);
    hex[ID_HEX_SIZE - 1] = '\0';
    if (!id_parse(hex, &ret->id))
        return error_new(API_INVALID_PARAMETER, "Invalid token");
    ret->name = page->after + ID_HEX_SIZE;
    return NULL;
}

static const char *token_at(struct call *call, const struct page *page, const struct id *id,
                            const char *name)
{
    char hex[ID_HEX_SIZE];

    id_format(id, hex);
    return page_token(page, arena_printf(call->arena, "%s/%s", hex, name));
}

/* The attributes of one instance behind `after` (NULL: all). False if the page is full before the
 * last of them; `*last` is the last one put on it. */
static bool add_instance(struct call *call, const struct container_instance *instance,
                         const struct filter *filter, const char *after, struct page *page,
                         struct ecs_attributes *list, struct place *last)
{
    const struct attribute **wanted = NULL;
    size_t count = select_wanted(call->arena, instance, filter, &wanted);
    const char *arn = NULL;

    for (size_t i = 0; i < count; i++) {
        struct ecs_attribute *item = &list->items[list->count];

        if (after && strcmp(wanted[i]->name, after) <= 0)
            continue;
        if (page_is_full(page))
            return false;
        if (!arn)
            arn = shown_instance_arn(call->arena, call_scope(call), instance);
        item->name = wanted[i]->name;
        item->value = wanted[i]->value;
        item->target_id = arn;
        list->count++;
        page->count++;
        *last = (struct place){instance->id, wanted[i]->name};
    }
    return true;
}

static struct error *read_filter(const struct ecs_list_attributes_request *in, struct filter *ret)
{
    *ret = (struct filter){
        .has_name = !str_is_empty(in->attribute_name),
        .value = str_is_empty(in->attribute_value) ? NULL : in->attribute_value,
    };
    if (in->target_type != ECS_TARGET_TYPE_CONTAINER_INSTANCE)
        return error_new(API_INVALID_PARAMETER, "targetType must be container-instance.");
    if (ret->value && !ret->has_name)
        return error_new(API_INVALID_PARAMETER,
                         "attributeValue '%.256s' needs an attributeName beside it.", ret->value);
    if (ret->has_name)
        ret->name = intern_find(in->attribute_name);
    return NULL;
}

/* Fills the page; false, and where to go on, if there is more. */
static bool fill(struct call *call, const char *cluster, const struct filter *filter,
                 const struct place *after, struct page *page, struct ecs_attributes *list,
                 struct place *ret_last)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct container_instance *instance =
        after && *after->name ? state_instance(state, scope, cluster, &after->id) : NULL;
    const char *after_name = after ? after->name : NULL;
    size_t passed = 0;

    if (!instance) {
        instance = state_instance_after(state, scope, cluster, after ? &after->id : NULL);
        after_name = NULL;
    }
    for (; instance; instance = state_instance_after(state, scope, cluster, &instance->id)) {
        if (passed++ == INSTANCES_PASSED_MAX)
            return false;
        if (instance->status != INSTANCE_INACTIVE &&
            !add_instance(call, instance, filter, after_name, page, list, ret_last))
            return false;
        after_name = NULL;
        if (!page_is_full(page))
            *ret_last = (struct place){instance->id, ""};
    }
    return true;
}

struct error *api_list_attributes(struct call *call, const struct ecs_list_attributes_request *in,
                                  struct ecs_list_attributes_response *out)
{
    const struct cluster *cluster;
    struct place place, last;
    struct filter filter;
    struct page page;
    bool is_behind;

    TRY(names_look_cluster(call, "ecs:ListAttributes", in->cluster, &cluster));
    TRY(read_filter(in, &filter));
    TRY(page_open(call, "ListAttributes",
                  arena_printf(call->arena, "%s/%s/%s", cluster->name,
                               filter.has_name ? in->attribute_name : "",
                               filter.value ? filter.value : ""),
                  PAGE_ASKED(in), 100, 100, &page));
    TRY(read_place(&page, &place, &is_behind));
    SET_LIST(call->arena, &out->attributes, page.limit);
    out->attributes.count = 0;
    if (filter.has_name && !filter.name)
        return NULL;
    if (!fill(call, cluster->name, &filter, is_behind ? &place : NULL, &page, &out->attributes,
              &last))
        out->next_token = token_at(call, &page, &last.id, last.name);
    return NULL;
}
