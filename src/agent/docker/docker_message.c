#include "agent/docker/docker_message.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/docker/docker_detail.h"
#include "agent/docker/docker_engine.h"
#include "base/str.h"

#define LABEL_TASK_ARN  "com.amazonaws.ecs.task-arn"
#define LABEL_CONTAINER "com.amazonaws.ecs.container-name"

/* The text as a JSON object or array; NULL with an error if it is neither. */
static struct error *load(const char *json, size_t len, bool wants_array, json_t **ret)
{
    json_error_t where;
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);

    if (!root && len > 0)
        root = json_loadb(json, len, 0, &where); /* the last of two equal members counts */
    if (!root)
        return error_new(API_SERVER, "Docker's answer is not JSON: %s", where.text);
    if (wants_array ? !json_is_array(root) : !json_is_object(root)) {
        json_decref(root);
        return error_new(API_SERVER, "Docker's answer is not %s",
                         wants_array ? "a list" : "an object");
    }
    *ret = root;
    return NULL;
}

static const char *text_of(struct arena *arena, const json_t *object, const char *member)
{
    return arena_dup(arena, json_string_value(json_object_get(object, member)));
}

static int int_of(const json_t *object, const char *member)
{
    json_int_t value = json_integer_value(json_object_get(object, member));

    return value < INT_MIN || value > INT_MAX ? 0 : (int)value;
}

/* Days from 1970-01-01 to the given date of the Gregorian calendar. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t era, year_of_era, day_of_year;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

int64_t docker_read_time_ms(const char *text)
{
    int year, month, day, hour, minute, second, used = 0;
    int64_t ms, fraction = 0, offset_s = 0;
    int digits = 0;

    if (!text ||
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
               &used) != 6 ||
        used != 19)
        return 0;
    if (year <= 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return 0;
    text += used;
    if (*text == '.') {
        for (text++; isdigit((unsigned char)*text); text++)
            if (digits < 3) {
                fraction = fraction * 10 + (*text - '0');
                digits++;
            }
        for (; digits < 3; digits++)
            fraction *= 10;
    }
    if (*text == '+' || *text == '-') {
        int off_hour, off_minute;

        if (sscanf(text + 1, "%2d:%2d", &off_hour, &off_minute) == 2 && off_hour >= 0 &&
            off_hour < 24 && off_minute >= 0 && off_minute < 60)
            offset_s = (*text == '-' ? -1 : 1) * (off_hour * 3600 + off_minute * 60);
    }
    ms = days_from_civil(year, month, day) * 86400;
    ms += hour * 3600 + minute * 60 + second - offset_s;
    return ms * 1000 + fraction;
}

static enum docker_state parse_state(const char *text)
{
    static const struct {
        const char *word;
        enum docker_state state;
    } words[] = {
        {"created", DOCKER_STATE_CREATED},
        {"running", DOCKER_STATE_RUNNING},
        {"paused", DOCKER_STATE_RUNNING},
        {"restarting", DOCKER_STATE_RUNNING},
        {"exited", DOCKER_STATE_EXITED},
        {"dead", DOCKER_STATE_EXITED},
        {"removing", DOCKER_STATE_REMOVING},
        /* Podman's own */
        {"initialized", DOCKER_STATE_CREATED},
        {"stopping", DOCKER_STATE_RUNNING},
        {"stopped", DOCKER_STATE_EXITED},
    };

    for (size_t i = 0; text && i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, text) == 0)
            return words[i].state;
    return DOCKER_STATE_UNKNOWN;
}

/* "8080/tcp" */
static bool parse_port(struct arena *arena, const char *text, int *ret_port, const char **ret_proto)
{
    const char *slash = strchr(text, '/');
    CLEANUP(str_freep)
    char *number = str_dup_n(text, slash ? (size_t)(slash - text) : strlen(text));
    int64_t port;

    if (!str_to_int64(number, &port) || port < 1 || port > 65535)
        return false;
    *ret_port = (int)port;
    *ret_proto = arena_dup(arena, slash ? slash + 1 : "tcp");
    return true;
}

/* NetworkSettings.Ports: {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32768"}], "81/tcp": null}
 */
static void read_bindings(struct arena *arena, json_t *ports, struct docker_container *out)
{
    const char *key;
    json_t *hosts;
    size_t count = 0;

    json_object_foreach (ports, key, hosts)
        count += json_array_size(hosts);
    if (count > DOCKER_BINDINGS_MAX)
        count = DOCKER_BINDINGS_MAX;
    out->bindings = ARENA_ARRAY(arena, struct docker_binding, count);
    json_object_foreach (ports, key, hosts) {
        size_t i;
        json_t *host;

        json_array_foreach (hosts, i, host) {
            struct docker_binding *binding = &out->bindings[out->binding_count];
            int64_t port;

            if (out->binding_count == count)
                return;
            if (!parse_port(arena, key, &binding->container_port, &binding->protocol) ||
                !json_is_string(json_object_get(host, "HostPort")) ||
                !str_to_int64(json_string_value(json_object_get(host, "HostPort")), &port) ||
                port < 1 || port > 65535)
                continue;
            binding->host_port = (int)port;
            binding->host_ip = text_of(arena, host, "HostIp");
            if (str_is_empty(binding->host_ip))
                binding->host_ip = "0.0.0.0";
            out->binding_count++;
        }
    }
}

static void read_labels(struct arena *arena, const json_t *labels, struct docker_container *out)
{
    out->task_arn = text_of(arena, labels, LABEL_TASK_ARN);
    out->container_name = text_of(arena, labels, LABEL_CONTAINER);
}

static const char *without_slash(const char *name)
{
    return name && name[0] == '/' ? name + 1 : name;
}

/* Docker keeps the last five, the newest at the end. */
static void read_last_check(struct arena *arena, const json_t *log, struct docker_container *out)
{
    size_t count = json_array_size(log);
    const json_t *last = count ? json_array_get(log, count - 1) : NULL;

    out->check_exit_code = int_of(last, "ExitCode");
    out->check_output = text_of(arena, last, "Output");
}

struct error *docker_read_container(struct arena *arena, const char *json, size_t len,
                                    struct docker_container *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_container out = {0};
    const json_t *state, *config, *health;

    TRY(load(json, len, false, &root));
    state = json_object_get(root, "State");
    config = json_object_get(root, "Config");
    health = json_object_get(state, "Health");
    out.id = text_of(arena, root, "Id");
    if (str_is_empty(out.id) || !json_is_object(state))
        return error_new(API_SERVER, "Docker's description of a container lacks Id or State");
    out.name = without_slash(text_of(arena, root, "Name"));
    out.image_id = text_of(arena, root, "Image");
    out.state = parse_state(json_string_value(json_object_get(state, "Status")));
    out.is_oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
    out.exit_code = int_of(state, "ExitCode");
    out.error = text_of(arena, state, "Error");
    if (!out.error)
        out.error = "";
    out.log_driver =
        text_of(arena, json_object_get(json_object_get(root, "HostConfig"), "LogConfig"), "Type");
    out.health = text_of(arena, health, "Status");
    if (str_eq(out.health, "none") || str_eq(out.health, ""))
        out.health = NULL;
    read_last_check(arena, json_object_get(health, "Log"), &out);
    out.detail = docker_detail_write(arena, root);
    out.created_at_ms = docker_read_time_ms(json_string_value(json_object_get(root, "Created")));
    out.started_at_ms = docker_read_time_ms(json_string_value(json_object_get(state, "StartedAt")));
    out.finished_at_ms =
        docker_read_time_ms(json_string_value(json_object_get(state, "FinishedAt")));
    read_labels(arena, json_object_get(config, "Labels"), &out);
    read_bindings(arena, json_object_get(json_object_get(root, "NetworkSettings"), "Ports"), &out);
    *ret = out;
    return NULL;
}

struct error *docker_read_list(struct arena *arena, const char *json, size_t len,
                               struct docker_container **ret_items, size_t *ret_count)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_container *items;
    size_t i, count = 0;
    json_t *entry;

    TRY(load(json, len, true, &root));
    items = ARENA_ARRAY(arena, struct docker_container, json_array_size(root));
    json_array_foreach (root, i, entry) {
        struct docker_container *item = &items[count];

        item->id = text_of(arena, entry, "Id");
        item->name = without_slash(arena_dup(
            arena, json_string_value(json_array_get(json_object_get(entry, "Names"), 0))));
        if (str_is_empty(item->id) || str_is_empty(item->name)) {
            *item = (struct docker_container){0};
            continue;
        }
        item->state = parse_state(json_string_value(json_object_get(entry, "State")));
        item->image_id = text_of(arena, entry, "ImageID");
        item->error = "";
        read_labels(arena, json_object_get(entry, "Labels"), item);
        count++;
    }
    *ret_items = items;
    *ret_count = count;
    return NULL;
}

struct error *docker_read_created(struct arena *arena, const char *json, size_t len,
                                  const char **ret_id)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    const char *id;

    TRY(load(json, len, false, &root));
    id = text_of(arena, root, "Id");
    if (str_is_empty(id))
        return error_new(API_SERVER, "Docker's answer to a create has no Id");
    *ret_id = id;
    return NULL;
}

static enum docker_event_kind parse_event(const char *action)
{
    static const struct {
        const char *word;
        enum docker_event_kind kind;
    } words[] = {
        {"start", DOCKER_EVENT_START},    {"die", DOCKER_EVENT_DIE},
        {"oom", DOCKER_EVENT_OOM},        {"destroy", DOCKER_EVENT_DESTROY},
        {"remove", DOCKER_EVENT_DESTROY}, /* Podman's */
    };

    if (str_starts_with(action, "health_status"))
        return DOCKER_EVENT_HEALTH;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, action) == 0)
            return words[i].kind;
    return DOCKER_EVENT_OTHER;
}

struct error *docker_read_event(struct arena *arena, const char *json, size_t len,
                                struct docker_event *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_event out = {0};
    const json_t *actor, *attributes;
    const char *action, *type, *exit_code;
    int64_t value, seconds;

    TRY(load(json, len, false, &root));
    actor = json_object_get(root, "Actor");
    attributes = json_object_get(actor, "Attributes");
    type = json_string_value(json_object_get(root, "Type"));
    action = json_string_value(json_object_get(root, "Action"));
    if (!action)
        action = json_string_value(json_object_get(root, "status"));
    out.id = text_of(arena, actor, "ID");
    if (!out.id)
        out.id = text_of(arena, root, "id");
    if (!action || str_is_empty(out.id))
        return error_new(API_SERVER, "Docker's event lacks Action or Actor.ID");
    out.name = text_of(arena, attributes, "name");
    out.kind = !type || strcmp(type, "container") == 0 ? parse_event(action) : DOCKER_EVENT_OTHER;
    exit_code = json_string_value(json_object_get(attributes, "exitCode"));
    if (out.kind == DOCKER_EVENT_DIE && exit_code && str_to_int64(exit_code, &value) &&
        value >= INT_MIN && value <= INT_MAX) {
        out.has_exit_code = true;
        out.exit_code = (int)value;
    }
    if (out.kind == DOCKER_EVENT_HEALTH) {
        const char *colon = strchr(action, ':');
        const char *member =
            json_string_value(json_object_get(root, "HealthStatus")); /* Podman's */

        out.health = arena_dup(arena, colon    ? colon + 1 + strspn(colon + 1, " ")
                                      : member ? member
                                               : "");
    }
    value = json_integer_value(json_object_get(root, "timeNano")) / 1000000;
    seconds = json_integer_value(json_object_get(root, "time"));
    if (value <= 0 && seconds > 0 && seconds < INT64_MAX / 1000)
        value = seconds * 1000;
    out.at_ms = value > 0 ? value : 0;
    *ret = out;
    return NULL;
}

struct error *docker_read_pull_line(struct arena *arena, const char *json, size_t len,
                                    struct docker_pull_line *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_pull_line out = {0};
    const char *status;

    TRY(load(json, len, false, &root));
    out.error = text_of(arena, json_object_get(root, "errorDetail"), "message");
    if (!out.error)
        out.error = text_of(arena, root, "error");
    status = json_string_value(json_object_get(root, "status"));
    if (status && str_starts_with(status, "Digest: "))
        out.digest = arena_dup(arena, status + strlen("Digest: "));
    *ret = out;
    return NULL;
}

/* A JSON object as text; "{}" for anything else. */
static const char *object_text(struct arena *arena, const json_t *object)
{
    CLEANUP(str_freep) char *text = NULL;

    if (!json_is_object(object))
        return "{}";
    text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    return text ? arena_dup(arena, text) : "{}";
}

struct error *docker_read_volume(struct arena *arena, const char *json, size_t len,
                                 struct docker_volume *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_volume out = {0};

    TRY(load(json, len, false, &root));
    out.name = text_of(arena, root, "Name");
    out.driver = text_of(arena, root, "Driver");
    if (str_is_empty(out.name) || str_is_empty(out.driver))
        return error_new(API_SERVER, "Docker's description of a volume lacks Name or Driver");
    out.options = object_text(arena, json_object_get(root, "Options"));
    out.labels = object_text(arena, json_object_get(root, "Labels"));
    *ret = out;
    return NULL;
}

struct error *docker_read_exec(const char *json, size_t len, struct docker_exec *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    const json_t *code;

    TRY(load(json, len, false, &root));
    code = json_object_get(root, "ExitCode");
    if (!json_is_boolean(json_object_get(root, "Running")))
        return error_new(API_SERVER, "Docker does not say whether the exec runs");
    *ret = (struct docker_exec){
        .is_running = json_is_true(json_object_get(root, "Running")),
        .has_exit_code = json_is_integer(code),
        .exit_code = (int)json_integer_value(code),
        .pid = (int)json_integer_value(json_object_get(root, "Pid")),
    };
    return NULL;
}

struct error *docker_read_version(struct arena *arena, const char *json, size_t len,
                                  struct docker_version *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_version out = {0};

    TRY(load(json, len, false, &root));
    out.version = text_of(arena, root, "Version");
    out.api_version = text_of(arena, root, "ApiVersion");
    out.min_api_version = text_of(arena, root, "MinAPIVersion");
    out.os = text_of(arena, root, "Os");
    out.architecture = text_of(arena, root, "Arch");
    out.engine = docker_engine_of(json_string_value(
        json_object_get(json_array_get(json_object_get(root, "Components"), 0), "Name")));
    if (str_is_empty(out.version) || str_is_empty(out.api_version))
        return error_new(API_SERVER, "Docker does not say its version");
    *ret = out;
    return NULL;
}

struct error *docker_read_info(struct arena *arena, const char *json, size_t len,
                               struct docker_info *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_info out = {0};
    const json_t *plugins;
    size_t i;
    json_t *plugin;

    TRY(load(json, len, false, &root));
    out.memory_bytes = json_integer_value(json_object_get(root, "MemTotal"));
    out.cpus = int_of(root, "NCPU");
    out.cgroup_driver = text_of(arena, root, "CgroupDriver");
    out.cgroup_version = text_of(arena, root, "CgroupVersion");
    out.root_dir = text_of(arena, root, "DockerRootDir");
    out.has_live_restore = json_is_true(json_object_get(root, "LiveRestoreEnabled"));
    plugins = json_object_get(json_object_get(root, "Plugins"), "Volume");
    out.volume_plugins = ARENA_ARRAY(arena, const char *, json_array_size(plugins));
    json_array_foreach (plugins, i, plugin) {
        if (json_is_string(plugin))
            out.volume_plugins[out.volume_plugin_count++] =
                arena_dup(arena, json_string_value(plugin));
    }
    *ret = out;
    return NULL;
}

const char *docker_read_refusal(struct arena *arena, const char *body, size_t len,
                                bool *ret_is_name_taken)
{
    CLEANUP(json_decrefp) json_t *root = json_loadb(body, len, 0, NULL);
    const char *message = text_of(arena, root, "message");
    const char *cause = json_string_value(json_object_get(root, "cause"));

    *ret_is_name_taken = str_eq(cause, "that name is already in use");

    if (!message)
        message = arena_dup_n(arena, body, len > 1024 ? 1024 : len);
    return message;
}
