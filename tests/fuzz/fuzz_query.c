/* Expressions people give as constraints and filters: a query, or a refusal that says where and
 * why; asked of an instance it answers within its bounds, and a negation answers the opposite. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_negation(const char *text, bool is_match, const struct query_instance *instance)
{
    CLEANUP(str_freep) char *negated = str_printf("not(%s)", text);
    CLEANUP(query_freep) struct query *query = NULL;
    CLEANUP(error_freep) struct error *err = query_parse(negated, &query);

    /* Too long or too deep by one. */
    return err || query_matches(query, instance) != is_match;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct host_attribute attributes[] = {{"ecs.instance-type", "t2.micro"},
                                                       {"stack", "prod"},
                                                       {"a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
                                                       {"b", NULL}};
    static const char *const names[] = {"databases", "service:web", "family:a"};
    static const struct query_groups groups = {names, ARRAY_LEN(names)};
    const struct query_instance instance = {
        .agent_connected = true,
        .agent_version = "1.14.5-rc.1+2",
        .ec2_instance_id = "i-abcd1234",
        .registered_at_ms = 1529360908250,
        .running_tasks = 3,
        .attributes = attributes,
        .attribute_count = ARRAY_LEN(attributes),
        .any_group = query_any_group_of,
        .tasks = &groups,
    };
    CLEANUP(str_freep) char *text = str_dup_n((const char *)data, size);
    CLEANUP(query_freep) struct query *query = NULL;
    CLEANUP(error_freep) struct error *err = query_parse(text, &query);

    if (!err == !query || (err && !*err->message))
        abort();
    if (query && !is_negation(text, query_matches(query, &instance), &instance))
        abort();
    return 0;
}
