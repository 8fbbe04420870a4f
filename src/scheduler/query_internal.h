/* query_internal.h - what a query is compiled to, for the files that make it and ask it. */
#ifndef BERTH_SCHEDULER_QUERY_INTERNAL_H
#define BERTH_SCHEDULER_QUERY_INTERNAL_H

#include "base/arena.h"
#include "scheduler/query.h"
#include "scheduler/query_regex.h"

enum query_operator {
    OPERATOR_EQUALS,
    OPERATOR_NOT_EQUALS,
    OPERATOR_GREATER,
    OPERATOR_GREATER_EQUAL,
    OPERATOR_LESS,
    OPERATOR_LESS_EQUAL,
    OPERATOR_EXISTS,
    OPERATOR_NOT_EXISTS,
    OPERATOR_IN,
    OPERATOR_NOT_IN,
    OPERATOR_MATCHES,
    OPERATOR_NOT_MATCHES,
    OPERATOR_COUNT,
};

/* One simple expression, and where to go on when it is true and when it is false. */
struct query_test {
    enum query_subject subject;
    enum query_operator op;
    const char *attribute;
    const char *const *values; /* one, or those of a list */
    size_t value_count;
    int64_t number;      /* runningTasksCount; registeredAt in ms */
    int64_t granularity; /* registeredAt: of what is compared, in ms */
    const struct regex *regex;
    uint16_t if_true, if_false; /* numbers of tests, QUERY_YES or QUERY_NO */
};
#define QUERY_YES UINT16_MAX
#define QUERY_NO  (UINT16_MAX - 1)

struct query {
    struct arena arena;
    struct query_test *tests;
    size_t test_count;
    uint16_t first;
    unsigned subjects;
};

#endif
