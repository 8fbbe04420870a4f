#include <string.h>

#include "ecs/task_definition_parts.h"

#define ENV_FILES_MAX 10 /* TD-059 */

/* ---- references, told apart by their shape alone (TD-023) ---- */

/* Behind "arn:PARTITION:SERVICE:"; NULL: another thing. */
static const char *behind_service(const char *text, const char *service)
{
    size_t len = strlen(service);
    const char *at = str_starts_with(text, "arn:") ? strchr(text + 4, ':') : NULL;

    if (!at || strncmp(at + 1, service, len) != 0 || at[1 + len] != ':')
        return NULL;
    return at + len + 2;
}

bool definition_is_s3_object(const char *text)
{
    const char *rest = behind_service(text, "s3"); /* REGION:ACCOUNT:BUCKET/KEY, both empty */
    const char *slash = rest ? strchr(rest, '/') : NULL;

    return slash && str_starts_with(rest, "::") && slash > rest + 2 && slash[1];
}

bool definition_is_ecr_image(const char *image)
{
    const char *host_end = strchr(image, '/');
    const char *ecr = strstr(image, ".dkr.ecr.");

    return host_end && ecr && ecr < host_end;
}

bool definition_has_s3_config(const struct ecs_container_definition *container)
{
    const struct ecs_firelens_configuration *firelens = container->firelens_configuration;

    for (size_t i = 0; firelens && i < firelens->options.count; i++)
        if (strcmp(firelens->options.items[i].key, "config-file-type") == 0 &&
            strcmp(firelens->options.items[i].value, "s3") == 0)
            return true;
    return false;
}

static bool is_empty_part(const char *at)
{
    return !*at || *at == ':';
}

/* secret:NAME, or secret:NAME:JSON-KEY:VERSION-STAGE:VERSION-ID with a stage or an id (TD-223,
 * TD-225); `rest` is REGION:ACCOUNT:secret:NAME... */
static bool is_secret(const char *rest)
{
    const char *parts[8];
    size_t count = 0;

    for (const char *at = rest; at && count < ARRAY_LEN(parts); at = strchr(at, ':')) {
        if (count > 0)
            at++;
        parts[count++] = at;
    }
    if ((count != 4 && count != 7) || !str_starts_with(parts[2], "secret:") ||
        is_empty_part(parts[3]))
        return false;
    return count == 4 || is_empty_part(parts[5]) || is_empty_part(parts[6]);
}

/* What is no ARN is the name of a parameter (TD-229). */
static struct error *check_value_from(const struct ecs_container_definition *container,
                                      const struct ecs_secret *secret)
{
    const char *rest;

    if (str_is_empty(secret->name) || str_is_empty(secret->value_from))
        return error_new(API_CLIENT,
                         "Container '%s': name and valueFrom of a secret should not be empty.",
                         container->name);
    rest = behind_service(secret->value_from, "secretsmanager");
    if (rest && !is_secret(rest))
        return error_new(API_CLIENT,
                         "Container '%s': valueFrom '%.256s' of the secret '%s' is invalid: the "
                         "ARN of a secret has no suffix, or a JSON key, a version stage and a "
                         "version id of which one of the last two is empty.",
                         container->name, secret->value_from, secret->name);
    if (!rest && str_starts_with(secret->value_from, "arn:") &&
        !behind_service(secret->value_from, "ssm"))
        return error_new(API_CLIENT,
                         "Container '%s': valueFrom '%.256s' of the secret '%s' is neither a "
                         "secret of Secrets Manager nor a parameter of Systems Manager.",
                         container->name, secret->value_from, secret->name);
    return NULL;
}

/* ---- what a container has fetched ---- */

static bool is_taken(const struct ecs_container_definition *container, size_t at)
{
    const char *name = container->secrets.items[at].name;

    for (size_t i = 0; i < container->environment.count; i++)
        if (strcmp(container->environment.items[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < at; i++)
        if (strcmp(container->secrets.items[i].name, name) == 0)
            return true;
    return false;
}

/* TD-058, TD-060 */
static struct error *check_secrets(const struct ecs_container_definition *container)
{
    const struct ecs_log_configuration *log = container->log_configuration;

    for (size_t i = 0; i < container->secrets.count; i++) {
        TRY(check_value_from(container, &container->secrets.items[i]));
        if (is_taken(container, i))
            return error_new(
                API_CLIENT,
                "The secret name must be unique and not shared with any new or existing "
                "environment variables set on the container, such as '%s'.",
                container->secrets.items[i].name);
    }
    for (size_t i = 0; log && i < log->secret_options.count; i++)
        TRY(check_value_from(container, &log->secret_options.items[i]));
    return NULL;
}

/* TD-059 */
static struct error *check_environment_files(const struct ecs_container_definition *container)
{
    if (container->environment_files.count > ENV_FILES_MAX)
        return error_new(API_CLIENT, "Container '%s' has more than %d environment files.",
                         container->name, ENV_FILES_MAX);
    for (size_t i = 0; i < container->environment_files.count; i++) {
        const char *value = container->environment_files.items[i].value;

        if (!str_ends_with(value, ".env"))
            return error_new(
                API_CLIENT, "Environment file '%s' of container '%s' must have the extension .env.",
                value, container->name);
        if (!definition_is_s3_object(value))
            return error_new(API_CLIENT,
                             "Environment file '%s' of container '%s' must be the ARN of an object "
                             "in S3.",
                             value, container->name);
    }
    return NULL;
}

/* A gMSA's description, in Systems Manager or S3. */
static struct error *check_credential_specs(const struct ecs_container_definition *container)
{
    if (container->credential_specs.count > 1)
        return error_new(API_CLIENT, "Container '%s': credentialSpecs can have at most 1 item.",
                         container->name);
    for (size_t i = 0; i < container->credential_specs.count; i++) {
        const char *spec = container->credential_specs.items[i];
        const char *arn = strchr(spec, ':');

        if ((str_starts_with(spec, "credentialspec:") ||
             str_starts_with(spec, "credentialspecdomainless:")) &&
            (behind_service(arn + 1, "ssm") || definition_is_s3_object(arn + 1)))
            continue;
        return error_new(API_CLIENT,
                         "Container '%s': '%.256s' of credentialSpecs must be credentialspec: or "
                         "credentialspecdomainless: and the ARN of a parameter or an object in S3.",
                         container->name, spec);
    }
    return NULL;
}

static struct error *check_registry(const struct ecs_container_definition *container)
{
    if (container->repository_credentials &&
        str_is_empty(container->repository_credentials->credentials_parameter))
        return error_new(API_CLIENT, "Container '%s': credentialsParameter should not be empty.",
                         container->name);
    return NULL;
}

/* ---- roles ---- */

/* TD-024: a name, or the ARN of a role; whether it exists is not asked (TD-023). */
static struct error *check_role(const char *role)
{
    const char *rest = role ? behind_service(role, "iam") : NULL;

    if (role && str_starts_with(role, "arn:") && (!rest || !strstr(rest, ":role/")))
        return error_new(API_CLIENT, "Role is not valid");
    return NULL;
}

/* TD-234, TD-025 and the row of TD- section 5: what only the execution role's credentials can
 * fetch. */
static struct error *check_execution_role(const struct ecs_task_definition *definition,
                                          const struct ecs_container_definition *container)
{
    const struct ecs_log_configuration *log = container->log_configuration;
    const struct {
        const char *what;
        bool is_used;
    } rows[] = {
        {"secrets", container->secrets.count > 0 || (log && log->secret_options.count > 0)},
        {"repositoryCredentials", container->repository_credentials != NULL},
        {"environmentFiles", container->environment_files.count > 0},
        {"firelensConfiguration from S3", definition_has_s3_config(container)},
    };

    if (definition->execution_role_arn)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].is_used)
            return error_new(API_CLIENT,
                             "When you are specifying container %s, you must also specify a value "
                             "for 'executionRoleArn'.",
                             rows[i].what);
    return NULL;
}

struct error *definition_check_secrets(const struct ecs_task_definition *definition)
{
    TRY(check_role(definition->task_role_arn));
    TRY(check_role(definition->execution_role_arn));
    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];

        TRY(check_secrets(container));
        TRY(check_environment_files(container));
        TRY(check_credential_specs(container));
        TRY(check_registry(container));
        TRY(check_execution_role(definition, container));
    }
    return NULL;
}
