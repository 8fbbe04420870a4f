#include "ecs/client_token.h"

#include <openssl/sha.h>
#include <string.h>

#include "ecs/names.h"

static const char *fingerprint_of(struct arena *arena, const struct shape *shape,
                                  const void *request)
{
    CLEANUP(buf_done) struct buf text = {0};
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char *hex = arena_alloc(arena, 2 * sizeof(digest) + 1);

    shape_encode(shape, &text, request);
    SHA256((const unsigned char *)text.data, text.len, digest);
    hex_encode(digest, sizeof(digest), hex);
    return hex;
}

static struct error *check_token(const char *token, size_t chars_max)
{
    size_t len = strlen(token);

    if (len == 0 || len > chars_max)
        return error_new(API_INVALID_PARAMETER, "clientToken must have 1 to %zu characters.",
                         chars_max);
    for (size_t i = 0; i < len; i++)
        if (token[i] < 0x20 || token[i] > 0x7e)
            return error_new(API_INVALID_PARAMETER,
                             "clientToken must be of printable ASCII characters.");
    return NULL;
}

struct error *client_token_look_up(struct call *call, const char *operation, const char *token,
                                   size_t chars_max, const struct shape *shape, const void *request,
                                   enum api_error conflict_code, const char *conflict_text,
                                   struct client_token_use *ret)
{
    const struct client_token *known;

    *ret = (struct client_token_use){0};
    if (!token)
        return NULL;
    TRY(check_token(token, chars_max));
    ret->operation = operation;
    ret->token = token;
    ret->fingerprint = fingerprint_of(call->arena, shape, request);
    known = state_client_token(ecs_of(call)->state, call_scope(call), operation, token);
    if (!known || known->expires_at_ms <= call->now_ms)
        return NULL;
    ret->result = known->result;
    if (!str_eq(known->parameters_hash, ret->fingerprint))
        return error_new(conflict_code, "%s", conflict_text);
    return NULL;
}

void client_token_remember(struct call *call, const struct client_token_use *use,
                           const char *result)
{
    struct client_token *record;

    if (!use->token)
        return;
    record = client_token_new();
    client_token_set_operation(record, use->operation);
    client_token_set_token(record, use->token);
    client_token_set_parameters_hash(record, use->fingerprint);
    client_token_set_result(record, result);
    record->expires_at_ms = call->now_ms + CLIENT_TOKEN_LIFE_MS;
    txn_put_client_token(call->txn, record);
}
