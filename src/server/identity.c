/* identity.c - who sent a request. */

#include "base/str.h"
#include "control/role_session.h"
#include "server/parts.h"

static bool serves_region(const struct server *server, const char *region)
{
    for (size_t i = 0; i < server->options->region_count; i++) {
        if (str_eq(server->options->regions[i], region))
            return true;
    }
    return false;
}

bool server_is_admin(const struct server *server, const struct principal *principal)
{
    return str_eq(principal->access_key_id, server->admin.access_key_id);
}

/* With auth off everybody is the account; a signature, if there is one, still names region and
 * service. */
static struct error *identify_by_declaration(struct server *server, struct arena *arena,
                                             const struct http_request *req, struct identity *ret)
{
    struct sigv4_claim claim = {0};
    struct error *err = sigv4_read(arena, req, &claim);

    error_free(err); /* unsigned is fine */
    *ret = (struct identity){
        .region = claim.region && serves_region(server, claim.region) ? claim.region
                                                                      : server->options->regions[0],
        .account = server->options->account,
        .service = claim.service,
        .principal = {.is_root = true},
        .is_admin = str_eq(claim.access_key_id, server->admin.access_key_id),
    };
    return NULL;
}

/* A task that signs by its role (AG-301): the token says whose it is, and the keys follow from it.
 */
static struct error *identify_role(struct server *server, struct arena *arena,
                                   const struct sigv4_claim *claim, struct role_session *ret,
                                   struct identity *ret_identity)
{
    struct role_keys keys;

    TRY(role_session_read(arena, server->state, claim->session_token, ret, &keys));
    if (!str_eq(keys.access_key_id, claim->access_key_id))
        return error_new(API_UNRECOGNIZED_CLIENT,
                         "The security token included in the request is invalid.");
    ret_identity->secret_access_key = keys.secret_access_key;
    ret_identity->account = ret->account;
    ret_identity->principal = (struct principal){
        .access_key_id = keys.access_key_id,
        .role_arn = ret->role_arn,
        .role_cluster = ret->cluster,
        .role_task = ret->task,
    };
    return NULL;
}

static struct error *identify_by_signature(struct server *server, struct arena *arena,
                                           const struct http_request *req,
                                           const struct sigv4_claim *claim, struct identity *ret)
{
    const struct access_key *key = NULL;
    int64_t now_ms = clock_wall_ms(&clock_system);
    struct role_session session;
    bool is_role = str_starts_with(claim->access_key_id, ROLE_SESSION_KEY_MARK);

    if (str_eq(claim->access_key_id, server->admin.access_key_id)) {
        ret->secret_access_key = server->admin.secret_access_key;
        ret->account = server->options->account;
        ret->principal =
            (struct principal){.access_key_id = server->admin.access_key_id, .is_root = true};
        ret->is_admin = true;
    } else if (is_role) {
        TRY(identify_role(server, arena, claim, &session, ret));
    } else {
        key = state_access_key(server->state, claim->access_key_id);
        if (!key)
            return error_new(API_UNRECOGNIZED_CLIENT,
                             "The security token included in the request is invalid.");
        ret->secret_access_key = key->secret;
        ret->account = key->account;
        ret->principal = (struct principal){
            .access_key_id = key->access_key_id,
            .is_root = !key->agent_cluster,
            .agent_cluster = key->agent_cluster,
            .agent_instance = key->agent_instance,
        };
    }
    TRY(sigv4_verify(arena, server->signatures, req, claim, ret->secret_access_key, now_ms));
    if (is_role)
        TRY(role_session_check(server->state, &session, now_ms));
    if (!serves_region(server, claim->region))
        return error_new(API_CLIENT, "The region %s is not served here.", claim->region);
    ret->region = claim->region;
    ret->service = claim->service;
    return NULL;
}

struct error *identify(struct server *server, struct arena *arena, const struct http_request *req,
                       struct identity *ret)
{
    struct sigv4_claim claim = {0};
    struct identity identity = {0};

    if (!server->options->has_auth) {
        TRY(identify_by_declaration(server, arena, req, ret));
        if (!ret->is_admin)
            return NULL;
        /* The administrator's key is asked for its signature even so. */
    }
    TRY(sigv4_read(arena, req, &claim));
    TRY(identify_by_signature(server, arena, req, &claim, &identity));
    *ret = identity;
    return NULL;
}
