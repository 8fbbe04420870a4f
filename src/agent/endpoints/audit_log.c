#include "agent/endpoints/audit_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define HOUR_S  3600
#define VERSION 2 /* of the line (AG-908) */

struct audit_log {
    char *path, *cluster, *instance_arn;
    int fd;       /* -1: not open */
    int64_t hour; /* of what is in the open file, since the epoch */
    bool has_complained;
};

struct audit_log *audit_log_new(const char *path, const char *cluster, const char *instance_arn)
{
    struct audit_log *log = xcalloc(1, sizeof(*log));

    log->path = str_dup(path);
    log->cluster = str_dup(cluster);
    log->instance_arn = str_dup(instance_arn);
    log->fd = -1;
    return log;
}

static void close_file(struct audit_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

void audit_log_free(struct audit_log *log)
{
    if (!log)
        return;
    close_file(log);
    free(log->path);
    free(log->cluster);
    free(log->instance_arn);
    free(log);
}

static void complain(struct audit_log *log, const char *what)
{
    if (!log->has_complained)
        log_warning("the audit log of credentials is not written", "path", log->path, "error", what,
                    "reason", strerror(errno));
    log->has_complained = true;
}

static void format_time(int64_t at_s, const char *format, char *ret, size_t size)
{
    time_t seconds = (time_t)at_s;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(ret, size, format, &tm);
}

/* ---- files put aside ---- */

/* The oldest of NAME.YYYY-MM-DD-HH in its directory, and how many there are. */
static size_t count_old(const char *directory, const char *name, char oldest[NAME_MAX + 1])
{
    DIR *dir = opendir(directory);
    size_t len = strlen(name), count = 0;
    struct dirent *entry;

    oldest[0] = '\0';
    while (dir && (entry = readdir(dir))) {
        const char *suffix = entry->d_name + len;

        if (strncmp(entry->d_name, name, len) != 0 || strlen(entry->d_name) != len + 14 ||
            suffix[0] != '.' || strspn(suffix + 1, "0123456789-") != 13)
            continue;
        count++;
        if (!oldest[0] || strcmp(entry->d_name, oldest) < 0)
            strcpy(oldest, entry->d_name);
    }
    if (dir)
        closedir(dir);
    return count;
}

static void forget_old(const struct audit_log *log)
{
    const char *slash = strrchr(log->path, '/');
    const char *name = slash ? slash + 1 : log->path;
    CLEANUP(str_freep)
    char *directory = slash ? str_dup_n(log->path, (size_t)(slash - log->path) + 1) : str_dup(".");
    char oldest[NAME_MAX + 1];

    while (count_old(directory, name, oldest) > AUDIT_LOG_KEPT) {
        CLEANUP(str_freep) char *path = str_printf("%s/%s", directory, oldest);

        if (unlink(path) < 0)
            return; /* it is tried again in an hour */
    }
}

static void put_aside(struct audit_log *log)
{
    char hour[32];
    CLEANUP(str_freep) char *path = NULL;

    format_time(log->hour * HOUR_S, "%Y-%m-%d-%H", hour, sizeof(hour));
    path = str_printf("%s.%s", log->path, hour);
    close_file(log);
    if (rename(log->path, path) < 0)
        complain(log, "it cannot be renamed");
    forget_old(log);
}

/* ---- writing ---- */

static bool open_file(struct audit_log *log, int64_t hour)
{
    struct stat info;

    log->fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log->fd < 0) {
        complain(log, "it cannot be opened");
        return false;
    }
    log->hour = hour;
    if (fstat(log->fd, &info) == 0 && info.st_size > 0)
        log->hour = info.st_mtime / HOUR_S; /* an earlier life of this agent wrote it */
    return true;
}

static bool is_ready(struct audit_log *log, int64_t hour)
{
    if (log->fd < 0 && !open_file(log, hour))
        return false;
    if (log->hour == hour)
        return true;
    put_aside(log);
    return open_file(log, hour);
}

static const char *or_dash(const char *text)
{
    return str_is_empty(text) ? "-" : text;
}

/* What a client sent must not end the line or the quotes. */
static void add_quoted(struct buf *line, const char *text)
{
    buf_add_char(line, '"');
    for (const char *p = text ? text : ""; *p; p++)
        buf_add_char(line, *p == '"' || (unsigned char)*p < ' ' ? '?' : *p);
    buf_add_char(line, '"');
}

static void add_line(const struct audit_log *log, const struct audit_entry *entry, struct buf *line)
{
    char at[32];

    format_time(entry->at_ms / 1000, "%Y-%m-%dT%H:%M:%SZ", at, sizeof(at));
    buf_printf(line, "%s %d %s:%u ", at, entry->status, or_dash(entry->peer), entry->peer_port);
    add_quoted(line, entry->path);
    buf_add_char(line, ' ');
    add_quoted(line, entry->user_agent);
    buf_printf(line, " %s ", or_dash(entry->task_arn));
    if (entry->event)
        buf_printf(line, "%s %d %s %s", entry->event, VERSION, or_dash(log->cluster),
                   or_dash(log->instance_arn));
    buf_add_char(line, '\n');
}

void audit_log_write(struct audit_log *log, const struct audit_entry *entry)
{
    CLEANUP(buf_done) struct buf line = {0};

    if (!log->path || !is_ready(log, entry->at_ms / 1000 / HOUR_S))
        return;
    add_line(log, entry, &line);
    if (write(log->fd, line.data, line.len) != (ssize_t)line.len)
        complain(log, "it takes no line");
}
