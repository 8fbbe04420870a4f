#include "ecs/paging.h"

#include <string.h>

#include "ecs/names.h"

/* A token: a version, the fingerprint and the key, in hexadecimal. */
#define TOKEN_VERSION   '1'
#define TOKEN_KEY_BYTES 1024

/* FNV-1a: tells tokens of one list from those of another; it guards against mistakes, not malice,
 * and whatever key a token holds is only a place in the caller's own list. */
static uint64_t hash_more(uint64_t hash, const char *text)
{
    for (const char *at = text ? text : ""; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

static struct error *refuse_token(void)
{
    return error_new(API_INVALID_PARAMETER, "Invalid token");
}

static struct error *read_token(struct page *page, const char *token)
{
    size_t len = strlen(token);
    uint64_t fingerprint;
    char digits[2 * sizeof(fingerprint) + 1];
    size_t key_len;
    char *key;

    if (len < 1 + 2 * sizeof(fingerprint) || token[0] != TOKEN_VERSION || len % 2 != 1)
        return refuse_token();
    memcpy(digits, token + 1, sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    if (!hex_decode(digits, sizeof(fingerprint), &fingerprint) || fingerprint != page->fingerprint)
        return refuse_token();
    token += 1 + 2 * sizeof(fingerprint);
    key_len = strlen(token) / 2;
    if (key_len == 0 || key_len > TOKEN_KEY_BYTES)
        return refuse_token();
    key = arena_alloc(page->arena, key_len + 1);
    if (!hex_decode(token, key_len, key) || strlen(key) != key_len)
        return refuse_token();
    page->after = key;
    return NULL;
}

struct error *page_open(struct call *call, const char *operation, const char *filters,
                        bool has_size, int32_t size, const char *token, int32_t size_default,
                        int32_t size_max, struct page *ret_page)
{
    const struct scope *scope = call_scope(call);
    struct page page = {.arena = call->arena, .limit = (size_t)size_default};

    if (has_size && (size < 1 || size > size_max))
        return error_new(API_INVALID_PARAMETER, "maxResults must be between 1 and %d, but was %d.",
                         (int)size_max, (int)size);
    if (has_size)
        page.limit = (size_t)size;
    page.fingerprint = hash_more(0xcbf29ce484222325u, operation);
    page.fingerprint = hash_more(page.fingerprint, scope->region);
    page.fingerprint = hash_more(page.fingerprint, scope->account);
    page.fingerprint = hash_more(page.fingerprint, filters);
    if (!str_is_empty(token))
        TRY(read_token(&page, token));
    *ret_page = page;
    return NULL;
}

const char *page_token(const struct page *page, const char *last_key)
{
    size_t key_len = strlen(last_key);
    char *token = arena_alloc(page->arena, 1 + 2 * sizeof(page->fingerprint) + 2 * key_len + 1);

    token[0] = TOKEN_VERSION;
    hex_encode(&page->fingerprint, sizeof(page->fingerprint), token + 1);
    hex_encode(last_key, key_len, token + 1 + 2 * sizeof(page->fingerprint));
    return token;
}

struct error *page_after_id(const struct page *page, struct id *id, const struct id **ret_after)
{
    if (page->after && !id_parse(page->after, id))
        return refuse_token();
    *ret_after = page->after ? id : NULL;
    return NULL;
}

const char *page_token_id(const struct page *page, const struct id *last_id)
{
    char hex[ID_HEX_SIZE];

    id_format(last_id, hex);
    return page_token(page, hex);
}
