#include "agent/engine/registry_tokens.h"

#include <string.h>

#include "base/mem.h"

struct registry_token {
    TAILQ_ENTRY(registry_token) in_list;
    struct arena arena; /* of the strings */
    const char *key;
    struct aws_registry_token value;
    int64_t good_until_ms;
};

void registry_tokens_init(struct registry_tokens *tokens)
{
    TAILQ_INIT(&tokens->list);
    tokens->count = 0;
}

static void forget(struct registry_tokens *tokens, struct registry_token *token)
{
    TAILQ_REMOVE(&tokens->list, token, in_list);
    tokens->count--;
    arena_done(&token->arena);
    free(token);
}

void registry_tokens_done(struct registry_tokens *tokens)
{
    struct registry_token *token;

    while ((token = TAILQ_FIRST(&tokens->list)))
        forget(tokens, token);
}

static struct registry_token *find(struct registry_tokens *tokens, const char *key)
{
    struct registry_token *token;

    TAILQ_FOREACH(token, &tokens->list, in_list)
    if (strcmp(token->key, key) == 0)
        return token;
    return NULL;
}

const struct aws_registry_token *registry_tokens_find(struct registry_tokens *tokens,
                                                      const char *key, int64_t now_ms)
{
    struct registry_token *token = find(tokens, key);

    if (!token)
        return NULL;
    if (now_ms >= token->good_until_ms) {
        forget(tokens, token);
        return NULL;
    }
    TAILQ_REMOVE(&tokens->list, token, in_list);
    TAILQ_INSERT_HEAD(&tokens->list, token, in_list);
    return &token->value;
}

void registry_tokens_put(struct registry_tokens *tokens, const char *key,
                         const struct aws_registry_token *value, struct rng *rng)
{
    struct registry_token *known = find(tokens, key), *token;

    if (known)
        forget(tokens, known);
    if (!value->expires_ms)
        return;
    if (tokens->count >= REGISTRY_TOKENS_MAX)
        forget(tokens, TAILQ_LAST(&tokens->list, registry_token_list));
    token = xcalloc(1, sizeof(*token));
    token->key = arena_dup(&token->arena, key);
    token->value = (struct aws_registry_token){.token = arena_dup(&token->arena, value->token),
                                               .server = arena_dup(&token->arena, value->server),
                                               .expires_ms = value->expires_ms};
    token->good_until_ms = value->expires_ms - REGISTRY_TOKENS_EARLY_MS -
                           (int64_t)rng_below(rng, REGISTRY_TOKENS_EARLY_MS);
    TAILQ_INSERT_HEAD(&tokens->list, token, in_list);
    tokens->count++;
}
