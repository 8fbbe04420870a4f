/* Account settings: by name, principal and default, and what they decide. */
#include "world.h"

#define ROOT       "arn:aws:iam::000000000000:root"
#define USER(name) "arn:aws:iam::000000000000:user/" name
static const char *put(struct world *world, const char *name, const char *value,
                       const char *principal)
{
    return world_ok(world, "PutAccountSetting",
                    "{'name': '%s', 'value': '%s', 'principalArn': '%s'}", name, value, principal);
}

/* The value in force for a principal. */
static const char *in_force(struct world *world, const char *name, const char *principal)
{
    const char *answer = world_ok(world, "ListAccountSettings",
                                  "{'name': '%s', 'principalArn': '%s', 'effectiveSettings': true}",
                                  name, principal);

    assert_int_equal(world_count(world, answer, "settings"), 1);
    assert_string_equal(world_text(world, answer, "settings.0.principalArn"), principal);
    return world_text(world, answer, "settings.0.value");
}

/* API-175, CL-220, CL-236: the values there are, and those without anyone's choice. */
static void test_values(void **state)
{
    static const struct {
        const char *name, *built_in, *good[4], *bad[3];
    } rows[] = {
        {"serviceLongArnFormat", "enabled", {"disabled", "enabled"}, {"on", "", "Enabled"}},
        {"taskLongArnFormat", "enabled", {"disabled", "enabled"}, {"off", "true"}},
        {"containerInstanceLongArnFormat", "enabled", {"disabled", "enabled"}, {"1"}},
        {"awsvpcTrunking", "disabled", {"enabled", "disabled"}, {"enhanced"}},
        {"containerInsights", "disabled", {"enabled", "enhanced", "disabled"}, {"on"}},
        {"fargateFIPSMode", "disabled", {"enabled", "disabled"}, {"on"}},
        {"tagResourceAuthorization", "on", {"off", "on"}, {"enabled"}},
        {"fargateTaskRetirementWaitPeriod", "7", {"0", "14", "7"}, {"1", "-7"}},
        {"defaultLogDriverMode", "non-blocking", {"blocking", "non-blocking"}, {"enabled"}},
        {"fargateEventWindows", "disabled", {"enabled", "disabled"}, {"7"}},
        {"guardDutyActivate", "off", {NULL}, {"on", "off"}},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(in_force(world, rows[i].name, ROOT), rows[i].built_in);
        for (size_t j = 0; j < 4 && rows[i].good[j]; j++) {
            const char *answer = put(world, rows[i].name, rows[i].good[j], ROOT);

            assert_string_equal(world_text(world, answer, "setting.name"), rows[i].name);
            assert_string_equal(world_text(world, answer, "setting.value"), rows[i].good[j]);
            assert_string_equal(world_text(world, answer, "setting.type"), "user");
            assert_string_equal(in_force(world, rows[i].name, ROOT), rows[i].good[j]);
        }
        for (size_t j = 0; j < 3 && rows[i].bad[j]; j++)
            world_refused(world, "PutAccountSetting",
                          arena_printf(&world->arena, "{'name': '%s', 'value': '%s'}", rows[i].name,
                                       rows[i].bad[j]),
                          API_INVALID_PARAMETER, rows[i].name);
    }
    world_refused(world, "PutAccountSetting", "{'name': 'fargateVCPULimit', 'value': '1'}",
                  API_INVALID_PARAMETER, "name");
    world_refused(world, "PutAccountSettingDefault", "{'name': 'taskLongArnFormat'}",
                  API_INVALID_PARAMETER, "value");
}

/* CL-222 to CL-224, CL-226, CL-228, example W22 */
static void test_precedence(void **state)
{
    struct world *world = *state;
    const char *answer;

    answer = world_ok(world, "ListAccountSettings", "{}");
    assert_int_equal(world_count(world, answer, "settings"), 0);
    put(world, "containerInsights", "enabled", USER("ann"));
    assert_string_equal(in_force(world, "containerInsights", USER("ann")), "enabled");
    assert_string_equal(in_force(world, "containerInsights", USER("bob")), "disabled");
    answer = world_ok(world, "PutAccountSettingDefault",
                      "{'name': 'containerInsights', 'value': 'enhanced'}");
    assert_string_equal(world_text(world, answer, "setting.principalArn"), ROOT);
    assert_string_equal(in_force(world, "containerInsights", USER("ann")), "enabled");
    assert_string_equal(in_force(world, "containerInsights", USER("bob")), "enhanced");
    /* The root's own value is the default. */
    world_ok(world, "PutAccountSetting", "{'name': 'containerInsights', 'value': 'disabled'}");
    assert_string_equal(in_force(world, "containerInsights", USER("bob")), "disabled");

    answer = world_ok(world, "ListAccountSettings", "{'principalArn': '" USER("ann") "'}");
    assert_int_equal(world_count(world, answer, "settings"), 1);
    assert_string_equal(world_text(world, answer, "settings.0.value"), "enabled");
    answer = world_ok(world, "ListAccountSettings", "{'principalArn': '" USER("bob") "'}");
    assert_int_equal(world_count(world, answer, "settings"), 0);

    answer = world_ok(world, "DeleteAccountSetting",
                      "{'name': 'containerInsights', 'principalArn': '" USER("ann") "'}");
    assert_string_equal(world_text(world, answer, "setting.value"), "enabled");
    assert_string_equal(in_force(world, "containerInsights", USER("ann")), "disabled");
    world_ok(world, "DeleteAccountSetting", /* again: there is nothing to delete */
             "{'name': 'containerInsights', 'principalArn': '" USER("ann") "'}");
    world->region = "eu-west-1"; /* CL-221 */
    put(world, "containerInsights", "enabled", ROOT);
    world->region = REGION;
    assert_string_equal(in_force(world, "containerInsights", ROOT), "disabled");
}

/* CL-227 */
static void test_principals(void **state)
{
    static const struct {
        const char *why, *arn, *text; /* text NULL: accepted */
    } rows[] = {
        {"a role", "arn:aws:iam::000000000000:role/ecsInstanceRole", NULL},
        {"a user with a path", "arn:aws:iam::000000000000:user/a/b", NULL},
        {"the root", ROOT, NULL},
        {"another account", "arn:aws:iam::111111111111:user/ann",
         "Identifier is for 111111111111. Your accountId is 000000000000"},
        {"a group", "arn:aws:iam::000000000000:group/g", "principalArn must be"},
        {"no name", "arn:aws:iam::000000000000:user/", "principalArn must be"},
        {"another service", ARN("cluster/c"), "principalArn must be"},
        {"no ARN", "ann", "principalArn must be"},
    };
    static const char *const operations[] = {"ListAccountSettings", "DeleteAccountSetting",
                                             "PutAccountSetting"};
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t j = 0; j < ARRAY_LEN(operations); j++) {
            const char *json =
                arena_printf(&world->arena, "{'name': 'awsvpcTrunking', %s'principalArn': '%s'}",
                             j == 2 ? "'value': 'enabled', " : "", rows[i].arn);

            if (rows[i].text)
                world_refused(world, operations[j], json, API_INVALID_PARAMETER, rows[i].text);
            else
                world_ok(world, operations[j], "%s", json);
        }
}

/* API-058, API-175: pages of ten, filters. */
static void test_list(void **state)
{
    struct world *world = *state;
    const char *answer, *token;

    answer = world_ok(world, "ListAccountSettings", "{'effectiveSettings': true}");
    assert_int_equal(world_count(world, answer, "settings"), 10);
    assert_string_equal(world_text(world, answer, "settings.0.name"), "awsvpcTrunking");
    token = world_text(world, answer, "nextToken");
    assert_non_null(token);
    world_refused(world, "ListAccountSettings", /* of another list */
                  arena_printf(&world->arena, "{'nextToken': '%s'}", token), API_INVALID_PARAMETER,
                  "token");
    answer = world_ok(world, "ListAccountSettings",
                      "{'effectiveSettings': true, 'nextToken': '%s'}", token);
    assert_int_equal(world_count(world, answer, "settings"), 1);
    assert_string_equal(world_text(world, answer, "settings.0.name"), "taskLongArnFormat");
    assert_false(world_has(world, answer, "nextToken"));

    put(world, "awsvpcTrunking", "enabled", ROOT);
    put(world, "taskLongArnFormat", "disabled", ROOT);
    answer = world_ok(world, "ListAccountSettings", "{}");
    assert_int_equal(world_count(world, answer, "settings"), 2);
    answer =
        world_ok(world, "ListAccountSettings", "{'name': 'awsvpcTrunking', 'value': 'enabled'}");
    assert_int_equal(world_count(world, answer, "settings"), 1);
    answer =
        world_ok(world, "ListAccountSettings", "{'name': 'awsvpcTrunking', 'value': 'disabled'}");
    assert_int_equal(world_count(world, answer, "settings"), 0);
    answer = world_ok(world, "ListAccountSettings",
                      "{'name': 'guardDutyActivate', 'effectiveSettings': true}");
    assert_string_equal(world_text(world, answer, "settings.0.type"), "aws_managed");
    world_refused(world, "ListAccountSettings", "{'value': 'enabled'}", API_INVALID_PARAMETER,
                  "name");
    world_refused(world, "ListAccountSettings", "{'maxResults': 11}", API_INVALID_PARAMETER,
                  "maxResults");
}

/* CL-237, API-067: a cluster has what the account says, unless it says otherwise itself. */
static void test_insights(void **state)
{
    struct world *world = *state;
    const char *answer;

    put(world, "containerInsights", "enhanced", ROOT);
    answer = world_ok(world, "CreateCluster", "{'clusterName': 'a'}");
    assert_string_equal(world_text(world, answer, "cluster.settings.0.value"), "enhanced");
    put(world, "containerInsights", "enabled", ROOT);
    answer = world_ok(
        world, "CreateCluster",
        "{'clusterName': 'b', 'settings': [{'name': 'containerInsights', 'value': 'disabled'}]}");
    assert_string_equal(world_text(world, answer, "cluster.settings.0.value"), "disabled");
    answer = world_ok(world, "DescribeClusters", "{'clusters': ['a'], 'include': ['SETTINGS']}");
    assert_string_equal(world_text(world, answer, "clusters.0.settings.0.value"), "enhanced");
}

/* The id alone behind the type, as a UUID. */
static bool is_old(const char *arn, const char *type)
{
    const char *rest = strstr(arn, type) + strlen(type);

    return !strchr(rest, '/') && strlen(rest) == UUID_SIZE - 1;
}

/* CL-229, CL-230, CL-232, CL-233, CL-235, example W23: the form is that of the moment it is made;
 * both name it. */
static void test_instance_arns(void **state)
{
    struct world *world = *state;
    const char *with_new, *with_old, *answer;

    world_make_cluster(world, "c");
    with_new = world_register_instance(world, "c");
    put(world, "containerInstanceLongArnFormat", "disabled", ROOT);
    world->now_ms += 10; /* lists are in the order of making */
    with_old = world_register_instance(world, "c");
    put(world, "containerInstanceLongArnFormat", "enabled", ROOT);
    assert_false(is_old(with_new, ":container-instance/"));
    assert_true(is_old(with_old, ":container-instance/"));
    answer = world_ok(world, "DescribeContainerInstances",
                      "{'cluster': 'c', 'containerInstances': ['%s', '%s', '%s']}", with_new,
                      with_old, strrchr(with_old, '/') + 1);
    assert_int_equal(world_count(world, answer, "failures"), 0);
    assert_string_equal(world_text(world, answer, "containerInstances.0.containerInstanceArn"),
                        with_new);
    assert_string_equal(world_text(world, answer, "containerInstances.1.containerInstanceArn"),
                        with_old);
    assert_string_equal(world_text(world, answer, "containerInstances.2.containerInstanceArn"),
                        with_old);
    answer = world_ok(world, "ListContainerInstances", "{'cluster': 'c'}");
    assert_string_equal(world_text(world, answer, "containerInstanceArns.1"), with_old);
    world_refused(world, "TagResource", /* API-040 */
                  arena_printf(&world->arena,
                               "{'resourceArn': '%s', 'tags': [{'key': 'k', 'value': 'v'}]}",
                               with_old),
                  API_INVALID_PARAMETER, "Long arn format must be used for tagging operations");
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_values), EACH(test_precedence), EACH(test_principals),
        EACH(test_list),   EACH(test_insights),   EACH(test_instance_arns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
