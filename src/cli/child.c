#include "cli/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

extern char **environ;

/* In the forked child: nothing but async-signal-safe calls and exec. */
NORETURN static void run(const struct child *child, char *const argv[], char *const env[])
{
    sigset_t none;

    (void)child;
    /* Ctrl-C, timeout(1) and CI runners signal the whole group: it is the parent who ends us, in
     * the order that stops the tasks first. */
    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve("/proc/self/exe", argv, env);
    _exit(127);
}

static struct error *wait_ready(struct child *child, int fd, int64_t timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char word;
    int n;

    do {
        n = poll(&poll_fd, 1, (int)timeout_ms);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        return error_new(API_SERVER, "the %s is not ready after %d seconds", child->name,
                         (int)(timeout_ms / 1000));
    if (read(fd, &word, 1) != 1)
        return error_new(API_SERVER, "the %s ended before it was ready (its message is above)",
                         child->name);
    return NULL;
}

struct error *child_start(struct child *child, int64_t ready_timeout_ms)
{
    char *argv[CHILD_ARGS_MAX + 2] = {(char[]){"berth"}};
    CLEANUP(str_freep) char *ready = NULL;
    char **env;
    size_t env_count = 0, n = 0;
    int fds[2] = {-1, -1};
    struct error *err = NULL;
    pid_t pid;

    for (size_t i = 0; child->args[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)child->args[i];
    if (ready_timeout_ms) {
        /* The write end is inherited: the child says a word on it, or ends and closes it. */
        if (pipe(fds) < 0)
            return error_errno(errno, "cannot make a pipe");
        ready = str_printf(CHILD_READY_ENV "=%d", fds[1]);
    }
    while (environ[env_count])
        env_count++;
    env = calloc(env_count + ARRAY_LEN(child->env) + 2, sizeof(*env));
    if (!env)
        abort();
    /* Additions first: getenv() takes the first of a name. */
    for (size_t i = 0; i < ARRAY_LEN(child->env) && child->env[i]; i++)
        env[n++] = (char *)(uintptr_t)child->env[i];
    if (ready)
        env[n++] = ready;
    memcpy(env + n, environ, env_count * sizeof(*env));
    pid = fork();
    if (pid == 0) {
        if (fds[0] >= 0)
            close(fds[0]);
        run(child, argv, env);
    }
    free(env);
    if (fds[1] >= 0)
        close(fds[1]);
    if (pid < 0) {
        err = error_errno(errno, "cannot start the %s", child->name);
    } else {
        child->pid = pid;
        child->started_ms = clock_mono_ms(&clock_system);
        if (ready_timeout_ms)
            err = wait_ready(child, fds[0], ready_timeout_ms);
    }
    if (fds[0] >= 0)
        close(fds[0]);
    return err;
}

void child_tell_ready(void)
{
    const char *text = getenv(CHILD_READY_ENV);
    int64_t fd;

    if (!str_to_int64(text, &fd) || fd < 3)
        return;
    if (write((int)fd, "+", 1) != 1)
        perror("berth: telling the parent");
    close((int)fd);
    unsetenv(CHILD_READY_ENV);
}

void child_follow_parent(void)
{
    signal(SIGINT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == 1)
        raise(SIGTERM); /* the parent was gone before we asked */
}
