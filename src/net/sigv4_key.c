#include "net/sigv4_key.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/mem.h"
#include "base/tree.h"

#define SHA256_BLOCK 64

/* A key ready for use: the two hash states that HMAC begins with. */
struct signing_key {
    RB_ENTRY(signing_key) node;
    TAILQ_ENTRY(signing_key) use;
    char *scope;  /* owned; access key id, date, region and service */
    char *secret; /* owned; an entry of a secret that has changed is of no use */
    EVP_MD_CTX *inner, *outer;
};

RB_HEAD(key_tree, signing_key);
TAILQ_HEAD(key_list, signing_key);

static int key_cmp(const struct signing_key *a, const struct signing_key *b)
{
    return strcmp(a->scope, b->scope);
}
RB_GENERATE_STATIC(key_tree, signing_key, node, key_cmp)

struct sigv4_cache {
    struct key_tree keys;
    struct key_list by_use; /* most recent first */
    size_t count;
    EVP_MD *sha256; /* fetched once; looking it up costs more than hashing */
    EVP_MD_CTX *ctx;
    struct buf scratch;
    struct buf scope;
};

static EVP_MD_CTX *md_ctx_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx)
        abort(); /* out of memory */
    return ctx;
}

struct sigv4_cache *sigv4_cache_new(void)
{
    struct sigv4_cache *cache = xcalloc(1, sizeof(*cache));

    RB_INIT(&cache->keys);
    TAILQ_INIT(&cache->by_use);
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    cache->ctx = md_ctx_new();
    if (!cache->sha256)
        abort(); /* OpenSSL without its default provider */
    return cache;
}

static void key_free(struct sigv4_cache *cache, struct signing_key *key)
{
    RB_REMOVE(key_tree, &cache->keys, key);
    TAILQ_REMOVE(&cache->by_use, key, use);
    cache->count--;
    OPENSSL_cleanse(key->secret, strlen(key->secret));
    EVP_MD_CTX_free(key->inner);
    EVP_MD_CTX_free(key->outer);
    free(key->secret);
    free(key->scope);
    free(key);
}

void sigv4_cache_free(struct sigv4_cache *cache)
{
    if (!cache)
        return;
    while (!TAILQ_EMPTY(&cache->by_use))
        key_free(cache, TAILQ_FIRST(&cache->by_use));
    EVP_MD_CTX_free(cache->ctx);
    EVP_MD_free(cache->sha256);
    buf_done(&cache->scratch);
    buf_done(&cache->scope);
    free(cache);
}

static void hmac(const void *key, size_t key_len, const char *text, uint8_t ret[SHA256_BYTES])
{
    if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), ret,
              NULL))
        abort(); /* only out of memory fails */
}

static void derive(const struct sigv4_scope *scope, const char *secret, uint8_t ret[SHA256_BYTES])
{
    CLEANUP(str_freep) char *first = str_printf("AWS4%s", secret);

    hmac(first, strlen(first), scope->date, ret);
    hmac(ret, SHA256_BYTES, scope->region, ret);
    hmac(ret, SHA256_BYTES, scope->service, ret);
    hmac(ret, SHA256_BYTES, "aws4_request", ret);
    OPENSSL_cleanse(first, strlen(first));
}

/* The state of a hash that has taken in the key, padded with `pad`. */
static EVP_MD_CTX *padded_state(const struct sigv4_cache *cache, const uint8_t key[SHA256_BYTES],
                                uint8_t pad)
{
    uint8_t block[SHA256_BLOCK];
    EVP_MD_CTX *ctx = md_ctx_new();

    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < SHA256_BYTES; i++)
        block[i] ^= key[i];
    EVP_DigestInit_ex2(ctx, cache->sha256, NULL);
    EVP_DigestUpdate(ctx, block, sizeof(block));
    OPENSSL_cleanse(block, sizeof(block));
    return ctx;
}

static struct signing_key *key_new(struct sigv4_cache *cache, const struct sigv4_scope *scope,
                                   const char *secret)
{
    struct signing_key *key = xcalloc(1, sizeof(*key));
    uint8_t derived[SHA256_BYTES];

    if (cache->count >= SIGV4_CACHE_MAX)
        key_free(cache, TAILQ_LAST(&cache->by_use, key_list));
    derive(scope, secret, derived);
    key->scope = str_dup(cache->scope.data);
    key->secret = str_dup(secret);
    key->inner = padded_state(cache, derived, 0x36);
    key->outer = padded_state(cache, derived, 0x5c);
    OPENSSL_cleanse(derived, sizeof(derived));
    RB_INSERT(key_tree, &cache->keys, key);
    TAILQ_INSERT_HEAD(&cache->by_use, key, use);
    cache->count++;
    return key;
}

static struct signing_key *key_get(struct sigv4_cache *cache, const struct sigv4_scope *scope,
                                   const char *secret)
{
    struct signing_key probe;
    const char *parts[] = {scope->access_key_id, scope->date, scope->region, scope->service};

    buf_clear(&cache->scope);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_add_str(&cache->scope, parts[i]);
        buf_add_char(&cache->scope, '/');
    }
    probe.scope = cache->scope.data;
    struct signing_key *key = RB_FIND(key_tree, &cache->keys, &probe);
    if (key && strcmp(key->secret, secret) != 0) {
        key_free(cache, key);
        key = NULL;
    }
    if (!key)
        return key_new(cache, scope, secret);
    if (key != TAILQ_FIRST(&cache->by_use)) {
        TAILQ_REMOVE(&cache->by_use, key, use);
        TAILQ_INSERT_HEAD(&cache->by_use, key, use);
    }
    return key;
}

static void finish_hash(struct sigv4_cache *cache, const void *bytes, size_t len,
                        uint8_t ret[SHA256_BYTES])
{
    int ok = EVP_DigestUpdate(cache->ctx, bytes, len) && EVP_DigestFinal_ex(cache->ctx, ret, NULL);

    assert(ok);
}

void sigv4_cache_sign(struct sigv4_cache *cache, const struct sigv4_scope *scope,
                      const char *secret, const char *text, size_t len, uint8_t ret[SHA256_BYTES])
{
    struct signing_key *key = key_get(cache, scope, secret);

    if (!EVP_MD_CTX_copy_ex(cache->ctx, key->inner))
        abort(); /* out of memory */
    finish_hash(cache, text, len, ret);
    if (!EVP_MD_CTX_copy_ex(cache->ctx, key->outer))
        abort();
    finish_hash(cache, ret, SHA256_BYTES, ret);
}

void sigv4_cache_hash_hex(struct sigv4_cache *cache, const void *bytes, size_t len,
                          char ret[SHA256_HEX_SIZE])
{
    uint8_t digest[SHA256_BYTES];

    if (!EVP_DigestInit_ex2(cache->ctx, cache->sha256, NULL))
        abort();
    finish_hash(cache, bytes, len, digest);
    hex_encode(digest, sizeof(digest), ret);
}

struct buf *sigv4_cache_scratch(struct sigv4_cache *cache)
{
    buf_clear(&cache->scratch);
    return &cache->scratch;
}
