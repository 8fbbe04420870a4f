#include "base/log.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/log_file.h"
#include "base/str.h"

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char *const ecs_level_names[] = {"debug", "info", "warn", "error"};
static enum log_level least_level = LOG_LEVEL_INFO, file_level = LOG_LEVEL_NONE;
static enum log_format format = LOG_FORMAT_TEXT;
static struct log_file *log_file; /* NULL: none */

void log_configure(enum log_level least, enum log_format chosen)
{
    least_level = least;
    format = chosen;
}

void log_to_file(struct log_file *file, enum log_level least)
{
    log_file = file;
    file_level = file ? least : LOG_LEVEL_NONE;
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq(name, level_names[i])) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *name, enum log_format *ret)
{
    if (str_eq(name, "text"))
        *ret = LOG_FORMAT_TEXT;
    else if (str_eq(name, "json"))
        *ret = LOG_FORMAT_JSON;
    else
        return false;
    return true;
}

/* Text values with blanks, quotes or control characters are quoted as JSON strings are. */
static void add_text_value(struct buf *line, const char *value)
{
    bool plain = *value != '\0';

    for (const char *p = value; *p && plain; p++)
        plain = (unsigned char)*p > ' ' && *p != '"' && *p != '=';
    if (plain)
        buf_add_str(line, value);
    else
        json_text_add_string(line, value);
}

static void add_json(struct buf *line, const char *name, const char *value)
{
    json_text_add_name(line, name);
    json_text_add_string(line, value);
}

/* "2026-11-20T08:30:00Z" of "2026-11-20T08:30:00.123Z" */
static void cut_to_seconds(char when[CLOCK_ISO_SIZE])
{
    char *point = strchr(when, '.');

    if (point)
        strcpy(point, "Z");
}

static void begin(struct buf *line, enum log_level level, char when[CLOCK_ISO_SIZE],
                  const char *text)
{
    switch (format) {
    case LOG_FORMAT_TEXT:
        buf_printf(line, "%s %-7s %s", when, level_names[level], text);
        return;
    case LOG_FORMAT_JSON:
        buf_add_char(line, '{');
        add_json(line, "time", when);
        add_json(line, "level", level_names[level]);
        add_json(line, "event", text);
        return;
    case LOG_FORMAT_ECS_TEXT:
        cut_to_seconds(when);
        buf_printf(line, "level=%s time=%s msg=", ecs_level_names[level], when);
        json_text_add_string(line, text);
        return;
    case LOG_FORMAT_ECS_JSON:
        cut_to_seconds(when);
        buf_add_char(line, '{');
        add_json(line, "level", ecs_level_names[level]);
        add_json(line, "time", when);
        add_json(line, "msg", text);
        return;
    }
}

static void add_field(struct buf *line, const char *name, const char *value)
{
    if (format == LOG_FORMAT_JSON || format == LOG_FORMAT_ECS_JSON) {
        add_json(line, name, value);
    } else {
        buf_printf(line, " %s=", name);
        add_text_value(line, value);
    }
}

void log_event(enum log_level level, const char *module, const char *text, ...)
{
    CLEANUP(buf_done) struct buf line = {0};
    int64_t now_ms = clock_wall_ms(&clock_system);
    char when[CLOCK_ISO_SIZE];
    const char *name;
    va_list ap;

    if (level < least_level && level < file_level)
        return;
    clock_format_iso(now_ms, when);
    begin(&line, level, when, text);
    va_start(ap, text);
    while ((name = va_arg(ap, const char *))) {
        const char *value = va_arg(ap, const char *);

        if (value)
            add_field(&line, name, value);
    }
    va_end(ap);
    if (format == LOG_FORMAT_ECS_TEXT || format == LOG_FORMAT_ECS_JSON)
        add_field(&line, "module", module);
    buf_add_str(&line, format == LOG_FORMAT_JSON || format == LOG_FORMAT_ECS_JSON ? "}\n" : "\n");
    if (log_file && level >= file_level)
        log_file_add(log_file, now_ms, line.data, line.len);
    /* One write keeps lines of several threads whole; of a full stderr nobody can be told. */
    if (level >= least_level && write(STDERR_FILENO, line.data, line.len) < 0)
        return;
}
