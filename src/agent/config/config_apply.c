#include "agent/config/config_apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

/* What is never asked by way of a proxy. */
#define NEVER_PROXIED "169.254.169.254,169.254.170.2,/var/run/docker.sock"

static enum log_level level_of(const char *name)
{
    enum log_level level = LOG_LEVEL_INFO;

    if (str_eq(name, "none"))
        return LOG_LEVEL_NONE;
    if (str_eq(name, "warn"))
        return LOG_LEVEL_WARNING;
    if (str_eq(name, "crit"))
        return LOG_LEVEL_ERROR;
    (void)log_level_parse(name, &level); /* the words of our own flag */
    return level;
}

static enum log_format format_of(const char *name)
{
    if (str_eq(name, "json"))
        return LOG_FORMAT_ECS_JSON;
    return str_eq(name, "text") ? LOG_FORMAT_TEXT : LOG_FORMAT_ECS_TEXT;
}

static enum log_rollover rollover_of(const char *name)
{
    if (str_eq(name, "size"))
        return LOG_ROLLOVER_SIZE;
    return str_eq(name, "none") ? LOG_ROLLOVER_NONE : LOG_ROLLOVER_HOURLY;
}

struct log_file_options config_log_file(const struct agent_config *config, const char *path)
{
    return (struct log_file_options){
        .path = path,
        .rollover = rollover_of(config->log_rollover),
        .max_bytes = config->log_max_bytes,
        .kept = (unsigned)config->log_rolls,
    };
}

struct error *config_apply_log(const struct agent_config *config, struct log_file **ret_file)
{
    const struct log_file_options options = config_log_file(config, config->log_file);
    struct log_file *file = NULL;

    log_configure(level_of(config->log_level), format_of(config->log_format));
    if (config->log_file)
        TRY(log_file_open(&options, &file));
    log_to_file(file, level_of(config->log_level_file));
    *ret_file = file;
    return NULL;
}

void config_apply_proxy(const struct agent_config *config)
{
    CLEANUP(str_freep) char *proxy = str_dup(config->proxy);
    CLEANUP(str_freep) char *except = NULL;

    if (!proxy)
        return;
    for (size_t len = strlen(proxy); len > 0 && proxy[len - 1] == '/'; len--)
        proxy[len - 1] = '\0';
    except = config->no_proxy ? str_printf("%s,%s", config->no_proxy, NEVER_PROXIED)
                              : str_dup(NEVER_PROXIED);
    setenv("HTTP_PROXY", proxy, 1);
    setenv("HTTPS_PROXY", proxy, 0);
    setenv("NO_PROXY", except, 1);
}
