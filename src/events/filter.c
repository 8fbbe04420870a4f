#include "events/filter.h"

#include <string.h>

#include "base/str.h"
#include "control/query.h"

static struct error *add_value(struct filter_values *values, const char *name, const char *value)
{
    if (str_is_empty(value))
        return error_new(API_INVALID_PARAMETER, "%s is empty.", name);
    if (values->count == FILTER_VALUES_MAX)
        return error_new(API_INVALID_PARAMETER, "%s is given more than %d times.", name,
                         FILTER_VALUES_MAX);
    values->items[values->count++] = value;
    return NULL;
}

static struct error *read_detail_type(struct filter *filter, const char *value)
{
    static const char *const known[] = {EVENT_OF_TASK, EVENT_OF_INSTANCE, EVENT_OF_SERVICE,
                                        EVENT_OF_DEPLOYMENT};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(known[i], value))
            return add_value(&filter->detail_types, "detail-type", known[i]);
    return error_new(API_INVALID_PARAMETER,
                     "There is no detail-type '%s'; there are '%s', '%s', '%s' and '%s'.", value,
                     known[0], known[1], known[2], known[3]);
}

static struct error *read_after(struct filter *filter, const char *name, const char *value)
{
    if (!str_to_int64(value, &filter->after) || filter->after < 0)
        return error_new(API_INVALID_PARAMETER,
                         "%s is the number of the last event seen, not '%s'.", name, value);
    filter->has_after = true;
    return NULL;
}

/* The last part of an ARN, or the name itself. */
static const char *last_part(const char *text)
{
    const char *slash = strrchr(text, '/');

    return slash ? slash + 1 : text;
}

static struct error *read_parameter(struct filter *filter, const char *name, const char *value)
{
    if (str_eq(name, "cluster"))
        return add_value(&filter->clusters, name, last_part(value));
    if (str_eq(name, "detail-type"))
        return read_detail_type(filter, value);
    if (str_eq(name, "resource"))
        return add_value(&filter->resources, name, value);
    if (str_eq(name, "after"))
        return read_after(filter, name, value);
    if (str_starts_with(name, "X-Amz-"))
        return NULL; /* of a signature in the query */
    return error_new(API_INVALID_PARAMETER,
                     "There is no parameter '%s'; there are cluster, detail-type, resource and "
                     "after.",
                     name);
}

struct error *filter_read(struct arena *arena, const struct http_request *req, struct filter *ret)
{
    const char *last = http_request_header(req, "last-event-id");
    const char *query = req->query;
    const char *name, *value;

    *ret = (struct filter){0};
    while (query_next(arena, &query, &name, &value))
        TRY(read_parameter(ret, name, value));
    /* Newer than what the address says: a reader that comes again has the address it came with. */
    if (!str_is_empty(last))
        TRY(read_after(ret, "Last-Event-ID", arena_dup(arena, last)));
    return NULL;
}

static bool has(const struct filter_values *values, const char *text)
{
    for (size_t i = 0; i < values->count; i++)
        if (str_eq(values->items[i], text))
            return true;
    return values->count == 0;
}

bool filter_fits(const struct filter *filter, const struct event_maker *maker,
                 const struct feed_entry *entry)
{
    const char *resource;

    if (!has(&filter->clusters, entry->cluster) ||
        !has(&filter->detail_types, event_detail_type(entry)))
        return false;
    if (filter->resources.count == 0)
        return true;
    resource = event_resource(maker, entry);
    return has(&filter->resources, resource) || has(&filter->resources, last_part(resource));
}
