/* log.h - one event, one line on stderr, and in a file if there is one, as text or JSON.
 *
 * log_info("task stopped", "task", id, "reason", reason) takes pairs of field name and string value
 * after the fixed text; a NULL value is left out. `error` asks a person to act, `warning` says what
 * we do instead, `debug` is free. Environment values and credentials are never logged. Safe from
 * any thread. The sink is the one global there is.
 */
#ifndef BERTH_BASE_LOG_H
#define BERTH_BASE_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_NONE /* as the least one: nothing */
};
/* The last two are those of ECS's agent (AG-369), with seconds and the source file. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_ECS_TEXT, LOG_FORMAT_ECS_JSON };

struct log_file;

void log_configure(enum log_level least, enum log_format format);
/* Adds lines of that level and above to the file too. Lent; NULL: no file. */
void log_to_file(struct log_file *file, enum log_level least);
bool log_level_parse(const char *name, enum log_level *ret);   /* debug, info, warning, error */
bool log_format_parse(const char *name, enum log_format *ret); /* text, json */

void log_event(enum log_level level, const char *module, const char *text, ...)
    __attribute__((sentinel));

#define log_debug(...)   log_event(LOG_LEVEL_DEBUG, __FILE_NAME__, __VA_ARGS__, (char *)0)
#define log_info(...)    log_event(LOG_LEVEL_INFO, __FILE_NAME__, __VA_ARGS__, (char *)0)
#define log_warning(...) log_event(LOG_LEVEL_WARNING, __FILE_NAME__, __VA_ARGS__, (char *)0)
#define log_error(...)   log_event(LOG_LEVEL_ERROR, __FILE_NAME__, __VA_ARGS__, (char *)0)

#endif
