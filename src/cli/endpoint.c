#include "cli/endpoint.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/data_dir.h"
#include "net/sigv4.h"

#define ANSWER_BYTES_MAX (64 * 1024 * 1024)

void endpoint_done(struct endpoint *endpoint)
{
    free(endpoint->url);
    free(endpoint->region);
    free(endpoint->account);
    free(endpoint->access_key_id);
    free(endpoint->secret_access_key);
    free(endpoint->ca_file);
    *endpoint = (struct endpoint){0};
}

static char *text_of(const json_t *json, const char *name)
{
    return str_dup(json_string_value(json_object_get(json, name)));
}

static struct error *read_file(const char *dir, const char *name, struct endpoint *ret)
{
    CLEANUP(str_freep) char *text = NULL;
    CLEANUP(json_freep) json_t *json = NULL;

    TRY(data_dir_read(dir, name, &text));
    json = json_loads(text, 0, NULL);
    if (!json_is_string(json_object_get(json, "endpoint")) ||
        !json_is_string(json_object_get(json, "region")))
        return error_new(API_CLIENT, "%s/%s does not say where the server is", dir, name);
    *ret = (struct endpoint){
        .url = text_of(json, "endpoint"),
        .region = text_of(json, "region"),
        .account = text_of(json, "account"),
        .access_key_id = text_of(json, "accessKeyId"),
        .secret_access_key = text_of(json, "secretAccessKey"),
        .ca_file = text_of(json, "caFile"),
    };
    return NULL;
}

struct error *endpoint_read_server(const char *dir, struct endpoint *ret)
{
    struct error *err = read_file(dir, "server.json", ret);

    return err ? error_wrap(err, "no server seems to run on %s", dir) : NULL;
}

struct error *endpoint_read_up(const char *dir, struct endpoint *ret)
{
    struct error *err = read_file(dir, "up.json", ret);

    return err ? error_wrap(err, "'berth up' does not seem to run on %s", dir) : NULL;
}

bool endpoint_read_env(struct endpoint *ret)
{
    const char *url = getenv("AWS_ENDPOINT_URL");
    const char *region = getenv("AWS_REGION");

    if (str_is_empty(url))
        return false;
    if (str_is_empty(region))
        region = getenv("AWS_DEFAULT_REGION");
    *ret = (struct endpoint){
        .url = str_dup(url),
        .region = str_dup(str_is_empty(region) ? "us-east-1" : region),
        .access_key_id = str_dup(getenv("AWS_ACCESS_KEY_ID")),
        .secret_access_key = str_dup(getenv("AWS_SECRET_ACCESS_KEY")),
        .ca_file = str_dup(getenv("AWS_CA_BUNDLE")),
    };
    return true;
}

struct error *endpoint_write(const char *dir, const char *name, const struct endpoint *endpoint)
{
    CLEANUP(json_freep)
    json_t *json = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*}", "endpoint", endpoint->url,
                             "region", endpoint->region, "account", endpoint->account,
                             "accessKeyId", endpoint->access_key_id, "secretAccessKey",
                             endpoint->secret_access_key, "caFile", endpoint->ca_file);
    CLEANUP(str_freep) char *text = json_dumps(json, JSON_INDENT(2));

    return data_dir_write(dir, name, text);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *data)
{
    struct buf *answer = data;

    if (answer->len + size * count > ANSWER_BYTES_MAX)
        return 0;
    buf_add(answer, bytes, size * count);
    return size * count;
}

/* The error an answer other than 200 carries. */
static struct error *error_of_answer(long status, const char *text)
{
    CLEANUP(json_freep) json_t *json = json_loads(text, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "__type"));
    const char *message = json_string_value(json_object_get(json, "message"));
    enum api_error code = API_SERVER;

    if (!name)
        return error_new(API_SERVER, "the server answered HTTP %ld", status);
    for (int i = 0; i < API_ERROR_COUNT; i++) {
        if (str_eq(api_error_name((enum api_error)i), name))
            code = (enum api_error)i;
    }
    return error_new(code, "%s", message ? message : name);
}

/* One request; `body` NULL: a GET. */
struct request {
    const char *service, *path;
    const struct http_header *headers;
    size_t header_count;
    const char *body;
};

static struct curl_slist *add_line(struct arena *arena, struct curl_slist *lines,
                                   const struct http_header *header)
{
    return curl_slist_append(lines, arena_printf(arena, "%s: %s", header->name, header->value));
}

static struct curl_slist *make_lines(struct arena *arena, const struct endpoint *endpoint,
                                     const struct request *request, const char *url)
{
    const struct sigv4_keys keys = {endpoint->access_key_id, endpoint->secret_access_key, NULL};
    const char *body = request->body ? request->body : "";
    struct http_header *signatures = NULL;
    size_t signature_count = 0;
    struct curl_slist *lines = NULL;

    if (endpoint->access_key_id)
        sigv4_sign(arena, &keys, endpoint->region, request->service, request->body ? "POST" : "GET",
                   url, request->headers, request->header_count, body, strlen(body),
                   clock_wall_ms(&clock_system), &signatures, &signature_count);
    for (size_t i = 0; i < request->header_count; i++)
        lines = add_line(arena, lines, &request->headers[i]);
    for (size_t i = 0; i < signature_count; i++)
        lines = add_line(arena, lines, &signatures[i]);
    return curl_slist_append(lines, "Expect:");
}

static struct error *perform(const struct endpoint *endpoint, const struct request *request,
                             int64_t timeout_ms, json_t **ret_answer)
{
    CLEANUP(arena_done) struct arena arena = {0};
    CLEANUP(buf_done) struct buf answer = {0};
    char *url = arena_printf(&arena, "%s%s", endpoint->url, request->path);
    struct curl_slist *lines = NULL;
    CURL *curl = curl_easy_init();
    CURLcode result;
    long status = 0;

    if (!curl)
        return error_new(API_SERVER, "cannot start an HTTP request");
    lines = make_lines(&arena, endpoint, request, url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    if (request->body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (endpoint->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, endpoint->ca_file);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(lines);
    curl_easy_cleanup(curl);
    if (result != CURLE_OK)
        return error_new(API_SERVER, "no answer from %s: %s", endpoint->url,
                         curl_easy_strerror(result));
    if (status != 200)
        return error_of_answer(status, answer.data ? answer.data : "");
    *ret_answer = json_loadb(answer.data ? answer.data : "", answer.len, 0, NULL);
    if (!*ret_answer)
        return error_new(API_SERVER, "%s answered something that is not JSON", endpoint->url);
    return NULL;
}

static const char *host_of(const struct endpoint *endpoint)
{
    const char *host = strstr(endpoint->url, "://");

    return host ? host + 3 : endpoint->url;
}

struct error *endpoint_call(const struct endpoint *endpoint, const char *service,
                            const char *target, const json_t *body, int64_t timeout_ms,
                            json_t **ret_answer)
{
    CLEANUP(str_freep) char *text = json_dumps(body, JSON_COMPACT);
    const struct http_header headers[] = {
        {"content-type", "application/x-amz-json-1.1"},
        {"host", host_of(endpoint)},
        {"x-amz-target", target},
    };

    return perform(endpoint, &(struct request){service, "/", headers, ARRAY_LEN(headers), text},
                   timeout_ms, ret_answer);
}

struct error *endpoint_get(const struct endpoint *endpoint, const char *path, int64_t timeout_ms,
                           json_t **ret_answer)
{
    const struct http_header headers[] = {{"host", host_of(endpoint)}};

    return perform(endpoint, &(struct request){"ecs", path, headers, ARRAY_LEN(headers), NULL},
                   timeout_ms, ret_answer);
}
