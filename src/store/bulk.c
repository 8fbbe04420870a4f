#include "store/bulk.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/mem.h"
#include "store/bulk_segment.h"

struct bulk {
    pthread_mutex_t lock; /* all below */
    char *folder;
    uint64_t segment_bytes;
    struct segment **segments; /* by number; only the last may be unsealed */
    size_t count, capacity;
    uint64_t last_number;
};

/* ---- opening ---- */

static int number_cmp(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static bool parse_name(const char *name, uint64_t *ret)
{
    char *end;

    *ret = strtoull(name, &end, 16);
    return end == name + 16 && strcmp(end, ".seg") == 0 && *ret > 0;
}

static struct error *list_folder(const char *folder, uint64_t **ret_numbers, size_t *ret_count)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    uint64_t *numbers = NULL;
    size_t count = 0, capacity = 0;
    uint64_t number;

    if (!dir)
        return error_errno(errno, "listing %s", folder);
    while ((entry = readdir(dir))) {
        if (!parse_name(entry->d_name, &number))
            continue;
        ARRAY_GROW(numbers, count, capacity);
        numbers[count++] = number;
    }
    closedir(dir);
    if (count > 1)
        qsort(numbers, count, sizeof(*numbers), number_cmp);
    *ret_numbers = numbers;
    *ret_count = count;
    return NULL;
}

static void keep(struct bulk *bulk, struct segment *segment)
{
    ARRAY_GROW(bulk->segments, bulk->count, bulk->capacity);
    bulk->segments[bulk->count++] = segment;
    bulk->last_number = segment->number;
}

static struct error *open_all(struct bulk *bulk, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct segment *segment = NULL;

        TRY(segment_open(bulk->folder, numbers[i], &segment));
        keep(bulk, segment);
        if (!segment->is_sealed && i + 1 < count)
            TRY(segment_seal(segment));
    }
    return NULL;
}

struct error *bulk_open(const char *folder, uint64_t segment_bytes, struct bulk **ret_bulk)
{
    struct bulk *bulk;
    uint64_t *numbers = NULL;
    size_t count = 0;
    struct error *err;

    TRY(dir_make(folder));
    TRY(list_folder(folder, &numbers, &count));
    bulk = xcalloc(1, sizeof(*bulk));
    pthread_mutex_init(&bulk->lock, NULL);
    bulk->folder = str_dup(folder);
    bulk->segment_bytes = segment_bytes;
    err = open_all(bulk, numbers, count);
    free(numbers);
    if (err) {
        bulk_close(bulk);
        return err;
    }
    *ret_bulk = bulk;
    return NULL;
}

void bulk_close(struct bulk *bulk)
{
    if (!bulk)
        return;
    for (size_t i = 0; i < bulk->count; i++)
        segment_free(bulk->segments[i]);
    free(bulk->segments);
    free(bulk->folder);
    pthread_mutex_destroy(&bulk->lock);
    free(bulk);
}

/* ---- appending ---- */

static struct error *open_segment(struct bulk *bulk, struct segment **ret)
{
    struct segment *last = bulk->count ? bulk->segments[bulk->count - 1] : NULL;

    if (last && !last->is_sealed && last->end >= bulk->segment_bytes)
        TRY(segment_seal(last));
    if (!last || last->is_sealed) {
        TRY(segment_create(bulk->folder, bulk->last_number + 1, &last));
        keep(bulk, last);
    }
    *ret = last;
    return NULL;
}

static struct error *append(struct bulk *bulk, const struct bulk_row *rows, size_t count)
{
    struct segment *segment = NULL;

    if (!count)
        return NULL;
    TRY(open_segment(bulk, &segment));
    for (size_t i = 0; i < count; i++)
        TRY(segment_append(segment, &rows[i]));
    return segment_sync(segment);
}

struct error *bulk_append(struct bulk *bulk, const struct bulk_row *rows, size_t count)
{
    struct error *err;

    pthread_mutex_lock(&bulk->lock);
    err = append(bulk, rows, count);
    pthread_mutex_unlock(&bulk->lock);
    return err;
}

/* ---- reading ---- */

static struct error *get(const struct bulk *bulk, const void *key, size_t key_len,
                         struct buf *ret_value, bool *ret_found)
{
    CLEANUP(buf_done) struct buf bytes = {0};

    *ret_found = false;
    buf_clear(ret_value);
    for (size_t i = bulk->count; i-- > 0 && !*ret_found;) {
        struct bulk_row row;
        size_t at;

        TRY(segment_seek(bulk->segments[i], key, key_len, &at, ret_found));
        if (!*ret_found)
            continue;
        TRY(segment_row(bulk->segments[i], at, &bytes, &row));
        buf_add(ret_value, row.value, row.value_len);
    }
    return NULL;
}

struct error *bulk_get(struct bulk *bulk, const void *key, size_t key_len, struct buf *ret_value,
                       bool *ret_found)
{
    struct error *err;

    pthread_mutex_lock(&bulk->lock);
    err = get(bulk, key, key_len, ret_value, ret_found);
    pthread_mutex_unlock(&bulk->lock);
    return err;
}

/* Where a walk is in one segment. */
struct cursor {
    const struct segment *segment;
    size_t left; /* rows at and before its key */
    struct buf key;
};

static bool has_prefix(const struct buf *key, const void *prefix, size_t prefix_len)
{
    return key->len >= prefix_len && memcmp(key->data, prefix, prefix_len) == 0;
}

static int buf_cmp(const struct buf *a, const struct buf *b)
{
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static struct error *read_key(struct cursor *cursor, const void *prefix, size_t prefix_len)
{
    if (!cursor->left)
        return NULL;
    TRY(segment_key(cursor->segment, cursor->left - 1, &cursor->key));
    if (!has_prefix(&cursor->key, prefix, prefix_len))
        cursor->left = 0;
    return NULL;
}

/* The first key behind all that start with `prefix`; empty if there is none. */
static void prefix_end(const void *prefix, size_t len, struct buf *ret)
{
    buf_add(ret, prefix, len);
    while (ret->len > 0 && (unsigned char)ret->data[ret->len - 1] == 0xff)
        ret->len--;
    if (ret->len > 0)
        ret->data[ret->len - 1]++;
}

static struct error *start(struct cursor *cursor, const struct segment *segment,
                           const struct buf *from, const void *prefix, size_t prefix_len)
{
    bool is_there;

    cursor->segment = segment;
    cursor->left = segment->count;
    if (from->len)
        TRY(segment_seek(segment, from->data, from->len, &cursor->left, &is_there));
    return read_key(cursor, prefix, prefix_len);
}

/* The highest key, of the newest segment that has it; NULL: none is left. */
static struct cursor *highest(struct cursor *cursors, size_t count)
{
    struct cursor *best = NULL;

    for (size_t i = count; i-- > 0;)
        if (cursors[i].left && (!best || buf_cmp(&cursors[i].key, &best->key) > 0))
            best = &cursors[i];
    return best;
}

static struct error *walk(const struct bulk *bulk, struct cursor *cursors, const void *prefix,
                          size_t prefix_len, const struct buf *from, bulk_each_fn *each, void *data)
{
    CLEANUP(buf_done) struct buf bytes = {0};
    struct cursor *cursor;

    for (size_t i = 0; i < bulk->count; i++)
        TRY(start(&cursors[i], bulk->segments[i], from, prefix, prefix_len));
    while ((cursor = highest(cursors, bulk->count))) {
        CLEANUP(buf_done) struct buf key = {0};
        struct bulk_row row;

        TRY(segment_row(cursor->segment, cursor->left - 1, &bytes, &row));
        if (!each(&row, data))
            return NULL;
        buf_add(&key, row.key, row.key_len);
        for (size_t i = 0; i < bulk->count; i++)
            if (cursors[i].left && buf_cmp(&cursors[i].key, &key) == 0) {
                cursors[i].left--;
                TRY(read_key(&cursors[i], prefix, prefix_len));
            }
    }
    return NULL;
}

struct error *bulk_walk_down(struct bulk *bulk, const void *prefix, size_t prefix_len,
                             const void *below, size_t below_len, bulk_each_fn *each, void *data)
{
    CLEANUP(buf_done) struct buf from = {0};
    struct cursor *cursors;
    struct error *err;

    if (below)
        buf_add(&from, below, below_len);
    else
        prefix_end(prefix, prefix_len, &from);
    pthread_mutex_lock(&bulk->lock);
    cursors = xcalloc(bulk->count + 1, sizeof(*cursors));
    err = walk(bulk, cursors, prefix, prefix_len, &from, each, data);
    for (size_t i = 0; i < bulk->count; i++)
        buf_done(&cursors[i].key);
    free(cursors);
    pthread_mutex_unlock(&bulk->lock);
    return err;
}

/* ---- dropping ---- */

static struct error *drop(struct bulk *bulk, int64_t at_ms)
{
    size_t kept = 0;
    struct error *err = NULL;

    for (size_t i = 0; i < bulk->count; i++) {
        struct segment *segment = bulk->segments[i];

        if (err || segment->newest_ms >= at_ms || !segment->count) {
            bulk->segments[kept++] = segment;
            continue;
        }
        if (unlink(segment->file) < 0 && errno != ENOENT) {
            err = error_errno(errno, "deleting %s", segment->file);
            bulk->segments[kept++] = segment;
            continue;
        }
        segment_free(segment);
    }
    bulk->count = kept;
    return err;
}

struct error *bulk_drop(struct bulk *bulk, int64_t at_ms)
{
    struct error *err;

    pthread_mutex_lock(&bulk->lock);
    err = drop(bulk, at_ms);
    pthread_mutex_unlock(&bulk->lock);
    return err;
}

void bulk_stats(struct bulk *bulk, struct bulk_stats *ret)
{
    *ret = (struct bulk_stats){0};
    pthread_mutex_lock(&bulk->lock);
    ret->segments = bulk->count;
    for (size_t i = 0; i < bulk->count; i++) {
        ret->rows += bulk->segments[i]->count;
        ret->bytes += bulk->segments[i]->end;
    }
    pthread_mutex_unlock(&bulk->lock);
}
