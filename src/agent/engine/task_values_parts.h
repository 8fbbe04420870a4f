/* task_values_parts.h - inside of task_values.h: what its files share. */
#ifndef BERTH_AGENT_TASK_VALUES_PARTS_H
#define BERTH_AGENT_TASK_VALUES_PARTS_H

#include "agent/engine/task_values.h"

/* task_values.c */

/* The call that asks for the same; NULL: none does. */
const struct value_call *value_call_find(const struct task_values *values,
                                         const struct value_call *wanted);
/* `region`, or the agent's for none. */
const char *value_region(const struct task_values *values, const char *region);
bool value_is_secret(const struct acs_secret *secret); /* of Secrets Manager, not of SSM */
/* The ARN of the router's own configuration; NULL: it has none in S3. */
const char *value_router_object(const struct acs_container *container);

/* task_values_reason.c */

/* What a reference to Secrets Manager stands for; NULL, and why. In `arena`. */
const char *task_values_secret(const struct task_values *values, struct arena *arena,
                               const struct acs_secret *secret, const char **ret_reason);

#endif
