/* AWS JSON over HTTP, on an exchange of our own; and the browser rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "operations.h"
#include "wire/aws_json.h"
#include "wire/guard.h"

/* The exchange stands in for net's: it keeps what was answered. */
struct http_exchange {
    int status;
    int answers;
    struct buf headers, body;
    http_gone_fn *gone;
    void *gone_data;
};

const char *http_request_header(const struct http_request *req, const char *lower_case_name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (!strcmp(req->headers[i].name, lower_case_name))
            return req->headers[i].value;
    return NULL;
}

void http_respond(struct http_exchange *ex, int status, const struct http_header *headers,
                  size_t header_count, const char *body, size_t body_len)
{
    ex->answers++;
    ex->status = status;
    for (size_t i = 0; i < header_count; i++)
        buf_printf(&ex->headers, "%s: %s\n", headers[i].name, headers[i].value);
    buf_add(&ex->body, body, body_len);
}

void http_exchange_on_gone(struct http_exchange *ex, http_gone_fn *fn, void *data)
{
    ex->gone = fn;
    ex->gone_data = data;
}

static void on_stop(void *data)
{
    loop_stop(data);
}

/* Serves one request to the end. */
static void serve(struct http_exchange *ex, const struct http_request *req, bool is_caller_gone)
{
    static const struct principal root = {.is_root = true};
    struct rng rng = rng_seeded(3);
    struct loop *loop = NULL;
    struct test_service service = {.refuse_with = API_ERROR_COUNT};
    struct dispatch *dispatch;
    const struct aws_json_caller caller = {"us-east-1", "123456789012", &root};
    struct aws_json json;

    assert_null(loop_new(&loop));
    service.loop = loop;
    dispatch = dispatch_new(&(struct dispatch_options){.loop = loop,
                                                       .table = &test_operations,
                                                       .host = test_host(&service),
                                                       .service = &service,
                                                       .clock = &clock_system,
                                                       .rng = &rng});
    json = (struct aws_json){.services = &dispatch, .count = 1, .rng = &rng};
    aws_json_serve(&json, ex, req, &caller);
    if (is_caller_gone)
        ex->gone(ex->gone_data);
    for (int i = 0; i < 8; i++) {
        loop_defer(loop, on_stop, loop);
        loop_run(loop);
    }
    dispatch_free(dispatch);
    loop_free(loop);
}

static void exchange_done(struct http_exchange *ex)
{
    buf_done(&ex->headers);
    buf_done(&ex->body);
}

/* API-010 */
static void a_success_is_a_200(void **state)
{
    const struct http_header headers[] = {
        {"x-amz-target", "Test_20261120.CreateCluster"},
        {"content-type", "application/x-amz-json-1.1; charset=utf-8"}};
    const struct http_request req = {.method = "POST",
                                     .path = "/",
                                     .query = "",
                                     .headers = headers,
                                     .header_count = 2,
                                     .body = "{}",
                                     .body_len = 2};
    struct http_exchange ex = {0};

    (void)state;
    serve(&ex, &req, false);
    assert_int_equal(ex.status, 200);
    assert_non_null(strstr(ex.headers.data, "Content-Type: application/x-amz-json-1.1\n"));
    assert_non_null(strstr(ex.headers.data, "x-amzn-RequestId: "));
    assert_null(strstr(ex.headers.data, "ErrorType"));
    assert_memory_equal(ex.body.data, "{\"cluster\":", 11);
    exchange_done(&ex);
}

/* API-001, API-003, API-016 to API-019 */
static void refusals_say_their_code_twice(void **state)
{
    static const struct {
        const char *why, *method, *path, *target, *body, *code;
        int status;
    } cases[] = {
        {"no target", "POST", "/", NULL, "{}", "UnknownOperationException", 400},
        {"another service", "POST", "/", "Other.CreateCluster", "{}", "UnknownOperationException",
         400},
        {"a prefix of the service", "POST", "/", "Test_2026.CreateCluster", "{}",
         "UnknownOperationException", 400},
        {"no operation", "POST", "/", "Test_20261120.", "{}", "UnknownOperationException", 400},
        {"a GET", "GET", "/", "Test_20261120.CreateCluster", "{}", "UnknownOperationException",
         400},
        {"another path", "POST", "/x", "Test_20261120.CreateCluster", "{}",
         "UnknownOperationException", 400},
        {"bad JSON", "POST", "/", "Test_20261120.CreateCluster", "{", "SerializationException",
         400},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct http_header header = {"x-amz-target", cases[i].target};
        const struct http_request req = {.method = cases[i].method,
                                         .path = cases[i].path,
                                         .query = "",
                                         .headers = &header,
                                         .header_count = cases[i].target ? 1 : 0,
                                         .body = cases[i].body,
                                         .body_len = strlen(cases[i].body)};
        struct http_exchange ex = {0};
        struct buf want = {0};

        serve(&ex, &req, false);
        if (ex.answers != 1 || ex.status != cases[i].status)
            fail_msg("%s: status %d", cases[i].why, ex.status);
        buf_printf(&want, "x-amzn-ErrorType: %s\n", cases[i].code);
        if (!strstr(ex.headers.data, want.data))
            fail_msg("%s: headers %s", cases[i].why, ex.headers.data);
        buf_clear(&want);
        buf_printf(&want, "{\"__type\":\"%s\",\"message\":", cases[i].code);
        if (!str_starts_with(ex.body.data, want.data))
            fail_msg("%s: body %s", cases[i].why, ex.body.data);
        buf_done(&want);
        exchange_done(&ex);
    }
}

/* The exchange of a caller who left is answered as well: that is how it ends. */
static void who_left_is_answered_too(void **state)
{
    const struct http_header header = {"x-amz-target", "Test_20261120.CreateCluster"};
    const struct http_request req = {.method = "POST",
                                     .path = "/",
                                     .query = "",
                                     .headers = &header,
                                     .header_count = 1,
                                     .body = "{}",
                                     .body_len = 2};
    struct http_exchange ex = {0};

    (void)state;
    serve(&ex, &req, true);
    assert_int_equal(ex.answers, 1);
    exchange_done(&ex);
}

static const struct {
    const char *why;
    const char *host, *origin, *site;
    bool is_auth_off, is_tls;
    bool is_served;
} browsers[] = {
    {"a program", "127.0.0.1:4566", NULL, NULL, false, false, true},
    {"a program by any name, signed", "berth.example.com:4566", NULL, NULL, false, false, true},
    {"the console on its own origin", "127.0.0.1:4566", "http://127.0.0.1:4566", "same-origin",
     false, false, true},
    {"the same over TLS", "ecs.example.com", "https://ecs.example.com", "same-origin", false, true,
     true},
    {"typed into the address bar", "127.0.0.1:4566", NULL, "none", false, false, true},
    {"a form POST of a foreign page", "127.0.0.1:4566", "https://evil.example", "cross-site", false,
     false, false},
    {"the same from an old browser", "127.0.0.1:4566", "https://evil.example", NULL, false, false,
     false},
    {"a navigation from a foreign page", "127.0.0.1:4566", NULL, "cross-site", false, false, false},
    {"a page of another port of this machine", "localhost:4566", "http://localhost:3000",
     "same-site", false, false, false},
    {"a sandboxed frame or a file", "127.0.0.1:4566", "null", NULL, false, false, false},
    {"the right name, another scheme", "127.0.0.1:4566", "https://127.0.0.1:4566", NULL, false,
     false, false},
    {"auth off: loopback by address", "127.0.0.1:4566", NULL, NULL, true, false, true},
    {"auth off: loopback by another address", "127.1.2.3:4566", NULL, NULL, true, false, true},
    {"auth off: loopback by name", "LocalHost:4566", NULL, NULL, true, false, true},
    {"auth off: loopback by IPv6", "[::1]:4566", NULL, NULL, true, false, true},
    {"auth off: a name of the operator's", "berth.test", NULL, NULL, true, false, true},
    {"auth off: a name pointed at us", "evil.example:4566", NULL, NULL, true, false, false},
    {"auth off: the same, same-origin to itself", "evil.example:4566", "http://evil.example:4566",
     "same-origin", true, false, false},
    {"auth off: a name that starts like ours", "127.0.0.1.evil.example", NULL, NULL, true, false,
     false},
    {"auth off: a name that ends like ours", "evil-localhost", NULL, NULL, true, false, false},
    {"auth off: no port but text", "localhost:evil", NULL, NULL, true, false, false},
    {"auth off: no Host", NULL, NULL, NULL, true, false, false},
};

static void web_pages_are_refused(void **state)
{
    static const char *const names[] = {"berth.test"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(browsers); i++) {
        const struct guard guard = {names, 1, browsers[i].is_auth_off};
        struct http_header headers[3];
        struct http_request req = {.method = "POST", .path = "/", .query = "", .headers = headers};
        struct error *err;

        req.is_tls = browsers[i].is_tls;
        if (browsers[i].host)
            headers[req.header_count++] = (struct http_header){"host", browsers[i].host};
        if (browsers[i].origin)
            headers[req.header_count++] = (struct http_header){"origin", browsers[i].origin};
        if (browsers[i].site)
            headers[req.header_count++] = (struct http_header){"sec-fetch-site", browsers[i].site};
        err = guard_check(&guard, &req);
        if (!err != browsers[i].is_served)
            fail_msg("%s: %s", browsers[i].why, err ? err->message : "was served");
        if (err)
            assert_int_equal(err->code, API_ACCESS_DENIED);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_success_is_a_200),
        cmocka_unit_test(refusals_say_their_code_twice),
        cmocka_unit_test(who_left_is_answered_too),
        cmocka_unit_test(web_pages_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
