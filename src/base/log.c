#include "base/log.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/str.h"

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static enum log_level least_level = LOG_LEVEL_INFO;
static enum log_format format = LOG_FORMAT_TEXT;

void log_configure(enum log_level least, enum log_format chosen)
{
    least_level = least;
    format = chosen;
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

void log_event(enum log_level level, const char *text, ...)
{
    CLEANUP(buf_done) struct buf line = {0};
    char when[CLOCK_ISO_SIZE];
    const char *name;
    va_list ap;

    if (level < least_level)
        return;
    clock_format_iso(clock_wall_ms(&clock_system), when);
    if (format == LOG_FORMAT_JSON) {
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", when, level_names[level]);
        json_text_add_string(&line, text);
    } else {
        buf_printf(&line, "%s %-7s %s", when, level_names[level], text);
    }
    va_start(ap, text);
    while ((name = va_arg(ap, const char *))) {
        const char *value = va_arg(ap, const char *);

        if (!value)
            continue;
        if (format == LOG_FORMAT_JSON) {
            buf_add_char(&line, ',');
            json_text_add_string(&line, name);
            buf_add_char(&line, ':');
            json_text_add_string(&line, value);
        } else {
            buf_printf(&line, " %s=", name);
            add_text_value(&line, value);
        }
    }
    va_end(ap);
    buf_add_str(&line, format == LOG_FORMAT_JSON ? "}\n" : "\n");
    /* One write keeps lines of several threads whole; of a full stderr nobody can be told. */
    if (write(STDERR_FILENO, line.data, line.len) < 0)
        return;
}
