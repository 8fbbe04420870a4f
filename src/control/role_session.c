#include "control/role_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/str.h"

#define VERSION       "1"
#define SEAL_BYTES    32
#define SECRET_BYTES  32
#define TOKEN_MAX     4096
#define KEY_ID_RANDOM 16
#define SECRET_CHARS  40 /* as AWS's have */
#define BODY_PARTS    8

static const char *const kinds[] = {
    [ROLE_APPLICATION] = "application", [ROLE_EXECUTION] = "execution"};

void role_sessions_prepare(struct state *state)
{
    unsigned char random[SECRET_BYTES];
    char hex[2 * SECRET_BYTES + 1];
    struct access_key *key;
    struct txn *txn;

    if (state_access_key(state, ROLE_SESSION_SECRET))
        return;
    rng_bytes(state_rng(state), random, sizeof(random));
    hex_encode(random, sizeof(random), hex);
    key = access_key_new();
    access_key_set_access_key_id(key, ROLE_SESSION_SECRET);
    access_key_set_secret(key, hex);
    key->created_at_ms = clock_wall_ms(state_clock(state));
    txn = txn_begin(state, NULL);
    txn_put_access_key(txn, key);
    txn_commit(txn);
}

int64_t role_session_expiry(int64_t now_ms, int64_t duration_ms)
{
    int64_t step_ms = duration_ms / 6;

    return now_ms / step_ms * step_ms + duration_ms;
}

/* What the server's secret makes of `text` for one purpose. */
static void seal(struct state *state, const char *purpose, const char *text,
                 unsigned char ret[SEAL_BYTES])
{
    const struct access_key *key = state_access_key(state, ROLE_SESSION_SECRET);
    CLEANUP(str_freep) char *whole = str_printf("%s|%s", purpose, text);
    const char *secret = key ? key->secret : "";
    unsigned len = SEAL_BYTES;

    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)whole, strlen(whole),
         ret, &len);
}

/* "1|region|account|cluster|task|kind|seconds|role": what a token says. */
static char *body_of(struct arena *arena, const struct role_session *session)
{
    char task[ID_HEX_SIZE];

    id_format(&session->task, task);
    return arena_printf(arena, VERSION "|%s|%s|%s|%s|%s|%" PRId64 "|%s", session->region,
                        session->account, session->cluster, task, kinds[session->kind],
                        session->expires_ms / 1000, session->role_arn);
}

static const char *credentials_id(struct arena *arena, struct state *state,
                                  const struct role_session *session)
{
    unsigned char sealed[SEAL_BYTES];
    char hex[2 * SEAL_BYTES + 1], task[ID_HEX_SIZE];

    id_format(&session->task, task);
    seal(state, "credentials",
         arena_printf(arena, "%s|%s|%s", session->account, task, kinds[session->kind]), sealed);
    sealed[6] = (unsigned char)((sealed[6] & 0x0f) | 0x40); /* a UUID's version and variant */
    sealed[8] = (unsigned char)((sealed[8] & 0x3f) | 0x80);
    hex_encode(sealed, sizeof(sealed), hex);
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
}

static const char *key_id(struct arena *arena, struct state *state, const char *body)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char random[KEY_ID_RANDOM + 1] = "";
    unsigned char sealed[SEAL_BYTES];

    seal(state, "id", body, sealed);
    for (int i = 0; i < KEY_ID_RANDOM; i++)
        random[i] = letters[sealed[i] & 31];
    return arena_printf(arena, ROLE_SESSION_KEY_MARK "%s", random);
}

static char *base64(struct arena *arena, const void *bytes, size_t len)
{
    char *out = arena_alloc(arena, 4 * ((len + 2) / 3) + 1);

    EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    return out;
}

static struct role_keys keys_of(struct arena *arena, struct state *state,
                                const struct role_session *session, const char *body)
{
    unsigned char sealed[SEAL_BYTES];
    char hex[2 * SEAL_BYTES + 1];
    struct role_keys keys = {.credentials_id = credentials_id(arena, state, session),
                             .access_key_id = key_id(arena, state, body)};
    const char *text;

    seal(state, "secret", body, sealed);
    text = base64(arena, sealed, sizeof(sealed));
    keys.secret_access_key = arena_dup_n(arena, text, SECRET_CHARS);
    seal(state, "token", body, sealed);
    hex_encode(sealed, sizeof(sealed), hex);
    text = arena_printf(arena, "%s|%s", hex, body);
    keys.session_token = base64(arena, text, strlen(text));
    return keys;
}

struct role_keys role_session_keys(struct arena *arena, struct state *state,
                                   const struct role_session *session)
{
    return keys_of(arena, state, session, body_of(arena, session));
}

/* ---- reading ---- */

static struct error *invalid(void)
{
    return error_new(API_UNRECOGNIZED_CLIENT,
                     "The security token included in the request is invalid.");
}

/* The text in base64 as a string; NULL if it is none. */
static char *unbase64(struct arena *arena, const char *text)
{
    size_t len = strlen(text);
    char *out;
    int n;

    if (!len || len % 4 != 0 || len > TOKEN_MAX)
        return NULL;
    out = arena_alloc(arena, len / 4 * 3 + 1);
    n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    if (n < 0)
        return NULL;
    n -= (text[len - 1] == '=') + (text[len - 2] == '=');
    out[n] = '\0';
    return strlen(out) == (size_t)n ? out : NULL;
}

static bool read_body(struct arena *arena, const char *body, struct role_session *ret)
{
    char *rest = arena_dup(arena, body);
    const char *parts[BODY_PARTS];
    int64_t expires_s;

    for (size_t i = 0; i < BODY_PARTS; i++) {
        parts[i] = i + 1 < BODY_PARTS ? strsep(&rest, "|") : rest;
        if (!parts[i])
            return false;
    }
    if (strcmp(parts[0], VERSION) != 0 || !id_parse(parts[4], &ret->task) ||
        !str_to_int64(parts[6], &expires_s))
        return false;
    ret->region = parts[1];
    ret->account = parts[2];
    ret->cluster = parts[3];
    ret->kind = str_eq(parts[5], kinds[ROLE_EXECUTION]) ? ROLE_EXECUTION : ROLE_APPLICATION;
    ret->expires_ms = expires_s * 1000;
    ret->role_arn = parts[7];
    return true;
}

struct error *role_session_read(struct arena *arena, struct state *state, const char *session_token,
                                struct role_session *ret, struct role_keys *ret_keys)
{
    char *text = session_token ? unbase64(arena, session_token) : NULL;
    unsigned char given[SEAL_BYTES], sealed[SEAL_BYTES];
    struct role_session session;
    struct role_keys keys;
    char *body = text ? strchr(text, '|') : NULL;

    if (!body || body - text != 2 * SEAL_BYTES || !state_access_key(state, ROLE_SESSION_SECRET))
        return invalid();
    *body++ = '\0';
    seal(state, "token", body, sealed);
    if (!hex_decode(text, sizeof(given), given) ||
        CRYPTO_memcmp(given, sealed, sizeof(sealed)) != 0 || !read_body(arena, body, &session))
        return invalid();
    keys = keys_of(arena, state, &session, body);
    if (!str_eq(keys.session_token, session_token)) /* the same in other letters */
        return invalid();
    *ret = session;
    *ret_keys = keys;
    return NULL;
}

struct error *role_session_check(struct state *state, const struct role_session *session,
                                 int64_t now_ms)
{
    const struct task *task =
        state_task(state, state_scope(state, session->region, session->account), session->cluster,
                   &session->task);

    if (now_ms >= session->expires_ms)
        return error_new(API_EXPIRED_TOKEN,
                         "The security token included in the request is expired");
    return task && task->last_status != TASK_STOPPED ? NULL : invalid();
}
