#include "agent/aws/aws_message.h"

#include <jansson.h>
#include <string.h>

#include "base/arn.h"
#include "base/json_text.h"

#define MESSAGE_SHOWN 512 /* bytes of a service's message */
#define CDATA         "<![CDATA["
#define CDATA_END     "]]>"

/* ---- what went wrong ---- */

static const char *header_of(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (str_eq_nocase(response->headers[i].name, name))
            return response->headers[i].value;
    return NULL;
}

/* The text of the first element of that name in S3's XML; NULL: none. */
static const char *element_of(struct arena *arena, const char *body, const char *name)
{
    const char *begin = strstr(body, arena_printf(arena, "<%s>", name));
    const char *end = begin ? strstr(begin, arena_printf(arena, "</%s>", name)) : NULL;

    if (!end)
        return NULL;
    begin += strlen(name) + 2;
    if (str_starts_with(begin, CDATA)) {
        begin += strlen(CDATA);
        end = strstr(begin, CDATA_END);
    }
    return end ? arena_dup_n(arena, begin, (size_t)(end - begin)) : NULL;
}

static const char *text_of(struct arena *arena, const json_t *object, const char *name)
{
    return arena_dup(arena, json_string_value(json_object_get(object, name)));
}

/* "com.amazonaws.ssm#InternalServerError:http://..." is the name between the two. */
static const char *bare_code(struct arena *arena, const char *code)
{
    const char *hash = code ? strchr(code, '#') : NULL;

    if (hash)
        code = hash + 1;
    return code ? arena_dup_n(arena, code, strcspn(code, ":")) : NULL;
}

static bool is_throttled(const char *code)
{
    static const char *const codes[] = {"Throttling",
                                        "ThrottlingException",
                                        "ThrottledException",
                                        "TooManyRequestsException",
                                        "RequestThrottled",
                                        "SlowDown",
                                        "RequestLimitExceeded",
                                        "RequestTimeout",
                                        "RequestThrottledException",
                                        "ProvisionedThroughputExceededException"};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (str_eq(code, codes[i]))
            return true;
    return false;
}

struct aws_fault aws_fault_of_answer(struct arena *arena, const struct http_response *response)
{
    json_t *json = json_loadb(response->body, response->body_len, 0, NULL);
    const char *code = text_of(arena, json, "__type");
    const char *message = text_of(arena, json, "message");
    const char *request = header_of(response, "x-amzn-requestid");
    const char *host = header_of(response, "x-amz-id-2");
    struct aws_fault fault;

    if (!code)
        code = header_of(response, "x-amzn-errortype");
    if (!message)
        message = text_of(arena, json, "Message");
    json_decref(json);
    if (!code)
        code = element_of(arena, response->body, "Code");
    if (!message)
        message = element_of(arena, response->body, "Message");
    if (!request)
        request = header_of(response, "x-amz-request-id");
    code = bare_code(arena, code);
    if (!code) { /* of something in between, or of a server that has no such API */
        code = response->status == 404 ? "NotFound" : "UnknownError";
        message = response->status == 404 ? "Not Found" : NULL;
    }
    fault = (struct aws_fault){
        .code = code,
        .text = arena_printf(arena, "%s: %.*s status code: %d, request id: %s", code, MESSAGE_SHOWN,
                             message ? message : "", response->status, request ? request : ""),
        .is_passing = response->status >= 500 || response->status == 429 || is_throttled(code),
        .region = arena_dup(arena, header_of(response, "x-amz-bucket-region")),
    };
    if (host)
        fault.text = arena_printf(arena, "%s, host id: %s", fault.text, host);
    return fault;
}

struct aws_fault aws_fault_of_silence(struct arena *arena, const char *why)
{
    return (struct aws_fault){
        .code = "",
        .text = arena_printf(arena, "RequestError: send request failed caused by: %s", why),
        .is_passing = true,
    };
}

static const char *const no_answer = "SerializationError: the answer cannot be read";

/* ---- SSM ---- */

void aws_ask_parameters(struct buf *body, const char *const *names, size_t count)
{
    buf_add_str(body, "{\"Names\":[");
    for (size_t i = 0; i < count; i++) {
        json_text_add_comma(body);
        json_text_add_string(body, names[i]);
    }
    buf_add_str(body, "],\"WithDecryption\":true}");
}

/* "/a/b" of "arn:aws:ssm:us-east-1:123456789012:parameter/a/b", without the first slash; names are
 * compared so. */
static const char *bare_name(struct arena *arena, const char *name)
{
    struct arn arn;

    if (arn_looks_like(name) && arn_parse(arena, name, &arn) &&
        str_starts_with(arn.resource, "parameter/"))
        name = arn.resource + strlen("parameter");
    return *name == '/' ? name + 1 : name;
}

static bool is_parameter(struct arena *arena, const json_t *parameter, const char *wanted)
{
    const char *name = text_of(arena, parameter, "Name");
    const char *arn = text_of(arena, parameter, "ARN");
    const char *selector = text_of(arena, parameter, "Selector");

    if (!name)
        return false;
    if (str_eq(name, wanted) || str_eq(arn, wanted))
        return true;
    name = bare_name(arena, name);
    wanted = bare_name(arena, wanted);
    return str_eq(name, wanted) ||
           (selector && str_eq(arena_printf(arena, "%s%s", name, selector), wanted));
}

static const char *value_of(struct arena *arena, const json_t *parameters, const char *wanted)
{
    const json_t *parameter;
    size_t i;

    json_array_foreach (parameters, i, parameter)
        if (is_parameter(arena, parameter, wanted))
            return text_of(arena, parameter, "Value");
    return NULL;
}

static const char *list_invalid(struct arena *arena, const json_t *names)
{
    const char *list = NULL;
    const json_t *name;
    size_t i;

    json_array_foreach (names, i, name)
        list = arena_printf(arena, "%s%s%s", list ? list : "", list ? "," : "",
                            json_is_string(name) ? json_string_value(name) : "");
    return list;
}

static const char *take_parameters(struct arena *arena, const json_t *json,
                                   const char *const *names, size_t count, const char **ret_values)
{
    const char *invalid = list_invalid(arena, json_object_get(json, "InvalidParameters"));

    if (!json_is_object(json))
        return no_answer;
    for (size_t i = 0; i < count && !invalid; i++) {
        ret_values[i] = value_of(arena, json_object_get(json, "Parameters"), names[i]);
        if (!ret_values[i])
            invalid = names[i];
    }
    return invalid ? arena_printf(arena, "invalid parameters: %s", invalid) : NULL;
}

const char *aws_read_parameters(struct arena *arena, const char *body, size_t len,
                                const char *const *names, size_t count, const char **ret_values)
{
    json_t *json = json_loadb(body, len, 0, NULL);
    const char *wrong = take_parameters(arena, json, names, count, ret_values);

    json_decref(json);
    return wrong;
}

/* ---- Secrets Manager ---- */

static void add_member(struct buf *body, const char *name, const char *value)
{
    if (!value)
        return;
    json_text_add_name(body, name);
    json_text_add_string(body, value);
}

void aws_ask_secret(struct buf *body, const char *id, const char *stage, const char *version)
{
    buf_add_char(body, '{');
    add_member(body, "SecretId", id);
    add_member(body, "VersionId", version);
    add_member(body, "VersionStage", stage);
    buf_add_char(body, '}');
}

const char *aws_read_secret(struct arena *arena, const char *body, size_t len,
                            const char **ret_text)
{
    json_t *json = json_loadb(body, len, 0, NULL);
    const char *text = text_of(arena, json, "SecretString");
    bool is_object = json_is_object(json);

    json_decref(json);
    if (!is_object)
        return no_answer;
    *ret_text = text ? text : "";
    return NULL;
}

/* ---- ECR ---- */

void aws_ask_registry_token(struct buf *body, const char *registry_id)
{
    buf_add_str(body, "{\"registryIds\":[");
    json_text_add_string(body, registry_id);
    buf_add_str(body, "]}");
}

static const char *take_token(struct arena *arena, const json_t *json,
                              struct aws_registry_token *ret)
{
    const json_t *list = json_object_get(json, "authorizationData");
    const json_t *data = json_array_get(list, 0);
    double expires = json_number_value(json_object_get(data, "expiresAt"));
    struct aws_registry_token token = {.token = text_of(arena, data, "authorizationToken"),
                                       .server = text_of(arena, data, "proxyEndpoint")};

    if (json_array_size(list) != 1)
        return arena_printf(arena, "unexpected number of results in AuthorizationData (%zu)",
                            json_array_size(list));
    if (!token.server || !token.token)
        return "ecr auth: AuthorizationData is malformed";
    if (expires > 0 && expires < 1e11)
        token.expires_ms = (int64_t)(expires * 1000);
    *ret = token;
    return NULL;
}

const char *aws_read_registry_token(struct arena *arena, const char *body, size_t len,
                                    struct aws_registry_token *ret)
{
    json_t *json = json_loadb(body, len, 0, NULL);
    const char *wrong = take_token(arena, json, ret);

    json_decref(json);
    return wrong;
}
