#include "cli/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/str.h"

#define FILE_BYTES_MAX (1024 * 1024)

char *data_dir_default(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (!str_is_empty(state))
        return str_printf("%s/berth", state);
    if (geteuid() == 0 || str_is_empty(home))
        return str_dup("/var/lib/berth");
    return str_printf("%s/.local/state/berth", home);
}

static int open_in(const char *dir, const char *name, int flags)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s", dir, name);

    return open(path, flags | O_CLOEXEC, 0600);
}

static struct error *read_all(int fd, const char *dir, const char *name, char **ret_text)
{
    CLEANUP(buf_done) struct buf buf = {0};
    char piece[4096];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0) {
        buf_add(&buf, piece, (size_t)n);
        if (buf.len > FILE_BYTES_MAX)
            return error_new(API_SERVER, "%s/%s is too large", dir, name);
    }
    if (n < 0)
        return error_errno(errno, "cannot read %s/%s", dir, name);
    *ret_text = buf_take(&buf);
    return NULL;
}

struct error *data_dir_lock(const char *dir, const char *name, const char *what)
{
    CLEANUP(str_freep) char *holder = NULL;
    CLEANUP(str_freep) char *line = str_printf("%s (pid %d)", what, (int)getpid());
    int fd = open_in(dir, name, O_RDWR | O_CREAT);
    struct error *err = NULL;

    if (fd < 0)
        return error_errno(errno, "cannot open %s/%s", dir, name);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        err = errno == EWOULDBLOCK ? read_all(fd, dir, name, &holder)
                                   : error_errno(errno, "cannot lock %s/%s", dir, name);
        close(fd);
        return err ? err : error_new(API_CLIENT, "%s is in use by %s", dir, holder);
    }
    if (ftruncate(fd, 0) < 0 || pwrite(fd, line, strlen(line), 0) < 0) {
        err = error_errno(errno, "cannot write %s/%s", dir, name);
        close(fd);
    }
    return err; /* the open descriptor is the lock */
}

struct error *data_dir_write(const char *dir, const char *name, const char *text)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s", dir, name);
    CLEANUP(str_freep) char *temporary = str_printf("%s/.%s.new", dir, name);
    size_t len = strlen(text);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int failed;

    if (fd < 0)
        return error_errno(errno, "cannot write %s", temporary);
    failed = write(fd, text, len) != (ssize_t)len || fsync(fd) < 0;
    if (close(fd) < 0 || failed || rename(temporary, path) < 0)
        return error_errno(errno, "cannot write %s", path);
    return NULL;
}

struct error *data_dir_read(const char *dir, const char *name, char **ret_text)
{
    int fd = open_in(dir, name, O_RDONLY);
    struct error *err;

    if (fd < 0)
        return error_errno(errno, "cannot read %s/%s", dir, name);
    err = read_all(fd, dir, name, ret_text);
    close(fd);
    return err;
}
