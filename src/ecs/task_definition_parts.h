/* task_definition_parts.h - what registering a task definition is made of: filling in, checking,
 * and what follows from it. Pure: a request in, an answer's shape or a refusal out.
 *
 * definition_normalize() makes the definition as it will be answered; each check looks at one
 * concept of it and stops at the first fault, as ECS does. Whatever is refused is a ClientException
 * (API-089).
 *
 * Ownership  The definition lives in the arena it was made in and lends strings from the request.
 */
#ifndef BERTH_ECS_TASK_DEFINITION_PARTS_H
#define BERTH_ECS_TASK_DEFINITION_PARTS_H

#include "base/arena.h"
#include "base/error.h"
#include "gen/ecs_types.h"

#define DEFINITION_CONTAINERS_MAX                                                                  \
    10 /* TD-011, MS-242: of all quotas the one that cannot be raised */

/* ---- task_definition_normal.c ---- */

/* Copies the request and fills in what ECS fills in: defaults, MiB and CPU units, empty lists.
 * Refuses only what cannot be read as a size (TD-029). */
MUST_USE struct error *definition_normalize(struct arena *arena,
                                            const struct ecs_register_task_definition_request *in,
                                            struct ecs_task_definition *ret);

/* ---- task_definition_check.c ---- */

/* Everything that can be refused but launch types, which ret_compatibilities (API-091) tells: a
 * definition that fails a type it asks for is refused. */
MUST_USE struct error *definition_check(struct arena *arena,
                                        const struct ecs_task_definition *definition,
                                        struct ecs_compatibility_list *ret_compatibilities);

/* ---- one concept each, called by definition_check() in this order ---- */

typedef struct error *definition_check_fn(const struct ecs_task_definition *definition);
definition_check_fn definition_check_containers; /* names, images, environment, user... */
definition_check_fn definition_check_secrets;    /* roles, and what the execution role fetches */
definition_check_fn definition_check_health;
definition_check_fn definition_check_size; /* cpu and memory against each other */
definition_check_fn definition_check_ports;
definition_check_fn definition_check_network; /* what the network mode allows (TD- section 6) */
definition_check_fn definition_check_volumes;
definition_check_fn definition_check_order;   /* dependsOn, links: targets, conditions, cycles */
definition_check_fn definition_check_linux;   /* linuxParameters, ulimits, systemControls */
definition_check_fn definition_check_logs;    /* log drivers, FireLens */
definition_check_fn definition_check_devices; /* GPUs, inference accelerators */
definition_check_fn definition_check_proxy;

/* ---- task_definition_launch.c: TD- section 5 ---- */
definition_check_fn definition_check_ec2;
definition_check_fn definition_check_external;
definition_check_fn definition_check_fargate;
definition_check_fn definition_check_managed_instances;

/* ---- what follows ---- */

/* The capabilities a host needs (TD- section 8, API-111), sorted, each once; also "name=value" for
 * built-ins. */
void definition_requires(struct arena *arena, const struct ecs_task_definition *definition,
                         const char *const **ret_names, size_t *ret_count);

/* What a task of it holds on a host (TD-045, TD-101, TD-112). */
struct definition_port {
    uint16_t number;
    bool is_udp;
};
struct definition_demand {
    int32_t cpu, memory, gpu_count;
    struct definition_port *ports;
    size_t port_count;
};
void definition_demand(struct arena *arena, const struct ecs_task_definition *definition,
                       struct definition_demand *ret);

/* ---- small things the parts share ---- */

const struct ecs_container_definition *
definition_container(const struct ecs_task_definition *definition,
                     const char *name); /* NULL: none */
/* arn:PARTITION:s3:::BUCKET/KEY */
bool definition_is_s3_object(const char *text);
/* Whether FireLens fetches the router's configuration from S3. */
bool definition_has_s3_config(const struct ecs_container_definition *container);
/* ACCOUNT.dkr.ecr.REGION.amazonaws.com/... */
bool definition_is_ecr_image(const char *image);
/* Unset is bridge (TD-026). */
enum ecs_network_mode definition_network_mode(const struct ecs_task_definition *definition);
static inline int64_t definition_number(const char *text) /* of a normalised size; 0: NULL */
{
    return text ? strtoll(text, NULL, 10) : 0;
}

#endif
