/* registry_tokens.h - ECR's tokens, kept until shortly before they expire (AP-464). In memory only.
 *
 * One is good for whoever asks with the same role, region, registry and endpoint; beyond the most
 * the one that was used longest ago is forgotten.
 */
#ifndef BERTH_AGENT_REGISTRY_TOKENS_H
#define BERTH_AGENT_REGISTRY_TOKENS_H

#include <sys/queue.h>

#include "agent/aws/aws_message.h"
#include "base/clock.h"

#define REGISTRY_TOKENS_MAX      100
#define REGISTRY_TOKENS_EARLY_MS (30 * 60 * 1000) /* before they expire, and up to so much more */

struct registry_token;
TAILQ_HEAD(registry_token_list, registry_token);

struct registry_tokens {
    struct registry_token_list list; /* the one used last is the first */
    size_t count;
};

void registry_tokens_init(struct registry_tokens *tokens);
void registry_tokens_done(struct registry_tokens *tokens);
/* Lent until the next call; NULL: none, or none that is good for long enough. */
const struct aws_registry_token *registry_tokens_find(struct registry_tokens *tokens,
                                                      const char *key, int64_t now_ms);
/* Copies; one that does not say when it expires is not kept. */
void registry_tokens_put(struct registry_tokens *tokens, const char *key,
                         const struct aws_registry_token *value, struct rng *rng);

#endif
