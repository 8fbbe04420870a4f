/* query.h - the cluster query language: parsed once, asked of many container instances (SC-071 to
 * SC-088). One language for memberOf constraints and for the filter of ListContainerInstances.
 *
 *   attribute:ecs.instance-type =~ t2.* and (attribute:stack exists or not(task:group == db))
 *
 * `not` binds before `and`, `and` before `or` (SC-073). A comparison of something the instance does
 * not have is false, negative or not (SC-082): `attribute:stack != prod` means "has another stack";
 * `not(attribute:stack == prod)` includes those without one. For task:group the positive operators
 * mean "some task", the negative ones "no task" (SC-086).
 *
 * Ownership  A query owns all it was made of. What an instance view points at is lent for the call.
 * Errors     API_INVALID_PARAMETER with the position (the first character is 1) and what is wrong;
 *            who answers RegisterTaskDefinition turns the code into API_CLIENT (SC-087).
 * Costs      Nothing is allocated by asking, and the time is bounded by the lengths of the query
 *            and of the values. A regular expression that takes too many steps on a value neither
 *            matches it nor does not: `=~` and `!~` are both false. What one instance takes is
 *            bounded, and a run over many of them as well.
 */
#ifndef BERTH_SCHEDULER_QUERY_H
#define BERTH_SCHEDULER_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "scheduler/host_attribute.h"

#define QUERY_LENGTH_MAX 2000 /* characters (SC-058) */
#define QUERY_DEPTH_MAX  64   /* parentheses and negations inside each other */

struct query;

MUST_USE struct error *query_parse(const char *text, struct query **ret);
void query_free(struct query *query);
DEFINE_FREEP(struct query, query_free)

/* What a query depends on: a set of BIT(subject). */
enum query_subject {
    QUERY_AGENT_CONNECTED,
    QUERY_AGENT_VERSION,
    QUERY_ATTRIBUTE,
    QUERY_EC2_INSTANCE_ID,
    QUERY_REGISTERED_AT,
    QUERY_RUNNING_TASKS_COUNT,
    QUERY_TASK_GROUP,
};
unsigned query_subjects(const struct query *query);

typedef bool query_group_test_fn(const char *group, const void *arg);

/* One container instance. Strings may be NULL: the instance has none. */
struct query_instance {
    bool agent_connected;
    const char *agent_version;
    const char *ec2_instance_id;
    int64_t registered_at_ms;
    int64_t running_tasks;
    const struct host_attribute *attributes;
    size_t attribute_count;
    /* Calls `test` with the groups of its tasks that are not STOPPED until one passes; returns
     * whether one did. NULL: no tasks. Only called for queries about QUERY_TASK_GROUP. */
    bool (*any_group)(const void *tasks, query_group_test_fn *test, const void *arg);
    const void *tasks;
};
/* Steps of regular expressions, each some twelve nanoseconds. */
#define QUERY_STEPS_PER_INSTANCE 32000
bool query_matches(const struct query *query, const struct query_instance *instance);

/* Asking many instances, whose strings stay where they are meanwhile: equal strings at the same
 * address are looked at once. */
#define QUERY_STEPS_PER_RUN 8000000 /* a tenth of a second */
#define QUERY_RUN_MEMORY    256     /* answers that are remembered */
struct query_run {
    const struct query *query;
    int64_t steps_left; /* none: what is asked from now on has no answer */
    struct query_found {
        const void *test, *value;
        int answer;
    } found[QUERY_RUN_MEMORY];
};
void query_run_begin(struct query_run *run, const struct query *query);
bool query_run_matches(struct query_run *run, const struct query_instance *instance);
bool query_run_is_spent(const struct query_run *run);

/* `any_group` for groups that are at hand in an array: `tasks` is a struct query_groups. */
struct query_groups {
    const char *const *names;
    size_t count;
};
bool query_any_group_of(const void *tasks, query_group_test_fn *test, const void *arg);

#endif
