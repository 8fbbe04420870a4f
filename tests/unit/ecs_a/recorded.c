/* What the official agent sent to a server, recorded (tests/data/agent-wire), is understood: it
 * would get on with these answers (AP-103, AP-104, AP-111, AP-121).
 */
#include <stdio.h>

#include "world.h"

#define RECORDED_ACCOUNT  "123456789012"
#define RECORDED_INSTANCE "0123456789abcdef0123456789abcdef"

static const char *const files[] = {"a175", "edge", "edge2", "inact", "inv",  "sec",
                                    "tm",   "vpc",  "w2b",   "wire",  "wire2"};

/* The instance the recording server answered with. */
static void make_recorded_instance(struct world *world)
{
    struct txn *txn =
        txn_begin(world->state, state_scope(world->state, world->region, world->account));
    struct container_instance *instance = container_instance_new();

    assert_true(id_parse(RECORDED_INSTANCE, &instance->id));
    container_instance_set_cluster(instance, "default");
    instance->status = INSTANCE_ACTIVE;
    instance->registered_at_ms = world->now_ms;
    txn_insert_instance(txn, instance);
    txn_commit(txn);
}

/* AP-104: each attribute that was sent comes back, with its value or without one. */
static void assert_attributes_echoed(const json_t *body, const char *answer)
{
    json_t *json = json_loads(answer, 0, NULL);
    const json_t *answered =
        json_object_get(json_object_get(json, "containerInstance"), "attributes");
    const json_t *sent;
    size_t i, j;

    json_array_foreach (json_object_get(body, "attributes"), i, sent) {
        const json_t *got;
        bool is_there = false;

        json_array_foreach (answered, j, got)
            is_there = is_there || json_equal(sent, got);
        if (!is_there)
            fail_msg("%s is not in the answer", json_string_value(json_object_get(sent, "name")));
    }
    json_decref(json);
}

static size_t replay(struct world *world, const char *name)
{
    char *file = arena_printf(&world->arena, "%s/%s.jsonl", AGENT_WIRE_DIR, name);
    FILE *lines = fopen(file, "r");
    char *line = NULL;
    size_t capacity = 0;
    size_t calls = 0;

    if (!lines)
        fail_msg("%s is missing", file);
    while (getline(&line, &capacity, lines) > 0) {
        json_t *json = json_loads(line, 0, NULL);
        const char *operation = json_string_value(json_object_get(json, "op"));
        const json_t *body = json_object_get(json, "body");
        bool is_ours = str_eq(json_string_value(json_object_get(json, "kind")), "api") &&
                       (str_eq(operation, "RegisterContainerInstance") ||
                        str_eq(operation, "DiscoverPollEndpoint") ||
                        str_eq(operation, "SubmitTaskStateChange"));

        if (is_ours) {
            char *text = json_dumps(body, JSON_COMPACT);
            CLEANUP(error_freep) struct error *err = NULL;
            const char *answer;

            err = world_call_text(world, operation, text, &answer);
            if (err)
                fail_msg("%s: %s %s: %s", name, operation, text, err->message);
            if (str_eq(operation, "RegisterContainerInstance"))
                assert_attributes_echoed(body, answer);
            free(text);
            calls++;
        }
        json_decref(json);
    }
    free(line);
    fclose(lines);
    return calls;
}

static void test_recorded_calls(void **state)
{
    struct world *world = *state;
    size_t calls = 0;

    world->account = RECORDED_ACCOUNT;
    world_make_cluster(world, "default");
    make_recorded_instance(world);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        calls += replay(world, files[i]);
    assert_true(calls > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_recorded_calls, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
