/* Signature Version 4 (API-022, API-024 to API-026, AP-020, AP-021, AP-202, AP-503). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_parse.h"
#include "net/sigv4.h"
#include "net/sigv4_canonical.h"
#include "sigv4_vectors.h"

#include "sigv4_botocore.h" /* after the struct it fills */

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "secretexamplekey"
#define NOW_MS 1795159149000 /* 2026-11-20T07:19:09Z, when the first were recorded */

struct world {
    struct arena arena;
    struct sigv4_cache *cache;
};

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof(*world));

    world->cache = sigv4_cache_new();
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    sigv4_cache_free(world->cache);
    arena_done(&world->arena);
    test_free(world);
    return 0;
}

/* A request as the server would hand it over. */
static struct http_request read_request(struct arena *arena, const char *method, const char *target,
                                        const char *text)
{
    struct http_head head;
    const char *why = "";
    char *bytes = arena_printf(arena, "%s %s HTTP/1.1\r\n%s", method, target, text);
    size_t len = http_head_len(bytes, strlen(bytes));
    struct http_request req = {0};

    assert_int_not_equal(len, 0);
    req.body = bytes + len;
    req.body_len = strlen(req.body);
    if (http_parse_head(bytes, len, &head, &why) != 0)
        fail_msg("%s", why);
    struct http_header *headers = ARENA_ARRAY(arena, struct http_header, head.header_count);
    for (unsigned i = 0; i < head.header_count; i++)
        headers[i] = (struct http_header){bytes + head.headers[i].name.start,
                                          bytes + head.headers[i].value.start};
    req.method = bytes;
    req.path = bytes + head.path.start;
    req.query = bytes + head.query.start;
    req.headers = headers;
    req.header_count = head.header_count;
    return req;
}

static struct error *check(struct world *world, const struct http_request *req, const char *secret,
                           int64_t now_ms)
{
    struct sigv4_claim claim;

    TRY(sigv4_read(&world->arena, req, &claim));
    return sigv4_verify(&world->arena, world->cache, req, &claim, secret, now_ms);
}

static void assert_ok(struct error *err, const char *why)
{
    if (err)
        fail_msg("%s: %s", why, err->message);
}

static void assert_code(struct error *err, enum api_error code, const char *why)
{
    if (!err || err->code != code)
        fail_msg("%s: %s", why, err ? err->message : "accepted");
    error_free(err);
}

/* The time a recorded text was signed at. */
static int64_t signed_at_ms(const char *text)
{
    int h, m, s;
    const char *date = strstr(text, "X-Amz-Date: 20261120T");

    assert_non_null(date);
    assert_int_equal(sscanf(date + 21, "%2d%2d%2d", &h, &m, &s), 3);
    return NOW_MS + ((h - 7) * 3600 + (m - 19) * 60 + s - 9) * (int64_t)1000;
}

static void recorded_signatures_are_accepted(void **state)
{
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        const struct recorded *r = &recorded[i];
        if (r->is_frame)
            continue;
        struct http_request req = read_request(&world->arena, r->method, r->target, r->text);
        struct sigv4_claim claim;
        assert_ok(check(world, &req, SECRET, signed_at_ms(r->text)), r->why);
        assert_ok(sigv4_read(&world->arena, &req, &claim), r->why);
        assert_string_equal(claim.access_key_id, KEY_ID);
        assert_string_equal(claim.region, "us-east-1");
        assert_string_equal(claim.service, "ecs");
        assert_code(check(world, &req, "anothersecret", signed_at_ms(r->text)),
                    API_INVALID_SIGNATURE, "wrong secret");
    }
}

static void what_botocore_signs_is_accepted(void **state)
{
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(signed_by_botocore); i++) {
        const struct recorded *r = &signed_by_botocore[i];
        struct http_request req = read_request(&world->arena, r->method, r->target, r->text);
        assert_ok(check(world, &req, SECRET, NOW_MS), r->why);
        assert_code(check(world, &req, "anothersecret", NOW_MS), API_INVALID_SIGNATURE, r->why);
    }
}

static void recorded_frames_are_accepted(void **state)
{
    struct world *world = *state;
    int count = 0;

    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        const struct recorded *r = &recorded[i];
        const char *query = strchr(r->target, '?');
        const char *json;
        size_t len;
        if (!r->is_frame)
            continue;
        const char *path = arena_dup_n(&world->arena, r->target, (size_t)(query - r->target));
        assert_ok(sigv4_verify_frame(&world->arena, world->cache, r->text, strlen(r->text), path,
                                     query + 1, SECRET, signed_at_ms(r->text), &json, &len),
                  r->why);
        assert_memory_equal(json, "{\"type\":\"Publish", 16);
        assert_ptr_equal(json + len, r->text + strlen(r->text));
        /* one byte of the JSON changed */
        char *forged = arena_dup(&world->arena, r->text);
        forged[strlen(forged) - 2] ^= 1;
        assert_code(sigv4_verify_frame(&world->arena, world->cache, forged, strlen(forged), path,
                                       query + 1, SECRET, signed_at_ms(r->text), &json, &len),
                    API_INVALID_SIGNATURE, "forged frame");
        assert_code(sigv4_verify_frame(&world->arena, world->cache, json, len, path, query + 1,
                                       SECRET, signed_at_ms(r->text), &json, &len),
                    API_MISSING_AUTHENTICATION_TOKEN, "unsigned frame");
        count++;
    }
    assert_int_equal(count, 3);
}

static void a_signature_is_valid_for_five_minutes_either_way(void **state)
{
    struct world *world = *state;
    struct http_request req =
        read_request(&world->arena, recorded[0].method, recorded[0].target, recorded[0].text);
    static const struct {
        int64_t late_ms;
        bool is_accepted;
    } cases[] = {{0, true},
                 {SIGV4_WINDOW_MS, true},
                 {SIGV4_WINDOW_MS + 1, false},
                 {-SIGV4_WINDOW_MS, true},
                 {-SIGV4_WINDOW_MS - 1, false}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error *err = check(world, &req, SECRET, NOW_MS + cases[i].late_ms);
        if (cases[i].is_accepted)
            assert_ok(err, "within the window");
        else
            assert_code(err, API_INVALID_SIGNATURE, "outside the window");
    }
}

static void malformed_authorizations_are_refused(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *headers;
        enum api_error code;
    } cases[] = {
        {"", API_MISSING_AUTHENTICATION_TOKEN},
        {"Authorization: Basic dTpw\r\n", API_INCOMPLETE_SIGNATURE},
        {"Authorization: AWS4-HMAC-SHA256\r\n", API_INCOMPLETE_SIGNATURE},
        {"Authorization: AWS4-HMAC-SHA256 Credential=a/20261120/r/s/aws4_request\r\n",
         API_INCOMPLETE_SIGNATURE},
        {"Authorization: AWS4-HMAC-SHA256 nonsense\r\n", API_INCOMPLETE_SIGNATURE},
#define WITH_CREDENTIAL(c)                                                                         \
    "Authorization: AWS4-HMAC-SHA256 Credential=" c ", SignedHeaders=host;x-amz-date, Signature="  \
    "f62fbf938311178c803add4200699a4091132481b821937e997fec39cf0dd8d3\r\n"
        {WITH_CREDENTIAL("a/20261120/r/s/aws4_request"), API_INCOMPLETE_SIGNATURE}, /* no date */
#define DATE "X-Amz-Date: 20261120T071909Z\r\n"
        {DATE WITH_CREDENTIAL("a/20261120/r/s"), API_INCOMPLETE_SIGNATURE},
        {DATE WITH_CREDENTIAL("a/20261120/r/s/aws4_request/x"), API_INCOMPLETE_SIGNATURE},
        {DATE WITH_CREDENTIAL("a//r/s/aws4_request"), API_INCOMPLETE_SIGNATURE},
        {DATE WITH_CREDENTIAL("a/2026112/r/s/aws4_request"), API_INCOMPLETE_SIGNATURE},
        {DATE WITH_CREDENTIAL("a/20261120/r/s/aws5_request"), API_INCOMPLETE_SIGNATURE},
        {DATE WITH_CREDENTIAL("a/20261119/r/s/aws4_request"), API_INVALID_SIGNATURE},
        {DATE WITH_CREDENTIAL("a/20261120/r/s/aws4_request"), API_INVALID_SIGNATURE},
        {"X-Amz-Date: 20261120\r\n" WITH_CREDENTIAL("a/20261120/r/s/aws4_request"),
         API_INCOMPLETE_SIGNATURE},
        {DATE "Authorization: AWS4-HMAC-SHA256 Credential=a/20261120/r/s/aws4_request, "
              "SignedHeaders=host;x-amz-date, Signature=f62f\r\n",
         API_INCOMPLETE_SIGNATURE},
        {DATE "Authorization: AWS4-HMAC-SHA256 Credential=a/20261120/r/s/aws4_request, "
              "SignedHeaders=, Signature="
              "f62fbf938311178c803add4200699a4091132481b821937e997fec39cf0dd8d3\r\n",
         API_INCOMPLETE_SIGNATURE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request req =
            read_request(&world->arena, "POST", "/",
                         arena_printf(&world->arena, "Host: h\r\n%s\r\n", cases[i].headers));
        assert_code(check(world, &req, SECRET, NOW_MS), cases[i].code, cases[i].headers);
    }
}

/* Signs a request and gives it as the server sees it; `extra` are header lines besides. */
static struct http_request signed_request(struct world *world, const struct sigv4_keys *keys,
                                          const char *service, const char *method, const char *host,
                                          const char *target, const struct http_header *headers,
                                          size_t header_count, const char *body)
{
    struct arena *arena = &world->arena;
    CLEANUP(buf_done) struct buf text = {0};
    struct http_header *added;
    size_t added_count;

    sigv4_sign(arena, keys, "eu-west-3", service, method,
               arena_printf(arena, "http://%s%s", host, target), headers, header_count, body,
               strlen(body), NOW_MS, &added, &added_count);
    buf_printf(&text, "Host: %s\r\n", host);
    for (size_t i = 0; i < header_count; i++)
        buf_printf(&text, "%s: %s\r\n", headers[i].name, headers[i].value);
    for (size_t i = 0; i < added_count; i++)
        buf_printf(&text, "%s: %s\r\n", added[i].name, added[i].value);
    buf_printf(&text, "\r\n%s", body);
    return read_request(arena, method, target, text.data);
}

static void what_we_sign_we_accept(void **state)
{
    struct world *world = *state;
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-amz-json-1.1"},
        {"X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters"},
        {"X-Spaces", "a  b   c"},
    };
    static const struct sigv4_keys plain = {KEY_ID, SECRET, NULL},
                                   session = {KEY_ID, SECRET, "tok/en+="};
    static const char *const targets[] = {
        "/",
        "/a/b?x=1",
        "/ws?b=2&a=%2F%20+x&c",
        "/v1/tags/arn%3Aaws%3Aecs%2Fx?y=a%3Db",
        "/a/./b/../c//d/",
        "/?empty=&&z=%zz",
    };

    for (size_t i = 0; i < ARRAY_LEN(targets) * 2; i++) {
        const struct sigv4_keys *keys = i % 2 ? &session : &plain;
        const char *target = targets[i / 2];
        struct http_request req = signed_request(world, keys, "ecs", "POST", "127.0.0.1:4566",
                                                 target, headers, ARRAY_LEN(headers), "{}");
        struct sigv4_claim claim;
        assert_ok(check(world, &req, SECRET, NOW_MS), target);
        assert_ok(sigv4_read(&world->arena, &req, &claim), target);
        assert_true(str_eq(claim.session_token, keys->session_token));
        req.body = "{ }";
        req.body_len = 3;
        assert_code(check(world, &req, SECRET, NOW_MS), API_INVALID_SIGNATURE, "body changed");
    }
}

static void a_changed_part_breaks_the_signature(void **state)
{
    struct world *world = *state;
    static const struct http_header target[] = {{"X-Amz-Target", "X.ListClusters"}};
    static const struct sigv4_keys keys = {KEY_ID, SECRET, NULL};
    struct http_request req =
        signed_request(world, &keys, "ecs", "POST", "h:1", "/p?q=1", target, 1, "{}");
    struct http_request forged;

    assert_ok(check(world, &req, SECRET, NOW_MS), "unchanged");
    forged = req, forged.method = "GET";
    assert_code(check(world, &forged, SECRET, NOW_MS), API_INVALID_SIGNATURE, "method");
    forged = req, forged.path = "/r";
    assert_code(check(world, &forged, SECRET, NOW_MS), API_INVALID_SIGNATURE, "path");
    forged = req, forged.query = "q=2";
    assert_code(check(world, &forged, SECRET, NOW_MS), API_INVALID_SIGNATURE, "query");
    for (size_t i = 0; i < req.header_count; i++) {
        struct http_header headers[8];
        if (strcmp(req.headers[i].name, "authorization") == 0)
            continue;
        memcpy(headers, req.headers, req.header_count * sizeof(*headers));
        headers[i].value =
            strcmp(headers[i].name, "x-amz-date") == 0 ? "20261120T071910Z" : "other";
        forged = req, forged.headers = headers;
        struct error *err = check(world, &forged, SECRET, NOW_MS);
        assert_non_null(err);
        error_free(err);
    }
}

static void what_an_operation_rests_on_must_be_signed(void **state)
{
    struct world *world = *state;
    static const struct sigv4_keys keys = {KEY_ID, SECRET, NULL};
    struct http_request req =
        signed_request(world, &keys, "ecs", "POST", "h:1", "/", NULL, 0, "{}");
    struct http_header headers[8];

    memcpy(headers, req.headers, req.header_count * sizeof(*headers));
    headers[req.header_count] = (struct http_header){"x-amz-target", "X.DeleteCluster"};
    req.headers = headers;
    req.header_count++;
    assert_code(check(world, &req, SECRET, NOW_MS), API_INVALID_SIGNATURE, "target not signed");
}

/* The example of AWS's documentation of presigned S3 URLs. */
static void presigned_urls_are_accepted_until_they_expire(void **state)
{
    struct world *world = *state;
    static const char target[] =
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%"
        "2F20130524%2F"
        "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
        "X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    static const char secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const int64_t signed_ms = 1369353600000;
    struct http_request req =
        read_request(&world->arena, "GET", target, "Host: examplebucket.s3.amazonaws.com\r\n\r\n");
    struct sigv4_claim claim;

    assert_ok(sigv4_read(&world->arena, &req, &claim), "presigned");
    assert_true(claim.is_presigned);
    assert_string_equal(claim.service, "s3");
    assert_ok(check(world, &req, secret, signed_ms), "at once");
    assert_ok(check(world, &req, secret, signed_ms + 86400 * 1000), "last moment");
    assert_code(check(world, &req, secret, signed_ms + 86400 * 1000 + 1), API_INVALID_SIGNATURE,
                "too late");
    assert_code(check(world, &req, secret, signed_ms - SIGV4_WINDOW_MS - 1), API_INVALID_SIGNATURE,
                "too early");
    req.method = "DELETE";
    assert_code(check(world, &req, secret, signed_ms), API_INVALID_SIGNATURE, "other method");
}

static void canonical_text(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *query, *expected;
    } queries[] = {
        {"", ""},
        {"a", "a="},
        {"b=1&a=2", "a=2&b=1"},
        {"a=2&a=1", "a=1&a=2"},
        {"v=x+y&w=x%20y&u=x%2By", "u=x%2By&v=x%20y&w=x%20y"},
        {"k=%3a%3A:", "k=%3A%3A%3A"},
        {"k=%&l=%4&m=%zz", "k=%25&l=%254&m=%25zz"},
        {"&&a==b&", "a=%3Db"},
        {"a-=1&a=2", "a=2&a-=1"},
    };
    static const struct {
        const char *path, *expected;
        bool is_s3;
    } paths[] = {
        {"/", "/", false},
        {"/a%2Fb", "/a%252Fb", false},
        {"/a%2Fb", "/a%2Fb", true},
        {"/a//b/./c/../d", "/a/b/d", false},
        {"/a//b/./c", "/a//b/./c", true},
        {"/../..", "/", false},
        {"/a/..", "/", false},
        {"/a/", "/a/", false},
        {"/a b", "/a%20b", false},
    };
    CLEANUP(buf_done) struct buf out = {0};

    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        buf_clear(&out);
        buf_add_str(&out, "");
        sigv4_add_query(&out, &world->arena, queries[i].query, NULL);
        assert_string_equal(out.data, queries[i].expected);
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        buf_clear(&out);
        sigv4_add_path(&out, &world->arena, paths[i].path, paths[i].is_s3);
        assert_string_equal(out.data, paths[i].expected);
    }
}

static void the_cache_forgets_the_least_used_and_changed_secrets(void **state)
{
    struct world *world = *state;
    struct http_request req =
        read_request(&world->arena, recorded[0].method, recorded[0].target, recorded[0].text);

    for (int i = 0; i < SIGV4_CACHE_MAX * 2; i++) {
        struct sigv4_claim claim;
        assert_ok(sigv4_read(&world->arena, &req, &claim), "read");
        claim.access_key_id = arena_printf(&world->arena, "KEY%d", i);
        assert_ok(sigv4_verify(&world->arena, world->cache, &req, &claim, SECRET, NOW_MS),
                  "verify");
        assert_code(sigv4_verify(&world->arena, world->cache, &req, &claim, "new", NOW_MS),
                    API_INVALID_SIGNATURE, "changed secret");
        arena_reset(&world->arena);
        req = read_request(&world->arena, recorded[0].method, recorded[0].target, recorded[0].text);
    }
}

static void url_hosts(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *url, *host;
    } cases[] = {
        {"http://127.0.0.1:4566/", "127.0.0.1:4566"},
        {"https://a.b/x?y", "a.b"},
        {"https://a.b:443/x", "a.b"},
        {"http://a.b:443", "a.b:443"},
        {"ws://h:80?x", "h"},
        {"wss://[::1]:443/ws", "[::1]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(sigv4_url_host(&world->arena, cases[i].url), cases[i].host);
}

static void frames_we_sign_we_accept(void **state)
{
    struct world *world = *state;
    static const struct sigv4_keys keys = {KEY_ID, SECRET, "token"};
    CLEANUP(buf_done) struct buf frame = {0};
    const char *json;
    size_t len;

    sigv4_sign_frame(&world->arena, &keys, "us-east-1", "ecs", "wss://h:8443/ws?a=b+c", "{}", 2,
                     NOW_MS, &frame);
    assert_ok(sigv4_verify_frame(&world->arena, world->cache, frame.data, frame.len, "/ws", "a=b+c",
                                 SECRET, NOW_MS, &json, &len),
              "our frame");
    assert_int_equal(len, 2);
    assert_memory_equal(json, "{}", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(recorded_signatures_are_accepted),
        TEST(what_botocore_signs_is_accepted),
        TEST(recorded_frames_are_accepted),
        TEST(a_signature_is_valid_for_five_minutes_either_way),
        TEST(malformed_authorizations_are_refused),
        TEST(what_we_sign_we_accept),
        TEST(a_changed_part_breaks_the_signature),
        TEST(what_an_operation_rests_on_must_be_signed),
        TEST(presigned_urls_are_accepted_until_they_expire),
        TEST(canonical_text),
        TEST(the_cache_forgets_the_least_used_and_changed_secrets),
        TEST(url_hosts),
        TEST(frames_we_sign_we_accept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
