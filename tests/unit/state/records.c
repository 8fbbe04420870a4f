/* The codec of stored records: what is written is read back, what is not known is kept, what is
 * malformed is refused; and keys are in the order of their members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/intern.h"
#include "base/mem.h"
#include "samples.h"

static uint64_t seed;

static void must(struct error *err)
{
    if (!err)
        return;
    char *message = str_dup(err->message);
    error_free(err);
    fail_msg("seed %llu: %s", (unsigned long long)seed, message);
}

static struct buf encoded(enum record_kind kind, const void *record)
{
    struct buf buf = {0};

    buf_add_str(&buf, "");
    record_encode(kind, record, &buf);
    return buf;
}

static void expect_bytes(const struct buf *found, const struct buf *wanted)
{
    if (found->len != wanted->len || memcmp(found->data, wanted->data, found->len) != 0)
        fail_msg("seed %llu: bytes differ", (unsigned long long)seed);
}

static void what_is_written_is_read_back(void **data)
{
    struct rng rng = rng_seeded(seed);

    (void)data;
    for (int round = 0; round < 300; round++)
        for (int k = 0; k < RECORD_COUNT; k++) {
            enum record_kind kind = (enum record_kind)k;
            void *record = sample_record(kind, &rng, round == 0);
            void *copy = sample_copy(kind, record);
            CLEANUP(buf_done) struct buf bytes = encoded(kind, record);
            void *again;

            must(record_decode(kind, bytes.data, bytes.len, &again));
            CLEANUP(buf_done) struct buf bytes_again = encoded(kind, again);
            CLEANUP(buf_done) struct buf bytes_of_copy = encoded(kind, copy);
            expect_bytes(&bytes_again, &bytes);
            expect_bytes(&bytes_of_copy, &bytes);
            record_free(kind, record);
            record_free(kind, copy);
            record_free(kind, again);
        }
}

static void every_member_is_written(void **data)
{
    struct rng rng = rng_seeded(seed);

    (void)data;
    for (int k = 0; k < RECORD_COUNT; k++) {
        enum record_kind kind = (enum record_kind)k;
        void *record = sample_record(kind, &rng, true);
        CLEANUP(buf_done) struct buf bytes = encoded(kind, record);
        struct pb_reader reader = {.at = (uint8_t *)bytes.data,
                                   .end = (uint8_t *)bytes.data + bytes.len};
        struct pb_member member;
        bool seen[256] = {false};
        unsigned count = 0;

        while (pb_next(&reader, &member)) {
            count += !seen[member.number];
            seen[member.number] = true;
        }
        assert_false(reader.is_malformed);
        assert_int_equal(count, sample_member_count(kind));
        record_free(kind, record);
    }
}

/* Field by field as the format's documentation says, so that other programs read it too. */
static void the_bytes_are_those_of_protocol_buffers(void **data)
{
    static const char wanted[] = "\x0a\x03web"                /* 1: "web" */
                                 "\x10\x04"                   /* 2: INACTIVE */
                                 "\x18\x96\x01"               /* 3: 150 ms */
                                 "\x22\x06\x0a\x01k\x12\x01v" /* 4: {1: "k", 2: "v"} */
                                 "\x22\x03\x0a\x01x"          /* 4: {1: "x"} */
                                 "\x2a\x00"                   /* 5: "" */
                                 "\x3a\x03one\x3a\x03two";    /* 7: "one", 7: "two" */
    struct cluster *cluster = cluster_new();
    struct tag *tags;

    (void)data;
    cluster_set_name(cluster, "web");
    cluster->status = CLUSTER_INACTIVE;
    cluster->created_at_ms = 150;
    tags = cluster_resize_tags(cluster, 2);
    tag_set_key(&tags[0], "k");
    tag_set_value(&tags[0], "v");
    tag_set_key(&tags[1], "x");
    cluster_set_settings(cluster, "");
    cluster_append_capacity_providers(cluster, "one");
    cluster_append_capacity_providers(cluster, "two");
    CLEANUP(buf_done) struct buf bytes = encoded(RECORD_CLUSTER, cluster);
    assert_int_equal(bytes.len, sizeof(wanted) - 1);
    assert_memory_equal(bytes.data, wanted, bytes.len);
    cluster_free(cluster);
}

static void lengths_beyond_one_byte_are_written_right(void **data)
{
    static const size_t lengths[] = {1, 100, 127, 128, 129, 16383, 16384, 70000};

    (void)data;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        CLEANUP(str_freep) char *text = xcalloc(1, lengths[i] + 1);
        struct cluster *cluster = cluster_new(), *again;

        memset(text, 'x', lengths[i]);
        cluster_set_name(cluster, "web");
        tag_set_value(cluster_append_tags(cluster), text);
        tag_set_key(cluster_append_tags(cluster), "last");
        CLEANUP(buf_done) struct buf bytes = encoded(RECORD_CLUSTER, cluster);
        must(cluster_decode(bytes.data, bytes.len, &again));
        assert_int_equal(again->tags_count, 2);
        assert_string_equal(again->tags[0].value, text);
        assert_string_equal(again->tags[1].key, "last");
        cluster_free(cluster);
        cluster_free(again);
    }
}

static void add_unknown(struct buf *buf)
{
    pb_put_text(buf, 900, "of the future");
    pb_put_int(buf, 901, -1);
    buf_add(buf, "\xb5\x38\x01\x02\x03\x04", 6);                  /* 902: four bytes */
    buf_add(buf, "\xb9\x38\x01\x02\x03\x04\x05\x06\x07\x08", 10); /* 903: eight */
}

static bool contains(const struct buf *buf, const struct buf *part)
{
    return memmem(buf->data, buf->len, part->data, part->len) != NULL;
}

/* An older program gives back what a newer one wrote, after changes of its own too. */
static void unknown_members_are_written_again(void **data)
{
    struct rng rng = rng_seeded(seed);
    CLEANUP(buf_done) struct buf unknown = {0};

    (void)data;
    add_unknown(&unknown);
    for (int k = 0; k < RECORD_COUNT; k++) {
        enum record_kind kind = (enum record_kind)k;
        void *record = sample_record(kind, &rng, true);
        CLEANUP(buf_done) struct buf bytes = encoded(kind, record);
        void *again, *copy;

        add_unknown(&bytes);
        must(record_decode(kind, bytes.data, bytes.len, &again));
        copy = sample_copy(kind, again);
        CLEANUP(buf_done) struct buf rewritten = encoded(kind, copy);
        assert_true(contains(&rewritten, &unknown));
        assert_int_equal(rewritten.len, bytes.len);
        record_free(kind, record);
        record_free(kind, again);
        record_free(kind, copy);
    }
}

static void unknown_members_of_records_in_records_too(void **data)
{
    CLEANUP(buf_done) struct buf bytes = {0}, unknown = {0};
    struct cluster *cluster;
    size_t mark;

    (void)data;
    add_unknown(&unknown);
    pb_put_text(&bytes, 1, "web");
    mark = pb_open(&bytes, 4);
    pb_put_text(&bytes, 1, "key");
    add_unknown(&bytes);
    pb_close(&bytes, mark);
    must(cluster_decode(bytes.data, bytes.len, &cluster));
    tag_set_value(&cluster->tags[0], "value");
    CLEANUP(buf_done) struct buf rewritten = encoded(RECORD_CLUSTER, cluster);
    assert_true(contains(&rewritten, &unknown));
    cluster_free(cluster);
}

/* A status that a newer berth knows is kept until this one sets another. */
static void unknown_enum_values_are_kept_until_changed(void **data)
{
    CLEANUP(buf_done) struct buf bytes = {0};
    struct cluster *cluster, *again;

    (void)data;
    pb_put_text(&bytes, 1, "web");
    pb_put_int(&bytes, 2, 77);
    must(cluster_decode(bytes.data, bytes.len, &cluster));
    assert_int_equal(cluster->status, CLUSTER_ACTIVE);
    CLEANUP(buf_done) struct buf rewritten = encoded(RECORD_CLUSTER, cluster);
    assert_int_equal(rewritten.len, bytes.len);

    cluster->status = CLUSTER_FAILED;
    buf_clear(&rewritten);
    cluster_encode(cluster, &rewritten);
    must(cluster_decode(rewritten.data, rewritten.len, &again));
    assert_int_equal(again->status, CLUSTER_FAILED);
    cluster_free(cluster);
    cluster_free(again);
}

static void malformed_bytes_are_refused(void **data)
{
    static const struct {
        const char *why;
        const char *bytes;
        size_t len;
    } cases[] = {
#define CASE(why, bytes) {why, bytes, sizeof(bytes) - 1}
        CASE("nothing, not even a key", ""),
        CASE("text cut off", "\x0a\x05web"),
        CASE("a tag without its value", "\x0a\x03web\x10"),
        CASE("an endless number", "\x0a\x03web\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        CASE("a number of 70 bits", "\x0a\x03web\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        CASE("member number zero", "\x0a\x03web\x02\x01x"),
        CASE("a group", "\x0a\x03web\x0b\x0c"),
        CASE("wire type 6", "\x0a\x03web\x0e"),
        CASE("text where a number belongs", "\x0a\x03web\x1a\x01x"),
        CASE("a number where text belongs", "\x08\x01"),
        CASE("a number where a record belongs", "\x0a\x03web\x20\x01"),
        CASE("text with a NUL in it", "\x0a\x03w\0b"),
        CASE("a record in a record cut off", "\x0a\x03web\x22\x03\x0a\x05x"),
        CASE("text where an enum belongs", "\x0a\x03web\x12\x01x"),
        CASE("a length of 2^63", "\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
        CASE("a fixed number cut off", "\x0a\x03web\xb5\x38\x01"),
#undef CASE
    };

    (void)data;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cluster *cluster;
        struct error *err = cluster_decode(cases[i].bytes, cases[i].len, &cluster);
        if (!err)
            fail_msg("%s: read", cases[i].why);
        error_free(err);
    }
}

static void numbers_beyond_their_type_are_refused(void **data)
{
    static const int64_t values[] = {INT32_MAX + 1ll, INT32_MIN - 1ll, INT64_MAX};

    (void)data;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(buf_done) struct buf bytes = {0};
        struct task_family *family;
        struct error *err;

        pb_put_text(&bytes, 1, "web");
        pb_put_int(&bytes, 2, values[i]);
        err = task_family_decode(bytes.data, bytes.len, &family);
        assert_non_null(err);
        error_free(err);
    }
}

/* Cut anywhere or with any byte changed: an error or a record, never a crash or a leak. */
static void damaged_records_do_no_harm(void **data)
{
    struct rng rng = rng_seeded(seed);

    (void)data;
    for (int k = 0; k < RECORD_COUNT; k++) {
        enum record_kind kind = (enum record_kind)k;
        void *record = sample_record(kind, &rng, true);
        CLEANUP(buf_done) struct buf bytes = encoded(kind, record);

        for (int round = 0; round < 500; round++) {
            size_t len = rng_below(&rng, 2) ? bytes.len : rng_below(&rng, bytes.len + 1);
            CLEANUP(str_freep) char *damaged = xmalloc(len ? len : 1);
            void *again;
            struct error *err;

            memcpy(damaged, bytes.data, len);
            for (uint64_t i = 0, n = rng_below(&rng, 4); i < n && len > 0; i++)
                damaged[rng_below(&rng, len)] = (char)rng_next(&rng);
            err = record_decode(kind, damaged, len, &again);
            if (err)
                error_free(err);
            else
                record_free(kind, again);
        }
        record_free(kind, record);
    }
}

static int key_cmp(const struct buf *a, const struct buf *b)
{
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static struct buf key_of(const char *account, const char *family, int32_t revision)
{
    struct scope scope = {.account = account, .region = "us-east-1"};
    struct task_definition *definition = task_definition_new();
    struct buf key = {0};

    task_definition_set_family(definition, family);
    definition->revision = revision;
    task_definition_key(definition, &scope, &key);
    task_definition_free(definition);
    return key;
}

static void keys_are_in_the_order_of_their_members(void **data)
{
    static const struct {
        const char *account, *family;
        int32_t revision;
    } rows[] = {
        {"000000000000", "a", 1},   {"000000000000", "a", 2},     {"000000000000", "a", 255},
        {"000000000000", "a", 256}, {"000000000000", "a", 70000}, {"000000000000", "a-b", 1},
        {"000000000000", "ab", -5}, {"000000000000", "ab", 0},    {"000000000000", "ab", 3},
        {"111111111111", "a", 1},
    };

    (void)data;
    for (size_t i = 1; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_done)
        struct buf a = key_of(rows[i - 1].account, rows[i - 1].family, rows[i - 1].revision);
        CLEANUP(buf_done) struct buf b = key_of(rows[i].account, rows[i].family, rows[i].revision);
        assert_true(key_cmp(&a, &b) < 0);
    }
}

static void a_key_tells_scope_and_kind(void **data)
{
    CLEANUP(buf_done) struct buf key = key_of("123456789012", "web", 1);
    struct access_key *access_key = access_key_new();
    CLEANUP(buf_done) struct buf global = {0};
    struct record_key parsed;

    (void)data;
    assert_true(record_key_parse(key.data, key.len, &parsed));
    assert_string_equal(parsed.account, "123456789012");
    assert_string_equal(parsed.region, "us-east-1");
    assert_int_equal(parsed.kind, RECORD_TASK_DEFINITION);
    access_key_set_access_key_id(access_key, "AKIA");
    access_key_key(access_key, NULL, &global);
    access_key_free(access_key);
    assert_true(record_key_parse(global.data, global.len, &parsed));
    assert_string_equal(parsed.account, "");
    assert_int_equal(parsed.kind, RECORD_ACCESS_KEY);

    assert_false(record_key_parse("a\0b\0nothing\0", 12, &parsed));
    assert_false(record_key_parse("a\0b\0cluster", 11, &parsed));
    assert_false(record_key_parse("", 0, &parsed));
}

static void setters_own_what_they_are_given(void **data)
{
    struct task *task = task_new();
    char text[] = "changed";

    (void)data;
    assert_null(task->rare->stopped_reason); /* readable before there is anything */
    task_set_stopped_reason(task, NULL);
    task_set_stopped_reason(task, text);
    task_set_started_by(task, text);
    text[0] = 'C';
    assert_string_equal(task->rare->stopped_reason, "changed");
    assert_string_equal(task->started_by, "changed");
    assert_ptr_equal(intern_find("changed"), task->started_by);
    task_set_started_by(task, task->started_by);
    task_set_stopped_reason(task, task->rare->stopped_reason);
    assert_string_equal(task->rare->stopped_reason, "changed");
    task_append_ports(task)->number = 80;
    task_append_ports(task)->number = 443;
    assert_int_equal(task_resize_ports(task, 3)[1].number, 443);
    assert_int_equal(task->ports[2].number, 0);
    task_resize_ports(task, 0);
    assert_int_equal(task->ports_count, 0);
    task_free(task);
    assert_null(intern_find("changed"));
}

static void enum_names_are_read_back(void **data)
{
    (void)data;
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        enum task_status status;
        assert_true(task_status_parse(task_status_name((enum task_status)i), &status));
        assert_int_equal(status, i);
    }
    enum task_status untouched = TASK_STOPPED;
    assert_false(task_status_parse("ASLEEP", &untouched));
    assert_int_equal(untouched, TASK_STOPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(every_member_is_written),
        cmocka_unit_test(the_bytes_are_those_of_protocol_buffers),
        cmocka_unit_test(lengths_beyond_one_byte_are_written_right),
        cmocka_unit_test(unknown_members_are_written_again),
        cmocka_unit_test(unknown_members_of_records_in_records_too),
        cmocka_unit_test(unknown_enum_values_are_kept_until_changed),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(numbers_beyond_their_type_are_refused),
        cmocka_unit_test(damaged_records_do_no_harm),
        cmocka_unit_test(keys_are_in_the_order_of_their_members),
        cmocka_unit_test(a_key_tells_scope_and_kind),
        cmocka_unit_test(setters_own_what_they_are_given),
        cmocka_unit_test(enum_names_are_read_back),
    };

    seed = rng_next(&(struct rng){0});
    print_message("seed %llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
