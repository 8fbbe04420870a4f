/* Which images a service deployment keeps to one version, and how it learns which (versionConsistency). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "core/image_pins.h"

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct service_revision *new_revision(const char *image,
                                             enum ecs_version_consistency consistency)
{
    struct ecs_container_definition containers[] = {
        {.name = "app", .image = image, .version_consistency = consistency},
        {.name = "side", .image = "proxy"},
    };
    struct ecs_task_definition definition = {.container_definitions = {true, 2, containers}};
    struct service_revision *revision = service_revision_new();

    image_pins_begin(revision, &definition);
    return revision;
}

static struct task *new_task(const char *app_digest, const char *side_digest)
{
    struct task *task = task_new();
    struct container *containers = task_resize_containers(task, 2);

    container_set_name(&containers[0], "app");
    container_set_image_digest(&containers[0], app_digest);
    container_set_name(&containers[1], "side");
    container_set_image_digest(&containers[1], side_digest);
    return task;
}

static void which_are_pinned(void **state)
{
    static const struct {
        const char *image;
        enum ecs_version_consistency consistency;
        const char *told, *pinned;
    } cases[] = {
        {"web:1", ECS_VERSION_CONSISTENCY_UNSET, DIGEST_A, DIGEST_A},
        {"web", ECS_VERSION_CONSISTENCY_ENABLED, DIGEST_A, DIGEST_A},
        {"web:1", ECS_VERSION_CONSISTENCY_DISABLED, DIGEST_A, NULL},
        {"web@" DIGEST_B, ECS_VERSION_CONSISTENCY_UNSET, DIGEST_B, NULL},
        {"web:1", ECS_VERSION_CONSISTENCY_UNSET, NULL, NULL},
        {"web:1", ECS_VERSION_CONSISTENCY_UNSET, "sha256:beef", NULL},
        {"web:1", ECS_VERSION_CONSISTENCY_UNSET, DIGEST_A "/../x", NULL},
        {"web:1", ECS_VERSION_CONSISTENCY_UNSET, "latest", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct service_revision *revision = new_revision(cases[i].image, cases[i].consistency);
        struct task *task = new_task(cases[i].told, NULL);

        assert_null(image_pins_digest(revision, "app"));
        assert_int_equal(image_pins_are_news(revision, task), cases[i].pinned != NULL);
        image_pins_learn(revision, task);
        if (!str_eq(image_pins_digest(revision, "app"), cases[i].pinned))
            fail_msg("%s, told %s: wrongly pinned", cases[i].image, cases[i].told);
        service_revision_free(revision);
        task_free(task);
    }
}

static void the_first_that_tells_counts_for_each_container(void **state)
{
    struct service_revision *revision = new_revision("web:1", ECS_VERSION_CONSISTENCY_UNSET);
    struct task *first = new_task(DIGEST_A, NULL);
    struct task *second = new_task(DIGEST_B, DIGEST_B);

    (void)state;
    image_pins_learn(revision, first);
    assert_false(image_pins_are_news(revision, first));
    assert_true(image_pins_are_news(revision, second));
    image_pins_learn(revision, second);
    assert_string_equal(image_pins_digest(revision, "app"), DIGEST_A);
    assert_string_equal(image_pins_digest(revision, "side"), DIGEST_B);
    assert_null(image_pins_digest(revision, "other"));
    assert_false(image_pins_are_news(revision, second));
    service_revision_free(revision);
    task_free(first);
    task_free(second);
}

static void a_revision_made_before_pins_pins_nothing(void **state)
{
    struct service_revision *revision = service_revision_new();
    struct task *task = new_task(DIGEST_A, DIGEST_A);

    (void)state;
    assert_false(image_pins_are_news(revision, task));
    service_revision_free(revision);
    task_free(task);
}

static void the_tag_stays_in_the_name(void **state)
{
    struct arena arena = {0};

    (void)state;
    assert_string_equal(image_pinned(&arena, "host:5000/web:1", DIGEST_A),
                        "host:5000/web:1@" DIGEST_A);
    assert_string_equal(image_digest_in_name("web@" DIGEST_A), DIGEST_A);
    assert_null(image_digest_in_name("web:1"));
    assert_null(image_digest_in_name(NULL));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_are_pinned),
        cmocka_unit_test(the_first_that_tells_counts_for_each_container),
        cmocka_unit_test(a_revision_made_before_pins_pins_nothing),
        cmocka_unit_test(the_tag_stays_in_the_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
