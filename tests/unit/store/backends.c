/* What every backend promises (store.h), checked on each; and that they agree on generated batches.
 */
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rows.h"

#define BACKENDS 2

struct stores {
    char folder[64];
    char file[96];
    struct store *stores[BACKENDS];
};

static int set_up(void **data)
{
    struct stores *all = xcalloc(1, sizeof(*all));

    snprintf(all->folder, sizeof(all->folder), "/tmp/berth-store-XXXXXX");
    assert_non_null(mkdtemp(all->folder));
    snprintf(all->file, sizeof(all->file), "%s/state.db", all->folder);
    must(store_open_memory(&all->stores[0]));
    must(store_open_sqlite(all->file, &all->stores[1]));
    *data = all;
    return 0;
}

static int tear_down(void **data)
{
    struct stores *all = *data;

    for (int i = 0; i < BACKENDS; i++)
        store_close(all->stores[i]);
    unlink(all->file);
    rmdir(all->folder);
    free(all);
    return 0;
}

static void rows_come_in_the_order_of_their_keys(void **data)
{
    struct stores *all = *data;
    struct store_op ops[] = {op_put("b", "2"), op_put("a\xff", "3"), op_put("a", "1"),
                             op_put("ab", "4")};

    for (int i = 0; i < BACKENDS; i++) {
        must(commit_ops(all->stores[i], ops, ARRAY_LEN(ops)));
        expect_rows(all->stores[i], "", "a=1 ab=4 a\xff=3 b=2 ");
    }
}

static void a_scan_gives_the_keys_with_the_prefix(void **data)
{
    struct stores *all = *data;
    struct store_op ops[] = {op_put("a", "1"),        op_put("ab", "2"),
                             op_put("ab\xff", "3"),   op_put("ac", "4"),
                             op_put("\xff\xff", "5"), op_put("\xff\xff\x01", "6")};

    for (int i = 0; i < BACKENDS; i++) {
        must(commit_ops(all->stores[i], ops, ARRAY_LEN(ops)));
        expect_rows(all->stores[i], "ab", "ab=2 ab\xff=3 ");
        expect_rows(all->stores[i], "\xff\xff", "\xff\xff=5 \xff\xff\x01=6 ");
        expect_rows(all->stores[i], "b", "");
    }
}

static void an_empty_value_is_not_a_deletion(void **data)
{
    struct stores *all = *data;

    for (int i = 0; i < BACKENDS; i++) {
        must(commit_one(all->stores[i], "a", ""));
        expect_rows(all->stores[i], "", "a= ");
        must(commit_one(all->stores[i], "a", NULL));
        expect_rows(all->stores[i], "", "");
        must(commit_one(all->stores[i], "a", NULL)); /* of what is not there */
    }
}

static void the_last_write_of_a_batch_stays(void **data)
{
    struct stores *all = *data;
    struct store_op first[] = {op_put("a", "1"), op_put("b", "1")};
    struct store_op second[] = {op_put("a", "2"), op_delete("b")};
    struct store_op third[] = {op_put("b", "3")};
    struct store_txn txns[] = {{first, 2}, {second, 2}, {third, 1}};

    for (int i = 0; i < BACKENDS; i++) {
        must(store_commit(all->stores[i], txns, ARRAY_LEN(txns)));
        expect_rows(all->stores[i], "", "a=2 b=3 ");
    }
}

static struct error *stop_at_once(const struct store_op *row, void *data)
{
    (void)row;
    (void)data;
    return error_new(API_SERVER, "enough");
}

static void a_scan_stops_with_the_error_of_its_callback(void **data)
{
    struct stores *all = *data;

    for (int i = 0; i < BACKENDS; i++) {
        must(commit_one(all->stores[i], "a", "1"));
        must_fail(store_scan(all->stores[i], "", 0, stop_at_once, NULL), "enough");
        expect_rows(all->stores[i], "", "a=1 "); /* and can be made again */
    }
}

static void what_is_beyond_the_limits_is_refused(void **data)
{
    struct stores *all = *data;
    CLEANUP(str_freep) char *big = xcalloc(1, STORE_TXN_BYTES_MAX + 1);
    struct store_op many[STORE_TXN_KEYS_MAX + 1];
    char keys[STORE_TXN_KEYS_MAX + 1][8];
    struct store_op twice[] = {op_put("a", "1"), op_put("b", "1"), op_put("a", "2")};
    struct store_op nameless = {.key = "", .key_len = 0};
    struct store_op largest = {big, big, STORE_KEY_BYTES_MAX,
                               STORE_TXN_BYTES_MAX - STORE_KEY_BYTES_MAX};

    memset(big, 'x', STORE_TXN_BYTES_MAX);
    for (int i = 0; i <= STORE_TXN_KEYS_MAX; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%d", i);
        many[i] = op_put(keys[i], "");
    }
    for (int i = 0; i < BACKENDS; i++) {
        struct store *store = all->stores[i];

        must_fail(commit_ops(store, many, STORE_TXN_KEYS_MAX + 1), "101 keys");
        must_fail(commit_ops(store, twice, 3), "a key twice");
        must_fail(commit_ops(store, &nameless, 1), "0 bytes");
        must_fail(commit_one(store, big, ""), "bytes, 1 to 1024");
        largest.value_len++;
        must_fail(commit_ops(store, &largest, 1), "524289 bytes");
        expect_rows(store, "", "");
        largest.value_len--;
        must(commit_ops(store, &largest, 1));
        must(commit_ops(store, many, STORE_TXN_KEYS_MAX));
    }
}

static void one_refused_transaction_refuses_the_batch(void **data)
{
    struct stores *all = *data;
    struct store_op good = op_put("a", "1");
    struct store_op bad = {.key = "", .key_len = 0};
    struct store_txn txns[] = {{&good, 1}, {&bad, 1}};

    for (int i = 0; i < BACKENDS; i++) {
        must_fail(store_commit(all->stores[i], txns, 2), "a key of 0 bytes");
        expect_rows(all->stores[i], "", "");
    }
}

static void the_commit_told_to_fail_fails_once(void **data)
{
    struct stores *all = *data;

    for (int i = 0; i < BACKENDS; i++) {
        store_fail_commit(all->stores[i], 2);
        must(commit_one(all->stores[i], "a", "1"));
        must_fail(commit_one(all->stores[i], "b", "2"), "told to fail");
        must(commit_one(all->stores[i], "c", "3"));
        expect_rows(all->stores[i], "", "a=1 c=3 ");
    }
}

/* Batches over few keys, so that they meet: both backends hold the same afterwards. */
static void backends_agree(void **data)
{
    enum { BATCHES = 200, TXNS = 6, OPS = 5, KEYS = 40 };
    struct stores *all = *data;
    uint64_t seed = rng_next(&(struct rng){0});
    struct rng rng = rng_seeded(seed);
    static char keys[KEYS][3];
    static char values[TXNS][OPS][8];

    for (int i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof(keys[i]), "%02d", i);
    for (int batch = 0; batch < BATCHES; batch++) {
        struct store_op ops[TXNS][OPS];
        struct store_txn txns[TXNS];

        for (int i = 0; i < TXNS; i++) {
            size_t start = rng_below(&rng, KEYS);
            txns[i] = (struct store_txn){ops[i], rng_below(&rng, OPS + 1)};
            for (size_t j = 0; j < txns[i].count; j++) {
                snprintf(values[i][j], sizeof(values[i][j]), "%d", (int)rng_below(&rng, 1000));
                ops[i][j] = rng_below(&rng, 3) ? op_put(keys[(start + j) % KEYS], values[i][j])
                                               : op_delete(keys[(start + j) % KEYS]);
            }
        }
        for (int i = 0; i < BACKENDS; i++)
            must(store_commit(all->stores[i], txns, TXNS));
        CLEANUP(str_freep) char *rows = rows_of(all->stores[0], "");
        CLEANUP(str_freep) char *others = rows_of(all->stores[1], "");
        if (strcmp(rows, others) != 0)
            fail_msg("seed %llu, batch %d:\n%s\n%s", (unsigned long long)seed, batch, rows, others);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(rows_come_in_the_order_of_their_keys),
        EACH(a_scan_gives_the_keys_with_the_prefix),
        EACH(an_empty_value_is_not_a_deletion),
        EACH(the_last_write_of_a_batch_stays),
        EACH(a_scan_stops_with_the_error_of_its_callback),
        EACH(what_is_beyond_the_limits_is_refused),
        EACH(one_refused_transaction_refuses_the_batch),
        EACH(the_commit_told_to_fail_fails_once),
        EACH(backends_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
