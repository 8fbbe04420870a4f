/* Runs a program in a container, or attaches to it, by way of docker_stream.h: our stdin is its
 * input, its outputs are ours, its exit code is ours too. Exits with 125 and a sentence if it cannot.
 *
 *   stream_driver DOCKER_HOST exec CONTAINER [--tty ROWSxCOLUMNS] [--leave-after BYTES] PROGRAM [ARG]...
 *   stream_driver DOCKER_HOST attach CONTAINER [--leave-after BYTES]
 *
 * --leave-after closes the stream once so much was written, while the process runs on.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>

#include "agent/docker/docker_stream.h"
#include "base/mem.h"
#include "base/str.h"

struct driver {
    struct loop *loop;
    struct docker *docker;
    struct docker_stream *stream;
    char *exec; /* NULL: attached */
    const char *container;
    const char *const *command;
    unsigned rows, columns; /* 0: no terminal */
    size_t leave_after, written;
    bool has_left;
    int exit_code;

    /* One piece of input at a time, handed over by the reading thread. */
    char input[65536];
    ssize_t input_len; /* 0: the end */
    size_t input_sent;
    bool has_input;
    sem_t taken;
};

static void fail(struct driver *driver, const struct docker_failure *failure)
{
    fprintf(stderr, "%s (%d)\n", failure->message, (int)failure->fault);
    driver->exit_code = 125;
    loop_stop(driver->loop);
}

static void send_input(void *data)
{
    struct driver *driver = data;

    if (!driver->has_input || !driver->stream)
        return;
    if (driver->input_len <= 0) {
        if (!driver->rows)
            docker_stream_end_input(driver->stream);
        driver->has_input = false;
        return;
    }
    driver->input_sent += docker_stream_send(driver->stream, driver->input + driver->input_sent,
                                             (size_t)driver->input_len - driver->input_sent);
    if (driver->input_sent < (size_t)driver->input_len)
        return;
    driver->has_input = false;
    sem_post(&driver->taken);
}

static void on_input(void *data)
{
    struct driver *driver = data;

    driver->has_input = true;
    driver->input_sent = 0;
    send_input(driver);
}

static void *read_input(void *data)
{
    struct driver *driver = data;

    do {
        driver->input_len = read(STDIN_FILENO, driver->input, sizeof(driver->input));
        loop_post(driver->loop, on_input, driver);
        if (driver->input_len <= 0)
            break;
        sem_wait(&driver->taken);
    } while (true);
    return NULL;
}

static void on_output(enum docker_output output, const char *bytes, size_t len, void *data)
{
    struct driver *driver = data;
    FILE *to = output == DOCKER_STDOUT ? stdout : stderr;

    fwrite(bytes, 1, len, to);
    fflush(to);
    driver->written += len;
    if (driver->leave_after && driver->written >= driver->leave_after && !driver->has_left) {
        driver->has_left = true;
        docker_stream_cancel(driver->stream);
    }
}

static void on_inspected(const struct docker_failure *failure, const struct docker_exec *exec,
                         void *data)
{
    struct driver *driver = data;

    if (failure) {
        fail(driver, failure);
        return;
    }
    if (driver->has_left)
        printf("\n%s\n", exec->is_running ? "RUNNING" : "ENDED");
    else if (exec->has_exit_code)
        driver->exit_code = exec->exit_code;
    loop_stop(driver->loop);
}

static void on_closed(const struct docker_failure *failure, void *data)
{
    struct driver *driver = data;

    driver->stream = NULL;
    if (failure && !(driver->has_left && failure->fault == DOCKER_CANCELLED))
        fail(driver, failure);
    else if (driver->exec)
        docker_inspect_exec(driver->docker, driver->exec, on_inspected, driver);
    else
        loop_stop(driver->loop);
}

static void on_resized(const struct docker_failure *failure, void *data)
{
    struct driver *driver = data;

    if (failure)
        fail(driver, failure);
    else
        send_input(driver);
}

static void on_open(void *data)
{
    struct driver *driver = data;

    if (driver->rows)
        docker_resize_exec(driver->docker, driver->exec, driver->rows, driver->columns, on_resized,
                           driver);
    else
        send_input(driver);
}

static struct docker_stream_options options_of(struct driver *driver)
{
    return (struct docker_stream_options){.has_tty = driver->rows > 0,
                                          .on_open = on_open,
                                          .on_output = on_output,
                                          .on_room = send_input,
                                          .on_closed = on_closed,
                                          .data = driver};
}

static void on_created(const struct docker_failure *failure, const char *id, void *data)
{
    struct driver *driver = data;
    struct docker_stream_options options = options_of(driver);

    if (failure) {
        fail(driver, failure);
        return;
    }
    driver->exec = str_dup(id);
    driver->stream = docker_start_exec(driver->docker, id, &options);
}

static void on_version(const struct docker_failure *failure, const struct docker_version *version,
                       void *data)
{
    struct driver *driver = data;
    struct docker_stream_options options = options_of(driver);
    struct docker_exec_spec spec = {.command = driver->command, .has_tty = driver->rows > 0};

    (void)version;
    if (failure)
        fail(driver, failure);
    else if (driver->command)
        docker_create_exec(driver->docker, driver->container, &spec, on_created, driver);
    else
        driver->stream = docker_attach(driver->docker, driver->container, &options);
}

int main(int argc, char **argv)
{
    static struct driver driver;
    pthread_t reader;
    int at = 4;
    struct error *err;

    if (argc < 4)
        return 125;
    driver.container = argv[3];
    for (; at + 1 < argc && str_starts_with(argv[at], "--"); at += 2) {
        if (str_eq(argv[at], "--tty"))
            (void)!sscanf(argv[at + 1], "%ux%u", &driver.rows, &driver.columns);
        else
            driver.leave_after = (size_t)atol(argv[at + 1]);
    }
    if (str_eq(argv[2], "exec"))
        driver.command = (const char *const *)argv + at;
    sem_init(&driver.taken, 0, 0);
    err = loop_new(&driver.loop);
    if (!err)
        err = docker_new(driver.loop, argv[1], &driver.docker);
    if (err) {
        fprintf(stderr, "%s\n", err->message);
        return 125;
    }
    docker_get_version(driver.docker, on_version, &driver);
    pthread_create(&reader, NULL, read_input, &driver);
    loop_run(driver.loop);
    fflush(stdout);
    _exit(driver.exit_code); /* the reader may be waiting for input for ever */
}
