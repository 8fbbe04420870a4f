#include "net/loop_uv.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

#define TURN_END_MAX        8
#define DEFER_ROUNDS_A_TURN 16 /* defers made by turn-end hooks run at once, so often */

RB_HEAD(timer_tree, timer);

static int timer_cmp(const struct timer *a, const struct timer *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}
RB_GENERATE_STATIC(timer_tree, timer, node, timer_cmp)

struct callback {
    loop_fn *fn;
    void *data;
};

struct callbacks {
    struct callback *items;
    size_t count;
    size_t capacity;
};

struct signal_watch {
    uv_signal_t handle;
    loop_signal_fn *fn;
    void *data;
    struct signal_watch *next;
};

struct child {
    uv_process_t handle;
    loop_exited_fn *exited;
    void *data;
    struct child *next, **prev;
};

struct work {
    uv_work_t req;
    struct loop *loop;
    loop_fn *work;
    loop_fn *done;
    void *data;
};

struct loop {
    uv_loop_t uv;
    uv_timer_t wakeup;    /* runs for the timer that is due first */
    uv_prepare_t prepare; /* the end of a turn */
    uv_idle_t idle;       /* started while defers are left over: the loop does not wait then */
    uv_async_t async;     /* posts have arrived */

    struct timer_tree timers;
    uint64_t timer_seq;
    int64_t armed_ms;  /* what `wakeup` is set to; -1: nothing */
    int64_t firing_ms; /* while timers run: those due until then do; else -1 */

    struct callbacks deferred, spare; /* spare: empty, for its memory */
    struct callback turn_end[TURN_END_MAX];
    unsigned turn_end_count;

    uv_mutex_t posted_lock;
    struct callbacks posted; /* under posted_lock */

    unsigned work_count;
    struct signal_watch *signals;
    struct child *children;

    uint64_t turn;
    uint64_t turn_start_ns, turn_start_idle_ns;
    uint64_t longest_turn_ns;
};

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

int64_t loop_mono_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

int64_t loop_now_ms(struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

uint64_t loop_turn(const struct loop *loop)
{
    return loop->turn;
}

static void callbacks_add(struct callbacks *list, loop_fn *fn, void *data)
{
    ARRAY_GROW(list->items, list->count, list->capacity);
    list->items[list->count++] = (struct callback){fn, data};
}

/* Timers */

static void on_wakeup(uv_timer_t *handle)
{
    struct loop *loop = handle->data;
    struct timer *timer;

    loop->armed_ms = -1;
    loop->firing_ms = loop_mono_ms();
    while ((timer = RB_MIN(timer_tree, &loop->timers)) && timer->due_ms <= loop->firing_ms) {
        timer_stop(timer);
        timer->fn(timer->data);
    }
    loop->firing_ms = -1;
}

static void arm_wakeup(struct loop *loop)
{
    struct timer *first = RB_MIN(timer_tree, &loop->timers);

    if (!first) {
        if (loop->armed_ms >= 0)
            uv_timer_stop(&loop->wakeup);
        loop->armed_ms = -1;
        return;
    }
    if (first->due_ms == loop->armed_ms)
        return;
    loop->armed_ms = first->due_ms;
    uv_update_time(&loop->uv);
    int64_t wait_ms = first->due_ms - (int64_t)uv_now(&loop->uv);
    uv_timer_start(&loop->wakeup, on_wakeup, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

void timer_start(struct timer *timer, struct loop *loop, int64_t after_ms, loop_fn *fn, void *data)
{
    timer_stop(timer);
    timer->loop = loop;
    timer->fn = fn;
    timer->data = data;
    timer->due_ms = loop_mono_ms() + (after_ms > 0 ? after_ms : 0);
    /* A timer that starts itself again must not keep the loop for ever. */
    if (timer->due_ms <= loop->firing_ms)
        timer->due_ms = loop->firing_ms + 1;
    timer->seq = ++loop->timer_seq;
    timer->is_running = true;
    RB_INSERT(timer_tree, &loop->timers, timer);
}

void timer_stop(struct timer *timer)
{
    if (!timer->is_running)
        return;
    RB_REMOVE(timer_tree, &timer->loop->timers, timer);
    timer->is_running = false;
}

/* Turns */

static void run_deferred(struct loop *loop)
{
    struct callbacks batch = loop->deferred;

    loop->deferred = loop->spare;
    loop->spare = (struct callbacks){0};
    for (size_t i = 0; i < batch.count; i++)
        batch.items[i].fn(batch.items[i].data);
    batch.count = 0;
    loop->spare = batch;
}

static void measure_turn(struct loop *loop)
{
    uint64_t now_ns = uv_hrtime();
    uint64_t idle_ns = uv_metrics_idle_time(&loop->uv);
    uint64_t waited_ns = idle_ns - loop->turn_start_idle_ns;
    uint64_t passed_ns = now_ns - loop->turn_start_ns;

    if (passed_ns > waited_ns && passed_ns - waited_ns > loop->longest_turn_ns)
        loop->longest_turn_ns = passed_ns - waited_ns;
    loop->turn_start_ns = now_ns;
    loop->turn_start_idle_ns = idle_ns;
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

/* Just before the loop waits. What hooks defer runs in this turn too, so that the answers of a turn
 * leave with it; a chain of defers without end goes on in the next turn, after a look at the
 * sockets. */
static void on_turn_end(uv_prepare_t *handle)
{
    struct loop *loop = handle->data;

    for (int round = 0; round < DEFER_ROUNDS_A_TURN; round++) {
        run_deferred(loop);
        for (unsigned i = 0; i < loop->turn_end_count; i++)
            loop->turn_end[i].fn(loop->turn_end[i].data);
        if (loop->deferred.count == 0)
            break;
    }
    if (loop->deferred.count > 0)
        uv_idle_start(&loop->idle, on_idle);
    else
        uv_idle_stop(&loop->idle);
    arm_wakeup(loop);
    measure_turn(loop);
    loop->turn++;
}

void loop_defer(struct loop *loop, loop_fn *fn, void *data)
{
    callbacks_add(&loop->deferred, fn, data);
}

void loop_on_turn_end(struct loop *loop, loop_fn *fn, void *data)
{
    assert(loop->turn_end_count < TURN_END_MAX);
    loop->turn_end[loop->turn_end_count++] = (struct callback){fn, data};
}

void loop_off_turn_end(struct loop *loop, loop_fn *fn, void *data)
{
    for (unsigned i = 0; i < loop->turn_end_count; i++) {
        if (loop->turn_end[i].fn != fn || loop->turn_end[i].data != data)
            continue;
        loop->turn_end_count--;
        for (; i < loop->turn_end_count; i++)
            loop->turn_end[i] = loop->turn_end[i + 1];
        return;
    }
}

int64_t loop_take_lag_ms(struct loop *loop)
{
    int64_t lag_ms = (int64_t)(loop->longest_turn_ns / 1000000);

    loop->longest_turn_ns = 0;
    return lag_ms;
}

/* Other threads */

static void take_posts(struct loop *loop)
{
    struct callbacks batch;

    uv_mutex_lock(&loop->posted_lock);
    batch = loop->posted;
    loop->posted = (struct callbacks){0};
    uv_mutex_unlock(&loop->posted_lock);
    for (size_t i = 0; i < batch.count; i++)
        batch.items[i].fn(batch.items[i].data);
    free(batch.items);
}

static void on_async(uv_async_t *handle)
{
    take_posts(handle->data);
}

void loop_post(struct loop *loop, loop_fn *fn, void *data)
{
    uv_mutex_lock(&loop->posted_lock);
    callbacks_add(&loop->posted, fn, data);
    uv_mutex_unlock(&loop->posted_lock);
    uv_async_send(&loop->async);
}

static void on_work(uv_work_t *req)
{
    struct work *work = req->data;

    work->work(work->data);
}

static void on_work_done(uv_work_t *req, int status)
{
    struct work *work = req->data;

    (void)status; /* work is never cancelled */
    work->loop->work_count--;
    work->done(work->data);
    free(work);
}

bool loop_work(struct loop *loop, loop_fn *fn, loop_fn *done, void *data)
{
    if (loop->work_count >= LOOP_WORK_MAX)
        return false;

    struct work *work = xcalloc(1, sizeof(*work));
    work->req.data = work;
    work->loop = loop;
    work->work = fn;
    work->done = done;
    work->data = data;
    loop->work_count++;
    int rc = uv_queue_work(&loop->uv, &work->req, on_work, on_work_done);
    assert(rc == 0); /* only a missing callback fails */
    return true;
}

/* Signals and children */

static void on_signal(uv_signal_t *handle, int signum)
{
    struct signal_watch *watch = handle->data;

    watch->fn(signum, watch->data);
}

static void on_signal_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct error *loop_on_signal(struct loop *loop, int signum, loop_signal_fn *fn, void *data)
{
    struct signal_watch *watch = xcalloc(1, sizeof(*watch));

    uv_signal_init(&loop->uv, &watch->handle);
    watch->handle.data = watch;
    watch->fn = fn;
    watch->data = data;
    int rc = uv_signal_start(&watch->handle, on_signal, signum);
    if (rc < 0) {
        uv_close((uv_handle_t *)&watch->handle, on_signal_closed);
        return error_errno(-rc, "watching signal %d", signum);
    }
    watch->next = loop->signals;
    loop->signals = watch;
    return NULL;
}

static void on_child_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void child_close(struct child *child)
{
    if (child->prev) {
        *child->prev = child->next;
        if (child->next)
            child->next->prev = child->prev;
    }
    uv_close((uv_handle_t *)&child->handle, on_child_closed);
}

static void on_child_exit(uv_process_t *handle, int64_t exit_status, int term_signal)
{
    struct child *child = handle->data;

    child->exited((int)exit_status, term_signal, child->data);
    child_close(child);
}

struct error *loop_spawn(struct loop *loop, const char *const argv[], const char *const env[],
                         loop_exited_fn *exited, void *data, pid_t *ret_pid)
{
    struct child *child = xcalloc(1, sizeof(*child));
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 1},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    uv_process_options_t options = {
        .exit_cb = on_child_exit,
        .file = argv[0],
        .args = (char **)argv,
        .env = (char **)env,
        .stdio_count = 3,
        .stdio = stdio,
    };

    child->handle.data = child;
    child->exited = exited;
    child->data = data;
    int rc = uv_spawn(&loop->uv, &child->handle, &options);
    if (rc < 0) {
        child_close(child);
        return error_errno(-rc, "starting %s", argv[0]);
    }
    child->next = loop->children;
    child->prev = &loop->children;
    if (child->next)
        child->next->prev = &child->next;
    loop->children = child;
    if (ret_pid)
        *ret_pid = child->handle.pid;
    return NULL;
}

/* The loop itself */

struct error *loop_new(struct loop **ret_loop)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));

    signal(SIGPIPE, SIG_IGN);
    int rc = uv_loop_init(&loop->uv);
    if (rc < 0) {
        free(loop);
        return error_errno(-rc, "making the event loop");
    }
    loop->uv.data = loop;
    uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME);
    rc = uv_async_init(&loop->uv, &loop->async, on_async);
    if (rc < 0) {
        uv_loop_close(&loop->uv);
        free(loop);
        return error_errno(-rc, "making the event loop");
    }
    loop->async.data = loop;
    uv_mutex_init(&loop->posted_lock);
    uv_timer_init(&loop->uv, &loop->wakeup);
    loop->wakeup.data = loop;
    uv_idle_init(&loop->uv, &loop->idle);
    uv_prepare_init(&loop->uv, &loop->prepare);
    loop->prepare.data = loop;
    uv_prepare_start(&loop->prepare, on_turn_end);
    RB_INIT(&loop->timers);
    loop->armed_ms = -1;
    loop->firing_ms = -1;
    loop->turn_start_ns = uv_hrtime();
    *ret_loop = loop;
    return NULL;
}

void loop_run(struct loop *loop)
{
    loop->turn_start_ns = uv_hrtime();
    loop->turn_start_idle_ns = uv_metrics_idle_time(&loop->uv);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static bool has_posts(struct loop *loop)
{
    uv_mutex_lock(&loop->posted_lock);
    bool has = loop->posted.count > 0;
    uv_mutex_unlock(&loop->posted_lock);
    return has;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    while (loop->work_count > 0 || loop->deferred.count > 0 || has_posts(loop))
        uv_run(&loop->uv, loop->work_count > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    while (loop->signals) {
        struct signal_watch *watch = loop->signals;
        loop->signals = watch->next;
        uv_close((uv_handle_t *)&watch->handle, on_signal_closed);
    }
    while (loop->children)
        child_close(loop->children);
    uv_close((uv_handle_t *)&loop->wakeup, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&loop->uv);
    assert(rc == 0); /* else something made on the loop was not freed before it */
    uv_mutex_destroy(&loop->posted_lock);
    free(loop->deferred.items);
    free(loop->spare.items);
    free(loop->posted.items);
    free(loop);
}
