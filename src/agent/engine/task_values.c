#include "agent/engine/task_values_parts.h"

#include <jansson.h>
#include <string.h>

#include "agent/engine/firelens.h"
#include "agent/engine/image_auth.h"
#include "agent/engine/value_ref.h"
#include "base/mem.h"

/* Which calls a task takes, and their outcomes. */

/* ---- which calls ---- */

static bool is_same(const struct value_call *a, const struct value_call *b)
{
    return a->kind == b->kind && str_eq(a->region, b->region) && str_eq(a->id, b->id) &&
           str_eq(a->stage, b->stage) && str_eq(a->version, b->version) &&
           str_eq(a->bucket, b->bucket) && str_eq(a->key, b->key) &&
           str_eq(a->registry_id, b->registry_id) && str_eq(a->endpoint, b->endpoint) &&
           a->is_by_agent == b->is_by_agent;
}

static void add_call(struct task_values *values, const struct value_call *wanted)
{
    for (size_t i = 0; i < values->count; i++)
        if (is_same(&values->calls[i], wanted))
            return;
    values->calls[values->count++] = *wanted;
}

static bool has_name(const struct value_call *call, const char *name)
{
    for (size_t i = 0; i < call->name_count; i++)
        if (strcmp(call->names[i], name) == 0)
            return true;
    return false;
}

static void add_parameter(struct task_values *values, const char *region, const char *name)
{
    struct value_call *open = NULL;

    for (size_t i = 0; i < values->count; i++) {
        struct value_call *call = &values->calls[i];

        if (call->kind != VALUE_PARAMETERS || !str_eq(call->region, region))
            continue;
        if (has_name(call, name))
            return;
        if (call->name_count < AWS_PARAMETERS_MAX)
            open = call;
    }
    if (!open) {
        open = &values->calls[values->count++];
        *open = (struct value_call){.kind = VALUE_PARAMETERS, .region = region};
    }
    open->names[open->name_count++] = name;
}

const char *value_region(const struct task_values *values, const char *region)
{
    return str_is_empty(region) ? values->region : region;
}

bool value_is_secret(const struct acs_secret *secret)
{
    return str_eq(secret->provider, "asm");
}

static void add_secret(struct task_values *values, const struct acs_secret *secret)
{
    const char *text = secret->value_from ? secret->value_from : "";
    struct value_secret_ref ref;

    if (!value_is_secret(secret))
        add_parameter(values, value_region(values, secret->region), text);
    else if (!value_ref_secret(&values->arena, text, &ref)) /* else it is refused at the end */
        add_call(values, &(struct value_call){.kind = VALUE_SECRET,
                                              .region = value_region(values, secret->region),
                                              .id = ref.id,
                                              .stage = ref.stage,
                                              .version = ref.version});
}

static void add_object(struct task_values *values, enum value_kind kind, const char *text)
{
    struct value_call call = {.kind = kind, .region = values->region};

    if (value_ref_object(&values->arena, text ? text : "", &call.bucket, &call.key))
        add_call(values, &call);
}

static bool call_of_login(const struct task_values *values, const struct acs_container *container,
                          struct value_call *ret)
{
    const struct acs_registry_authentication *auth = container->registry_authentication;

    if (!auth)
        return false;
    if (str_eq(auth->type, "asm") && auth->asm_auth_data) {
        const char *id = auth->asm_auth_data->credentials_parameter;

        *ret = (struct value_call){.kind = VALUE_LOGIN,
                                   .region = value_region(values, auth->asm_auth_data->region),
                                   .id = id ? id : ""};
        return true;
    }
    if (str_eq(auth->type, "ecr") && auth->ecr_auth_data) {
        const struct acs_ecr_auth_data *ecr = auth->ecr_auth_data;

        *ret = (struct value_call){
            .kind = VALUE_TOKEN,
            .region = value_region(values, ecr->region),
            .registry_id = ecr->registry_id ? ecr->registry_id : "",
            .endpoint = str_is_empty(ecr->endpoint_override) ? NULL : ecr->endpoint_override,
            .is_by_agent = !ecr->use_execution_role};
        return true;
    }
    return false;
}

const char *value_router_object(const struct acs_container *container)
{
    const struct acs_firelens_configuration *firelens = container->firelens_configuration;

    if (!firelens || !firelens_needs_s3(container))
        return NULL;
    for (size_t i = 0; i < firelens->options.count; i++)
        if (strcmp(firelens->options.items[i].key, "config-file-value") == 0)
            return firelens->options.items[i].value;
    return "";
}

static void add_container(struct task_values *values, const struct acs_container *container)
{
    const char *router = value_router_object(container);
    struct value_call login;

    if (call_of_login(values, container, &login))
        add_call(values, &login);
    for (size_t i = 0; i < container->secrets.count; i++)
        add_secret(values, &container->secrets.items[i]);
    for (size_t i = 0; i < container->environment_files.count; i++)
        add_object(values, VALUE_FILE, container->environment_files.items[i].value);
    if (router)
        add_object(values, VALUE_ROUTER, router);
}

static size_t count_references(const struct acs_task *task)
{
    size_t count = 0;

    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];

        count += container->secrets.count + container->environment_files.count +
                 (container->registry_authentication != NULL) +
                 (value_router_object(container) != NULL);
    }
    return count;
}

struct task_values *task_values_new(const struct acs_task *task, const char *region)
{
    size_t most = count_references(task);
    struct task_values *values;

    if (most == 0)
        return NULL;
    values = xcalloc(1, sizeof(*values));
    values->task = task;
    values->region = region;
    values->calls = ARENA_ARRAY(&values->arena, struct value_call, most);
    for (size_t i = 0; i < task->containers.count; i++)
        add_container(values, &task->containers.items[i]);
    values->waiting = values->count;
    return values;
}

void task_values_free(struct task_values *values)
{
    if (!values)
        return;
    arena_done(&values->arena);
    free(values);
}

const struct value_call *value_call_find(const struct task_values *values,
                                         const struct value_call *wanted)
{
    for (size_t i = 0; i < values->count; i++)
        if (is_same(&values->calls[i], wanted))
            return &values->calls[i];
    return NULL;
}

const struct value_call *task_values_login(const struct task_values *values,
                                           const struct acs_container *container)
{
    struct value_call wanted;

    return values && call_of_login(values, container, &wanted) ? value_call_find(values, &wanted)
                                                               : NULL;
}

/* ---- outcomes ---- */

void task_values_ask(const struct value_call *call, struct buf *body)
{
    switch (call->kind) {
    case VALUE_PARAMETERS:
        aws_ask_parameters(body, call->names, call->name_count);
        break;
    case VALUE_LOGIN:
    case VALUE_SECRET:
        aws_ask_secret(body, call->id, call->stage, call->version);
        break;
    case VALUE_TOKEN:
        aws_ask_registry_token(body, call->registry_id);
        break;
    case VALUE_FILE:
    case VALUE_ROUTER:
    case VALUE_KIND_COUNT:
        break;
    }
}

static void finish(struct task_values *values, struct value_call *call)
{
    call->is_done = true;
    values->waiting--;
}

/* {"username": "mary", "password": "..."} (TD-216); names are taken in any case, as Go does. */
static const char *member_of(struct arena *arena, json_t *object, const char *wanted)
{
    const char *name, *found = NULL;
    json_t *value;

    json_object_foreach (object, name, value)
        if (str_eq_nocase(name, wanted) && json_is_string(value))
            found = arena_dup(arena, json_string_value(value));
    return found;
}

static const char *read_login(struct arena *arena, const char *text, struct value_call *call)
{
    json_t *object;

    if (!*text)
        return "asm fetching authorization data: empty secrets value";
    object = json_loads(text, 0, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return "asm fetching authorization data: unable to unmarshal secret value, invalid schema";
    }
    call->user = member_of(arena, object, "username");
    call->password = member_of(arena, object, "password");
    call->server = "";
    json_decref(object);
    if (str_is_empty(call->user))
        return "asm fetching username: AuthorizationData is malformed, empty field";
    if (str_is_empty(call->password))
        return "asm fetching password: AuthorizationData is malformed, empty field";
    return NULL;
}

static const char *read_token(struct arena *arena, struct value_call *call)
{
    if (!image_auth_decode(arena, call->token.token, &call->user, &call->password))
        return "ecr auth: AuthorizationData is malformed";
    call->server = call->token.server;
    return NULL;
}

static const char *read_answer(struct arena *arena, struct value_call *call, const char *body,
                               size_t len)
{
    const char *wrong;

    switch (call->kind) {
    case VALUE_PARAMETERS:
        return aws_read_parameters(arena, body, len, call->names, call->name_count, call->values);
    case VALUE_LOGIN:
        wrong = aws_read_secret(arena, body, len, &call->values[0]);
        return wrong ? wrong : read_login(arena, call->values[0], call);
    case VALUE_SECRET:
        return aws_read_secret(arena, body, len, &call->values[0]);
    case VALUE_TOKEN:
        wrong = aws_read_registry_token(arena, body, len, &call->token);
        return wrong ? wrong : read_token(arena, call);
    case VALUE_FILE:
    case VALUE_ROUTER:
    case VALUE_KIND_COUNT:
        break;
    }
    call->values[0] = arena_dup_n(arena, body, len);
    call->len = len;
    return NULL;
}

void task_values_take(struct task_values *values, struct value_call *call,
                      const struct aws_fault *fault, const char *body, size_t len)
{
    struct arena *arena = &values->arena;

    if (!fault) {
        call->failure = read_answer(arena, call, body, len);
    } else {
        call->failure = arena_dup(arena, fault->text);
        call->is_unreached = !*fault->code || str_eq(fault->code, "NoSuchBucket");
        if (call->kind == VALUE_LOGIN)
            call->failure = arena_printf(arena, "asm fetching secret from the service for %s: %s",
                                         call->id, fault->text);
    }
    finish(values, call);
}

void task_values_take_token(struct task_values *values, struct value_call *call,
                            const struct aws_registry_token *token)
{
    struct arena *arena = &values->arena;

    call->token = (struct aws_registry_token){arena_dup(arena, token->token),
                                              arena_dup(arena, token->server), token->expires_ms};
    call->failure = read_token(arena, call);
    finish(values, call);
}

void task_values_refuse(struct task_values *values)
{
    values->has_no_role = true;
    for (size_t i = 0; i < values->count; i++) {
        struct value_call *call = &values->calls[i];

        if (call->is_done || call->is_by_agent)
            continue;
        call->failure = "engine ecr credentials: not found"; /* of a token; for others, see below */
        finish(values, call);
    }
}
