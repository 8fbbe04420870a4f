#include "ecs/task_definition.h"

#include <string.h>

#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "ecs/task_definition_parts.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

/* ---- the stored document ---- */

/* "name" or "name=value" (definition_requires). */
static void describe_requires(struct arena *arena, const struct task_definition *definition,
                              struct ecs_requires_attributes *ret)
{
    if (definition->requires_attributes_count == 0)
        return;
    SET_LIST(arena, ret, definition->requires_attributes_count);
    for (size_t i = 0; i < ret->count; i++) {
        const char *text = definition->requires_attributes[i];
        const char *equals = strchr(text, '=');

        ret->items[i].name = equals ? arena_dup_n(arena, text, (size_t)(equals - text)) : text;
        ret->items[i].value = equals ? equals + 1 : NULL;
    }
}

static enum ecs_task_definition_status describe_status(enum definition_status status)
{
    static const enum ecs_task_definition_status statuses[DEFINITION_COUNT] = {
        [DEFINITION_ACTIVE] = ECS_TASK_DEFINITION_STATUS_ACTIVE,
        [DEFINITION_INACTIVE] = ECS_TASK_DEFINITION_STATUS_INACTIVE,
        [DEFINITION_DELETE_IN_PROGRESS] = ECS_TASK_DEFINITION_STATUS_DELETE_IN_PROGRESS,
    };

    return statuses[status];
}

struct error *task_definition_describe(struct call *call, const struct task_definition *definition,
                                       struct ecs_task_definition *ret)
{
    struct error *err = shape_decode_text(&ecs_shapes[ECS_SHAPE_TASK_DEFINITION], 0, call->arena,
                                          definition->document, strlen(definition->document), ret);

    if (err)
        return error_wrap(err, "stored task definition %s:%d", definition->family,
                          (int)definition->revision);
    ret->task_definition_arn = arn_task_definition(call->arena, call_scope(call),
                                                   definition->family, definition->revision);
    SET(ret, revision, definition->revision);
    ret->status = describe_status(definition->status);
    describe_requires(call->arena, definition, &ret->requires_attributes);
    SET(ret, registered_at_ms, definition->registered_at_ms);
    ret->registered_by = definition->registered_by;
    if (definition->deregistered_at_ms)
        SET(ret, deregistered_at_ms, definition->deregistered_at_ms);
    if (definition->delete_requested_at_ms)
        SET(ret, delete_requested_at_ms, definition->delete_requested_at_ms);
    return NULL;
}

/* ---- RegisterTaskDefinition ---- */

static enum network_mode record_network_mode(enum ecs_network_mode mode)
{
    static const enum network_mode modes[] = {
        [ECS_NETWORK_MODE_UNSET] = NETWORK_MODE_DEFAULT,
        [ECS_NETWORK_MODE_BRIDGE] = NETWORK_MODE_BRIDGE,
        [ECS_NETWORK_MODE_HOST] = NETWORK_MODE_HOST,
        [ECS_NETWORK_MODE_AWSVPC] = NETWORK_MODE_AWSVPC,
        [ECS_NETWORK_MODE_NONE] = NETWORK_MODE_NONE,
    };

    return modes[mode];
}

/* Before what looks at everything twice over: they bound how much there is to look at. */
static struct error *check_quotas(struct call *call, const struct ecs_task_definition *definition)
{
    CLEANUP(buf_done) struct buf document = {0};
    int64_t bytes_max = call_quota(call, QUOTA_TASK_DEFINITION_BYTES);

    if ((int64_t)definition->container_definitions.count >
        call_quota(call, QUOTA_CONTAINERS_PER_TASK_DEFINITION))
        return quota_error(ecs_of(call)->quotas, QUOTA_CONTAINERS_PER_TASK_DEFINITION, API_CLIENT);
    ecs_encode_task_definition(&document, definition);
    if ((int64_t)document.len > bytes_max)
        return error_new(API_CLIENT, "Actual length: '%zu'. Max allowed length is '%lld' bytes.",
                         document.len, (long long)bytes_max);
    return NULL;
}

/* Numbers of deregistered and deleted revisions stay taken (TD-010). */
static struct error *check_revisions(struct call *call, const char *family)
{
    const struct task_family *found = state_family(ecs_of(call)->state, call_scope(call), family);

    if (found && found->last_revision >= call_quota(call, QUOTA_REVISIONS_PER_FAMILY))
        return quota_error(ecs_of(call)->quotas, QUOTA_REVISIONS_PER_FAMILY, API_CLIENT);
    return NULL;
}

static struct task_definition *make_record(struct call *call,
                                           const struct ecs_task_definition *definition,
                                           const char *document, const struct ecs_tags *tags)
{
    struct task_definition *record = task_definition_new();
    struct definition_demand demand;
    const char *const *names;
    struct port *ports;
    size_t count;

    definition_requires(call->arena, definition, &names, &count);
    definition_demand(call->arena, definition, &demand);
    task_definition_set_family(record, definition->family);
    record->status = DEFINITION_ACTIVE;
    record->registered_at_ms = call->now_ms;
    task_definition_set_registered_by(record, call_principal_arn(call));
    task_definition_set_document(record, document);
    record->network_mode = record_network_mode(definition->network_mode);
    record->cpu = demand.cpu;
    record->memory = demand.memory;
    record->gpu_count = demand.gpu_count;
    ports = task_definition_resize_ports(record, (uint32_t)demand.port_count);
    for (size_t i = 0; i < demand.port_count; i++) {
        ports[i].number = demand.ports[i].number;
        ports[i].protocol = demand.ports[i].is_udp ? PROTOCOL_UDP : PROTOCOL_TCP;
    }
    task_definition_set_requires_attributes(record, names, (uint32_t)count);
    TAGS_SET(task_definition, record, tags);
    return record;
}

/* RegisterTaskDefinition: the next revision of a family (TD-001). All refusals are ClientException.
 */
struct error *api_register_task_definition(struct call *call,
                                           const struct ecs_register_task_definition_request *in,
                                           struct ecs_register_task_definition_response *out)
{
    CLEANUP(buf_done) struct buf document = {0};
    struct ecs_task_definition definition;
    const struct task_definition *record;

    TRY(call_authorize(call, "ecs:RegisterTaskDefinition", "*"));
    TRY(definition_normalize(call->arena, in, &definition));
    TRY(check_quotas(call, &definition));
    TRY(definition_check(call->arena, &definition, &definition.compatibilities));
    TRY(tags_check(ecs_of(call)->quotas, &in->tags, API_CLIENT));
    TRY(check_revisions(call, definition.family));
    ecs_encode_task_definition(&document, &definition);

    record = txn_insert_task_definition(call->txn,
                                        make_record(call, &definition, document.data, &in->tags));
    out->task_definition = ARENA_NEW(call->arena, struct ecs_task_definition);
    TRY(task_definition_describe(call, record, out->task_definition));
    if (in->tags.count > 0)
        tags_answer(call->arena, record->tags, record->tags_count, &out->tags);
    return NULL;
}

/* ---- DescribeTaskDefinition, DeregisterTaskDefinition ---- */

struct error *api_describe_task_definition(struct call *call,
                                           const struct ecs_describe_task_definition_request *in,
                                           struct ecs_describe_task_definition_response *out)
{
    const struct task_definition *record;

    TRY(call_authorize(call, "ecs:DescribeTaskDefinition", "*"));
    TRY(names_find_task_definition(call, in->task_definition, &record));
    out->task_definition = ARENA_NEW(call->arena, struct ecs_task_definition);
    TRY(task_definition_describe(call, record, out->task_definition));
    if (in->include.count > 0)
        tags_answer(call->arena, record->tags, record->tags_count, &out->tags);
    return NULL;
}

/* DeregisterTaskDefinition: what uses the revision goes on, nothing new may (TD-005 to TD-007).
 * Repeating it changes nothing (API-021). */
struct error *
api_deregister_task_definition(struct call *call,
                               const struct ecs_deregister_task_definition_request *in,
                               struct ecs_deregister_task_definition_response *out)
{
    const struct task_definition *record;
    const char *family;
    int revision;

    TRY(call_authorize(call, "ecs:DeregisterTaskDefinition", "*"));
    TRY(names_family_revision(call, in->task_definition, &family, &revision));
    if (revision == 0)
        return error_new(API_CLIENT,
                         "Revision is missing: DeregisterTaskDefinition wants family:revision.");
    record = state_task_definition(ecs_of(call)->state, call_scope(call), family, revision);
    if (!record)
        return error_new(
            API_CLIENT,
            "The specified task definition does not exist. Specify a valid account, family, "
            "revision and try again.");
    if (record->status == DEFINITION_ACTIVE) {
        struct task_definition *edited = txn_edit_task_definition(call->txn, record);

        edited->status = DEFINITION_INACTIVE;
        edited->deregistered_at_ms = call->now_ms;
        record = edited;
    }
    out->task_definition = ARENA_NEW(call->arena, struct ecs_task_definition);
    return task_definition_describe(call, record, out->task_definition);
}
