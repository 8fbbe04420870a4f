#include "base/log_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/mem.h"
#include "base/str.h"

#define HOUR_MS (3600 * 1000LL)

struct log_file {
    struct log_file_options options;
    char *path, *dir, *name;
    pthread_mutex_t mutex;
    int fd; /* -1: not open */
    int64_t hour;
    int64_t bytes;
    bool has_complained;
};

static void complain(struct log_file *file, const char *what)
{
    CLEANUP(str_freep) char *line = NULL;

    if (file->has_complained)
        return;
    file->has_complained = true;
    line = str_printf("%s: %s: %s\n", file->path, what, strerror(errno));
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return; /* nobody can be told */
}

static bool open_it(struct log_file *file, int64_t at_ms)
{
    struct stat about;

    file->fd = open(file->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file->fd < 0 || fstat(file->fd, &about) < 0)
        return false;
    file->bytes = about.st_size;
    file->hour = (about.st_size > 0 ? about.st_mtime * 1000LL : at_ms) / HOUR_MS;
    return true;
}

static void close_it(struct log_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

/* ---- files put aside ---- */

/* Their order: hours and numbers as one figure; 0: not one of ours. */
static int64_t rank_of(const struct log_file *file, const char *entry)
{
    size_t len = strlen(file->name);
    int year, month, day, hour, end = 0;
    const char *suffix;
    int64_t number;

    if (strncmp(entry, file->name, len) != 0 || entry[len] != '.')
        return 0;
    suffix = entry + len + 1;
    if (file->options.rollover == LOG_ROLLOVER_SIZE)
        return str_to_int64(suffix, &number) && number > 0 ? number : 0;
    if (sscanf(suffix, "%4d-%2d-%2d-%2d%n", &year, &month, &day, &hour, &end) != 4 || suffix[end])
        return 0;
    return ((year * 100LL + month) * 100 + day) * 100 + hour;
}

/* How many there are, with the ranks of the first and the last. */
static size_t survey(const struct log_file *file, char **ret_first, int64_t *ret_last)
{
    DIR *dir = opendir(file->dir);
    const struct dirent *entry;
    int64_t first = INT64_MAX;
    size_t count = 0;

    *ret_first = NULL;
    *ret_last = 0;
    while (dir && (entry = readdir(dir))) {
        int64_t rank = rank_of(file, entry->d_name);

        if (!rank)
            continue;
        count++;
        if (rank > *ret_last)
            *ret_last = rank;
        if (rank >= first)
            continue;
        first = rank;
        free(*ret_first);
        *ret_first = str_printf("%s/%s", file->dir, entry->d_name);
    }
    if (dir)
        closedir(dir);
    return count;
}

static void delete_oldest(const struct log_file *file)
{
    for (;;) {
        CLEANUP(str_freep) char *first = NULL;
        int64_t last;

        if (!file->options.kept || survey(file, &first, &last) <= file->options.kept ||
            unlink(first) < 0)
            return;
    }
}

static char *name_aside(const struct log_file *file)
{
    CLEANUP(str_freep) char *first = NULL;
    time_t at = (time_t)(file->hour * (HOUR_MS / 1000));
    char suffix[32];
    int64_t last;
    struct tm tm;

    if (file->options.rollover == LOG_ROLLOVER_SIZE) {
        survey(file, &first, &last);
        return str_printf("%s.%" PRId64, file->path, last + 1);
    }
    gmtime_r(&at, &tm);
    strftime(suffix, sizeof(suffix), "%Y-%m-%d-%H", &tm);
    return str_printf("%s.%s", file->path, suffix);
}

static void put_aside(struct log_file *file)
{
    CLEANUP(str_freep) char *aside = name_aside(file);

    close_it(file);
    if (rename(file->path, aside) < 0)
        complain(file, "cannot be put aside");
    delete_oldest(file);
}

static bool is_to_be_put_aside(const struct log_file *file, int64_t at_ms, size_t len)
{
    if (file->fd < 0 || file->bytes == 0)
        return false;
    if (file->options.rollover == LOG_ROLLOVER_HOURLY)
        return at_ms / HOUR_MS > file->hour;
    return file->options.rollover == LOG_ROLLOVER_SIZE &&
           file->bytes + (int64_t)len > file->options.max_bytes;
}

/* ---- the file ---- */

struct error *log_file_open(const struct log_file_options *options, struct log_file **ret_file)
{
    struct log_file *file = xcalloc(1, sizeof(*file));
    const char *slash = strrchr(options->path, '/');
    struct error *err = NULL;

    file->options = *options;
    file->path = str_dup(options->path);
    file->dir = !slash ? str_dup(".")
                : slash == options->path
                    ? str_dup("/")
                    : str_dup_n(options->path, (size_t)(slash - options->path));
    file->name = str_dup(slash ? slash + 1 : options->path);
    file->fd = -1;
    pthread_mutex_init(&file->mutex, NULL);
    if (access(file->dir, F_OK) < 0)
        err = dir_make(file->dir);
    if (!err && !open_it(file, time(NULL) * 1000LL))
        err = error_errno(errno, "%s cannot be opened", file->path);
    if (err) {
        log_file_close(file);
        return err;
    }
    *ret_file = file;
    return NULL;
}

void log_file_close(struct log_file *file)
{
    if (!file)
        return;
    close_it(file);
    pthread_mutex_destroy(&file->mutex);
    free(file->path);
    free(file->dir);
    free(file->name);
    free(file);
}

void log_file_add(struct log_file *file, int64_t at_ms, const char *line, size_t len)
{
    pthread_mutex_lock(&file->mutex);
    if (is_to_be_put_aside(file, at_ms, len))
        put_aside(file);
    if (file->fd < 0 && !open_it(file, at_ms)) {
        complain(file, "cannot be opened");
    } else if (write(file->fd, line, len) != (ssize_t)len) {
        complain(file, "cannot be written");
        close_it(file);
    } else {
        file->bytes += (int64_t)len;
        file->has_complained = false;
    }
    pthread_mutex_unlock(&file->mutex);
}
