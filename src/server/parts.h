/* parts.h - what the files of this room share: the running server and its pieces. */
#ifndef BERTH_SERVER_PARTS_H
#define BERTH_SERVER_PARTS_H

#include "control/control.h"
#include "ecs/ecs.h"
#include "events/streams.h"
#include "net/http_server.h"
#include "net/sigv4.h"
#include "server/server.h"
#include "state/state.h"
#include "wire/aws_json.h"
#include "wire/dispatch.h"
#include "wire/guard.h"

struct drain;

/* The administrator's key: new with each start, in DIR/server.json and nowhere else. */
struct admin_key {
    char access_key_id[32];
    char secret_access_key[64];
};

struct server {
    const struct server_options *options;
    struct loop *loop;
    struct rng rng;
    struct state *state;
    struct control *control;
    struct http_server *http;
    struct sigv4_cache *signatures;
    struct ecs ecs;
    struct dispatch *ecs_dispatch;
    struct dispatch *berth_dispatch;
    struct event_streams *events;
    struct admin_key admin;
    struct drain *drains; /* under way, newest first */
    char *url;
    int64_t started_ms;
    unsigned connections_max;
    bool is_ending;
};

/* ---- identity.c ---- */

/* Who sent a request, by its signature or, with auth off, by declaration. */
struct identity {
    const char *region, *account;
    const char *service; /* that it signed for */
    struct principal principal;
    const char *secret_access_key; /* NULL with auth off */
    bool is_admin;
};
/* Fails as API-022 says, or with API_CLIENT for a region not served. Strings from the arena. */
MUST_USE struct error *identify(struct server *server, struct arena *arena,
                                const struct http_request *req, struct identity *ret);
bool server_is_admin(const struct server *server, const struct principal *principal);

/* Two random texts in the form AWS's keys have. */
void access_key_make(struct rng *rng, char ret_id[32], char ret_secret[64]);

/* ---- router.c ---- */
void route(struct http_exchange *ex, const struct http_request *req, void *server);

/* ---- drain.c ---- */
void drain_on_change(const struct change *change, void *server);

/* ---- metrics.c ---- */
void respond_metrics(struct server *server, struct http_exchange *ex);
void respond_health(struct server *server, struct http_exchange *ex);

#endif
