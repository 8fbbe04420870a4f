#include "net/sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "net/sigv4_canonical.h"
#include "net/sigv4_key.h"

#define ALGORITHM        "AWS4-HMAC-SHA256"
#define UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define PRESIGNED_S_MAX  (7 * 24 * 3600)
#define TIMESTAMP_LEN    16 /* yyyymmddThhmmssZ */

/* Reading */

static struct error *incomplete(const char *what)
{
    return error_new(API_INCOMPLETE_SIGNATURE, "%s", what);
}

/* Fills the claim from "key/yyyymmdd/region/service/aws4_request". */
static struct error *read_credential(struct arena *arena, const char *text,
                                     struct sigv4_claim *claim)
{
    char *parts[5];
    char *rest = arena_dup(arena, text);

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        parts[i] = rest ? strsep(&rest, "/") : NULL;
        if (str_is_empty(parts[i]))
            return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. "
                              "keyid/date/region/service/term.");
    }
    if (rest || strcmp(parts[4], "aws4_request") != 0)
        return incomplete("Credential should be scoped with a valid terminator: 'aws4_request'.");
    if (strlen(parts[1]) != 8 || strspn(parts[1], "0123456789") != 8)
        return incomplete("Credential should be scoped to a date of the form yyyymmdd.");
    claim->access_key_id = parts[0];
    claim->date = parts[1];
    claim->region = parts[2];
    claim->service = parts[3];
    return NULL;
}

static bool is_hex_digest(const char *text)
{
    return strlen(text) == SHA256_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdefABCDEF") == SHA256_HEX_SIZE - 1;
}

static bool is_timestamp(const char *text)
{
    for (size_t i = 0; i < TIMESTAMP_LEN; i++) {
        if (i == 8 || i == 15) {
            if (text[i] != (i == 8 ? 'T' : 'Z'))
                return false;
        } else if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return text[TIMESTAMP_LEN] == '\0';
}

static struct error *check_claim(const struct sigv4_claim *claim)
{
    if (!claim->timestamp)
        return incomplete("Authorization requires existence of an 'X-Amz-Date'.");
    if (!is_timestamp(claim->timestamp))
        return incomplete("X-Amz-Date must be of the form yyyymmddThhmmssZ.");
    if (!is_hex_digest(claim->signature))
        return incomplete("Signature must be 64 hexadecimal digits.");
    if (!*claim->signed_headers)
        return incomplete("SignedHeaders must name a header.");
    return NULL;
}

/* Fills the claim from "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...". */
static struct error *read_authorization(struct arena *arena, const char *text,
                                        struct sigv4_claim *claim)
{
    size_t scheme_len = strcspn(text, " ");
    char *rest = arena_dup(arena, text + scheme_len);
    const char *credential = NULL;
    char *item;

    if (scheme_len != strlen(ALGORITHM) || strncmp(text, ALGORITHM, scheme_len) != 0)
        return incomplete("Authorization must begin with " ALGORITHM ".");
    while ((item = strsep(&rest, ", "))) {
        char *value = strchr(item, '=');
        if (!*item)
            continue;
        if (!value)
            return incomplete("Authorization has an element without an equal sign.");
        *value++ = '\0';
        if (strcmp(item, "Credential") == 0)
            credential = value;
        else if (strcmp(item, "SignedHeaders") == 0)
            claim->signed_headers = value;
        else if (strcmp(item, "Signature") == 0)
            claim->signature = value;
    }
    if (!credential)
        return incomplete("Authorization header requires 'Credential' parameter.");
    if (!claim->signature)
        return incomplete("Authorization header requires 'Signature' parameter.");
    if (!claim->signed_headers)
        return incomplete("Authorization header requires 'SignedHeaders' parameter.");
    return read_credential(arena, credential, claim);
}

static struct error *read_presigned(struct arena *arena, const char *query,
                                    struct sigv4_claim *claim)
{
    const char *algorithm = sigv4_query_param(arena, query, "X-Amz-Algorithm");
    const char *credential = sigv4_query_param(arena, query, "X-Amz-Credential");
    const char *expires = sigv4_query_param(arena, query, "X-Amz-Expires");

    claim->is_presigned = true;
    claim->signed_headers = sigv4_query_param(arena, query, "X-Amz-SignedHeaders");
    claim->signature = sigv4_query_param(arena, query, "X-Amz-Signature");
    claim->timestamp = sigv4_query_param(arena, query, "X-Amz-Date");
    claim->session_token = sigv4_query_param(arena, query, "X-Amz-Security-Token");
    if (!algorithm || strcmp(algorithm, ALGORITHM) != 0)
        return incomplete("X-Amz-Algorithm must be " ALGORITHM ".");
    if (!credential || !claim->signature || !claim->signed_headers)
        return incomplete("A presigned URL requires 'X-Amz-Credential', 'X-Amz-SignedHeaders' and "
                          "'X-Amz-Signature' parameters.");
    if (!expires || !str_to_int64(expires, &claim->expires_s) || claim->expires_s < 1 ||
        claim->expires_s > PRESIGNED_S_MAX)
        return incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800.");
    return read_credential(arena, credential, claim);
}

static struct error *read_claim(struct arena *arena, const char *authorization,
                                const char *timestamp, const char *token, struct sigv4_claim *claim)
{
    claim->timestamp = arena_dup(arena, timestamp);
    claim->session_token = arena_dup(arena, token);
    TRY(read_authorization(arena, authorization, claim));
    return check_claim(claim);
}

struct error *sigv4_read(struct arena *arena, const struct http_request *req,
                         struct sigv4_claim *ret)
{
    const char *authorization = http_request_header(req, "authorization");
    struct sigv4_claim claim = {0};

    if (authorization) {
        TRY(read_claim(arena, authorization, http_request_header(req, "x-amz-date"),
                       http_request_header(req, "x-amz-security-token"), &claim));
    } else if (strstr(req->query, "X-Amz-Signature=") || strstr(req->query, "X-Amz-Credential=")) {
        TRY(read_presigned(arena, req->query, &claim));
        TRY(check_claim(&claim));
    } else {
        return error_new(API_MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token");
    }
    *ret = claim;
    return NULL;
}

/* Verifying */

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + text[1] - '0';
}

static int64_t timestamp_ms(const char *text)
{
    struct tm tm = {
        .tm_year = two_digits(text) * 100 + two_digits(text + 2) - 1900,
        .tm_mon = two_digits(text + 4) - 1,
        .tm_mday = two_digits(text + 6),
        .tm_hour = two_digits(text + 9),
        .tm_min = two_digits(text + 11),
        .tm_sec = two_digits(text + 13),
    };

    return (int64_t)timegm(&tm) * 1000;
}

static void format_timestamp(int64_t wall_ms, char ret[TIMESTAMP_LEN + 1])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(ret, TIMESTAMP_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
}

static struct error *check_time(const struct sigv4_claim *claim, int64_t now_ms)
{
    int64_t signed_ms = timestamp_ms(claim->timestamp);
    int64_t last_ms =
        claim->is_presigned ? signed_ms + claim->expires_s * 1000 : signed_ms + SIGV4_WINDOW_MS;
    char now_text[TIMESTAMP_LEN + 1];

    if (strncmp(claim->timestamp, claim->date, 8) != 0)
        return error_new(API_INVALID_SIGNATURE,
                         "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                         "of date from HTTP: '%s' != '%.8s'.",
                         claim->date, claim->timestamp);
    format_timestamp(now_ms, now_text);
    if (now_ms > last_ms)
        return error_new(API_INVALID_SIGNATURE, "Signature expired: %s is too far before %s.",
                         claim->timestamp, now_text);
    if (now_ms < signed_ms - SIGV4_WINDOW_MS)
        return error_new(API_INVALID_SIGNATURE,
                         "Signature not yet current: %s is too far after %s.", claim->timestamp,
                         now_text);
    return NULL;
}

static bool is_signed(const struct sigv4_claim *claim, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = claim->signed_headers; *p;) {
        size_t item = strcspn(p, ";");
        if (item == len && memcmp(p, name, len) == 0)
            return true;
        p += item;
        p += *p == ';';
    }
    return false;
}

/* What says where a request goes and what it does must be under the signature. */
static struct error *check_signed_headers(const struct sigv4_claim *claim,
                                          const struct http_header *headers, size_t count)
{
    static const char *const wanted[] = {"x-amz-date", "x-amz-security-token", "x-amz-target",
                                         "x-amz-content-sha256"};

    if (!is_signed(claim, "host"))
        return error_new(API_INVALID_SIGNATURE, "'Host' must be a 'SignedHeader'.");
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        for (size_t j = 0; j < count; j++)
            if (strcmp(headers[j].name, wanted[i]) == 0 && !is_signed(claim, wanted[i]))
                return error_new(API_INVALID_SIGNATURE, "'%s' must be a 'SignedHeader'.",
                                 wanted[i]);
    return NULL;
}

/* What is signed, whichever way it came. */
struct signed_text {
    const char *method, *path, *query;
    const struct http_header *headers;
    size_t header_count;
    const char *body;
    size_t body_len;
};

static bool is_s3(const char *service)
{
    return strncmp(service, "s3", 2) == 0;
}

/* The payload's hash as the client used it; an error if it announced another than that of the body.
 */
static struct error *payload_hash(struct sigv4_cache *cache, const struct sigv4_claim *claim,
                                  const struct signed_text *text, char ret[SHA256_HEX_SIZE])
{
    const char *announced = NULL;

    for (size_t i = 0; i < text->header_count; i++)
        if (strcmp(text->headers[i].name, "x-amz-content-sha256") == 0)
            announced = text->headers[i].value;
    if (is_s3(claim->service) && ((claim->is_presigned && !announced) ||
                                  (announced && strcmp(announced, UNSIGNED_PAYLOAD) == 0))) {
        memcpy(ret, UNSIGNED_PAYLOAD, sizeof(UNSIGNED_PAYLOAD));
        return NULL;
    }
    sigv4_cache_hash_hex(cache, text->body, text->body_len, ret);
    if (announced && strcasecmp(announced, ret) != 0)
        return error_new(
            API_INVALID_SIGNATURE,
            "The provided 'x-amz-content-sha256' header does not match what was computed.");
    return NULL;
}

static bool add_canonical_request(struct buf *out, struct arena *arena,
                                  const struct sigv4_claim *claim, const struct signed_text *text,
                                  const char *hash)
{
    buf_add_str(out, text->method);
    buf_add_char(out, '\n');
    sigv4_add_path(out, arena, text->path, is_s3(claim->service));
    buf_add_char(out, '\n');
    sigv4_add_query(out, arena, text->query, claim->is_presigned ? "X-Amz-Signature" : NULL);
    buf_add_char(out, '\n');
    if (!sigv4_add_headers(out, text->headers, text->header_count, claim->signed_headers))
        return false;
    buf_add_char(out, '\n');
    buf_add_str(out, claim->signed_headers);
    buf_add_char(out, '\n');
    buf_add_str(out, hash);
    return true;
}

/* The signature that belongs to the claim and the text; false if a signed header is missing. */
static bool compute_signature(struct arena *arena, struct sigv4_cache *cache,
                              const struct sigv4_claim *claim, const struct signed_text *text,
                              const char *hash, const char *secret, uint8_t ret[SHA256_BYTES])
{
    struct sigv4_scope scope = {claim->access_key_id, claim->date, claim->region, claim->service};
    struct buf *out = sigv4_cache_scratch(cache);
    char request_hash[SHA256_HEX_SIZE];

    if (!add_canonical_request(out, arena, claim, text, hash))
        return false;
    sigv4_cache_hash_hex(cache, out->data, out->len, request_hash);

    buf_clear(out);
    const char *parts[] = {
        ALGORITHM, "\n",           claim->timestamp,  "\n",        claim->date, "/", claim->region,
        "/",       claim->service, "/aws4_request\n", request_hash};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        buf_add_str(out, parts[i]);
    sigv4_cache_sign(cache, &scope, secret, out->data, out->len, ret);
    return true;
}

static struct error *verify(struct arena *arena, struct sigv4_cache *cache,
                            const struct sigv4_claim *claim, const struct signed_text *text,
                            const char *secret, int64_t now_ms)
{
    uint8_t expected[SHA256_BYTES], given[SHA256_BYTES];
    char hash[SHA256_HEX_SIZE];

    TRY(check_time(claim, now_ms));
    TRY(check_signed_headers(claim, text->headers, text->header_count));
    TRY(payload_hash(cache, claim, text, hash));
    bool is_whole = compute_signature(arena, cache, claim, text, hash, secret, expected);
    if (!is_whole || !hex_decode(claim->signature, sizeof(given), given) ||
        CRYPTO_memcmp(expected, given, sizeof(given)) != 0)
        return error_new(API_INVALID_SIGNATURE,
                         "The request signature we calculated does not match the signature you "
                         "provided. Check your AWS Secret Access Key and signing method. Consult "
                         "the service documentation for details.");
    return NULL;
}

struct error *sigv4_verify(struct arena *arena, struct sigv4_cache *cache,
                           const struct http_request *req, const struct sigv4_claim *claim,
                           const char *secret_access_key, int64_t now_ms)
{
    struct signed_text text = {req->method,       req->path, req->query,   req->headers,
                               req->header_count, req->body, req->body_len};

    return verify(arena, cache, claim, &text, secret_access_key, now_ms);
}

/* Frames */

/* One "Name: value" line of a frame's header block. */
static struct error *read_frame_header(struct arena *arena, const char *line, size_t len,
                                       struct http_header *ret)
{
    const char *colon = memchr(line, ':', len);

    if (!colon || colon == line || memchr(line, '\0', len))
        return incomplete("A header line of the frame is malformed.");
    char *name = arena_dup_n(arena, line, (size_t)(colon - line));
    for (char *p = name; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    const char *value = colon + 1;
    while (value < line + len && *value == ' ')
        value++;
    ret->name = name;
    ret->value = arena_dup_n(arena, value, (size_t)(line + len - value));
    return NULL;
}

struct error *sigv4_verify_frame(struct arena *arena, struct sigv4_cache *cache, const char *frame,
                                 size_t len, const char *path, const char *query,
                                 const char *secret_access_key, int64_t now_ms,
                                 const char **ret_json, size_t *ret_json_len)
{
    size_t limit = len < HTTP_HEADER_BYTES_MAX ? len : HTTP_HEADER_BYTES_MAX;
    const char *end = memmem(frame, limit, "\r\n\r\n", 4);
    struct http_header *headers = ARENA_ARRAY(arena, struct http_header, HTTP_HEADERS_MAX);
    size_t count = 0;

    if (!end)
        return error_new(API_MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token");
    for (const char *line = frame; line < end + 2;) {
        const char *line_end = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        if (!line_end)
            break;
        if (count == HTTP_HEADERS_MAX)
            return incomplete("The frame has too many header lines.");
        TRY(read_frame_header(arena, line, (size_t)(line_end - line), &headers[count++]));
        line = line_end + 2;
    }

    const char *json = end + 4;
    struct signed_text text = {
        "GET", path, query, headers, count, json, len - (size_t)(json - frame)};
    struct http_request req = {.headers = headers, .header_count = count};
    struct sigv4_claim claim = {0};
    const char *authorization = http_request_header(&req, "authorization");
    if (!authorization)
        return error_new(API_MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token");
    TRY(read_claim(arena, authorization, http_request_header(&req, "x-amz-date"),
                   http_request_header(&req, "x-amz-security-token"), &claim));
    TRY(verify(arena, cache, &claim, &text, secret_access_key, now_ms));
    *ret_json = json;
    *ret_json_len = text.body_len;
    return NULL;
}

/* Signing */

struct url {
    const char *host; /* with its port unless that is the scheme's own */
    const char *path, *query;
};

static struct url read_url(struct arena *arena, const char *url)
{
    struct url ret = {0};
    const char *host = strstr(url, "://");
    bool is_tls = strncasecmp(url, "https", 5) == 0 || strncasecmp(url, "wss", 3) == 0;

    host = host ? host + 3 : url;
    size_t host_len = strcspn(host, "/?#");
    const char *rest = host + host_len;
    const char *own_port = is_tls ? ":443" : ":80";
    size_t port_len = strlen(own_port);
    if (host_len > port_len && memcmp(host + host_len - port_len, own_port, port_len) == 0)
        host_len -= port_len;
    ret.host = arena_dup_n(arena, host, host_len);

    size_t path_len = strcspn(rest, "?#");
    ret.path = path_len > 0 ? arena_dup_n(arena, rest, path_len) : "/";
    rest += path_len;
    ret.query = *rest == '?' ? arena_dup_n(arena, rest + 1, strcspn(rest + 1, "#")) : "";
    return ret;
}

char *sigv4_url_host(struct arena *arena, const char *url)
{
    return arena_dup(arena, read_url(arena, url).host);
}

static int header_cmp(const void *a, const void *b)
{
    const struct http_header *left = a, *right = b;

    return strcmp(left->name, right->name);
}

static char *lower(struct arena *arena, const char *name)
{
    char *copy = arena_dup(arena, name);

    for (char *p = copy; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    return copy;
}

/* The headers to sign: those given, host, date and token; sorted. */
static struct http_header *gather_headers(struct arena *arena, const struct sigv4_keys *keys,
                                          const struct url *url, const char *timestamp,
                                          const struct http_header *headers, size_t header_count,
                                          size_t *ret_count)
{
    struct http_header *all = ARENA_ARRAY(arena, struct http_header, header_count + 3);
    size_t count = 0;
    bool has_host = false;

    for (size_t i = 0; i < header_count; i++) {
        all[count].name = lower(arena, headers[i].name);
        all[count].value = headers[i].value;
        has_host |= strcmp(all[count].name, "host") == 0;
        count++;
    }
    if (!has_host)
        all[count++] = (struct http_header){"host", url->host};
    all[count++] = (struct http_header){"x-amz-date", timestamp};
    if (keys->session_token)
        all[count++] = (struct http_header){"x-amz-security-token", keys->session_token};
    qsort(all, count, sizeof(*all), header_cmp);
    *ret_count = count;
    return all;
}

static const char *list_names(struct arena *arena, const struct http_header *headers, size_t count)
{
    CLEANUP(buf_done) struct buf list = {0};

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(headers[i].name, headers[i - 1].name) == 0)
            continue;
        if (i > 0)
            buf_add_char(&list, ';');
        buf_add_str(&list, headers[i].name);
    }
    return arena_dup(arena, list.data);
}

static const char *make_authorization(struct arena *arena, const struct sigv4_claim *claim,
                                      const struct signed_text *text, const char *secret)
{
    struct sigv4_cache *cache = sigv4_cache_new();
    char hash[SHA256_HEX_SIZE], hex[SHA256_HEX_SIZE];
    uint8_t signature[SHA256_BYTES];

    sigv4_cache_hash_hex(cache, text->body, text->body_len, hash);
    /* All signed headers are among those of the text, so this cannot fail. */
    (void)compute_signature(arena, cache, claim, text, hash, secret, signature);
    hex_encode(signature, sizeof(signature), hex);
    sigv4_cache_free(cache);
    return arena_printf(arena,
                        ALGORITHM " Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, "
                                  "Signature=%s",
                        claim->access_key_id, claim->date, claim->region, claim->service,
                        claim->signed_headers, hex);
}

void sigv4_sign(struct arena *arena, const struct sigv4_keys *keys, const char *region,
                const char *service, const char *method, const char *url_text,
                const struct http_header *headers, size_t header_count, const char *body,
                size_t body_len, int64_t now_ms, struct http_header **ret_headers,
                size_t *ret_count)
{
    struct url url = read_url(arena, url_text);
    char *timestamp = arena_alloc(arena, TIMESTAMP_LEN + 1);
    struct signed_text text = {method, url.path, url.query, .body = body ? body : "",
                               .body_len = body_len};
    struct http_header *added = ARENA_ARRAY(arena, struct http_header, 3);
    size_t count = 0;

    format_timestamp(now_ms, timestamp);
    text.headers =
        gather_headers(arena, keys, &url, timestamp, headers, header_count, &text.header_count);
    struct sigv4_claim claim = {
        .access_key_id = keys->access_key_id,
        .date = arena_dup_n(arena, timestamp, 8),
        .region = region,
        .service = service,
        .signed_headers = list_names(arena, text.headers, text.header_count),
        .timestamp = timestamp,
    };
    added[count++] = (struct http_header){"X-Amz-Date", timestamp};
    if (keys->session_token)
        added[count++] = (struct http_header){"X-Amz-Security-Token", keys->session_token};
    added[count++] = (struct http_header){
        "Authorization", make_authorization(arena, &claim, &text, keys->secret_access_key)};
    *ret_headers = added;
    *ret_count = count;
}

void sigv4_sign_frame(struct arena *arena, const struct sigv4_keys *keys, const char *region,
                      const char *service, const char *url, const char *json, size_t len,
                      int64_t now_ms, struct buf *out)
{
    struct http_header *headers;
    size_t count;

    sigv4_sign(arena, keys, region, service, "GET", url, NULL, 0, json, len, now_ms, &headers,
               &count);
    buf_add_str(out, "Host: ");
    buf_add_str(out, sigv4_url_host(arena, url));
    buf_add_str(out, "\r\n");
    for (size_t i = 0; i < count; i++) {
        buf_add_str(out, headers[i].name);
        buf_add_str(out, ": ");
        buf_add_str(out, headers[i].value);
        buf_add_str(out, "\r\n");
    }
    buf_add_str(out, "\r\n");
    buf_add(out, json, len);
}
