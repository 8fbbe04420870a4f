#include "agent/endpoints/audit_log.h"

#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define VERSION 2 /* of the line (AG-908) */

struct audit_log {
    struct log_file *file; /* NULL: nothing is written */
    char *cluster, *instance_arn;
};

struct audit_log *audit_log_new(const struct log_file_options *file, const char *cluster,
                                const char *instance_arn)
{
    struct audit_log *log = xcalloc(1, sizeof(*log));
    struct error *err = file ? log_file_open(file, &log->file) : NULL;

    if (err)
        log_warning("the audit log of credentials is not written", "path", file->path, "error",
                    err->message);
    error_free(err); /* said above */
    log->cluster = str_dup(cluster);
    log->instance_arn = str_dup(instance_arn);
    return log;
}

void audit_log_free(struct audit_log *log)
{
    if (!log)
        return;
    if (log->file)
        log_file_close(log->file);
    free(log->cluster);
    free(log->instance_arn);
    free(log);
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
    time_t seconds = (time_t)(entry->at_ms / 1000);
    struct tm tm;
    char at[32];

    gmtime_r(&seconds, &tm);
    strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
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

    if (!log->file)
        return;
    add_line(log, entry, &line);
    log_file_add(log->file, entry->at_ms, line.data, line.len);
}
