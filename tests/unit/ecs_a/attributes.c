/* Attributes of container instances: what they may be, and lists that look at so much and no more. */
#include "world.h"

#include "ecs/attribute.h"

#define A128                                                                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaa"                                                                                         \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* API-172 */
static void test_what_one_may_be(void **state)
{
    static const struct {
        const char *why, *name, *value;
        const char *error; /* in the text; NULL: good */
    } cases[] = {
        {"name only", "flag", NULL, NULL},
        {"with a value", "stack", "production", NULL},
        {"all the name's characters", "aZ09_-./\\", NULL, NULL},
        {"all the value's characters", "a", "aZ09_-./\\@: x", NULL},
        {"128 characters", A128, A128, NULL},
        {"129 in the name", A128 "a", NULL, "The name of an attribute"},
        {"129 in the value", "a", A128 "a", "The value of attribute 'a'"},
        {"no name", "", NULL, "The name of an attribute"},
        {"empty value", "a", "", "The value of attribute 'a'"},
        {"a colon in the name", "a:b", NULL, "'a:b'"},
        {"a space in the name", "a b", NULL, "'a b'"},
        {"a comma in the value", "a", "x,y", "'x,y'"},
        {"space first", "a", " x", "begin or end with a space"},
        {"space last", "a", "x ", "begin or end with a space"},
        {"the agent's", "ecs.os-type", "linux", "belong to the agent"},
        {"the agent's", "com.amazonaws.ecs.capability.ecr-auth", NULL, "belong to the agent"},
        {"as good as the agent's", "ecs", "x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error *err = attribute_check(cases[i].name, cases[i].value);

        if (!err != !cases[i].error || (err && !strstr(err->message, cases[i].error)))
            fail_msg("%s: %s", cases[i].why, err ? err->message : "good");
        assert_true(!err || err->code == API_INVALID_PARAMETER);
        error_free(err);
    }
}

static const char *next_page(struct world *world, const char *operation, const char *body,
                             const char *token)
{
    return world_ok(world, operation, "{'cluster': 'default', %s%s%s%s}", body,
                    token ? ", 'nextToken': '" : "", token ? token : "", token ? "'" : "");
}

/* API-057, API-060: what no one has is looked for a thousand instances at a time; what few have is
 * found all the same. */
static void test_a_long_walk(void **state)
{
    struct world *world = *state;
    const char *answer = NULL, *token = NULL, *last = NULL;
    size_t found = 0, pages = 0;

    world_make_cluster(world, "default");
    for (int i = 0; i < 2500; i++)
        last = world_register_instance(world, "default");
    world_ok(world, "PutAttributes",
             "{'cluster': 'default', 'attributes': [{'name': 'rare', 'targetId': '%s'}]}", last);
    do {
        answer = next_page(world, "ListAttributes",
                           "'targetType': 'container-instance', 'attributeName': 'rare'", token);
        found += world_count(world, answer, "attributes");
        token = world_text(world, answer, "nextToken");
        pages++;
    } while (token);
    assert_int_equal(found, 1);
    assert_int_equal(pages, 3);
    /* A name that nothing has is known to be so at once. */
    answer = next_page(world, "ListAttributes",
                       "'targetType': 'container-instance', 'attributeName': 'never'", NULL);
    assert_null(world_text(world, answer, "nextToken"));
    answer = next_page(world, "ListContainerInstances", "'filter': 'attribute:rare exists'", NULL);
    assert_string_equal(world_text(world, answer, "containerInstanceArns.0"), last);
    assert_null(world_text(world, answer, "nextToken"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_one_may_be),
        cmocka_unit_test_setup_teardown(test_a_long_walk, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
