/* rows.h - shorthand for store tests: rows are text, "key" and "value". */
#ifndef BERTH_TESTS_STORE_ROWS_H
#define BERTH_TESTS_STORE_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "store/store.h"

static inline struct store_op op_put(const char *key, const char *value)
{
    return (struct store_op){key, value, (uint32_t)strlen(key), (uint32_t)strlen(value)};
}

static inline struct store_op op_delete(const char *key)
{
    return (struct store_op){.key = key, .key_len = (uint32_t)strlen(key)};
}

/* Fails the test with the error's message. */
static inline void must(struct error *err)
{
    if (!err)
        return;
    char *message = str_dup(err->message);
    error_free(err);
    fail_msg("%s", message);
}

/* Wants an error whose message has `part`. */
static inline void must_fail(struct error *err, const char *part)
{
    if (!err)
        fail_msg("succeeded, expected: %s", part);
    if (!strstr(err->message, part))
        fail_msg("%s: expected: %s", err->message, part);
    error_free(err);
}

UNUSED static struct error *commit_ops(struct store *store, const struct store_op *ops,
                                       size_t count)
{
    struct store_txn txn = {ops, count};

    return store_commit(store, &txn, 1);
}

UNUSED static struct error *commit_one(struct store *store, const char *key, const char *value)
{
    struct store_op op = value ? op_put(key, value) : op_delete(key);

    return commit_ops(store, &op, 1);
}

static inline struct error *row_append(const struct store_op *row, void *data)
{
    struct buf *buf = data;

    buf_add(buf, row->key, row->key_len);
    buf_add_char(buf, '=');
    buf_add(buf, row->value, row->value_len);
    buf_add_char(buf, ' ');
    return NULL;
}

/* All rows under the prefix as "k=v k=v "; the caller's to free. */
static inline char *rows_of(struct store *store, const char *prefix)
{
    struct buf buf = {0};

    must(store_scan(store, prefix, strlen(prefix), row_append, &buf));
    return buf_take(&buf);
}

UNUSED static void expect_rows(struct store *store, const char *prefix, const char *rows)
{
    CLEANUP(str_freep) char *found = rows_of(store, prefix);

    assert_string_equal(found, rows);
}

#endif
