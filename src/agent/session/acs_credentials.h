/* acs_credentials.h - role credentials the control plane pushed, by their id (AP-231 to AP-233).
 *
 * In memory only: a secret is never written (AP-542), and the control plane sends all of them again
 * to an agent that started anew (AP-214). Whoever knows the id gets the credentials.
 *
 * Ownership  The table copies; what is found is lent until the table changes.
 */
#ifndef BERTH_AGENT_ACS_CREDENTIALS_H
#define BERTH_AGENT_ACS_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

#define ACS_CREDENTIALS_MAX 20000 /* two roles of ten thousand tasks */
#define ROLE_APPLICATION    "TaskApplication"
#define ROLE_EXECUTION      "TaskExecution"

struct acs_role_credentials; /* gen/agent_types.h */
struct acs_credentials;

struct role_credentials {
    const char *id, *task_arn, *role_type;
    const char *role_arn, *access_key_id, *secret_access_key, *session_token;
    const char *expiration; /* echoed as it came (AG-929) */
};

struct acs_credentials *acs_credentials_new(void);
void acs_credentials_free(struct acs_credentials *table);

/* Adds or replaces; false if there are too many or members are missing. */
bool acs_credentials_put(struct acs_credentials *table, const char *task_arn, const char *role_type,
                         const struct acs_role_credentials *given);
bool acs_credentials_find(const struct acs_credentials *table, const char *id,
                          struct role_credentials *ret);
size_t acs_credentials_count(const struct acs_credentials *table);

/* Forgets those of a task that has ended: its containers have no more use for them. */
void acs_credentials_forget(struct acs_credentials *table, const char *task_arn);
/* Forgets those of tasks that `is_wanted` says no to. */
typedef bool acs_credentials_wanted_fn(const char *task_arn, void *data);
void acs_credentials_sweep(struct acs_credentials *table, acs_credentials_wanted_fn *is_wanted,
                           void *data);

#endif
