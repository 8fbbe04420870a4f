/* What a path asks for: AG-220 to AG-243, AG-904, AG-906, AG-909, AG-911, AP-451. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/endpoints/task_route.h"
#include "base/str.h"

static const struct {
    const char *path, *query;
    enum task_asked asked;
    int version;
    const char *id, *type, *name;
} rows[] = {
    {"/v1/credentials", "id=a", ASKED_CREDENTIALS, 1, "a"},
    {"/v1/credentials", "x=1&id=a%2Fb&id=c", ASKED_CREDENTIALS, 1, "a/b"},
    {"/v1/credentials", "", ASKED_CREDENTIALS, 1, NULL},
    {"/v1/credentials/", "id=a", ASKED_NOTHING, 1, NULL},
    {"/v2/credentials/a", "", ASKED_CREDENTIALS, 2, "a"},
    {"/v2/credentials/a/b", "", ASKED_CREDENTIALS, 2, "a/b"},
    {"/v2/credentials/", "", ASKED_CREDENTIALS, 2, ""},
    {"/v2/metadata", "", ASKED_TASK, 2, NULL},
    {"/v2/metadata/", "", ASKED_TASK, 2, NULL},
    {"/v2/metadata/abc", "", ASKED_CONTAINER, 2, "abc"},
    {"/v2/metadataWithTags", "", ASKED_TASK_WITH_TAGS, 2, NULL},
    {"/v2/metadataWithTags/", "", ASKED_TASK_WITH_TAGS, 2, NULL},
    {"/v2/metadataWithTags/abc", "", ASKED_NOTHING, 2, NULL},
    {"/v2/stats", "", ASKED_TASK_STATS, 2, NULL},
    {"/v2/stats/", "", ASKED_TASK_STATS, 2, NULL},
    {"/v2/stats/abc", "", ASKED_CONTAINER_STATS, 2, "abc"},
    {"/v2/", "", ASKED_NOTHING, 2, NULL},
    {"/v3/id", "", ASKED_CONTAINER, 3, "id"},
    {"/v4/id", "", ASKED_CONTAINER, 4, "id"},
    {"/v4/id/", "", ASKED_NOTHING, 4, "id"},
    {"/v4/id/task", "", ASKED_TASK, 4, "id"},
    {"/v4/id/taskWithTags", "", ASKED_TASK_WITH_TAGS, 4, "id"},
    {"/v4/id/stats", "", ASKED_CONTAINER_STATS, 4, "id"},
    {"/v3/id/task/stats", "", ASKED_TASK_STATS, 3, "id"},
    {"/v4/id/task/more", "", ASKED_NOTHING, 4, "id"},
    {"/v4/id/associations/gpu", "", ASKED_ASSOCIATIONS, 4, "id", "gpu"},
    {"/v4/id/associations/gpu/", "", ASKED_ASSOCIATION, 4, "id", "gpu", ""},
    {"/v3/id/associations/gpu/a/b", "", ASKED_ASSOCIATION, 3, "id", "gpu", "a/b"},
    {"/api/id/task-protection/v1/state", "", ASKED_PROTECTION, 1, "id"},
    {"/api/id/task-protection/v2/state", "", ASKED_NOTHING, 1, "id"},
    {"/api/id/fault/v1/network-latency/start", "", ASKED_FAULT, 1, "id"},
    {"/api/id/fault/v1/network-blackhole-port/status", "", ASKED_FAULT, 1, "id"},
    {"/api/id/fault/v1/network-packet-loss/stop", "", ASKED_FAULT, 1, "id"},
    {"/api/id/fault/v1/network-packet-loss/", "", ASKED_NOTHING, 1, "id"},
    {"/api/id/fault/v1/disk-full/start", "", ASKED_NOTHING, 1, "id"},
    {"/api/", "", ASKED_NOTHING, 1, NULL},
    {"/v5/id", "", ASKED_NOTHING, 1, NULL},
    {"/", "", ASKED_NOTHING, 1, NULL},
    {"/v4%2Fid", "", ASKED_CONTAINER, 4, "id"}, /* as decoded, like the official agent */
    {"//v4/id", "", ASKED_ELSEWHERE, 1, NULL},
    {"/v4/./id", "", ASKED_ELSEWHERE, 1, NULL},
    {"/v4/x/../id", "", ASKED_ELSEWHERE, 1, NULL},
    {"/v2/metadata//", "", ASKED_ELSEWHERE, 1, NULL},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct task_route got = task_route_read(&arena, rows[i].path, rows[i].query);

        if (got.asked != rows[i].asked || got.version != rows[i].version ||
            !str_eq(got.id, rows[i].id) || !str_eq(got.type, rows[i].type) ||
            !str_eq(got.name, rows[i].name))
            fail_msg("%s?%s: asked %d version %d id %s", rows[i].path, rows[i].query, got.asked,
                     got.version, got.id ? got.id : "none");
        arena_done(&arena);
    }
}

static void test_clean_paths(void **state)
{
    static const struct {
        const char *path, *clean;
    } pairs[] = {
        {"//v3//x/task", "/v3/x/task"},
        {"/a/./b/../c/", "/a/c/"},
        {"/../..", "/"},
        {"/a/..", "/"},
        {"", "/"},
        {"/%2e%2e/x", "/x"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct arena arena = {0};

        assert_string_equal(task_route_read(&arena, pairs[i].path, "").clean, pairs[i].clean);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_clean_paths),
    };

    return cmocka_run_group_tests_name("agent_route", tests, NULL, NULL);
}
