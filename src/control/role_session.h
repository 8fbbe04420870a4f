/* role_session.h - temporary credentials for the roles of a task (AG-301 to AG-306, AP-231 to
 * AP-233).
 *
 * Nothing is stored of them. The session token says whose they are and until when, under a seal;
 * the key's id and its secret follow from the token and from a secret of this server, which lies
 * among the access keys under a name that no request can claim. So they are good across restarts, a
 * million of them take no memory, and they end with the task: whoever checks a token looks the task
 * up. Made twice within an hour they are the same.
 *
 * Errors  API_UNRECOGNIZED_CLIENT: not made here. API_EXPIRED_TOKEN: their time is over.
 * Units   Milliseconds on the wall clock.
 */
#ifndef BERTH_CONTROL_ROLE_SESSION_H
#define BERTH_CONTROL_ROLE_SESSION_H

#include "base/arena.h"
#include "state/state.h"

#define ROLE_SESSION_MS       (6LL * 3600 * 1000) /* AG-303 */
#define ROLE_SESSION_SECRET   "role/sessions"     /* an access key's id cannot have a slash */
#define ROLE_SESSION_KEY_MARK "ASIA"              /* how the ids of temporary keys begin */

enum role_kind { ROLE_APPLICATION, ROLE_EXECUTION };

struct role_session {
    const char *region, *account, *cluster;
    struct id task;
    enum role_kind kind;
    const char *role_arn;
    int64_t expires_ms;
};

struct role_keys {
    const char *credentials_id; /* the same for the life of the task */
    const char *access_key_id, *secret_access_key, *session_token;
};

/* Makes the server's secret, if it has none yet. Once at start, and after a reload. */
void role_sessions_prepare(struct state *state);

/* What expires_ms is for credentials made now: at most `duration_ms` ahead, at least five sixths.
 */
int64_t role_session_expiry(int64_t now_ms, int64_t duration_ms);
struct role_keys role_session_keys(struct arena *arena, struct state *state,
                                   const struct role_session *session);
/* Whose a token is, and the keys that go with it. Looks at neither time nor task. */
MUST_USE struct error *role_session_read(struct arena *arena, struct state *state,
                                         const char *session_token, struct role_session *ret,
                                         struct role_keys *ret_keys);
/* Whether its time has come, or its task's. */
MUST_USE struct error *role_session_check(struct state *state, const struct role_session *session,
                                          int64_t now_ms);

#endif
