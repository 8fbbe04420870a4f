/* task_values.h - what the containers of a task are given by reference: secrets, options of log
 * drivers, files of variables, logins of registries, the FireLens router's own configuration
 * (TD-216 to TD-245, AP-464, AP-471 to AP-473). Pure: which calls it takes, and what their answers
 * mean.
 *
 * What is named twice is asked for once; parameters go ten to a call, by region.
 *
 * Ownership  Task and region are lent for its life. What a function is given no arena for lives as
 *            long as the values. They are in memory only, and in the environment and options of
 *            the containers.
 * Errors     The task's reason as ECS says it; a value is never in it.
 */
#ifndef BERTH_AGENT_TASK_VALUES_H
#define BERTH_AGENT_TASK_VALUES_H

#include "agent/aws/aws_message.h"
#include "agent/engine/container.h"

enum value_kind {
    VALUE_LOGIN,      /* of a registry, in Secrets Manager */
    VALUE_PARAMETERS, /* of SSM */
    VALUE_SECRET,     /* of Secrets Manager */
    VALUE_FILE,       /* of variables, in S3 */
    VALUE_ROUTER,     /* its configuration, in S3 */
    VALUE_TOKEN,      /* ECR's login */
    VALUE_KIND_COUNT
};

struct value_call {
    enum value_kind kind;
    const char *region;
    const char *names[AWS_PARAMETERS_MAX]; /* parameters */
    size_t name_count;
    const char *id, *stage,
        *version;             /* secret: its id as asked for; stage and version may be NULL */
    const char *bucket, *key; /* object */
    const char *registry_id, *endpoint; /* token; endpoint NULL: the service's */
    bool is_by_agent;                   /* with the agent's own keys, not the role's */

    bool is_done;
    const char *failure; /* what AWS said, or what is wrong with the answer; NULL: nothing */
    bool is_unreached;   /* failed before there was anything to download */
    const char *values[AWS_PARAMETERS_MAX]; /* parameters, or one text */
    size_t len;                             /* of a file */
    const char *user, *password, *server;   /* of a login */
    struct aws_registry_token token;
};

struct task_values {
    struct arena arena;
    const struct acs_task *task;
    const char *region;
    struct value_call *calls;
    size_t count, waiting; /* calls, those that are not done */
    bool has_no_role;      /* the keys of the execution role are not there */
};

/* NULL: the task needs nothing. `region` is for what says none. */
struct task_values *task_values_new(const struct acs_task *task, const char *region);
void task_values_free(struct task_values *values);

/* The JSON to ask with; nothing for an object. */
void task_values_ask(const struct value_call *call, struct buf *body);
/* The outcome of a call: NULL `fault` for an answer. */
void task_values_take(struct task_values *values, struct value_call *call,
                      const struct aws_fault *fault, const char *body, size_t len);
/* ECR's from an earlier call. */
void task_values_take_token(struct task_values *values, struct value_call *call,
                            const struct aws_registry_token *token);
/* None of what is left to be done with the role's keys can be. */
void task_values_refuse(struct task_values *values);

/* Once nothing waits: why the task cannot start; NULL: it can. In `arena`. */
const char *task_values_reason(struct task_values *values, struct arena *arena);

/* ---- what a container is given, once there is no reason against it ---- */

/* Its whole environment (TD-243); false if a file cannot be read. In `arena`. */
bool task_values_environment(const struct task_values *values, struct arena *arena,
                             const struct acs_container *container, struct acs_string_map *ret);
/* The secret options of all containers' log drivers. In `arena`. */
size_t task_values_log_secrets(const struct task_values *values, struct arena *arena,
                               const struct container_log_secret **ret);
/* The call that logs into the container's registry; NULL: none is needed, as without values. */
const struct value_call *task_values_login(const struct task_values *values,
                                           const struct acs_container *container);
/* The X-Registry-Auth header for a pull of its image, in `arena`; NULL, and the container's reason,
 * if there is none to be had. */
const char *task_values_auth(const struct value_call *login, struct arena *arena, const char *image,
                             const char **ret_reason);
/* The router's own configuration; NULL: it has none. */
const struct value_call *task_values_router(const struct task_values *values);
/* `text` without any of the secrets, which Docker may repeat. In `arena`. */
const char *task_values_redact(const struct task_values *values, struct arena *arena,
                               const char *text);

#endif
