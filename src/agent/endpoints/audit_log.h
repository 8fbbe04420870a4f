/* audit_log.h - who fetched credentials: one line for each request, in a file (AG-309, AG-370,
 * AG-371, AG-908).
 *
 *   TIME STATUS ADDRESS:PORT "PATH" "AGENT" TASK_ARN GetCredentials 2 CLUSTER INSTANCE_ARN
 *
 * The path is without the credentials' id, which nobody may learn from here. The file is put aside
 * as the log is. One that cannot be opened is said once, and keeps nobody from their credentials.
 */
#ifndef BERTH_AGENT_AUDIT_LOG_H
#define BERTH_AGENT_AUDIT_LOG_H

#include "base/log_file.h"

struct audit_log;

/* `file` NULL: nothing is written. The strings are copied. */
struct audit_log *audit_log_new(const struct log_file_options *file, const char *cluster,
                                const char *instance_arn);
void audit_log_free(struct audit_log *log);

struct audit_entry {
    int64_t at_ms;
    int status;
    const char *peer; /* address */
    unsigned peer_port;
    const char *path;       /* without the id */
    const char *user_agent; /* NULL: none */
    const char *task_arn;   /* NULL: unknown */
    const char *event;      /* NULL: none (a request that was throttled) */
};
void audit_log_write(struct audit_log *log, const struct audit_entry *entry);

#endif
