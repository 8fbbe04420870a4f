/* keys.c - CreateKey, ListKeys and DeleteKey of the administrator's API. */
#include <stdlib.h>
#include <string.h>

#include "control/role_session.h"
#include "gen/berth_handlers.h"
#include "server/parts.h"

#define ACCESS_KEYS_MAX 10000

void access_key_make(struct rng *rng, char ret_id[32], char ret_secret[64])
{
    static const char id_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char secret_letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    memcpy(ret_id, "AKIA", 4);
    for (int i = 4; i < 20; i++)
        ret_id[i] = id_letters[rng_below(rng, 32)];
    ret_id[20] = '\0';
    for (int i = 0; i < 40; i++)
        ret_secret[i] = secret_letters[rng_below(rng, 64)];
    ret_secret[40] = '\0';
}

/* What is nobody's key is passed over. */
static const struct access_key *next_key(struct server *server, const struct access_key *after)
{
    const struct access_key *key =
        state_access_key_after(server->state, after ? after->access_key_id : NULL);

    return key && str_eq(key->access_key_id, ROLE_SESSION_SECRET)
               ? state_access_key_after(server->state, key->access_key_id)
               : key;
}

static void describe(struct call *call, const struct access_key *key, struct berth_key *ret)
{
    ret->access_key_id = arena_dup(call->arena, key->access_key_id);
    ret->account = arena_dup(call->arena, key->account);
    ret->name = arena_dup(call->arena, key->name);
    ret->agent_cluster = arena_dup(call->arena, key->agent_cluster);
    if (!id_is_zero(&key->agent_instance)) {
        char *hex = arena_alloc(call->arena, ID_HEX_SIZE);

        id_format(&key->agent_instance, hex);
        ret->agent_instance = hex;
    }
    SET(ret, created_at_ms, key->created_at_ms);
}

struct error *berth_api_create_key(struct call *call, const struct berth_create_key_request *in,
                                   struct berth_create_key_response *out)
{
    struct server *server = call->service;
    const struct access_key *any = NULL;
    char id[32], secret[64];
    struct access_key *key;
    size_t count = 0;

    while ((any = next_key(server, any)))
        count++;
    if (count >= ACCESS_KEYS_MAX)
        return error_new(API_CLIENT, "There are %d access keys already; delete some first.",
                         ACCESS_KEYS_MAX);
    access_key_make(call->rng, id, secret);
    key = access_key_new();
    access_key_set_access_key_id(key, id);
    access_key_set_secret(key, secret);
    access_key_set_account(key, in->account ? in->account : server->options->account);
    access_key_set_name(key, in->name);
    access_key_set_agent_cluster(key, in->agent_cluster);
    key->created_at_ms = call->now_ms;
    out->key = ARENA_NEW(call->arena, struct berth_key);
    describe(call, key, out->key);
    out->secret_access_key = arena_dup(call->arena, secret);
    txn_put_access_key(call->txn, key);
    return NULL;
}

struct error *berth_api_list_keys(struct call *call, const struct berth_list_keys_request *in,
                                  struct berth_list_keys_response *out)
{
    struct server *server = call->service;
    const struct access_key *key = NULL;
    size_t count = 0;

    (void)in;
    while ((key = next_key(server, key)))
        count++;
    SET_LIST(call->arena, &out->keys, count);
    for (size_t i = 0; i < count; i++) {
        key = next_key(server, key);
        describe(call, key, &out->keys.items[i]);
    }
    return NULL;
}

struct error *berth_api_delete_key(struct call *call, const struct berth_delete_key_request *in,
                                   struct berth_delete_key_response *out)
{
    struct server *server = call->service;
    const struct access_key *key;

    (void)out;
    key = state_access_key(server->state, in->access_key_id);
    if (!key || str_eq(in->access_key_id, ROLE_SESSION_SECRET))
        return error_new(API_CLIENT, "There is no access key %s.", in->access_key_id);
    txn_delete_access_key(call->txn, key);
    return NULL;
}
