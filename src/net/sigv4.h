/* sigv4.h - AWS Signature Version 4: checking what clients send, signing what the agent sends.
 *
 * Pure apart from the key cache. Authentication errors are those of API-022, in this order: none
 * given (MissingAuthenticationToken), malformed (IncompleteSignature), unknown key
 * (UnrecognizedClient), outside the five-minute window or wrong signature (InvalidSignature).
 */
#ifndef BERTH_NET_SIGV4_H
#define BERTH_NET_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "net/http_server.h"

#define SIGV4_WINDOW_MS (5 * 60 * 1000)

/* What a signature says before it is checked. Strings are lent from the arena. */
struct sigv4_claim {
    const char *access_key_id;
    const char *date; /* yyyymmdd */
    const char *region;
    const char *service;       /* "ecs" */
    const char *session_token; /* NULL: none */
    bool is_presigned;

    /* for sigv4_verify() */
    const char *signed_headers; /* "host;x-amz-date" */
    const char *signature;      /* 64 hex digits */
    const char *timestamp;      /* X-Amz-Date: yyyymmddThhmmssZ */
    int64_t expires_s;          /* of a presigned URL */
};

/* Reads the Authorization header or the query of a presigned URL. */
MUST_USE struct error *sigv4_read(struct arena *arena, const struct http_request *req,
                                  struct sigv4_claim *ret);
/* Checks it with the secret that belongs to claim->access_key_id; constant-time compare; derived
 * signing keys are cached (SIGV4_CACHE_MAX of them, least recently used first out) in `cache`. */
#define SIGV4_CACHE_MAX 1024
struct sigv4_cache;
struct sigv4_cache *sigv4_cache_new(void);
void sigv4_cache_free(struct sigv4_cache *cache);
MUST_USE struct error *sigv4_verify(struct arena *arena, struct sigv4_cache *cache,
                                    const struct http_request *req, const struct sigv4_claim *claim,
                                    const char *secret_access_key, int64_t now_ms);
/* A TCS frame: an HTTP-like header block over the JSON, signed for the GET of the connection
 * (AP-503). Finds where the JSON starts and checks the signature as above. */
MUST_USE struct error *sigv4_verify_frame(struct arena *arena, struct sigv4_cache *cache,
                                          const char *frame, size_t len, const char *path,
                                          const char *query, const char *secret_access_key,
                                          int64_t now_ms, const char **ret_json,
                                          size_t *ret_json_len);

struct sigv4_keys {
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* NULL: none */
};
/* Headers to add to a request: X-Amz-Date, Authorization and, with a token, X-Amz-Security-Token.
 * `headers` are those to sign besides; without a host among them the URL's is signed
 * (sigv4_url_host()), which is then the Host header to send. All from the arena. */
void sigv4_sign(struct arena *arena, const struct sigv4_keys *keys, const char *region,
                const char *service, const char *method, const char *url,
                const struct http_header *headers, size_t header_count, const char *body,
                size_t body_len, int64_t now_ms, struct http_header **ret_headers,
                size_t *ret_count);

/* A frame for the telemetry channel: the header block of AP-503 and `json` behind it. `url` is that
 * of the connection. */
void sigv4_sign_frame(struct arena *arena, const struct sigv4_keys *keys, const char *region,
                      const char *service, const char *url, const char *json, size_t len,
                      int64_t now_ms, struct buf *out);
/* The Host header for a URL: its host and, unless it is the scheme's own, its port. */
char *sigv4_url_host(struct arena *arena, const char *url);

#endif
