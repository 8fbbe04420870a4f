/* The loop: order of timers and callbacks, turns, other threads, children. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "net/loop.h"

#define NOTES_MAX 64

/* What ran, as letters in order. */
struct world {
    struct loop *loop;
    char notes[NOTES_MAX + 1];
    size_t count;
    struct timer timers[8], end;
    int rounds, turn_ends;
    int exit_status, term_signal;
};

struct note {
    struct world *world;
    char letter;
};

static void note(struct world *world, char letter)
{
    if (world->count < NOTES_MAX)
        world->notes[world->count++] = letter;
}

static void on_note(void *data)
{
    struct note *n = data;

    note(n->world, n->letter);
}

static void on_end(void *data)
{
    loop_stop(((struct world *)data)->loop);
}

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof(*world));

    assert_null(loop_new(&world->loop));
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    loop_free(world->loop);
    test_free(world);
    return 0;
}

static void run_for(struct world *world, int64_t ms)
{
    timer_start(&world->end, world->loop, ms, on_end, world);
    loop_run(world->loop);
    timer_stop(&world->end);
}

static void timers_run_in_order_of_time_and_then_of_start(void **state)
{
    struct world *world = *state;
    struct note notes[] = {{world, 'c'}, {world, 'a'}, {world, 'd'}, {world, 'b'}, {world, 'x'}};
    static const int64_t after_ms[] = {20, 5, 20, 5, 10};

    for (size_t i = 0; i < 5; i++)
        timer_start(&world->timers[i], world->loop, after_ms[i], on_note, &notes[i]);
    timer_stop(&world->timers[4]);
    timer_stop(&world->timers[4]); /* at any time */
    run_for(world, 60);
    assert_string_equal(world->notes, "abcd");
}

static void starting_a_running_timer_moves_it(void **state)
{
    struct world *world = *state;
    struct note early = {world, 'e'}, late = {world, 'l'};

    timer_start(&world->timers[0], world->loop, 1, on_note, &early);
    timer_start(&world->timers[0], world->loop, 20, on_note, &late);
    run_for(world, 60);
    assert_string_equal(world->notes, "l");
}

static void restart(void *data)
{
    struct world *world = data;

    world->rounds++;
    timer_start(&world->timers[0], world->loop, 0, restart, world);
}

static void a_timer_without_delay_does_not_starve_the_loop(void **state)
{
    struct world *world = *state;

    restart(world);
    run_for(world, 30);
    assert_in_range(world->rounds, 2, 60);
    timer_stop(&world->timers[0]);
}

static void stop_others(void *data)
{
    struct world *world = data;

    timer_stop(&world->timers[1]);
    note(world, 's');
}

static void a_timer_may_stop_another_that_is_due(void **state)
{
    struct world *world = *state;
    struct note never = {world, 'n'};

    timer_start(&world->timers[0], world->loop, 1, stop_others, world);
    timer_start(&world->timers[1], world->loop, 1, on_note, &never);
    run_for(world, 30);
    assert_string_equal(world->notes, "s");
}

static void on_turn_end(void *data)
{
    struct world *world = data;

    if (world->count > 0 && world->turn_ends++ == 0)
        note(world, 'T');
}

static void defer_one(void *data)
{
    struct note *n = data;

    loop_defer(n->world->loop, on_note, n);
    note(n->world, '(');
}

static void defers_run_after_the_callback_and_before_the_turn_ends(void **state)
{
    struct world *world = *state;
    struct note n = {world, ')'};

    loop_on_turn_end(world->loop, on_turn_end, world);
    loop_defer(world->loop, defer_one, &n);
    assert_int_equal(world->count, 0);
    run_for(world, 20);
    assert_string_equal(world->notes, "(T)");
}

static void defer_again(void *data)
{
    struct world *world = data;

    world->rounds++;
    if (world->count == 0)
        loop_defer(world->loop, defer_again, world);
}

static void a_chain_of_defers_does_not_starve_the_loop(void **state)
{
    struct world *world = *state;
    struct note n = {world, 't'};

    defer_again(world); /* until the timer has run */
    timer_start(&world->timers[0], world->loop, 5, on_note, &n);
    run_for(world, 20);
    assert_string_equal(world->notes, "t");
    assert_true(world->rounds > 16);
}

static void work_here(void *data)
{
    *(pthread_t *)data = pthread_self();
}

static void on_work_done(void *data)
{
    (void)data;
}

static void work_runs_elsewhere_and_has_a_limit(void **state)
{
    struct world *world = *state;
    pthread_t threads[LOOP_WORK_MAX];

    for (int i = 0; i < LOOP_WORK_MAX; i++)
        assert_true(loop_work(world->loop, work_here, on_work_done, &threads[i]));
    assert_false(loop_work(world->loop, work_here, on_work_done, &threads[0]));
    run_for(world, 100);
    assert_false(pthread_equal(threads[0], pthread_self()));
    assert_true(loop_work(world->loop, work_here, on_work_done, &threads[0]));
    loop_free(world->loop); /* waits for it */
    assert_null(loop_new(&world->loop));
}

static void *post_many(void *data)
{
    struct note *n = data;

    for (int i = 0; i < 10; i++)
        loop_post(n->world->loop, on_note, n);
    return NULL;
}

static void posts_of_another_thread_arrive(void **state)
{
    struct world *world = *state;
    struct note n = {world, 'p'};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, post_many, &n), 0);
    run_for(world, 50);
    pthread_join(thread, NULL);
    assert_string_equal(world->notes, "pppppppppp");
}

static void on_exited(int exit_status, int term_signal, void *data)
{
    struct world *world = data;

    world->exit_status = exit_status;
    world->term_signal = term_signal;
    loop_stop(world->loop);
}

static void children_tell_how_they_ended(void **state)
{
    struct world *world = *state;
    static const char *const exits[] = {"/bin/sh", "-c", "exit $STATUS", NULL};
    static const char *const env[] = {"STATUS=7", NULL};
    static const char *const dies[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
    static const char *const missing[] = {"/no/such/program", NULL};
    pid_t pid = 0;
    struct error *err;

    assert_null(loop_spawn(world->loop, exits, env, on_exited, world, &pid));
    assert_true(pid > 0);
    loop_run(world->loop);
    assert_int_equal(world->exit_status, 7);
    assert_null(loop_spawn(world->loop, dies, NULL, on_exited, world, NULL));
    loop_run(world->loop);
    assert_int_equal(world->term_signal, SIGKILL);
    err = loop_spawn(world->loop, missing, NULL, on_exited, world, NULL);
    assert_non_null(err);
    error_free(err);
}

static void on_signal(int signum, void *data)
{
    note(data, signum == SIGUSR1 ? '1' : '2');
}

static void signals_arrive_on_the_loop(void **state)
{
    struct world *world = *state;

    assert_null(loop_on_signal(world->loop, SIGUSR1, on_signal, world));
    assert_null(loop_on_signal(world->loop, SIGUSR2, on_signal, world));
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    assert_int_equal(world->count, 0);
    run_for(world, 20);
    assert_true(strchr(world->notes, '1') && strchr(world->notes, '2'));
}

static void be_slow(void *data)
{
    (void)data;
    usleep(30000);
}

static void a_slow_turn_shows_as_lag(void **state)
{
    struct world *world = *state;

    run_for(world, 20);
    loop_take_lag_ms(world->loop);
    loop_defer(world->loop, be_slow, NULL);
    run_for(world, 60);
    assert_true(loop_take_lag_ms(world->loop) >= 29);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(timers_run_in_order_of_time_and_then_of_start),
        TEST(starting_a_running_timer_moves_it),
        TEST(a_timer_without_delay_does_not_starve_the_loop),
        TEST(a_timer_may_stop_another_that_is_due),
        TEST(defers_run_after_the_callback_and_before_the_turn_ends),
        TEST(a_chain_of_defers_does_not_starve_the_loop),
        TEST(work_runs_elsewhere_and_has_a_limit),
        TEST(posts_of_another_thread_arrive),
        TEST(children_tell_how_they_ended),
        TEST(signals_arrive_on_the_loop),
        TEST(a_slow_turn_shows_as_lag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
