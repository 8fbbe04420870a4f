/* Clusters and capacity providers on their way (CL-023, CL-024, CL-036, API-183). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "base/str.h"
#include "core/capacity.h"

static void statuses_move_one_way(void **state)
{
    static const struct {
        const char *why;
        enum cluster_status from, to;
        bool is_legal;
    } rows[] = {
        {"made with managed scaling", CLUSTER_INACTIVE, CLUSTER_PROVISIONING, true},
        {"made again", CLUSTER_INACTIVE, CLUSTER_ACTIVE, true},
        {"its attachments are there", CLUSTER_PROVISIONING, CLUSTER_ACTIVE, true},
        {"they could not be made", CLUSTER_PROVISIONING, CLUSTER_FAILED, true},
        {"deleted, nothing to take down", CLUSTER_ACTIVE, CLUSTER_INACTIVE, true},
        {"deleted", CLUSTER_ACTIVE, CLUSTER_DEPROVISIONING, true},
        {"taken down", CLUSTER_DEPROVISIONING, CLUSTER_INACTIVE, true},
        {"deleted before it was there", CLUSTER_PROVISIONING, CLUSTER_INACTIVE, false},
        {"back from deletion", CLUSTER_DEPROVISIONING, CLUSTER_ACTIVE, false},
        {"back to the beginning", CLUSTER_ACTIVE, CLUSTER_PROVISIONING, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (cluster_status_may_follow(rows[i].from, rows[i].to) != rows[i].is_legal)
            fail_msg("%s", rows[i].why);
}

static void expect_attachments(const struct cluster *cluster, const char *wanted)
{
    CLEANUP(buf_done) struct buf found = {0};

    for (uint32_t i = 0; i < cluster->attachments_count; i++)
        buf_printf(&found, "%s %s;", cluster->attachments[i].provider,
                   attachment_status_name(cluster->attachments[i].status));
    assert_string_equal(found.data ? found.data : "", wanted);
}

/* Wanting twice is wanting once; settling twice changes nothing more. */
static void attachments_follow_what_is_wanted(void **state)
{
    static const char *const ab[] = {"a", "b"};
    static const char *const bc[] = {"b", "c"};
    struct cluster *cluster = cluster_new();
    struct rng rng = rng_seeded(1);
    struct id of_b;

    (void)state;
    assert_true(cluster_want_attachments(cluster, ab, 2, &rng, 1));
    assert_false(cluster_want_attachments(cluster, ab, 2, &rng, 2));
    cluster_begin(cluster);
    assert_int_equal(cluster->status, CLUSTER_PROVISIONING);
    expect_attachments(cluster, "a PRECREATED;b PRECREATED;");
    assert_true(cluster_needs_settling(cluster));
    cluster_settle(cluster);
    assert_false(cluster_needs_settling(cluster));
    assert_int_equal(cluster->status, CLUSTER_ACTIVE);
    expect_attachments(cluster, "a CREATED;b CREATED;");
    of_b = cluster->attachments[1].id;

    assert_true(cluster_want_attachments(cluster, bc, 2, &rng, 3));
    expect_attachments(cluster, "a DELETING;b CREATED;c PRECREATED;");
    /* One that is going and is wanted again is another one. */
    assert_true(cluster_want_attachments(cluster, ab, 2, &rng, 4));
    expect_attachments(cluster, "a DELETING;b CREATED;c DELETING;a PRECREATED;");
    cluster_settle(cluster);
    expect_attachments(cluster, "b CREATED;a CREATED;");
    assert_int_equal(id_cmp(&cluster->attachments[0].id, &of_b), 0);
    assert_int_equal(cluster->attachments_status, ATTACHMENTS_UPDATE_COMPLETE);

    assert_true(cluster_want_attachments(cluster, NULL, 0, &rng, 5));
    cluster_end(cluster);
    assert_false(cluster_is_open(cluster));
    cluster_settle(cluster);
    expect_attachments(cluster, "");
    assert_int_equal(cluster->status, CLUSTER_INACTIVE);
    cluster_free(cluster);
}

static void providers_come_to_rest(void **state)
{
    struct capacity_provider *provider = capacity_provider_new();

    (void)state;
    assert_false(provider_needs_settling(provider));
    provider->update = PROVIDER_UPDATE_UPDATE_IN_PROGRESS;
    provider_settle(provider, 7);
    assert_int_equal(provider->update, PROVIDER_UPDATE_UPDATE_COMPLETE);
    assert_int_equal(provider->status, PROVIDER_ACTIVE);
    provider->update = PROVIDER_UPDATE_DELETE_IN_PROGRESS;
    tag_set_key(capacity_provider_append_tags(provider), "k");
    provider_settle(provider, 7);
    assert_int_equal(provider->update, PROVIDER_UPDATE_DELETE_COMPLETE);
    assert_int_equal(provider->status, PROVIDER_INACTIVE);
    assert_int_equal(provider->tags_count, 0);
    assert_int_equal(provider->deleted_at_ms, 7);
    assert_false(provider_needs_settling(provider));
    capacity_provider_free(provider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_move_one_way),
        cmocka_unit_test(attachments_follow_what_is_wanted),
        cmocka_unit_test(providers_come_to_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
