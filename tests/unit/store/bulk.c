/* Bulk storage against a model in memory: what was appended is found, in order, across segments,
 * reopening, and cuts at every byte. */
#include "store/bulk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rows.h"

#define KEYS 40

static char folder[64];

/* The model: the value of each key, and when. */
struct model {
    char value[KEYS][32]; /* "": not there */
    int64_t at_ms[KEYS];
};

static int set_up(void **data)
{
    (void)data;
    /* In memory: hundreds of syncs are not what is looked at. */
    snprintf(folder, sizeof(folder), "%s/berth-bulk-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static char *file_of(unsigned number)
{
    static char file[128];

    snprintf(file, sizeof(file), "%s/%016x.seg", folder, number);
    return file;
}

static int tear_down(void **data)
{
    (void)data;
    for (unsigned i = 1; i < 400; i++)
        unlink(file_of(i));
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static struct bulk *opened(uint64_t segment_bytes)
{
    struct bulk *bulk = NULL;

    must(bulk_open(folder, segment_bytes, &bulk));
    return bulk;
}

static void put(struct bulk *bulk, struct model *model, unsigned key, const char *value,
                int64_t at_ms)
{
    char name[16];

    snprintf(name, sizeof(name), "k%02u", key);
    must(bulk_append(bulk,
                     &(struct bulk_row){.key = name,
                                        .key_len = (uint32_t)strlen(name),
                                        .value = value,
                                        .value_len = (uint32_t)strlen(value),
                                        .at_ms = at_ms},
                     1));
    snprintf(model->value[key], sizeof(model->value[key]), "%s", value);
    model->at_ms[key] = at_ms;
}

static void expect_get(struct bulk *bulk, const char *key, const char *value)
{
    CLEANUP(buf_done) struct buf found = {0};
    bool is_there;

    must(bulk_get(bulk, key, strlen(key), &found, &is_there));
    assert_int_equal(is_there, value != NULL);
    if (value)
        assert_string_equal(found.len ? found.data : "", value);
}

/* What a walk is to meet. */
struct expected {
    const struct model *model;
    int next; /* key, downwards */
    int left; /* rows until it stops */
};

static bool expect_row(const struct bulk_row *row, void *data)
{
    struct expected *expected = data;
    char name[16];

    while (expected->next >= 0 && !*expected->model->value[expected->next])
        expected->next--;
    assert_true(expected->next >= 0);
    snprintf(name, sizeof(name), "k%02d", expected->next);
    assert_int_equal(row->key_len, strlen(name));
    assert_memory_equal(row->key, name, row->key_len);
    assert_int_equal(row->value_len, strlen(expected->model->value[expected->next]));
    assert_memory_equal(row->value, expected->model->value[expected->next], row->value_len);
    assert_int_equal(row->at_ms, expected->model->at_ms[expected->next]);
    expected->next--;
    return --expected->left > 0;
}

static void expect_model(struct bulk *bulk, const struct model *model)
{
    char name[16];

    for (int below = 0; below <= KEYS; below += 7) {
        struct expected expected = {.model = model, .next = below - 1, .left = KEYS + 1};

        snprintf(name, sizeof(name), "k%02d", below);
        must(bulk_walk_down(bulk, "k", 1, name, strlen(name), expect_row, &expected));
        while (expected.next >= 0)
            assert_string_equal(model->value[expected.next--], "");
    }
    must(bulk_walk_down(bulk, "k", 1, NULL, 0, expect_row,
                        &(struct expected){.model = model, .next = KEYS - 1, .left = 3}));
    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(name, sizeof(name), "k%02u", i);
        expect_get(bulk, name, *model->value[i] ? model->value[i] : NULL);
    }
}

static void what_was_appended_is_found(void **data)
{
    struct rng seeded = rng_seeded(11);
    struct rng *rng = &seeded;
    struct model model = {0};
    struct bulk *bulk = opened(300);
    struct bulk_stats stats;
    char value[32];

    (void)data;
    expect_model(bulk, &model);
    for (int n = 0; n < 400; n++) {
        snprintf(value, sizeof(value), "v%d-%.*s", n, (int)(rng_next(rng) % 20),
                 "....................");
        put(bulk, &model, (unsigned)(rng_next(rng) % KEYS), value, n);
        if (n % 37 == 0) {
            bulk_close(bulk);
            bulk = opened(300);
        }
        if (n % 20 == 0)
            expect_model(bulk, &model);
    }
    expect_model(bulk, &model);
    bulk_stats(bulk, &stats);
    assert_true(stats.segments > 20);
    expect_get(bulk, "", NULL);
    expect_get(bulk, "k", NULL);
    expect_get(bulk, "k000", NULL);
    expect_get(bulk, "z", NULL);
    bulk_close(bulk);
}

static bool fail_row(const struct bulk_row *row, void *data)
{
    (void)row;
    (void)data;
    fail_msg("there is no such row");
    return false;
}

static void prefixes_keep_apart(void **data)
{
    static const char *const keys[] = {"a/1", "a/2", "a\xff", "b/1", "\xff\xff"};
    struct bulk *bulk = opened(1 << 20);

    (void)data;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        must(bulk_append(
            bulk, &(struct bulk_row){.key = keys[i], .key_len = (uint32_t)strlen(keys[i])}, 1));
    must(bulk_walk_down(bulk, "a/", 2, "a/1", 3, fail_row, NULL));
    must(bulk_walk_down(bulk, "c", 1, NULL, 0, fail_row, NULL));
    must(bulk_walk_down(bulk, "b/", 2, "b/1", 3, fail_row, NULL));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        expect_get(bulk, keys[i], "");
    bulk_close(bulk);
}

/* A crash cuts the file anywhere: the rows before are there, nothing else is, and it goes on. */
static void a_file_cut_anywhere_keeps_its_whole_rows(void **data)
{
    struct model model = {0}, less;
    struct bulk *bulk;
    off_t ends[8] = {8};
    struct stat st;

    (void)data;
    for (int sealed = 0; sealed <= 1; sealed++) {
        for (off_t cut = 0, size = 1; cut < size; cut++) {
            unlink(file_of(1));
            unlink(file_of(2));
            memset(&model, 0, sizeof(model));
            bulk = opened(1 << 20);
            for (unsigned i = 0; i < 5; i++) {
                put(bulk, &model, i, i % 2 ? "odd" : "even", i);
                assert_int_equal(stat(file_of(1), &st), 0);
                ends[i + 1] = st.st_size;
            }
            bulk_close(bulk);
            if (sealed) { /* another segment begins: the first gets its index */
                bulk = opened(1);
                put(bulk, &model, 9, "later", 9);
                bulk_close(bulk);
            }
            assert_int_equal(stat(file_of(1), &st), 0);
            size = st.st_size;
            assert_int_equal(truncate(file_of(1), cut), 0);
            less = model;
            for (int i = 0; i < 5; i++)
                if (ends[i + 1] > cut)
                    *less.value[i] = '\0';
            bulk = opened(1 << 20);
            expect_model(bulk, &less);
            put(bulk, &less, 7, "after", 10);
            expect_model(bulk, &less);
            bulk_close(bulk);
            bulk = opened(1 << 20);
            expect_model(bulk, &less);
            bulk_close(bulk);
        }
    }
}

static void damage_is_an_error(void **data)
{
    CLEANUP(buf_done) struct buf found = {0};
    struct model model = {0};
    struct bulk *bulk = opened(1 << 20);
    struct error *err;
    bool is_there;
    int fd;

    (void)data;
    put(bulk, &model, 1, "value", 1);
    fd = open(file_of(1), O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 8 + 24 + 3), 1);
    close(fd);
    err = bulk_get(bulk, "k01", 3, &found, &is_there);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "is damaged at byte 8"));
    error_free(err);
    bulk_close(bulk);
}

static void foreign_files_are_left_alone(void **data)
{
    struct bulk *bulk = NULL;
    struct error *err;
    int fd = open(file_of(3), O_CREAT | O_WRONLY, 0600);

    (void)data;
    assert_int_equal(write(fd, "something else", 14), 14);
    close(fd);
    err = bulk_open(folder, 100, &bulk);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "is no segment of bulk storage"));
    error_free(err);
}

/* Segment by segment, those whose newest row is old enough; numbers are not used again. */
static void old_segments_go(void **data)
{
    struct model model = {0};
    struct bulk *bulk = opened(1); /* a row a segment */
    struct bulk_stats stats;

    (void)data;
    for (unsigned i = 0; i < 10; i++)
        put(bulk, &model, i, "x", 100 + i);
    must(bulk_drop(bulk, 105));
    for (unsigned i = 0; i < 5; i++)
        *model.value[i] = '\0';
    expect_model(bulk, &model);
    bulk_stats(bulk, &stats);
    assert_int_equal(stats.segments, 5);
    assert_int_equal(stats.rows, 5);
    must(bulk_drop(bulk, 1000));
    memset(&model, 0, sizeof(model));
    expect_model(bulk, &model);
    put(bulk, &model, 3, "again", 2000);
    assert_int_equal(access(file_of(11), F_OK), 0);
    bulk_close(bulk);
    bulk = opened(1);
    expect_model(bulk, &model);
    bulk_close(bulk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_appended_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prefixes_keep_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_cut_anywhere_keeps_its_whole_rows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(damage_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files_are_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_segments_go, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
