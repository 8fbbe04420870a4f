/* The quotas: their defaults, the operator's overrides, the page about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "core/quotas.h"

static void defaults_are_the_documented_ones(void **state)
{
    static const struct {
        const char *why;
        enum quota_name name;
        int64_t value;
    } cases[] = {
        {"MS-229", QUOTA_CLUSTERS_PER_REGION, 10000},
        {"MS-230", QUOTA_INSTANCES_PER_CLUSTER, 5000},
        {"MS-231", QUOTA_SERVICES_PER_CLUSTER, 5000},
        {"MS-232", QUOTA_TASKS_PER_SERVICE, 5000},
        {"MS-236", QUOTA_CLASSIC_LOAD_BALANCERS_PER_SERVICE, 1},
        {"MS-237", QUOTA_TARGET_GROUPS_PER_SERVICE, 5},
        {"MS-238", QUOTA_TASKS_PER_RUN_TASK, 10},
        {"MS-239", QUOTA_INSTANCES_PER_START_TASK, 10},
        {"MS-240", QUOTA_REVISIONS_PER_FAMILY, 1000000},
        {"MS-241", QUOTA_TASK_DEFINITION_BYTES, 65536},
        {"MS-242", QUOTA_CONTAINERS_PER_TASK_DEFINITION, 10},
        {"MS-243", QUOTA_SUBNETS_PER_NETWORK_CONFIGURATION, 16},
        {"MS-244", QUOTA_SECURITY_GROUPS_PER_NETWORK_CONFIGURATION, 5},
        {"MS-245", QUOTA_TAGS_PER_RESOURCE, 50},
        {"API-079", QUOTA_CAPACITY_PROVIDERS_PER_CLUSTER, 10},
        {"API-172", QUOTA_ATTRIBUTES_PER_INSTANCE, 10},
        {"API-212", QUOTA_CONNECT_SERVICES_PER_SERVICE, 30},
        {"CL-106", QUOTA_PROVISIONING_TASKS_PER_CLUSTER, 500},
    };
    struct quotas quotas = {0};

    (void)state;
    assert_int_equal(ARRAY_LEN(cases), QUOTA_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (quota(&quotas, cases[i].name) != cases[i].value ||
            quota(NULL, cases[i].name) != cases[i].value)
            fail_msg("%s: %s is %ld", cases[i].why, quota_spec(cases[i].name)->name,
                     (long)quota(&quotas, cases[i].name));
}

static void overrides_are_taken_or_refused(void **state)
{
    static const struct {
        const char *why, *text;
        enum quota_name name;
        int64_t value;     /* then */
        const char *error; /* NULL: taken */
    } cases[] = {
        {"raised", "services-per-cluster=20000", QUOTA_SERVICES_PER_CLUSTER, 20000, NULL},
        {"lowered", "services-per-cluster=1", QUOTA_SERVICES_PER_CLUSTER, 1, NULL},
        {"fixed, lowered", "containers-per-task-definition=2", QUOTA_CONTAINERS_PER_TASK_DEFINITION,
         2, NULL},
        {"fixed, raised (MS-248)", "containers-per-task-definition=11",
         QUOTA_CONTAINERS_PER_TASK_DEFINITION, 10,
         "the quota containers-per-task-definition is a number from 1 to 10 (ECS has it fixed: it "
         "may only be lowered), not '11'"},
        {"none at all", "services-per-cluster=0", QUOTA_SERVICES_PER_CLUSTER, 5000,
         "the quota services-per-cluster is a number from 1 to 1000000000, not '0'"},
        {"negative", "services-per-cluster=-3", QUOTA_SERVICES_PER_CLUSTER, 5000,
         "the quota services-per-cluster is a number from 1 to 1000000000, not '-3'"},
        {"no number", "services-per-cluster=many", QUOTA_SERVICES_PER_CLUSTER, 5000,
         "the quota services-per-cluster is a number from 1 to 1000000000, not 'many'"},
        {"number with a tail", "services-per-cluster=5k", QUOTA_SERVICES_PER_CLUSTER, 5000,
         "the quota services-per-cluster is a number from 1 to 1000000000, not '5k'"},
        {"no value", "services-per-cluster", QUOTA_SERVICES_PER_CLUSTER, 5000,
         "a quota is set as name=value, not 'services-per-cluster'"},
        {"empty value", "services-per-cluster=", QUOTA_SERVICES_PER_CLUSTER, 5000,
         "the quota services-per-cluster is a number from 1 to 1000000000, not ''"},
        {"unknown", "services=5", QUOTA_SERVICES_PER_CLUSTER, 5000, "there is no quota 'services'"},
        {"prefix", "services-per=5", QUOTA_SERVICES_PER_CLUSTER, 5000,
         "there is no quota 'services-per'"},
        {"no name", "=5", QUOTA_SERVICES_PER_CLUSTER, 5000, "there is no quota ''"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quotas quotas = {0};
        struct error *err = quotas_set(&quotas, cases[i].text);

        if (!err != !cases[i].error || (err && strcmp(err->message, cases[i].error) != 0))
            fail_msg("%s: %s", cases[i].why, err ? err->message : "taken");
        if (quota(&quotas, cases[i].name) != cases[i].value)
            fail_msg("%s: is now %ld", cases[i].why, (long)quota(&quotas, cases[i].name));
        error_free(err);
    }
}

static void names_are_stable_and_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTA_COUNT; i++) {
        const struct quota_spec *spec = quota_spec(i);

        assert_non_null(spec->name);
        assert_int_equal(strspn(spec->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(spec->name));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(spec->name, quota_spec(j)->name);
    }
}

static void the_refusal_names_the_quota(void **state)
{
    CLEANUP(error_freep)
    struct error *err = quota_error(NULL, QUOTA_TARGET_GROUPS_PER_SERVICE, API_INVALID_PARAMETER);

    (void)state;
    assert_int_equal(err->code, API_INVALID_PARAMETER);
    assert_string_equal(err->message, "At most 5 target groups per service are allowed (quota "
                                      "target-groups-per-service).");
}

/* BERTH_WRITE_DOCS=1 writes the page instead. */
static void the_page_is_the_table(void **state)
{
    CLEANUP(buf_done) struct buf page = {0};
    CLEANUP(buf_done) struct buf found = {0};
    char bytes[4096];
    size_t len;
    FILE *file;

    (void)state;
    quotas_write_page(&page);
    if (getenv("BERTH_WRITE_DOCS")) {
        file = fopen(QUOTAS_PAGE, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(page.data, 1, page.len, file), page.len);
        assert_int_equal(fclose(file), 0);
    }
    file = fopen(QUOTAS_PAGE, "r");
    assert_non_null(file);
    while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_add(&found, bytes, len);
    fclose(file);
    if (found.len != page.len || memcmp(found.data, page.data, page.len) != 0)
        fail_msg("docs/quotas.md is not what src/core/quotas.c says; BERTH_WRITE_DOCS=1 writes it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(overrides_are_taken_or_refused),
        cmocka_unit_test(names_are_stable_and_unique),
        cmocka_unit_test(the_refusal_names_the_quota),
        cmocka_unit_test(the_page_is_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
