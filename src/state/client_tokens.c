/* client_tokens.c - idempotency tokens by operation and token, and in the order in which they
 * expire. */
#include <assert.h>
#include <string.h>

#include "state/txn.h"

/* So many expired ones go with each that is put: there are never many more than are in use. */
#define PURGED_A_PUT 4

struct key {
    const char *operation, *token;
    int64_t expires_at_ms;
};

static struct client_token *by_name(const struct treap_node *node)
{
    return node ? CONTAINER_OF((struct treap_node *)(uintptr_t)node, struct client_token, links[0])
                : NULL;
}

static struct client_token *by_expiry(const struct treap_node *node)
{
    return node ? CONTAINER_OF((struct treap_node *)(uintptr_t)node, struct client_token, links[1])
                : NULL;
}

static int compare(const struct key *key, const struct client_token *token)
{
    int order = strcmp(key->operation, token->operation);

    return order ? order : strcmp(key->token, token->token);
}

static int name_cmp(const void *key, const struct treap_node *node)
{
    return compare(key, by_name(node));
}

static int expiry_cmp(const void *key, const struct treap_node *node)
{
    int64_t wanted = ((const struct key *)key)->expires_at_ms;
    int64_t found = by_expiry(node)->expires_at_ms;

    if (wanted != found)
        return wanted < found ? -1 : 1;
    return compare(key, by_expiry(node));
}

static struct key key_of(const struct client_token *token)
{
    return (struct key){token->operation, token->token, token->expires_at_ms};
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct client_token *token = record;
    struct key key = key_of(token);

    (void)state;
    if (!treap_insert(&scope->tokens, &key, &token->links[0], name_cmp))
        return false;
    token->home = scope;
    return true;
}

static void look(const void *record, struct before *ret)
{
    ret->expires_at_ms = ((const struct client_token *)record)->expires_at_ms;
}

static void take_from_expiry(struct client_token *token, int64_t expires_at_ms)
{
    struct scope_home *scope = token->home;
    struct key key = {token->operation, token->token, expires_at_ms};
    int64_t now = token->expires_at_ms;
    struct treap_node *node;

    token->expires_at_ms = expires_at_ms; /* what the tree knows it by */
    node = treap_remove(&scope->token_expiry, &key, expiry_cmp);
    token->expires_at_ms = now;
    assert(node == &token->links[1]);
}

static void follow(void *record, const struct before *before)
{
    struct client_token *token = record;
    struct scope_home *scope = token->home;
    struct key key = key_of(token);

    if (before->is_counted)
        take_from_expiry(token, before->expires_at_ms);
    treap_insert(&scope->token_expiry, &key, &token->links[1], expiry_cmp);
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct client_token *token = record;
    struct scope_home *scope = token->home;
    struct key key = key_of(token);

    (void)state;
    if (before->is_counted)
        take_from_expiry(token, before->expires_at_ms);
    treap_remove(&scope->tokens, &key, name_cmp);
    token->is_gone = true;
}

static void release(void *record)
{
    client_token_free(record);
}

const struct table client_token_table = {
    .kind = RECORD_CLIENT_TOKEN,
    .change = CHANGE_KIND_COUNT,
    .attach = attach,
    .look = look,
    .follow = follow,
    .detach = detach,
    .release = release,
};

static void drop(struct treap_node *node, void *data)
{
    (void)data;
    client_token_free(by_name(node));
}

void client_tokens_drop(struct scope_home *scope)
{
    scope->token_expiry.root = NULL;
    treap_drain(&scope->tokens, drop, NULL);
}

static struct client_token *find(const struct scope_home *scope, const char *operation,
                                 const char *token)
{
    struct key key = {.operation = operation, .token = token};

    return by_name(treap_find(&scope->tokens, &key, name_cmp));
}

const struct client_token *state_client_token(struct state *state, const struct scope *scope,
                                              const char *operation, const char *token)
{
    struct client_token *found = find(scope_home_of(scope), operation, token);

    return found && found->expires_at_ms > clock_wall_ms(state->clock) ? found : NULL;
}

static void purge(struct txn *txn, const struct client_token *keep)
{
    int64_t now_ms = clock_wall_ms(txn->state->clock);

    for (int i = 0; i < PURGED_A_PUT && txn_room_keys(txn) > 0; i++) {
        struct client_token *first = by_expiry(treap_first(&txn->scope->token_expiry));
        if (!first || first == keep || first->expires_at_ms > now_ms)
            return;
        txn_delete(txn, &client_token_table, first);
    }
}

void txn_put_client_token(struct txn *txn, struct client_token *token)
{
    struct client_token *found = find(txn->scope, token->operation, token->token);

    if (found) {
        client_token_copy(txn_edit(txn, &client_token_table, found), token);
        client_token_free(token);
    } else {
        found = txn_insert(txn, &client_token_table, token);
    }
    purge(txn, found);
}
