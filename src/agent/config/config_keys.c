#include "agent/config/config_keys.h"

#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

struct found {
    char *access_key_id, *secret_access_key, *session_token;
};

struct config_keys {
    const struct agent_config *config;
    char *rotating_file, *shared_file; /* shared_file NULL: none */
    struct found found;
    bool is_read;
    int64_t read_again_ms;
};

static void found_done(struct found *found)
{
    free(found->access_key_id);
    free(found->secret_access_key);
    free(found->session_token);
    *found = (struct found){0};
}

struct config_keys *config_keys_new(const struct agent_config *config, const char *rotating_file,
                                    const char *home)
{
    struct config_keys *keys = xcalloc(1, sizeof(*keys));

    keys->config = config;
    keys->rotating_file = str_dup(rotating_file);
    if (config->shared_credentials_file)
        keys->shared_file = str_dup(config->shared_credentials_file);
    else if (home)
        keys->shared_file = str_printf("%s/.aws/credentials", home);
    return keys;
}

void config_keys_free(struct config_keys *keys)
{
    if (!keys)
        return;
    found_done(&keys->found);
    free(keys->rotating_file);
    free(keys->shared_file);
    free(keys);
}

static char *trimmed(const char *begin, const char *end)
{
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (end > begin && isspace((unsigned char)end[-1]))
        end--;
    return str_dup_n(begin, (size_t)(end - begin));
}

static void replace(char **member, char *value)
{
    free(*member);
    *member = value;
}

static void take_line(struct found *found, const char *line, const char *end)
{
    const char *equals = memchr(line, '=', (size_t)(end - line));
    CLEANUP(str_freep) char *name = NULL;
    CLEANUP(str_freep) char *value = NULL;

    if (!equals)
        return;
    name = trimmed(line, equals);
    value = trimmed(equals + 1, end);
    if (str_eq(name, "aws_access_key_id"))
        replace(&found->access_key_id, TAKE(value));
    else if (str_eq(name, "aws_secret_access_key"))
        replace(&found->secret_access_key, TAKE(value));
    else if (str_eq(name, "aws_session_token"))
        replace(&found->session_token, TAKE(value));
}

/* The section [profile] of a credentials file; false unless it has both keys. */
static bool read_section(const char *text, const char *profile, struct found *ret)
{
    struct found found = {0};
    bool is_inside = false;

    for (const char *line = text; *line;) {
        const char *end = line + strcspn(line, "\n");
        CLEANUP(str_freep) char *content = trimmed(line, end);

        if (*content == '[') {
            CLEANUP(str_freep)
            char *name = trimmed(content + 1, content + 1 + strcspn(content + 1, "]"));

            is_inside = str_eq(name, profile);
        } else if (is_inside && *content != '#' && *content != ';') {
            take_line(&found, content, content + strlen(content));
        }
        line = *end ? end + 1 : end;
    }
    if (!str_is_empty(found.access_key_id) && !str_is_empty(found.secret_access_key)) {
        *ret = found;
        return true;
    }
    found_done(&found);
    return false;
}

static bool read_file(const char *path, const char *profile, struct found *ret)
{
    CLEANUP(str_freep) char *text = NULL;
    struct error *err = path ? config_read_file(path, &text) : NULL;

    if (err) {
        log_warning("credentials file skipped", "path", path, "error", err->message);
        error_free(err); /* the next place in the chain is asked */
        return false;
    }
    return text && read_section(text, profile, ret);
}

static bool read_files(struct config_keys *keys, struct found *ret)
{
    const struct agent_config *config = keys->config;

    if (config->is_external)
        return read_file(keys->rotating_file, config->credentials_profile, ret) ||
               read_file(keys->shared_file, config->shared_profile, ret);
    return read_file(keys->shared_file, config->shared_profile, ret) ||
           read_file(keys->rotating_file, config->credentials_profile, ret);
}

/* What was found before stays good if the files are gone for a moment. */
static void read_again(struct config_keys *keys, int64_t mono_ms)
{
    struct found found;

    if (keys->is_read && mono_ms < keys->read_again_ms)
        return;
    keys->is_read = true;
    keys->read_again_ms = mono_ms + CONFIG_KEYS_REREAD_MS;
    if (!read_files(keys, &found))
        return;
    found_done(&keys->found);
    keys->found = found;
}

struct error *config_keys_get(struct config_keys *keys, int64_t mono_ms, struct sigv4_keys *ret)
{
    const struct agent_config *config = keys->config;

    if (config->access_key_id && config->secret_access_key) {
        *ret = (struct sigv4_keys){config->access_key_id, config->secret_access_key,
                                   config->session_token};
        return NULL;
    }
    read_again(keys, mono_ms);
    if (!keys->found.access_key_id)
        return error_new(API_UNRECOGNIZED_CLIENT,
                         "the agent has no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                         "or write %s",
                         keys->rotating_file);
    *ret = (struct sigv4_keys){keys->found.access_key_id, keys->found.secret_access_key,
                               str_is_empty(keys->found.session_token) ? NULL
                                                                       : keys->found.session_token};
    return NULL;
}
