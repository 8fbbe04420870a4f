/* sigv4_canonical.h - the canonical request of Signature Version 4: the text both sides hash. Pure.
 */
#ifndef BERTH_NET_SIGV4_CANONICAL_H
#define BERTH_NET_SIGV4_CANONICAL_H

#include "base/arena.h"
#include "base/str.h"
#include "net/http_server.h"

/* A-Z a-z 0-9 - . _ ~ stay, and '/' if `keeps_slash`; all else becomes %XX. */
void sigv4_uri_encode(struct buf *out, const char *bytes, size_t len, bool keeps_slash);

/* The path as S3 wants it (as sent), or as every other service does: normalized and encoded once
 * more. */
void sigv4_add_path(struct buf *out, struct arena *arena, const char *path, bool is_s3);

/* Parameters decoded ('+' is a space, AP-202), encoded again and sorted; without `skip`, if not
 * NULL. */
void sigv4_add_query(struct buf *out, struct arena *arena, const char *query, const char *skip);

/* "name:value\n" for each name of the semicolon-separated list; a header that occurs twice has its
 * values joined by commas. False if there is no such header. */
bool sigv4_add_headers(struct buf *out, const struct http_header *headers, size_t count,
                       const char *signed_headers);

/* The decoded value of a parameter, from the arena; NULL if there is none. */
char *sigv4_query_param(struct arena *arena, const char *query, const char *name);

#endif
