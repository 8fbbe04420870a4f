/* aws_message.h - what is asked of AWS's services for the start of a task, and what they answer
 * (AP-464, AP-471). Pure.
 *
 * Secrets are in the answers: nothing of an answer that was not refused gets into an error.
 *
 * Ownership  Everything returned lives in the arena given.
 */
#ifndef BERTH_AGENT_AWS_MESSAGE_H
#define BERTH_AGENT_AWS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "net/http_client.h" /* struct http_response */

/* Why a call failed, in the words of the SDK that ECS's own agent is built with, which people know
 * from stopped tasks: "AccessDeniedException: not allowed status code: 400, request id: 1-2". */
struct aws_fault {
    const char *code; /* "" if there was no answer */
    const char *text;
    bool is_passing;    /* the same call may succeed later */
    const char *region; /* where the bucket is, if the answer says so; else NULL */
};
/* For a status that is not 2xx. */
struct aws_fault aws_fault_of_answer(struct arena *arena, const struct http_response *response);
/* For a call that was not answered. */
struct aws_fault aws_fault_of_silence(struct arena *arena, const char *why);

/* ---- SSM: GetParameters ---- */

#define AWS_PARAMETERS_MAX 10 /* of one call */

void aws_ask_parameters(struct buf *body, const char *const *names, size_t count);
/* The values of `names`; what is wrong, or NULL. A parameter may have been asked for by its name,
 * by its ARN, and with a version or label behind a colon (TD-227). */
const char *aws_read_parameters(struct arena *arena, const char *body, size_t len,
                                const char *const *names, size_t count, const char **ret_values);

/* ---- Secrets Manager: GetSecretValue ---- */

/* Without stage and version (NULL) it is the current one (TD-225). */
void aws_ask_secret(struct buf *body, const char *id, const char *stage, const char *version);
/* SecretString, "" if the secret has none; what is wrong, or NULL. */
const char *aws_read_secret(struct arena *arena, const char *body, size_t len,
                            const char **ret_text);

/* ---- ECR: GetAuthorizationToken ---- */

struct aws_registry_token {
    const char *token;  /* "user:password" in base64 */
    const char *server; /* "https://123456789012.dkr.ecr.us-east-1.amazonaws.com" */
    int64_t expires_ms; /* 0: not said */
};

void aws_ask_registry_token(struct buf *body, const char *registry_id);
const char *aws_read_registry_token(struct arena *arena, const char *body, size_t len,
                                    struct aws_registry_token *ret);

#endif
