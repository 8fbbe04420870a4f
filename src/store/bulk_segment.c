#include "store/bulk_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const char magic[8] = "BERTHSG1";
static const char trailer_magic[8] = "BERTHIX1";

struct row_head {
    uint64_t check; /* of what follows it: the rest of the head, key, value */
    int64_t at_ms;
    uint32_t key_len, value_len;
};

struct trailer {
    uint64_t check; /* of the rest and of the index */
    uint64_t index_at, count;
    int64_t newest_ms;
    char magic[8];
};

/* FNV-1a: against half-written rows and damage, not against malice. */
static uint64_t check_more(uint64_t check, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        check = (check ^ at[i]) * 0x100000001b3u;
    return check;
}

#define CHECK_START 0xcbf29ce484222325u

static struct error *damaged(const struct segment *segment, uint64_t offset)
{
    return error_new(API_SERVER, "%s is damaged at byte %llu", segment->file,
                     (unsigned long long)offset);
}

/* ---- reading and writing at a place ---- */

static struct error *read_at(const struct segment *segment, void *bytes, size_t len,
                             uint64_t offset)
{
    char *to = bytes;

    while (len > 0) {
        ssize_t got = pread(segment->fd, to, len, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(errno, "reading %s", segment->file);
        if (got == 0)
            return damaged(segment, offset);
        to += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return NULL;
}

static struct error *write_at(const struct segment *segment, const void *bytes, size_t len,
                              uint64_t offset)
{
    const char *from = bytes;

    while (len > 0) {
        ssize_t put = pwrite(segment->fd, from, len, (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_errno(errno, "writing %s", segment->file);
        from += put;
        offset += (uint64_t)put;
        len -= (size_t)put;
    }
    return NULL;
}

/* ---- rows ---- */

static bool is_sane(const struct row_head *head)
{
    return head->key_len <= BULK_KEY_BYTES_MAX && head->value_len <= BULK_VALUE_BYTES_MAX;
}

static uint64_t check_row(const struct row_head *head, const void *key, const void *value)
{
    uint64_t check = check_more(CHECK_START, &head->at_ms, sizeof(head->at_ms));

    check = check_more(check, &head->key_len, sizeof(head->key_len));
    check = check_more(check, &head->value_len, sizeof(head->value_len));
    check = check_more(check, key, head->key_len);
    return check_more(check, value, head->value_len);
}

static struct error *offset_of(const struct segment *segment, size_t at, uint64_t *ret)
{
    if (segment->offsets) {
        *ret = segment->offsets[at];
        return NULL;
    }
    return read_at(segment, ret, sizeof(*ret), segment->end + at * sizeof(*ret));
}

static struct error *read_head(const struct segment *segment, uint64_t offset, struct row_head *ret)
{
    if (offset < sizeof(magic) || offset + sizeof(*ret) > segment->end)
        return damaged(segment, offset);
    TRY(read_at(segment, ret, sizeof(*ret), offset));
    if (!is_sane(ret) || offset + sizeof(*ret) + ret->key_len + ret->value_len > segment->end)
        return damaged(segment, offset);
    return NULL;
}

static struct error *read_bytes(const struct segment *segment, uint64_t offset, size_t len,
                                struct buf *buf)
{
    buf_clear(buf);
    buf_reserve(buf, len + 1);
    TRY(read_at(segment, buf->data, len, offset));
    buf->len = len;
    buf->data[len] = '\0';
    return NULL;
}

struct error *segment_key(const struct segment *segment, size_t at, struct buf *buf)
{
    struct row_head head;
    uint64_t offset;

    TRY(offset_of(segment, at, &offset));
    TRY(read_head(segment, offset, &head));
    return read_bytes(segment, offset + sizeof(head), head.key_len, buf);
}

static struct error *row_at(const struct segment *segment, uint64_t offset, struct buf *buf,
                            struct bulk_row *ret)
{
    struct row_head head;

    TRY(read_head(segment, offset, &head));
    TRY(read_bytes(segment, offset + sizeof(head), head.key_len + head.value_len, buf));
    if (check_row(&head, buf->data, buf->data + head.key_len) != head.check)
        return damaged(segment, offset);
    *ret = (struct bulk_row){
        .key = buf->data,
        .value = buf->data + head.key_len,
        .key_len = head.key_len,
        .value_len = head.value_len,
        .at_ms = head.at_ms,
    };
    return NULL;
}

struct error *segment_row(const struct segment *segment, size_t at, struct buf *buf,
                          struct bulk_row *ret)
{
    uint64_t offset;

    TRY(offset_of(segment, at, &offset));
    return row_at(segment, offset, buf, ret);
}

/* ---- the index ---- */

static int key_cmp(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

struct error *segment_seek(const struct segment *segment, const void *key, size_t key_len,
                           size_t *ret_before, bool *ret_is_there)
{
    CLEANUP(buf_done) struct buf found = {0};
    size_t low = 0;
    size_t high = segment->count;
    bool is_there = false;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order;

        TRY(segment_key(segment, middle, &found));
        order = key_cmp(found.data, found.len, key, key_len);
        is_there = is_there || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_before = low;
    *ret_is_there = is_there;
    return NULL;
}

static struct error *index_row(struct segment *segment, const struct bulk_row *row, uint64_t offset)
{
    size_t before;
    bool is_there;

    TRY(segment_seek(segment, row->key, row->key_len, &before, &is_there));
    if (row->at_ms > segment->newest_ms)
        segment->newest_ms = row->at_ms;
    if (is_there) {
        segment->offsets[before] = offset;
        return NULL;
    }
    ARRAY_GROW(segment->offsets, segment->count, segment->capacity);
    memmove(&segment->offsets[before + 1], &segment->offsets[before],
            (segment->count - before) * sizeof(*segment->offsets));
    segment->offsets[before] = offset;
    segment->count++;
    return NULL;
}

struct error *segment_append(struct segment *segment, const struct bulk_row *row)
{
    CLEANUP(buf_done) struct buf bytes = {0};
    struct row_head head = {
        .at_ms = row->at_ms, .key_len = row->key_len, .value_len = row->value_len};
    uint64_t offset = segment->end;

    if (!is_sane(&head))
        return error_new(API_SERVER, "a row of %u and %u bytes is too large for %s", row->key_len,
                         row->value_len, segment->file);
    head.check = check_row(&head, row->key, row->value);
    buf_add(&bytes, &head, sizeof(head));
    buf_add(&bytes, row->key, row->key_len);
    buf_add(&bytes, row->value, row->value_len);
    TRY(write_at(segment, bytes.data, bytes.len, offset));
    segment->end += bytes.len;
    return index_row(segment, row, offset);
}

struct error *segment_sync(struct segment *segment)
{
    if (fdatasync(segment->fd) < 0)
        return error_errno(errno, "syncing %s", segment->file);
    return NULL;
}

static uint64_t check_trailer(const struct trailer *trailer, const void *index)
{
    uint64_t check = check_more(CHECK_START, (const char *)trailer + sizeof(trailer->check),
                                sizeof(*trailer) - sizeof(trailer->check));

    return check_more(check, index, trailer->count * sizeof(uint64_t));
}

struct error *segment_seal(struct segment *segment)
{
    struct trailer trailer = {
        .index_at = segment->end, .count = segment->count, .newest_ms = segment->newest_ms};
    size_t index_len = segment->count * sizeof(*segment->offsets);

    memcpy(trailer.magic, trailer_magic, sizeof(trailer_magic));
    trailer.check = check_trailer(&trailer, segment->offsets);
    TRY(write_at(segment, segment->offsets, index_len, segment->end));
    TRY(write_at(segment, &trailer, sizeof(trailer), segment->end + index_len));
    TRY(segment_sync(segment));
    free(segment->offsets);
    segment->offsets = NULL;
    segment->capacity = 0;
    segment->is_sealed = true;
    return NULL;
}

/* ---- files ---- */

static struct error *open_file(const char *folder, uint64_t number, int flags, struct segment **ret)
{
    struct segment *segment = xcalloc(1, sizeof(*segment));
    struct error *err;

    segment->number = number;
    segment->file = str_printf("%s/%016llx.seg", folder, (unsigned long long)number);
    segment->end = sizeof(magic);
    segment->fd = open(segment->file, flags | O_RDWR | O_CLOEXEC, 0600);
    if (segment->fd < 0) {
        err = error_errno(errno, "opening %s", segment->file);
        segment_free(segment);
        return err;
    }
    *ret = segment;
    return NULL;
}

static struct error *sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error *err = NULL;

    if (fd < 0 || fsync(fd) < 0)
        err = error_errno(errno, "syncing %s", folder);
    if (fd >= 0)
        close(fd);
    return err;
}

struct error *segment_create(const char *folder, uint64_t number, struct segment **ret)
{
    struct segment *segment = NULL;
    struct error *err;

    TRY(open_file(folder, number, O_CREAT | O_TRUNC, &segment));
    err = write_at(segment, magic, sizeof(magic), 0);
    if (!err)
        err = sync_folder(folder);
    if (err) {
        segment_free(segment);
        return err;
    }
    *ret = segment;
    return NULL;
}

/* A trailer that fits the file and its index: the segment is sealed. */
static struct error *read_trailer(struct segment *segment, uint64_t size)
{
    CLEANUP(buf_done) struct buf index = {0};
    struct trailer trailer;

    if (size < sizeof(magic) + sizeof(trailer))
        return NULL;
    TRY(read_at(segment, &trailer, sizeof(trailer), size - sizeof(trailer)));
    if (memcmp(trailer.magic, trailer_magic, sizeof(trailer_magic)) != 0 ||
        trailer.index_at < sizeof(magic) || trailer.index_at > size ||
        trailer.count > size / sizeof(uint64_t) ||
        trailer.index_at + trailer.count * sizeof(uint64_t) + sizeof(trailer) != size)
        return NULL;
    TRY(read_bytes(segment, trailer.index_at, trailer.count * sizeof(uint64_t), &index));
    if (check_trailer(&trailer, index.data) != trailer.check)
        return NULL;
    segment->end = trailer.index_at;
    segment->count = trailer.count;
    segment->newest_ms = trailer.newest_ms;
    segment->is_sealed = true;
    return NULL;
}

/* The rows up to the first that is not whole; what follows is cut off. */
static struct error *read_rows(struct segment *segment, uint64_t size)
{
    CLEANUP(buf_done) struct buf buf = {0};
    uint64_t offset = sizeof(magic);

    segment->end = size;
    while (offset < size) {
        struct bulk_row row;
        struct error *err = row_at(segment, offset, &buf, &row);

        if (err) {
            error_free(err); /* half-written: it was never promised */
            break;
        }
        TRY(index_row(segment, &row, offset));
        offset += sizeof(struct row_head) + row.key_len + row.value_len;
    }
    segment->end = offset;
    if (offset < size && ftruncate(segment->fd, (off_t)offset) < 0)
        return error_errno(errno, "cutting off %s", segment->file);
    return NULL;
}

static struct error *read_file(struct segment *segment)
{
    char start[sizeof(magic)];
    struct stat st;

    if (fstat(segment->fd, &st) < 0)
        return error_errno(errno, "looking at %s", segment->file);
    if ((uint64_t)st.st_size < sizeof(magic)) { /* the crash came as it was made */
        segment->end = sizeof(magic);
        return write_at(segment, magic, sizeof(magic), 0);
    }
    TRY(read_at(segment, start, sizeof(start), 0));
    if (memcmp(start, magic, sizeof(magic)) != 0)
        return error_new(API_SERVER, "%s is no segment of bulk storage", segment->file);
    TRY(read_trailer(segment, (uint64_t)st.st_size));
    return segment->is_sealed ? NULL : read_rows(segment, (uint64_t)st.st_size);
}

struct error *segment_open(const char *folder, uint64_t number, struct segment **ret)
{
    struct segment *segment = NULL;
    struct error *err;

    TRY(open_file(folder, number, 0, &segment));
    err = read_file(segment);
    if (err) {
        segment_free(segment);
        return err;
    }
    *ret = segment;
    return NULL;
}

void segment_free(struct segment *segment)
{
    if (!segment)
        return;
    if (segment->fd >= 0)
        close(segment->fd);
    free(segment->file);
    free(segment->offsets);
    free(segment);
}
