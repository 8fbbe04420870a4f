/* log_file.h - a file that lines are added to, and that is put aside from time to time (AG-116,
 * AG-118 to AG-121, AG-368).
 *
 * Hourly ones are put aside as NAME.YYYY-MM-DD-HH, of the hour (UTC) they are about; those that
 * have grown too large as NAME.1, NAME.2 and so on, the highest being the newest. The oldest are
 * deleted. Safe from any thread. Adding a line blocks as long as the system takes to copy it. A
 * file that cannot be written is said once on stderr, and opened again for the next line.
 */
#ifndef BERTH_BASE_LOG_FILE_H
#define BERTH_BASE_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum log_rollover { LOG_ROLLOVER_NONE, LOG_ROLLOVER_HOURLY, LOG_ROLLOVER_SIZE };

struct log_file_options {
    const char *path; /* copied */
    enum log_rollover rollover;
    int64_t
        max_bytes; /* of LOG_ROLLOVER_SIZE: a line goes to a new file if it would make it larger */
    unsigned kept; /* files put aside; 0: all */
};

struct log_file;

/* Opens or makes the file and the directories it is in. */
MUST_USE struct error *log_file_open(const struct log_file_options *options,
                                     struct log_file **ret_file);
void log_file_close(struct log_file *file);
/* `line` ends with a newline; `at_ms` is the wall clock. */
void log_file_add(struct log_file *file, int64_t at_ms, const char *line, size_t len);

#endif
