/* client_token.h - idempotency: the same token with the same request gives the first result again
 * (API-042, SC-157).
 *
 * A token is remembered for CLIENT_TOKEN_LIFE_MS with a fingerprint of the request and a text from
 * which the handler can answer again.
 */
#ifndef BERTH_ECS_CLIENT_TOKEN_H
#define BERTH_ECS_CLIENT_TOKEN_H

#include "ecs/ecs.h"
#include "wire/shape.h"

#define CLIENT_TOKEN_LIFE_MS (24 * 3600 * 1000)

struct client_token_use {
    const char *operation;   /* tokens of different operations have nothing to do with each other */
    const char *token;       /* NULL: the caller gave none, and all below does nothing */
    const char *fingerprint; /* of the request without its token */
    const char *result;      /* of the first call; NULL: this is the first */
};

/* Looks a token up. `request` is the decoded request with the token taken out. Refuses tokens that
 * are empty, longer than `chars_max` or not printable ASCII (API_INVALID_PARAMETER), and one that
 * was used with another request (`conflict_code`, `conflict_text`); ret->result is what that one
 * made then, for an error that names it. */
MUST_USE struct error *client_token_look_up(struct call *call, const char *operation,
                                            const char *token, size_t chars_max,
                                            const struct shape *shape, const void *request,
                                            enum api_error conflict_code, const char *conflict_text,
                                            struct client_token_use *ret);

/* Keeps the result of a first call. */
void client_token_remember(struct call *call, const struct client_token_use *use,
                           const char *result);

#endif
