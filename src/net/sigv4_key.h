/* sigv4_key.h - the hashes of Signature Version 4 and a cache of derived signing keys. */
#ifndef BERTH_NET_SIGV4_KEY_H
#define BERTH_NET_SIGV4_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "net/sigv4.h"

#define SHA256_BYTES    32
#define SHA256_HEX_SIZE 65

struct sigv4_scope {
    const char *access_key_id, *date, *region, *service;
};

/* Signs with the key derived from `secret` for `scope`, which is cached. */
void sigv4_cache_sign(struct sigv4_cache *cache, const struct sigv4_scope *scope,
                      const char *secret, const char *text, size_t len, uint8_t ret[SHA256_BYTES]);
void sigv4_cache_hash_hex(struct sigv4_cache *cache, const void *bytes, size_t len,
                          char ret[SHA256_HEX_SIZE]);
/* An empty buffer that keeps its memory between uses. */
struct buf *sigv4_cache_scratch(struct sigv4_cache *cache);

#endif
