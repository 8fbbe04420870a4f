/* Store files of released versions: this one reads them, and loses nothing of them when it writes
 * them again (CONTRIBUTING.md, 'a new stored field').
 *
 * usage: releases FOLDER        checks the files of FOLDER named below
 *        releases write FILE    makes the file of the version at hand, to be kept when it is
 * released
 *
 * A file holds one row of every kind its release knew, each with all its members. */
#include "world.h"

#include <unistd.h>

#include "base/mem.h"
#include "samples.h"

#define ACCOUNT "123456789012"
#define REGION  "eu-central-1"

static const char *folder;

static const struct release {
    const char *file;
    size_t rows; /* one of each kind it knew */
} releases[] = {
    {"0.1.0.db", 12},
};

/* Rows that belong together: else what is of no service would be swept away. */
static void *coherent_sample(enum record_kind kind, struct rng *rng)
{
    void *record = sample_record(kind, rng, true);

    switch (kind) {
    case RECORD_CLUSTER:
        cluster_set_name(record, "default");
        break;
    case RECORD_CONTAINER_INSTANCE:
        container_instance_set_cluster(record, "default");
        break;
    case RECORD_TASK:
        task_set_cluster(record, "default");
        break;
    case RECORD_SERVICE:
        service_set_cluster(record, "default");
        service_set_name(record, "web");
        break;
    case RECORD_SERVICE_EVENT:
        service_event_set_cluster(record, "default");
        service_event_set_service(record, "web");
        break;
    case RECORD_SERVICE_REVISION:
        service_revision_set_cluster(record, "default");
        service_revision_set_service(record, "web");
        break;
    case RECORD_SERVICE_DEPLOYMENT:
        service_deployment_set_cluster(record, "default");
        service_deployment_set_service(record, "web");
        break;
    default:
        break;
    }
    return record;
}

static void write_row(struct store *store, enum record_kind kind, struct rng *rng)
{
    struct scope scope = {.account = ACCOUNT, .region = REGION};
    void *record = coherent_sample(kind, rng);
    CLEANUP(buf_done) struct buf key = {0};
    CLEANUP(buf_done) struct buf value = {0};

    record_key(kind, record, &scope, &key);
    record_encode(kind, record, &value);
    struct store_op op = {key.data, value.data, (uint32_t)key.len, (uint32_t)value.len};
    must(store_commit(store, &(struct store_txn){&op, 1}, 1));
    record_free(kind, record);
}

static int write_file(const char *file)
{
    struct rng rng = rng_seeded(19701201);
    struct store *store;

    must(store_open_sqlite(file, &store));
    for (int kind = 0; kind < RECORD_COUNT; kind++)
        write_row(store, (enum record_kind)kind, &rng);
    store_close(store);
    return 0;
}

static void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    size_t len;
    FILE *in = fopen(from, "r");
    FILE *out = fopen(to, "w");

    if (!in)
        fail_msg("no %s", from);
    assert_non_null(out);
    while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(in);
    fclose(out);
}

static bool has_member(const struct buf *value, const struct pb_member *wanted)
{
    struct pb_reader reader = {.at = (uint8_t *)value->data,
                               .end = (uint8_t *)value->data + value->len};
    struct pb_member found;

    while (pb_next(&reader, &found))
        if (found.end - found.start == wanted->end - wanted->start &&
            !memcmp(found.start, wanted->start, (size_t)(wanted->end - wanted->start)))
            return true;
    return false;
}

static struct error *check_row(const struct store_op *row, void *data)
{
    uint64_t *kinds = data;
    CLEANUP(buf_done) struct buf rewritten = {0};
    struct pb_reader reader = {.at = row->value,
                               .end = (const uint8_t *)row->value + row->value_len};
    struct pb_member member;
    struct record_key key;
    void *record;

    assert_true(record_key_parse(row->key, row->key_len, &key));
    *kinds |= BIT(key.kind);
    must(record_decode(key.kind, row->value, row->value_len, &record));
    record_encode(key.kind, record, &rewritten);
    record_free(key.kind, record);
    while (pb_next(&reader, &member))
        if (!has_member(&rewritten, &member))
            fail_msg("%s: member %u is lost", record_kind_name(key.kind), member.number);
    return NULL;
}

/* Through the tables: everything finds its place, and nothing is swept away. */
static void check_state(struct store *store, size_t rows)
{
    struct world *world = world_new_on(store);
    const struct scope *scope = state_scope(world->state, REGION, ACCOUNT);
    const struct service *service = state_service(world->state, scope, "default", "web");
    struct state_stats stats;

    world_settle(world);
    state_stats(world->state, &stats);
    assert_int_equal(stats.clusters, 1);
    assert_int_equal(stats.instances, 1);
    assert_int_equal(stats.tasks, 1);
    assert_int_equal(stats.services, 1);
    assert_int_equal(stats.task_definitions, 1);
    assert_non_null(state_service_event_before(world->state, service, NULL));
    assert_non_null(state_service_deployment_before(world->state, scope, "default", "web", NULL));
    assert_non_null(state_access_key_after(world->state, NULL));
    assert_int_equal(world_row_count(world), rows);
    world_free(world);
}

static void each_release_is_read_and_nothing_of_it_lost(void **data)
{
    char copy[] = "/tmp/berth-release-XXXXXX";
    char from[512];

    (void)data;
    assert_true(mkstemp(copy) >= 0);
    for (size_t i = 0; i < ARRAY_LEN(releases); i++) {
        struct store *store;
        uint64_t kinds = 0;

        snprintf(from, sizeof(from), "%s/%s", folder, releases[i].file);
        copy_file(from, copy);
        must(store_open_sqlite(copy, &store));
        must(store_scan(store, NULL, 0, check_row, &kinds));
        assert_int_equal(__builtin_popcountll(kinds), releases[i].rows);
        check_state(store, releases[i].rows);
    }
    unlink(copy);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_release_is_read_and_nothing_of_it_lost),
    };

    if (argc == 3 && !strcmp(argv[1], "write"))
        return write_file(argv[2]);
    folder = argc > 1 ? argv[1] : "tests/data/releases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
