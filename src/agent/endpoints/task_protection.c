/* task_protection.c - a task says that it must not be stopped for a while (AP-143): its container
 * asks here, and the control plane is asked with the credentials of the task's role. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/endpoints/task_endpoint_parts.h"
#include "base/mem.h"

struct protection {
    struct http_exchange *ex;
    char *task_arn;
    const struct clock *clock;
    int64_t begun_mono_ms;
};

static void respond(struct http_exchange *ex, int status, json_t *json)
{
    struct buf body = {0};

    body.data = json_dumps(json, JSON_COMPACT);
    body.len = body.data ? strlen(body.data) : 0;
    task_endpoint_respond_json(ex, status, &body);
    free(body.data);
    json_decref(json);
}

void task_protection_respond_error(struct http_exchange *ex, int status, const char *arn,
                                   const char *code, const char *message, const char *request_id)
{
    respond(ex, status,
            json_pack("{ss* s{ss* ss ss}}", "requestID", request_id, "error", "Arn", arn, "Code",
                      code, "Message", message));
}

/* What the control plane says of a task, member by member as the official agent tells it. */
static json_t *told(const json_t *from, const char *const names[][2], size_t count)
{
    json_t *out = json_object();

    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(from, names[i][0]);

        json_object_set_new(out, names[i][1], value ? json_incref(value) : json_null());
    }
    return out;
}

static void tell_protection(struct http_exchange *ex, const json_t *task)
{
    static const char *const names[][2] = {{"expirationDate", "ExpirationDate"},
                                           {"protectionEnabled", "ProtectionEnabled"},
                                           {"taskArn", "TaskArn"}};
    const json_t *expiration = json_object_get(task, "expirationDate");
    json_t *out = told(task, names, ARRAY_LEN(names));
    char iso[CLOCK_ISO_SIZE];

    if (json_is_number(expiration)) {
        struct arena arena = {0};
        int64_t at_ms = (int64_t)(json_number_value(expiration) * 1000 + 0.5);

        clock_format_iso(at_ms, iso);
        json_object_set_new(out, "ExpirationDate",
                            json_string(task_metadata_time(&arena, at_ms, NULL)));
        arena_done(&arena);
    }
    respond(ex, 200, json_pack("{so}", "protection", out));
}

static void tell_answer(const struct protection *protection, const json_t *json)
{
    static const char *const names[][2] = {
        {"arn", "Arn"}, {"detail", "Detail"}, {"reason", "Reason"}};
    const json_t *tasks = json_object_get(json, "protectedTasks");
    const json_t *failures = json_object_get(json, "failures");

    if (json_array_size(failures) == 1)
        respond(protection->ex, 200,
                json_pack("{so}", "failure",
                          told(json_array_get(failures, 0), names, ARRAY_LEN(names))));
    else if (json_array_size(failures) == 0 && json_array_size(tasks) == 1)
        tell_protection(protection->ex, json_array_get(tasks, 0));
    else
        task_protection_respond_error(protection->ex, 500, protection->task_arn, "ServerException",
                                      "Unexpected error occurred", NULL);
}

static void tell_error(const struct protection *protection, const struct error *err,
                       const char *request_id)
{
    int64_t took_ms = clock_mono_ms(protection->clock) - protection->begun_mono_ms;
    const char *sentence = strstr(err->message, ": "); /* behind "X answered 400 Y" */

    if (err->code == API_SERVICE_UNAVAILABLE && took_ms >= TASK_ENDPOINT_PROTECTION_MS - 100)
        task_protection_respond_error(protection->ex, 504, protection->task_arn, "RequestCanceled",
                                      "Timed out calling ECS Task Protection API", NULL);
    else if (err->code == API_SERVICE_UNAVAILABLE)
        task_protection_respond_error(protection->ex, 500, protection->task_arn, "ServerException",
                                      err->message, NULL);
    else
        task_protection_respond_error(protection->ex, api_error_http_status(err->code),
                                      protection->task_arn, api_error_name(err->code),
                                      sentence ? sentence + 2 : err->message, request_id);
}

static void on_answer(struct error *err, const json_t *json, const char *request_id, void *data)
{
    struct protection *protection = data;

    if (err)
        tell_error(protection, err, request_id);
    else
        tell_answer(protection, json);
    error_free(err); /* told to who asked */
    free(protection->task_arn);
    free(protection);
}

/* ---- the request ---- */

struct wish {
    bool has_enabled, enabled, has_minutes;
    json_int_t minutes;
};

/* False if it is no object of these two members; their names in any case, as Go reads them. */
static bool read_wish(const char *text, size_t len, struct wish *ret)
{
    CLEANUP(json_decrefp) json_t *root = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, NULL);
    const char *name;
    json_t *value;

    if (!json_is_object(root))
        return false;
    json_object_foreach (root, name, value) {
        if (str_eq_nocase(name, "ProtectionEnabled") &&
            (json_is_boolean(value) || json_is_null(value))) {
            ret->has_enabled = json_is_boolean(value);
            ret->enabled = json_is_true(value);
        } else if (str_eq_nocase(name, "ExpiresInMinutes") &&
                   (json_is_integer(value) || json_is_null(value))) {
            ret->has_minutes = json_is_integer(value);
            ret->minutes = json_integer_value(value);
        } else {
            return false;
        }
    }
    return true;
}

static void ask(struct task_endpoint *endpoint, struct http_exchange *ex,
                const struct engine_task_view *task, size_t index, const char *operation,
                json_t *body, const struct role_credentials *role)
{
    const struct api_client_caller caller = {
        .keys = {role->access_key_id, role->secret_access_key, role->session_token},
        .container = task->containers[index].name,
        .timeout_ms = TASK_ENDPOINT_PROTECTION_MS,
    };
    struct protection *protection = xcalloc(1, sizeof(*protection));
    struct buf text = {0};

    protection->ex = ex;
    protection->task_arn = str_dup(task->arn);
    protection->clock = endpoint->options.clock;
    protection->begun_mono_ms = clock_mono_ms(protection->clock);
    text.data = json_dumps(body, JSON_COMPACT);
    text.len = text.data ? strlen(text.data) : 0;
    api_client_call_as(endpoint->options.client, &caller, operation, &text, on_answer, protection);
    free(text.data);
}

void task_protection_begin(struct task_endpoint *endpoint, struct http_exchange *ex,
                           const struct http_request *req, const struct engine_task_view *task,
                           size_t index)
{
    const struct acs_role_credentials *kept = task->spec->role_credentials;
    bool is_update = str_eq(req->method, "PUT");
    struct role_credentials role;
    struct wish wish = {0};
    json_t *body;

    if (is_update && !read_wish(req->body, req->body_len, &wish)) {
        task_protection_respond_error(ex, 400, NULL, "InvalidParameterException",
                                      "UpdateTaskProtection: failed to decode request", NULL);
        return;
    }
    if (is_update && !wish.has_enabled) {
        task_protection_respond_error(ex, 400, task->arn, "InvalidParameterException",
                                      "Invalid request: does not contain 'ProtectionEnabled' field",
                                      NULL);
        return;
    }
    if (!kept ||
        !acs_credentials_find(endpoint->options.credentials, kept->credentials_id, &role)) {
        task_protection_respond_error(
            ex, 403, task->arn, "AccessDeniedException",
            "Invalid Request: no task IAM role credentials available for task", NULL);
        return;
    }
    body = json_pack("{ss s[s]}", "cluster", endpoint->options.cluster, "tasks", task->arn);
    if (is_update)
        json_object_set_new(body, "protectionEnabled", json_boolean(wish.enabled));
    if (is_update && wish.has_minutes)
        json_object_set_new(body, "expiresInMinutes", json_integer(wish.minutes));
    ask(endpoint, ex, task, index, is_update ? "UpdateTaskProtection" : "GetTaskProtection", body,
        &role);
    json_decref(body);
}
