/* The states of an agent's update (API-170, AP-262). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "core/agent_update.h"

#define S(name) AGENT_UPDATE_##name

static void only_legal_moves_are_allowed(void **state)
{
    static const struct {
        const char *why;
        enum agent_update from, to;
        bool is_legal;
    } cases[] = {
        {"asked for", S(NONE), S(PENDING), true},
        {"asked for again after a failure", S(FAILED), S(PENDING), true},
        {"asked for again after an update", S(UPDATED), S(PENDING), true},
        {"not while one is under way", S(STAGING), S(PENDING), false},
        {"told to stage", S(PENDING), S(STAGING), true},
        {"has it", S(STAGING), S(STAGED), true},
        {"goes", S(STAGED), S(UPDATING), true},
        {"is back", S(UPDATING), S(UPDATED), true},
        {"someone else replaced it meanwhile", S(PENDING), S(UPDATED), true},
        {"refuses to stage", S(STAGING), S(FAILED), true},
        {"refuses to go", S(STAGED), S(FAILED), true},
        {"is back as the old one", S(UPDATING), S(FAILED), true},
        {"nothing asked", S(NONE), S(STAGING), false},
        {"nothing asked", S(NONE), S(FAILED), false},
        {"a step left out", S(PENDING), S(STAGED), false},
        {"a step left out", S(STAGING), S(UPDATING), false},
        {"a late refusal", S(UPDATED), S(FAILED), false},
        {"back to nothing", S(FAILED), S(NONE), false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (agent_update_may_follow(cases[i].from, cases[i].to) != cases[i].is_legal)
            fail_msg("%s: expected %s", cases[i].why, cases[i].is_legal ? "legal" : "refused");
}

static void what_is_under_way(void **state)
{
    static const bool is_under_way[AGENT_UPDATE_COUNT] = {
        [S(PENDING)] = true, [S(STAGING)] = true, [S(STAGED)] = true, [S(UPDATING)] = true};

    (void)state;
    for (enum agent_update status = 0; status < AGENT_UPDATE_COUNT; status++)
        assert_int_equal(agent_update_is_under_way(status), is_under_way[status]);
}

static void a_move_is_dated_and_counted(void **state)
{
    struct container_instance *instance = container_instance_new();

    (void)state;
    instance->version = 7;
    agent_update_set(instance, S(PENDING), 1000);
    agent_update_set(instance, S(STAGING), 2000);
    assert_int_equal(instance->agent_update, S(STAGING));
    assert_int_equal(instance->agent_update_since_ms, 2000);
    assert_int_equal(instance->version, 9);
    container_instance_free(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_legal_moves_are_allowed),
        cmocka_unit_test(what_is_under_way),
        cmocka_unit_test(a_move_is_dated_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
