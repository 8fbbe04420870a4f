/* What people name resources by: names, ids, ARNs. An ARN that is read is the text it was read
 * from; what is taken for a name or an id is one; nothing else is accepted. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arn.h"
#include "base/str.h"
#include "ecs/names.h"
#include "tests/fuzz/call_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_arn(struct arena *arena, const char *text)
{
    struct arn arn;

    if (!arn_parse(arena, text, &arn))
        return;
    if (!str_eq(arena_printf(arena, "arn:%s:%s:%s:%s:%s", arn.partition, arn.service, arn.region,
                             arn.account, arn.resource),
                text) ||
        !str_starts_with(arn.resource, arn.type) || !str_ends_with(arn.resource, arn.rest))
        abort();
}

static void check_name(struct error *err, const char *name)
{
    if (err) {
        if (!*err->message)
            abort();
        error_free(err);
        return;
    }
    if (!name || strlen(name) < 1 || strlen(name) > 255)
        abort();
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            abort();
}

static void check_id(struct error *err, const char *text)
{
    char last_bytes[ID_HEX_SIZE + 4] = "";
    size_t len = strlen(text);

    if (err) {
        if (!*err->message)
            abort();
        error_free(err);
        return;
    }
    /* 32 hex digits, or a UUID's 36 characters, by themselves or at the end. */
    if (len < ID_HEX_SIZE - 1)
        abort();
    snprintf(last_bytes, sizeof(last_bytes), "%s", text + len - (ID_HEX_SIZE - 1));
    for (const char *c = last_bytes; *c; c++)
        if (!isxdigit((unsigned char)*c) && *c != '-')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct call call = call_world(&arena);
    char *text = arena_dup_n(&arena, (const char *)data, size);
    const char *cluster = NULL, *service = NULL, *family = NULL;
    int revision = 0;
    struct id id;

    check_arn(&arena, text);
    check_name(names_cluster_name(&call, text, &cluster), cluster);
    check_name(names_service_name(&call, "default", text, &service), service);
    check_name(names_family_revision(&call, text, &family, &revision), family);
    check_id(names_task_id(&call, "default", text, &id), text);
    check_id(names_instance_id(&call, "default", text, &id), text);
    if (revision < 0)
        abort();
    return 0;
}
