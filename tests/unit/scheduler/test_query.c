/* The cluster query language by example (SC-071 to SC-088, spec 21: T8, T9, T12, T13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/query.h"

/* Four hosts; an expected set is written with their letters. */
#define HOSTS 4
static void make_hosts(struct query_instance hosts[HOSTS])
{
    static const struct host_attribute a[] = {{"ecs.instance-type", "t2.small"},
                                              {"ecs.availability-zone", "us-east-1a"},
                                              {"stack", "prod"},
                                              {"rack", "9"},
                                              {"slots", "2.50"}};
    static const struct host_attribute b[] = {{"ecs.instance-type", "t2.micro"},
                                              {"ecs.availability-zone", "us-east-1b"},
                                              {"stack", "test"},
                                              {"rack", "10"}};
    static const struct host_attribute c[] = {{"ecs.instance-type", "g2.2xlarge"},
                                              {"ecs.availability-zone", "us-west-1c"},
                                              {"my/odd\\name-x_1.y", "a b:c@d/e\\f"}};
    static const struct host_attribute d[] = {{"ecs.instance-type", "xt2.micro"}, {"stack", NULL}};
    static const char *const a_groups[] = {"databases", "service:production", "family:web"};
    static const char *const b_groups[] = {"service:test"};
    static const struct query_groups a_tasks = {a_groups, 3}, b_tasks = {b_groups, 1};

    memset(hosts, 0, HOSTS * sizeof(*hosts));
    hosts[0] = (struct query_instance){
        .agent_connected = true,
        .agent_version = "1.14.5",
        .ec2_instance_id = "i-abcd1234",
        .registered_at_ms = 1529360908250, /* 2018-06-18T22:28:28.250Z */
        .running_tasks = 3,
        .attributes = a,
        .attribute_count = 5,
        .any_group = query_any_group_of,
        .tasks = &a_tasks,
    };
    hosts[1] = (struct query_instance){
        .agent_connected = true,
        .agent_version = "1.9.0",
        .ec2_instance_id = "i-wxyx7890",
        .registered_at_ms = 1518480000000, /* 2018-02-13 */
        .running_tasks = 1,
        .attributes = b,
        .attribute_count = 4,
        .any_group = query_any_group_of,
        .tasks = &b_tasks,
    };
    hosts[2] = (struct query_instance){
        .agent_version = "1.15.0-rc.2",
        .registered_at_ms = 1529360908000,
        .attributes = c,
        .attribute_count = 3,
    };
    hosts[3] = (struct query_instance){
        .registered_at_ms = -1,
        .attributes = d,
        .attribute_count = 2,
    };
}

static const struct {
    const char *rule, *text, *hosts;
} accepted[] = {
    /* the catalogue's examples (T8, T9, T12) */
    {"T8", "attribute:ecs.instance-type == t2.small", "a"},
    {"T8", "attribute:ecs.availability-zone == us-east-1a", "a"},
    {"T8 SC-082", "attribute:stack != prod", "bd"},
    {"T8", "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", "ab"},
    {"T8", "attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone == us-east-1b",
     "b"},
    {"T9", "attribute:ecs.instance-type =~ t2.*", "ab"},
    {"T12", "attribute:ecs.availability-zone == us-east-1a or attribute:stack == test", "ab"},
    {"T12", "attribute:ecs.instance-type =~ g2.* and attribute:stack not_exists", "c"},
    {"T12", "task:group == service:production", "a"},
    {"T12", "not(task:group == databases)", "bcd"},
    {"T12", "runningTasksCount == 1", "b"},
    {"T12", "agentVersion > 1.9.0", "ac"},
    {"T12", "registeredAt < 2018-02-14", "bd"},
    {"T12", "ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", "ab"},
    {"T10 SC-059", "task:group == databases", "a"},

    /* operators by their words */
    {"SC-074", "attribute:stack equals prod", "a"},
    {"SC-074", "attribute:stack not_equals prod", "bd"},
    {"SC-074", "runningTasksCount greater_than 1", "a"},
    {"SC-074", "runningTasksCount greater_than_equal 1", "ab"},
    {"SC-074", "runningTasksCount less_than 1", "cd"},
    {"SC-074", "runningTasksCount less_than_equal 1", "bcd"},
    {"SC-074", "attribute:stack exists", "abd"},
    {"SC-074", "attribute:stack !exists", "c"},
    {"SC-074", "attribute:stack not_exists", "c"},
    {"SC-074", "attribute:stack not_in [prod]", "bd"},
    {"SC-074", "attribute:stack !in [prod, test]", "d"},
    {"SC-074", "attribute:stack matches pr.*", "a"},
    {"SC-074", "attribute:stack not_matches pr.*", "bd"},
    {"SC-074", "attribute:stack !~ pr.*", "bd"},
    {"SC-074, no spaces", "attribute:stack==prod", "a"},
    {"SC-074, no spaces", "attribute:stack!=prod", "bd"},
    {"SC-074, no spaces", "runningTasksCount>=3", "a"},
    {"SC-074, no spaces", "attribute:stack!in[prod]", "bd"},

    /* and, or, not, parentheses */
    {"SC-073", "attribute:stack == prod && agentConnected == true", "a"},
    {"SC-073", "attribute:stack == prod || attribute:stack == test", "ab"},
    {"SC-073", "!attribute:stack == prod", "bcd"},
    {"SC-073", "!(attribute:stack == prod)", "bcd"},
    {"SC-073", "not not attribute:stack == prod", "a"},
    {"SC-073 or, then and", "attribute:rack == 9 or attribute:rack == 10 and agentVersion == 1.9.0",
     "ab"},
    {"SC-073 and, then or", "agentVersion == 9 and attribute:rack == 10 or attribute:rack == 9",
     "a"},
    {"SC-073 parentheses",
     "(attribute:rack == 9 or attribute:rack == 10) and agentVersion == 1.9.0", "b"},
    {"SC-073 not binds before and", "not attribute:rack == 9 and agentConnected == true", "b"},
    {"SC-073", "not(attribute:rack == 9 or attribute:rack == 10)", "cd"},
    {"SC-073", "((attribute:stack exists) and (not(attribute:stack == prod)))", "bd"},
    {"SC-073 no spaces", "attribute:rack==9||attribute:rack==10&&agentVersion==1.9.0", "ab"},
    {"SC-082", "not(attribute:stack == prod)", "bcd"},

    /* literals */
    {"SC-077", "attribute:stack == 'prod'", "a"},
    {"SC-077", "attribute:stack == \"prod\"", "a"},
    {"SC-077", "attribute:my/odd\\name-x_1.y == 'a b:c@d/e\\f'", "c"},
    {"SC-077", "attribute:my/odd\\name-x_1.y =~ \"a b:.@d/e\\\\f\"", "c"},
    {"SC-077 a quote in quotes", "attribute:stack != 'it\\'s'", "abd"},
    {"SC-077 other quotes in quotes", "attribute:stack != \"it's\"", "abd"},
    {"SC-077 empty", "attribute:stack == ''", "d"},
    {"SC-076", "attribute:stack in [prod]", "a"},
    {"SC-076", "attribute:stack in ['prod',\"test\" , other ]", "ab"},
    {"SC-076", "attribute:stack in[prod,test]", "ab"},
    {"SC-072 any space", "\t attribute:stack \n==  prod ", "a"},

    /* regular expressions match the whole value */
    {"SC-078", "attribute:ecs.instance-type =~ .*micro", "bd"},
    {"SC-078", "attribute:ecs.instance-type =~ t2", ""},
    {"SC-078 bare groups", "attribute:ecs.instance-type =~ t2.(small|micro)", "ab"},
    {"SC-078 a group's end",
     "(attribute:ecs.instance-type =~ t2.(small|micro)) and agentVersion < 1.10", "b"},
    {"SC-078 && after", "attribute:ecs.instance-type =~ t2.*&&attribute:rack == 9", "a"},
    {"SC-078 || after", "attribute:ecs.instance-type =~ g2.*||attribute:rack == 9", "ac"},
    {"SC-078 classes", "attribute:ecs.availability-zone =~ us-[a-z]+-1[ab&]", "ab"},
    {"SC-078 classes", "attribute:stack =~ \\p{Lower}+", "ab"},
    {"SC-078 back references", "attribute:stack =~ '(.).*(?<!\\1)d'", "a"},
    {"SC-078 quoted", "attribute:ecs.instance-type =~ '\\w\\d\\.\\w+'", "abc"},

    /* subjects */
    {"SC-079", "agentConnected == true", "ab"},
    {"SC-079", "agentConnected != true", "cd"},
    {"SC-079", "agentConnected in [true, false]", "abcd"},
    {"SC-079", "agentConnected !in [true]", "cd"},
    {"SC-079", "agentConnected =~ t.*", "ab"},
    {"SC-079", "agentConnected !~ t.*", "cd"},
    {"SC-080", "agentVersion == 1.14.5", "a"},
    {"SC-080", "agentVersion == 1.14.5.0", "a"},
    {"SC-080 no version", "agentVersion != 1.14.5", "bc"},
    {"SC-080", "agentVersion >= 1.14.5", "ac"},
    {"SC-080", "agentVersion <= 1.14.5", "ab"},
    {"SC-080", "agentVersion < 1.14", "b"},
    {"SC-080 before the release", "agentVersion < 1.15.0", "abc"},
    {"SC-080", "agentVersion > 1.15.0-rc.1", "c"},
    {"SC-081 numbers", "attribute:rack > 9", "b"},
    {"SC-081 numbers", "attribute:slots == 2.5", ""},
    {"SC-081 numbers", "attribute:slots >= 2.5", "a"},
    {"SC-081 texts", "attribute:stack >= q", "b"},
    {"SC-083", "ec2InstanceId == i-abcd1234", "a"},
    {"SC-083", "ec2InstanceId != i-abcd1234", "b"},
    {"SC-083", "ec2InstanceId !in [i-abcd1234]", "b"},
    {"SC-083", "ec2InstanceId =~ i-.*", "ab"},
    {"SC-083", "ec2InstanceId !~ i-a.*", "b"},
    {"SC-084 T13", "registeredAt == 2018-06-18T22:28:28+00:00", "ac"},
    {"SC-084 T13", "registeredAt == 2018-06-18T22:28:28Z", "ac"},
    {"SC-084 T13", "registeredAt == 2018-06-18T22:28:28", "ac"},
    {"SC-084 T13", "registeredAt >= 2018-06-18", "ac"},
    {"SC-084 midnight", "registeredAt == 2018-02-13", "b"},
    {"SC-084 a zone", "registeredAt == 2018-06-19T00:28:28+02:00", "ac"},
    {"SC-084 a zone", "registeredAt == 2018-06-18T17:58:28-0430", "ac"},
    {"SC-084 whole seconds", "registeredAt > 2018-06-18T22:28:28Z", ""},
    {"SC-084 a fraction", "registeredAt > 2018-06-18T22:28:28.1Z", "a"},
    {"SC-084 a fraction", "registeredAt == 2018-06-18T22:28:28.250Z", "a"},
    {"SC-084 quoted", "registeredAt != '2018-06-18T22:28:28Z'", "bd"},
    {"SC-084 before the epoch", "registeredAt == 1969-12-31T23:59:59Z", "d"},
    {"SC-085", "runningTasksCount != 3", "bcd"},
    {"SC-085", "runningTasksCount > -1", "abcd"},
    {"SC-086", "task:group != databases", "bcd"},
    {"SC-086", "task:group in [databases, service:test]", "ab"},
    {"SC-086", "task:group !in [databases, service:test]", "cd"},
    {"SC-086", "task:group =~ service:.*", "ab"},
    {"SC-086", "task:group !~ service:.*", "cd"},
    {"SC-086", "task:group =~ family:.*", "a"},

    /* case */
    {"SC-088", "attribute:stack == prod AND agentConnected == true", "a"},
    {"SC-088", "attribute:stack == prod Or attribute:stack == test", "ab"},
    {"SC-088", "NOT(attribute:stack == prod)", "bcd"},
    {"SC-088", "attribute:stack EXISTS", "abd"},
    {"SC-088", "attribute:stack IN [prod]", "a"},
    {"SC-088", "attribute:stack !IN [prod]", "bd"},
    {"SC-088", "attribute:stack MATCHES pr.*", "a"},
    {"SC-088", "attribute:stack == Prod", ""},
    {"SC-088", "attribute:Stack exists", ""},
};

static void accepted_expressions(void **state)
{
    struct query_instance hosts[HOSTS];

    (void)state;
    make_hosts(hosts);
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        CLEANUP(query_freep) struct query *query = NULL;
        CLEANUP(error_freep) struct error *err = query_parse(accepted[i].text, &query);
        char found[HOSTS + 1] = "";
        size_t count = 0;

        if (err)
            fail_msg("%s: %s: %s", accepted[i].rule, accepted[i].text, err->message);
        for (size_t h = 0; h < HOSTS; h++)
            if (query_matches(query, &hosts[h]))
                found[count++] = "abcd"[h];
        if (strcmp(found, accepted[i].hosts) != 0)
            fail_msg("%s: %s: \"%s\", not \"%s\"", accepted[i].rule, accepted[i].text, found,
                     accepted[i].hosts);
    }
}

static const struct {
    const char *rule, *text, *message; /* a part of it */
} refused[] = {
    {"SC-072", "", "position 1: agentConnected, agentVersion, attribute:NAME"},
    {"SC-072", "   ", "position 4"},
    {"SC-072", "attribute:stack",
     "position 16: an operator is expected after attribute:stack, but "
     "the expression ends"},
    {"SC-072", "attribute:stack ==", "position 19: a value is expected, but the expression ends"},
    {"SC-072", "attribute:stack = prod", "position 17: an operator is expected"},
    {"SC-072", "attribute:stack == prod test",
     "position 25: and, or or the end is expected, but "
     "there is 'test'"},
    {"SC-072", "attribute:stack exists prod", "position 24"},
    {"SC-073", "(attribute:stack exists", "a ) is expected for the ( at position 1"},
    {"SC-073", "attribute:stack exists)", "position 23"},
    {"SC-073", "attribute:stack exists and", "position 27"},
    {"SC-073", "attribute:stack exists & attribute:rack exists", "position 24"},
    {"SC-073", "and attribute:stack exists", "position 1"},
    {"SC-073", "not", "position 4"},
    {"SC-073", "()", "position 2"},
    {"SC-074", "attribute:stack === prod", "position 19"},
    {"SC-074", "attribute:stack !matches prod", "position 17"},
    {"SC-074", "attribute:stack is prod", "position 17"},
    {"SC-076", "attribute:stack in prod", "a list like [a, b] is expected"},
    {"SC-076", "attribute:stack in []", "position 21: a value is expected, but there is ']'"},
    {"SC-076", "attribute:stack in [a,]", "position 23"},
    {"SC-076", "attribute:stack in [a b]", "a comma or ] is expected"},
    {"SC-076", "attribute:stack in [a", "a comma or ] is expected"},
    {"SC-077", "attribute:stack == 'prod", "position 20: the quote is not closed"},
    {"SC-077", "attribute:stack == (prod)", "position 20"},
    {"SC-087 subject", "stack == prod", "position 1"},
    {"SC-087 subject", "attribute: == prod", "position 1"},
    {"SC-087 subject", "'attribute:stack' == prod", "position 1"},
    {"SC-088 subject", "AgentConnected == true", "but there is 'AgentConnected'"},
    {"SC-088 operator", "attribute:stack EQUALS prod", "position 17"},
    {"SC-079", "agentConnected > true", "agentConnected does not have the operator >"},
    {"SC-079", "agentConnected exists", "agentConnected does not have the operator exists"},
    {"SC-079", "agentConnected == yes", "agentConnected is true or false, not yes"},
    {"SC-080", "agentVersion =~ 1.*", "agentVersion does not have the operator =~"},
    {"SC-080", "agentVersion in [1.1]", "agentVersion does not have the operator in"},
    {"SC-080", "agentVersion > latest", "latest is not a version like 1.14.5"},
    {"SC-080", "agentVersion > 1..2", "1..2 is not a version"},
    {"SC-083", "ec2InstanceId > i-1", "ec2InstanceId does not have the operator >"},
    {"SC-084", "registeredAt in [2018-06-18]", "registeredAt does not have the operator in"},
    {"SC-084", "registeredAt > 18.06.2018", "18.06.2018 is not a date like 2018-06-18"},
    {"SC-084", "registeredAt > 2018-02-29", "2018-02-29 is not a date"},
    {"SC-084", "registeredAt > 2018-06-18T24:00:00", "is not a date"},
    {"SC-084", "registeredAt > 2018-06-18T22:28", "is not a date"},
    {"SC-084", "registeredAt > 2018-06-18X", "is not a date"},
    {"SC-085", "runningTasksCount == many", "many is not a whole number"},
    {"SC-085", "runningTasksCount =~ 1", "runningTasksCount does not have the operator =~"},
    {"SC-086", "task:group > a", "task:group does not have the operator >"},
    {"SC-086", "task:group exists", "task:group does not have the operator exists"},
    {"SC-078", "attribute:stack =~ '(a'", "after 2 characters: missing closing parenthesis"},
    {"SC-078", "attribute:stack =~ *a",
     "position 20: the regular expression *a is not valid after "
     "0 characters: quantifier does not follow a repeatable item"},
    {"SC-078", "attribute:stack =~ [a-z&&[^x]]",
     "after 4 characters: intersections of classes, like [a-z&&[^x]], are not supported"},
    {"SC-078", "attribute:stack =~", "a regular expression is expected"},
    {"the position is in characters", "attribute:stack == \xc3\xa4\xc3\xb6 \xc3\xbc",
     "position 23: and, or or the end is expected"},
};

static void refused_expressions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        CLEANUP(query_freep) struct query *query = NULL;
        CLEANUP(error_freep) struct error *err = query_parse(refused[i].text, &query);

        if (!err)
            fail_msg("%s: %s: accepted", refused[i].rule, refused[i].text);
        assert_int_equal(err->code, API_INVALID_PARAMETER);
        if (!strstr(err->message, refused[i].message) || query)
            fail_msg("%s: %s: %s", refused[i].rule, refused[i].text, err->message);
    }
}

/* SC-058 and SC-087: long, deep and many. */
static void bounds(void **state)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct query_instance hosts[HOSTS];
    struct query *query = NULL;
    struct error *err;

    (void)state;
    make_hosts(hosts);
    buf_printf(&text, "attribute:stack == '%*s'", QUERY_LENGTH_MAX - 21, "");
    assert_int_equal(text.len, QUERY_LENGTH_MAX);
    assert_null(query_parse(text.data, &query));
    query_free(TAKE(query));
    buf_add_char(&text, ' ');
    err = query_parse(text.data, &query);
    assert_string_equal(err->message,
                        "The expression has 2001 characters; at most 2000 are allowed.");
    error_free(err);

    buf_clear(&text);
    buf_printf(&text, "attribute:stack == '%1978s\xc3\xa4'", ""); /* characters, not bytes */
    assert_null(query_parse(text.data, &query));
    query_free(TAKE(query));

    for (int depth = QUERY_DEPTH_MAX - 1; depth <= QUERY_DEPTH_MAX; depth++) {
        buf_clear(&text);
        for (int i = 0; i < depth; i++)
            buf_add_str(&text, i % 2 ? "!" : "(");
        buf_add_str(&text, "attribute:stack == prod");
        for (int i = 0; i < depth; i += 2)
            buf_add_char(&text, ')');
        err = query_parse(text.data, &query);
        assert_int_equal(err != NULL, depth == QUERY_DEPTH_MAX);
        if (err)
            assert_non_null(strstr(err->message, "position 65: more than 64"));
        else
            assert_int_equal(query_matches(query, &hosts[0]), (depth / 2) % 2 == 0);
        error_free(err);
        query_free(TAKE(query));
    }

    buf_clear(&text);
    for (int i = 0; i < 70; i++)
        buf_printf(&text, "%sattribute:stack == x%d", i ? " or " : "", i);
    buf_add_str(&text, " or attribute:stack == prod");
    assert_null(query_parse(text.data, &query));
    assert_true(query_matches(query, &hosts[0]));
    assert_false(query_matches(query, &hosts[1]));
    query_free(query);
}

static void what_it_depends_on(void **state)
{
    struct query *query;

    (void)state;
    assert_null(query_parse("attribute:a exists and not(task:group == b)", &query));
    assert_int_equal(query_subjects(query), BIT(QUERY_ATTRIBUTE) | BIT(QUERY_TASK_GROUP));
    query_free(query);
    assert_null(query_parse("runningTasksCount < 3", &query));
    assert_int_equal(query_subjects(query), BIT(QUERY_RUNNING_TASKS_COUNT));
    query_free(query);
}

/* ---- what a run may take ---- */

/* An expression that takes all its steps on each value is given up, one that does not is not; equal
 * values cost once. */
static void a_run_is_bounded(void **state)
{
    static const struct {
        const char *text;
        bool is_same_value, is_spent;
    } cases[] = {
        {"attribute:name =~ (.*a){20}", false, true},
        {"attribute:name =~ host-.*a+c", false, false},
        {"attribute:name =~ host-.*a+c or attribute:name =~ b.*", true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(query_freep) struct query *query = NULL;
        struct query_run run;
        char names[1000][64];
        int64_t first;

        assert_null(query_parse(cases[i].text, &query));
        query_run_begin(&run, query);
        first = run.steps_left;
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            struct host_attribute attribute = {"name", names[cases[i].is_same_value ? 0 : n]};
            struct query_instance instance = {.attributes = &attribute, .attribute_count = 1};

            snprintf(names[n], sizeof(names[n]), "host-%04zu-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac",
                     n);
            if (query_run_matches(&run, &instance) !=
                (query_matches(query, &instance) && !query_run_is_spent(&run)))
                fail_msg("%s: host %zu", cases[i].text, n);
            if (n == 0)
                first -= run.steps_left;
        }
        assert_int_equal(query_run_is_spent(&run), cases[i].is_spent);
        if (cases[i].is_same_value)
            assert_int_equal(QUERY_STEPS_PER_RUN - run.steps_left, first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_bounded),    cmocka_unit_test(accepted_expressions),
        cmocka_unit_test(refused_expressions), cmocka_unit_test(bounds),
        cmocka_unit_test(what_it_depends_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
