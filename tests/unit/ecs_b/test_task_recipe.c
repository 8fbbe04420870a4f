/* Recipes: what a definition's tasks hold, sizes as people write them, tags of new tasks, the
 * record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/task_build.h"
#include "core/task_size.h"

static void parses_sizes(void **state)
{
    static const struct {
        const char *text;
        bool is_cpu, is_size;
        int32_t value;
    } rows[] = {
        {"1024", true, true, 1024},
        {"1 vCPU", true, true, 1024},
        {".5 vcpu", true, true, 512},
        {"0.25vCPU", true, true, 256},
        {"2.125 VCPU", true, true, 2176},
        {"0.5", true, false, 0},
        {"1 core", true, false, 0},
        {"", true, false, 0},
        {"-1", true, false, 0},
        {"1 ", true, false, 0},
        {"1vCPU ", true, false, 0},
        {" 1", true, false, 0},
        {".", true, false, 0},
        {"99999999999", true, false, 0},
        {"512", false, true, 512},
        {"0.5GB", false, true, 512},
        {"1 GB", false, true, 1024},
        {"2gb", false, true, 2048},
        {"1 MB", false, false, 0},
        {"1.0005GB", false, false, 0},
        {"4194304GB", false, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int32_t value = -7;
        bool is_size = rows[i].is_cpu ? task_size_parse_cpu(rows[i].text, &value)
                                      : task_size_parse_memory(rows[i].text, &value);

        if (is_size != rows[i].is_size || value != (is_size ? rows[i].value : -7))
            fail_msg("'%s' is %d", rows[i].text, (int)value);
    }
}

static struct task_definition *definition_of(const char *document)
{
    struct task_definition *definition = task_definition_new();

    task_definition_set_family(definition, "web");
    definition->revision = 3;
    task_definition_set_document(definition, document);
    return definition;
}

/* TD-045, TD-101. */
static void sums_up_what_tasks_hold(void **state)
{
    static const struct {
        const char *why, *document;
        int32_t cpu, memory, gpu_count;
    } rows[] = {
        {"the sum of the containers",
         "{\"containerDefinitions\":[{\"name\":\"a\",\"cpu\":10,\"memory\":100},"
         "{\"name\":\"b\",\"cpu\":5,\"memory\":50}]}",
         15, 150, 0},
        {"a reservation counts before a limit",
         "{\"containerDefinitions\":[{\"name\":\"a\",\"memory\":300,\"memoryReservation\":128}]}",
         0, 128, 0},
        {"the task level counts before the containers",
         "{\"cpu\":\"256\",\"memory\":\"512\",\"containerDefinitions\":[{\"name\":\"a\",\"cpu\":10,"
         "\"memory\":100}]}",
         256, 512, 0},
        {"GPUs",
         "{\"containerDefinitions\":[{\"name\":\"a\",\"resourceRequirements\":[{\"type\":\"GPU\","
         "\"value\":\"2\"}]},{\"name\":\"b\",\"resourceRequirements\":[{\"type\":\"GPU\","
         "\"value\":\"1\"}]}]}",
         0, 0, 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct task_definition *definition = definition_of(rows[i].document);
        struct arena arena = {0};
        struct task_recipe recipe;

        assert_null(task_recipe_read(&arena, definition, &recipe));
        if (recipe.cpu != rows[i].cpu || recipe.memory != rows[i].memory ||
            recipe.gpu_count != rows[i].gpu_count)
            fail_msg("%s: %d, %d, %d", rows[i].why, recipe.cpu, recipe.memory, recipe.gpu_count);
        arena_done(&arena);
        task_definition_free(definition);
    }
}

static void tells_a_damaged_document(void **state)
{
    struct task_definition *definition = definition_of("{\"containerDefinitions\":7}");
    struct arena arena = {0};
    struct task_recipe recipe;
    struct error *err = task_recipe_read(&arena, definition, &recipe);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, API_SERVER);
    error_free(err);
    arena_done(&arena);
    task_definition_free(definition);
}

static bool has_tag(const struct task *task, const char *key, const char *value)
{
    for (uint32_t i = 0; i < task->tags_count; i++)
        if (str_eq(task->tags[i].key, key))
            return str_eq(task->tags[i].value, value);
    return false;
}

/* API-121, API-122, API-196, SC-090, SC-358, SC-360: the task of a service. */
static void builds_a_service_task(void **state)
{
    struct task_definition *definition =
        definition_of("{\"containerDefinitions\":[{\"name\":\"a\",\"image\":\"i\",\"memory\":100,"
                      "\"healthCheck\":{\"command\":[\"CMD\",\"true\"]}},"
                      "{\"name\":\"b\",\"image\":\"j\",\"memory\":50,\"essential\":false,"
                      "\"healthCheck\":{\"command\":[\"NONE\"]}}]}");
    struct tag *propagated;
    struct ecs_tag own_items[] = {{"team", "blue"}};
    const struct ecs_tags own = {true, 1, own_items};
    struct rng rng = rng_seeded(1);
    const struct id instance = id_new(&rng, 1);
    struct arena arena = {0};
    struct task_recipe recipe;
    struct task_order order = {
        .cluster = "default",
        .recipe = &recipe,
        .service = "web",
        .deployment = "ecs-svc/1",
        .launch_type = LAUNCH_TYPE_EC2,
    };
    struct task *task;

    (void)state;
    definition->network_mode = NETWORK_MODE_BRIDGE;
    task_definition_append_ports(definition)->number = 8080;
    propagated = task_definition_append_tags(definition);
    tag_set_key(propagated, "team");
    tag_set_value(propagated, "red");
    propagated = task_definition_append_tags(definition);
    tag_set_key(propagated, "env");
    tag_set_value(propagated, "prod");
    assert_null(task_recipe_read(&arena, definition, &recipe));
    task_order_tags(&arena, definition->tags, definition->tags_count, &own, true, &order);
    task = task_build(&order, &instance, &rng, 1795159149000);

    assert_string_equal(task->group, "service:web");
    assert_string_equal(task->started_by, "ecs-svc/1");
    assert_string_equal(task->deployment, "ecs-svc/1");
    assert_string_equal(task->family, "web");
    assert_int_equal(task->revision, 3);
    assert_int_equal(id_cmp(&task->instance, &instance), 0);
    assert_int_equal(task->last_status, TASK_PENDING);
    assert_int_equal(task->desired_status, TASK_RUNNING);
    assert_int_equal(task->version, 1);
    assert_int_equal(task->memory, 150);
    assert_int_equal(task->ports_count, 1);
    assert_int_equal(task->ports[0].number, 8080);
    assert_int_equal(task->tags_count, 4);
    assert_true(has_tag(task, "team", "blue"));
    assert_true(has_tag(task, "env", "prod"));
    assert_true(has_tag(task, "aws:ecs:clusterName", "default"));
    assert_true(has_tag(task, "aws:ecs:serviceName", "web"));
    assert_int_equal(task->containers_count, 2);
    assert_true(task->containers[0].is_essential);
    assert_true(task->containers[0].has_health_check);
    assert_false(task->containers[1].is_essential);
    assert_false(task->containers[1].has_health_check);
    assert_false(id_is_zero(&task->containers[0].id));
    assert_null(task->rare->overrides);
    task_free(task);

    definition->network_mode = NETWORK_MODE_AWSVPC;
    task = task_build(&order, &instance, &rng, 1795159149000);
    assert_int_equal(task->last_status, TASK_PROVISIONING);
    assert_int_equal(task->ports_count, 0);
    task_free(task);
    arena_done(&arena);
    task_definition_free(definition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_sizes),
        cmocka_unit_test(sums_up_what_tasks_hold),
        cmocka_unit_test(tells_a_damaged_document),
        cmocka_unit_test(builds_a_service_task),
    };

    return cmocka_run_group_tests_name("recipes of tasks", tests, NULL, NULL);
}
