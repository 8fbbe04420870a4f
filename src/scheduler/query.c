/* Asking a query; making one is query_parse.c. */
#include "scheduler/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/query_internal.h"
#include "scheduler/query_value.h"

void query_free(struct query *query)
{
    if (!query)
        return;
    arena_done(&query->arena);
    free(query);
}

unsigned query_subjects(const struct query *query)
{
    return query->subjects;
}

static bool is_negative(enum query_operator op)
{
    return op == OPERATOR_NOT_EQUALS || op == OPERATOR_NOT_IN || op == OPERATOR_NOT_MATCHES ||
           op == OPERATOR_NOT_EXISTS;
}

static bool order_passes(enum query_operator op, int order)
{
    switch (op) {
    case OPERATOR_EQUALS:
    case OPERATOR_IN:
        return order == 0;
    case OPERATOR_NOT_EQUALS:
    case OPERATOR_NOT_IN:
        return order != 0;
    case OPERATOR_GREATER:
        return order > 0;
    case OPERATOR_GREATER_EQUAL:
        return order >= 0;
    case OPERATOR_LESS:
        return order < 0;
    case OPERATOR_LESS_EQUAL:
        return order <= 0;
    default:
        return false;
    }
}

static bool is_among(const char *value, const struct query_test *test)
{
    for (size_t i = 0; i < test->value_count; i++)
        if (strcmp(value, test->values[i]) == 0)
            return true;
    return false;
}

static int number_cmp(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* As numbers if both are, else by their characters. */
static int attribute_cmp(const char *a, const char *b)
{
    return decimal_is_good(a) && decimal_is_good(b) ? decimal_cmp(a, b) : strcmp(a, b);
}

/* ---- regular expressions ---- */

/* One instance being asked. */
struct asking {
    struct query_run *run; /* NULL: it is alone */
    int64_t steps_left;
};

static struct query_found *place_of(struct query_run *run, const struct query_test *test,
                                    const char *value)
{
    uintptr_t mixed = (uintptr_t)test / sizeof(*test) * 31 + ((uintptr_t)value >> 4);

    return &run->found[(mixed ^ mixed >> 8) % QUERY_RUN_MEMORY];
}

static enum regex_answer ask_regex(struct asking *asking, const struct query_test *test,
                                   const char *value)
{
    struct query_run *run = asking->run;
    struct query_found *found = run ? place_of(run, test, value) : NULL;
    int64_t before = asking->steps_left;
    enum regex_answer answer;

    if (found && found->test == test && found->value == value)
        return (enum regex_answer)found->answer;
    answer = regex_matches(test->regex, value, &asking->steps_left);
    if (run)
        run->steps_left -= before - asking->steps_left;
    if (found && answer != REGEX_UNDECIDED) /* another instance may have more steps left for it */
        *found = (struct query_found){test, value, answer};
    return answer;
}

/* ---- what is asked ---- */

/* NULL: the instance has none, and nothing is true of it (SC-082). */
static bool string_passes(struct asking *asking, const struct query_test *test, const char *value)
{
    enum regex_answer answer;

    if (!value)
        return false;
    switch (test->op) {
    case OPERATOR_EQUALS:
    case OPERATOR_IN:
        return is_among(value, test);
    case OPERATOR_NOT_EQUALS:
    case OPERATOR_NOT_IN:
        return !is_among(value, test);
    case OPERATOR_MATCHES:
    case OPERATOR_NOT_MATCHES:
        answer = ask_regex(asking, test, value);
        return answer == (test->op == OPERATOR_MATCHES ? REGEX_YES : REGEX_NO);
    default:
        return order_passes(test->op, attribute_cmp(value, test->values[0]));
    }
}

static bool version_passes(const struct query_test *test, const char *version)
{
    return version && version_is_good(version) &&
           order_passes(test->op, version_cmp(version, test->values[0]));
}

static bool attribute_passes(struct asking *asking, const struct query_test *test,
                             const struct query_instance *instance)
{
    for (size_t i = 0; i < instance->attribute_count; i++) {
        const struct host_attribute *attribute = &instance->attributes[i];

        if (strcmp(attribute->name, test->attribute) != 0)
            continue;
        if (test->op == OPERATOR_EXISTS || test->op == OPERATOR_NOT_EXISTS)
            return test->op == OPERATOR_EXISTS;
        return string_passes(asking, test, attribute->value ? attribute->value : "");
    }
    return test->op == OPERATOR_NOT_EXISTS;
}

static int64_t floor_div(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}

/* A date without a fraction speaks of whole seconds, whatever the milliseconds of the instance. */
static bool date_passes(const struct query_test *test, int64_t ms)
{
    return order_passes(test->op, number_cmp(floor_div(ms, test->granularity),
                                             floor_div(test->number, test->granularity)));
}

struct meant {
    struct asking *asking;
    const struct query_test *test;
};

static bool group_is_meant(const char *group, const void *arg)
{
    const struct meant *meant = arg;

    return meant->test->regex ? ask_regex(meant->asking, meant->test, group) == REGEX_YES
                              : is_among(group, meant->test);
}

/* "Some task of the group" or "no task of the group" (SC-086). */
static bool groups_pass(struct asking *asking, const struct query_test *test,
                        const struct query_instance *instance)
{
    const struct meant meant = {asking, test};
    bool is_any =
        instance->any_group && instance->any_group(instance->tasks, group_is_meant, &meant);

    return is_any != is_negative(test->op);
}

static bool test_passes(struct asking *asking, const struct query_test *test,
                        const struct query_instance *instance)
{
    switch (test->subject) {
    case QUERY_AGENT_CONNECTED:
        return string_passes(asking, test, instance->agent_connected ? "true" : "false");
    case QUERY_AGENT_VERSION:
        return version_passes(test, instance->agent_version);
    case QUERY_ATTRIBUTE:
        return attribute_passes(asking, test, instance);
    case QUERY_EC2_INSTANCE_ID:
        return string_passes(asking, test, instance->ec2_instance_id);
    case QUERY_REGISTERED_AT:
        return date_passes(test, instance->registered_at_ms);
    case QUERY_RUNNING_TASKS_COUNT:
        return order_passes(test->op, number_cmp(instance->running_tasks, test->number));
    case QUERY_TASK_GROUP:
        return groups_pass(asking, test, instance);
    }
    return false;
}

static bool ask(const struct query *query, struct asking *asking,
                const struct query_instance *instance)
{
    uint16_t at = query->first;

    while (at < QUERY_NO) { /* what a test leads to was written before it: this ends */
        const struct query_test *test = &query->tests[at];

        at = test_passes(asking, test, instance) ? test->if_true : test->if_false;
    }
    return at == QUERY_YES;
}

bool query_matches(const struct query *query, const struct query_instance *instance)
{
    struct asking asking = {.steps_left = QUERY_STEPS_PER_INSTANCE};

    return ask(query, &asking, instance);
}

void query_run_begin(struct query_run *run, const struct query *query)
{
    *run = (struct query_run){.query = query, .steps_left = QUERY_STEPS_PER_RUN};
}

bool query_run_is_spent(const struct query_run *run)
{
    return run->steps_left <= 0;
}

bool query_run_matches(struct query_run *run, const struct query_instance *instance)
{
    struct asking asking = {run, QUERY_STEPS_PER_INSTANCE};

    return !query_run_is_spent(run) && ask(run->query, &asking, instance);
}

bool query_any_group_of(const void *tasks, query_group_test_fn *test, const void *arg)
{
    const struct query_groups *groups = tasks;

    for (size_t i = 0; i < groups->count; i++)
        if (test(groups->names[i], arg))
            return true;
    return false;
}
