#include "state/archive.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "state/tables.h"
#include "store/bulk.h"

#define SEGMENT_BYTES (16 * 1024 * 1024)

struct archive {
    struct state *state; /* NULL: closed */
    struct bulk *bulk;
    size_t moves; /* under way */
    size_t refs;  /* operations, and the state while it is open */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    size_t running; /* under lock: operations that have not been on the pool to their end */
};

enum op_kind { OP_MOVE, OP_DROP, OP_FIND, OP_BEFORE };

/* One task of an operation: its key, and its record once that is read or to be written. */
struct item {
    struct id id;
    struct buf key, value;
    int64_t at_ms;
    bool is_there;
};

struct archive_op {
    struct archive *archive;
    enum op_kind kind;
    const struct scope *scope;
    char *cluster;
    struct item *items;
    size_t count;
    struct buf prefix, below; /* OP_BEFORE; an empty `below`: from the newest */
    size_t wanted;            /* OP_BEFORE: items has room for so many */
    int64_t before_ms;        /* OP_DROP */
    archive_read_fn *done;
    void *data;
    struct error *err;
};

/* ---- on the pool ---- */

static struct error *do_move(const struct archive_op *op)
{
    struct bulk_row rows[ARCHIVE_MOVE_TASKS_MAX];

    for (size_t i = 0; i < op->count; i++)
        rows[i] = (struct bulk_row){
            .key = op->items[i].key.data,
            .value = op->items[i].value.data,
            .key_len = (uint32_t)op->items[i].key.len,
            .value_len = (uint32_t)op->items[i].value.len,
            .at_ms = op->items[i].at_ms,
        };
    return bulk_append(op->archive->bulk, rows, op->count);
}

static struct error *do_find(struct archive_op *op)
{
    for (size_t i = 0; i < op->count; i++) {
        struct item *item = &op->items[i];

        TRY(bulk_get(op->archive->bulk, item->key.data, item->key.len, &item->value,
                     &item->is_there));
    }
    return NULL;
}

static bool take_row(const struct bulk_row *row, void *data)
{
    struct archive_op *op = data;
    struct item *item = &op->items[op->count++];

    buf_add(&item->value, row->value, row->value_len);
    item->is_there = true;
    return op->count < op->wanted;
}

static struct error *do_before(struct archive_op *op)
{
    return bulk_walk_down(op->archive->bulk, op->prefix.data, op->prefix.len,
                          op->below.len ? op->below.data : NULL, op->below.len, take_row, op);
}

static struct error *work(struct archive_op *op)
{
    switch (op->kind) {
    case OP_MOVE:
        return do_move(op);
    case OP_DROP:
        return bulk_drop(op->archive->bulk, op->before_ms);
    case OP_FIND:
        return do_find(op);
    case OP_BEFORE:
        return do_before(op);
    }
    return NULL;
}

static void count_running(struct archive *archive, int by)
{
    pthread_mutex_lock(&archive->lock);
    archive->running += (size_t)by;
    pthread_cond_signal(&archive->ended);
    pthread_mutex_unlock(&archive->lock);
}

static void on_pool(void *data)
{
    struct archive_op *op = data;

    op->err = work(op);
    count_running(op->archive, -1);
}

/* ---- on the loop ---- */

static void unref(struct archive *archive)
{
    if (--archive->refs > 0)
        return;
    pthread_mutex_destroy(&archive->lock);
    pthread_cond_destroy(&archive->ended);
    free(archive);
}

static void op_free(struct archive_op *op)
{
    for (size_t i = 0; i < op->count; i++) {
        buf_done(&op->items[i].key);
        buf_done(&op->items[i].value);
    }
    buf_done(&op->prefix);
    buf_done(&op->below);
    free(op->items);
    free(op->cluster);
    error_free(op->err);
    unref(op->archive);
    free(op);
}

/* What is safe there goes here. */
static void forget_moved(const struct archive_op *op)
{
    struct state *state = op->archive->state;
    struct txn *txn;

    if (op->err) {
        log_error("stopped tasks cannot be written to bulk storage, they stay in memory", "why",
                  op->err->message);
        return;
    }
    txn = txn_begin(state, op->scope);
    for (size_t i = 0; i < op->count; i++) {
        const struct task *task = state_task(state, op->scope, op->cluster, &op->items[i].id);

        if (task && task->last_status == TASK_STOPPED)
            txn_delete_task(txn, task);
    }
    txn_commit(txn);
}

static struct error *decode(struct archive_op *op, struct task **tasks, size_t *ret_count)
{
    for (size_t i = 0; i < op->count; i++) {
        void *record;

        if (!op->items[i].is_there)
            continue;
        TRY(record_decode(RECORD_TASK, op->items[i].value.data, op->items[i].value.len, &record));
        tasks[(*ret_count)++] = record;
    }
    return NULL;
}

static void answer(struct archive_op *op)
{
    struct task *tasks[ARCHIVE_READ_TASKS_MAX];
    size_t count = 0;

    if (!op->archive->state && !op->err)
        op->err = error_new(API_SERVICE_UNAVAILABLE, "The server is shutting down.");
    if (!op->err)
        op->err = decode(op, tasks, &count);
    op->done(op->err, (const struct task *const *)tasks, op->err ? 0 : count, op->data);
    for (size_t i = 0; i < count; i++)
        task_free(tasks[i]);
}

static void on_done(void *data)
{
    struct archive_op *op = data;

    switch (op->kind) {
    case OP_MOVE:
        op->archive->moves--;
        if (op->archive->state)
            forget_moved(op);
        break;
    case OP_DROP:
        if (op->err)
            log_error("old tasks cannot be deleted from bulk storage", "why", op->err->message);
        break;
    case OP_FIND:
    case OP_BEFORE:
        answer(op);
        break;
    }
    op_free(op);
}

static struct archive_op *op_new(struct archive *archive, enum op_kind kind,
                                 const struct scope *scope, const char *cluster, size_t items)
{
    struct archive_op *op = xcalloc(1, sizeof(*op));

    archive->refs++;
    op->archive = archive;
    op->kind = kind;
    op->scope = scope;
    op->cluster = str_dup(cluster);
    op->items = xcalloc(items + 1, sizeof(*op->items));
    return op;
}

static void start(struct archive_op *op)
{
    struct loop *loop = op->archive->state->loop;

    count_running(op->archive, 1);
    if (loop_work(loop, on_pool, on_done, op))
        return;
    count_running(op->archive, -1);
    op->err = error_new(API_SERVICE_UNAVAILABLE, "Too much is waiting for the disk; try again.");
    loop_defer(loop, on_done, op);
}

static void key_of(const struct archive_op *op, const struct id *id, struct buf *ret)
{
    struct task probe = {.id = *id, .cluster = op->cluster};

    record_key(RECORD_TASK, &probe, op->scope, ret);
}

/* ---- what is asked ---- */

bool archive_move(struct archive *archive, const struct scope *scope, const char *cluster,
                  const struct id *tasks, size_t count)
{
    struct archive_op *op;

    if (archive->moves >= ARCHIVE_MOVES_MAX)
        return false;
    op = op_new(archive, OP_MOVE, scope, cluster, count);
    for (size_t i = 0; i < count && i < ARCHIVE_MOVE_TASKS_MAX; i++) {
        const struct task *task = state_task(archive->state, scope, cluster, &tasks[i]);
        struct item *item = &op->items[op->count];

        if (!task || task->last_status != TASK_STOPPED)
            continue;
        item->id = tasks[i];
        item->at_ms = task->rare->stopped_at_ms;
        key_of(op, &tasks[i], &item->key);
        record_encode(RECORD_TASK, task, &item->value);
        op->count++;
    }
    archive->moves++;
    start(op);
    return true;
}

void archive_drop(struct archive *archive, int64_t stopped_before_ms)
{
    struct archive_op *op = op_new(archive, OP_DROP, NULL, NULL, 0);

    op->before_ms = stopped_before_ms;
    start(op);
}

void archive_find(struct archive *archive, const struct scope *scope, const char *cluster,
                  const struct id *ids, size_t count, archive_read_fn *done, void *data)
{
    struct archive_op *op = op_new(archive, OP_FIND, scope, cluster, count);

    op->done = done;
    op->data = data;
    for (; op->count < count && op->count < ARCHIVE_READ_TASKS_MAX; op->count++) {
        op->items[op->count].id = ids[op->count];
        key_of(op, &ids[op->count], &op->items[op->count].key);
    }
    start(op);
}

void archive_before(struct archive *archive, const struct scope *scope, const char *cluster,
                    const struct id *before, size_t count, archive_read_fn *done, void *data)
{
    struct archive_op *op;
    struct id none = {0};

    if (count > ARCHIVE_READ_TASKS_MAX)
        count = ARCHIVE_READ_TASKS_MAX;
    op = op_new(archive, OP_BEFORE, scope, cluster, count);
    op->done = done;
    op->data = data;
    op->wanted = count;
    key_of(op, before ? before : &none, &op->prefix);
    if (before)
        buf_add(&op->below, op->prefix.data, op->prefix.len);
    op->prefix.len -= sizeof(none.bytes);
    start(op);
}

/* ---- its life ---- */

struct error *state_open_archive(struct state *state, const char *folder)
{
    struct archive *archive;
    struct bulk *bulk = NULL;

    TRY(bulk_open(folder, SEGMENT_BYTES, &bulk));
    archive = xcalloc(1, sizeof(*archive));
    archive->state = state;
    archive->bulk = bulk;
    archive->refs = 1;
    pthread_mutex_init(&archive->lock, NULL);
    pthread_cond_init(&archive->ended, NULL);
    state->archive = archive;
    return NULL;
}

struct archive *state_archive(const struct state *state)
{
    return state->archive;
}

void archive_close(struct archive *archive)
{
    if (!archive)
        return;
    pthread_mutex_lock(&archive->lock);
    while (archive->running > 0)
        pthread_cond_wait(&archive->ended, &archive->lock);
    pthread_mutex_unlock(&archive->lock);
    bulk_close(archive->bulk);
    archive->bulk = NULL;
    archive->state = NULL;
    unref(archive);
}
