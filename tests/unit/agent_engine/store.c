/* The agent's file (src/agent/engine/store.h): what was committed is there again, in order (AP-541,
 * AP-542). */
#include "agent/engine/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"

struct dir {
    char path[64];
    char file[96];
};

static int make_dir(void **state)
{
    struct dir *dir = test_malloc(sizeof(*dir));

    strcpy(dir->path, "/tmp/berth-agent-store-XXXXXX");
    assert_non_null(mkdtemp(dir->path));
    snprintf(dir->file, sizeof(dir->file), "%s/agent.db", dir->path);
    *state = dir;
    return 0;
}

static int remove_dir(void **state)
{
    struct dir *dir = *state;
    char other[128];

    unlink(dir->file);
    snprintf(other, sizeof(other), "%s-wal", dir->file);
    unlink(other);
    rmdir(dir->path);
    test_free(dir);
    return 0;
}

static struct error *seen_task(const struct agent_store_task *task, void *data)
{
    buf_printf(data, "T %s %s %d %s;", task->arn, task->spec, task->known,
               task->reason ? task->reason : "-");
    return NULL;
}

static struct error *seen_container(const struct agent_store_container *container, void *data)
{
    buf_printf(data, "C %s %s %s %d;", container->name, container->docker_name,
               container->docker_id ? container->docker_id : "-", container->exit_code);
    return NULL;
}

static struct error *seen_volume(const struct agent_store_volume *volume, void *data)
{
    buf_printf(data, "V %s %s;", volume->name, volume->docker_name);
    return NULL;
}

static struct error *seen_image(const struct agent_store_image *image, void *data)
{
    buf_printf(data, "I %s;", image->reference);
    return NULL;
}

static char *contents(struct agent_store *store)
{
    struct buf text = {0};
    const struct agent_store_visitor visitor = {seen_task, seen_container, seen_volume, seen_image,
                                                &text};

    assert_null(agent_store_load(store, &visitor));
    return buf_take(&text);
}

static void put(struct agent_store *store, const char *arn, int64_t sequence, int known,
                const char *reason)
{
    const struct agent_store_task task = {
        .arn = arn, .spec = "{}", .sequence = sequence, .known = known, .reason = reason};
    CLEANUP(str_freep) char *name_a = str_printf("ecs-%s-a", arn);
    CLEANUP(str_freep) char *name_b = str_printf("ecs-%s-b", arn);
    const struct agent_store_container b = {.task_arn = arn, .name = "b", .docker_name = name_b};
    const struct agent_store_container a = {.task_arn = arn,
                                            .name = "a",
                                            .docker_name = name_a,
                                            .docker_id = known ? "id" : NULL,
                                            .exit_code = known ? 7 : 0};
    const struct agent_store_volume volume = {arn, "v", "ecs-v", true};

    assert_null(agent_store_begin(store));
    assert_null(agent_store_put_task(store, &task));
    assert_null(agent_store_put_container(store, &b));
    assert_null(agent_store_put_container(store, &a));
    assert_null(agent_store_put_volume(store, &volume));
    assert_null(agent_store_commit(store));
}

static void what_is_committed_is_there_again(void **state)
{
    struct dir *dir = *state;
    CLEANUP(agent_store_closep) struct agent_store *store = NULL;
    CLEANUP(str_freep) char *text = NULL, *value = NULL;

    assert_null(agent_store_open(dir->file, &store));
    put(store, "z", 1, 0, NULL);
    put(store, "y", 2, 0, NULL);
    put(store, "z", 1, 3, "why"); /* an update keeps place and order */
    assert_null(agent_store_set(store, "cluster-name", "c"));
    agent_store_close(TAKE(store));

    assert_null(agent_store_open(dir->file, &store));
    text = contents(store);
    assert_string_equal(text, "T z {} 3 why;C b ecs-z-b - 0;C a ecs-z-a id 7;V v ecs-v;"
                              "T y {} 0 -;C b ecs-y-b - 0;C a ecs-y-a - 0;V v ecs-v;");
    assert_null(agent_store_get(store, "cluster-name", &value));
    assert_string_equal(value, "c");
}

static void what_is_not_committed_is_not(void **state)
{
    struct dir *dir = *state;
    CLEANUP(agent_store_closep) struct agent_store *store = NULL;
    CLEANUP(str_freep) char *text = NULL;
    const struct agent_store_image image = {
        .reference = "busybox:latest", .pulled_at_ms = 1, .used_at_ms = 1};

    assert_null(agent_store_open(dir->file, &store));
    put(store, "z", 1, 0, NULL);
    assert_null(agent_store_begin(store));
    assert_null(agent_store_put_image(store, &image));
    agent_store_rollback(store);
    assert_null(agent_store_begin(store));
    assert_null(agent_store_delete_task(store, "z"));
    agent_store_close(TAKE(store));
    assert_null(agent_store_open(dir->file, &store));
    text = contents(store);
    assert_string_equal(text, "T z {} 0 -;C b ecs-z-b - 0;C a ecs-z-a - 0;V v ecs-v;");
}

static void a_second_agent_is_refused(void **state)
{
    struct dir *dir = *state;
    CLEANUP(agent_store_closep) struct agent_store *store = NULL, *other = NULL;
    CLEANUP(error_freep) struct error *err = NULL;

    assert_null(agent_store_open(dir->file, &store));
    err = agent_store_open(dir->file, &other);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "locked"));
}

static void rubbish_is_refused(void **state)
{
    struct dir *dir = *state;
    CLEANUP(agent_store_closep) struct agent_store *store = NULL;
    CLEANUP(error_freep) struct error *err = NULL;
    FILE *file = fopen(dir->file, "w");

    fputs("this is no database, whatever its name says; it is longer than a header, too: "
          "0123456789012345678901234567890123456789012345678901234567890123456789\n",
          file);
    fclose(file);
    err = agent_store_open(dir->file, &store);
    assert_non_null(err);
}

static void memory_store_works_without_a_file(void **state)
{
    CLEANUP(agent_store_closep) struct agent_store *store = NULL;
    CLEANUP(str_freep) char *value = NULL;

    (void)state;
    assert_null(agent_store_open(NULL, &store));
    assert_null(agent_store_set(store, "k", "v"));
    assert_null(agent_store_set(store, "k", NULL));
    assert_null(agent_store_get(store, "k", &value));
    assert_null(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_is_there_again, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_not_committed_is_not, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_second_agent_is_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(rubbish_is_refused, make_dir, remove_dir),
        cmocka_unit_test(memory_store_works_without_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
