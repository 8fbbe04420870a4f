/* What AWS's services answer at a task's start, and the references and files of variables behind it: the first byte says what the
 * rest is. Whatever is answered, a task is given nothing that was not, or has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/env_file.h"
#include "agent/engine/task_values.h"
#include "agent/engine/value_ref.h"

#define VARIABLE "ENVIRONMENT_VARIABLE"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_fault(struct arena *arena, const char *text, size_t len)
{
    const struct http_header header = {"x-amzn-errortype", text};
    const struct http_response response = {400, text, len, &header, 1};
    struct aws_fault fault = aws_fault_of_answer(arena, &response);

    if (!fault.code || !fault.text)
        abort();
}

/* All calls of a task are answered with the same. */
static void read_answers(struct arena *arena, const char *text, size_t len)
{
    static struct acs_secret secrets[] = {
        {.name = "A", .value_from = "/a", .provider = "ssm", .type = VARIABLE},
        {.name = "B",
         .value_from = "arn:aws:secretsmanager:r:1:secret:s:k::",
         .provider = "asm",
         .type = VARIABLE},
    };
    static struct acs_ecr_auth_data ecr = {.registry_id = "1"};
    static struct acs_asm_auth_data asm_auth = {.credentials_parameter = "s"};
    static struct acs_registry_authentication logins[] = {
        {.type = "ecr", .ecr_auth_data = &ecr}, {.type = "asm", .asm_auth_data = &asm_auth}};
    struct acs_container containers[] = {
        {.name = "a", .secrets = {.items = secrets, .count = 2}},
        {.name = "b", .registry_authentication = &logins[0]},
        {.name = "c", .registry_authentication = &logins[1]},
    };
    const struct acs_task task = {.containers = {.items = containers, .count = 3}};
    struct task_values *values = task_values_new(&task, "r");
    struct acs_string_map map;

    for (size_t i = 0; i < values->count; i++)
        task_values_take(values, &values->calls[i], NULL, text, len);
    if (values->waiting)
        abort();
    for (size_t i = 1; i < ARRAY_LEN(containers); i++) {
        const struct value_call *login = task_values_login(values, &containers[i]);
        const char *reason = NULL;

        if (!task_values_auth(login, arena, "image", &reason) && !reason)
            abort();
    }
    if (!task_values_reason(values, arena) &&
        (!task_values_environment(values, arena, &containers[0], &map) || map.count != 2))
        abort();
    task_values_free(values);
}

static void read_references(struct arena *arena, const char *text)
{
    struct value_secret_ref ref;
    const char *bucket, *key, *why = NULL;

    if (!value_ref_secret(arena, text, &ref) && !value_ref_cut(arena, &ref, text, &why) && !why)
        abort();
    if (value_ref_object(arena, text, &bucket, &key) && (!*bucket || !*key))
        abort();
}

static void read_file(struct arena *arena, const char *text, size_t len)
{
    CLEANUP(env_merge_done) struct env_merge merge = {0};
    struct acs_string_map map;

    if (!env_merge_add_file(&merge, arena, 1, text, len))
        return;
    env_merge_finish(&merge, arena, &map);
    for (size_t i = 0; i < map.count; i++)
        if (!*map.items[i].key || strpbrk(map.items[i].key, "=\n") ||
            (i > 0 && strcmp(map.items[i - 1].key, map.items[i].key) >= 0))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    char *text;

    if (size == 0)
        return 0;
    text = arena_dup_n(&arena, (const char *)data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        read_fault(&arena, text, size - 1);
        break;
    case 1:
        read_answers(&arena, text, size - 1);
        break;
    case 2:
        read_references(&arena, text);
        break;
    case 3:
        read_file(&arena, text, size - 1);
        break;
    }
    arena_done(&arena);
    return 0;
}
