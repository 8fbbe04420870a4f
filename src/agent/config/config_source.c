#include "agent/config/config_source.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config/config_table.h"
#include "base/str.h"

#define LINES_MAX  4096
#define VALUES_MAX 4096

static const char *trim(struct arena *arena, const char *begin, const char *end)
{
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (end > begin && isspace((unsigned char)end[-1]))
        end--;
    return arena_dup_n(arena, begin, (size_t)(end - begin));
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;

    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    return lines < LINES_MAX ? lines : LINES_MAX;
}

static void read_settings(struct arena *arena, const char *text, struct config_map *ret)
{
    size_t room = count_lines(text);

    ret->items = ARENA_ARRAY(arena, struct config_pair, room);
    for (const char *line = text; *line && ret->count < room;) {
        const char *end = line + strcspn(line, "\n");
        const char *equals = memchr(line, '=', (size_t)(end - line));

        while (line < end && isspace((unsigned char)*line))
            line++;
        if (equals > line && *line != '#') {
            struct config_pair *pair = &ret->items[ret->count++];

            pair->name = trim(arena, line, equals);
            pair->value = trim(arena, equals + 1, end);
        }
        line = *end ? end + 1 : end;
    }
}

static bool is_duration(const char *member)
{
    for (size_t i = 0; i < config_setting_count; i++)
        if (config_settings[i].json && strcasecmp(config_settings[i].json, member) == 0)
            return config_settings[i].kind == CONFIG_DURATION;
    return false;
}

/* Durations are nanoseconds there. */
static const char *text_of(struct arena *arena, const char *member, const json_t *value)
{
    char *dumped;
    const char *text;

    if (json_is_string(value))
        return arena_dup(arena, json_string_value(value));
    if (json_is_integer(value))
        return arena_printf(arena, is_duration(member) ? "%lldns" : "%lld",
                            (long long)json_integer_value(value));
    if (json_is_null(value))
        return "";
    dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    text = arena_dup(arena, dumped ? dumped : "");
    free(dumped);
    return text;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static struct error *read_json(struct config_source *source, struct arena *arena, const char *text)
{
    json_error_t where;
    json_t *root = json_loads(text, 0, &where), *value;
    const char *member;

    if (!json_is_object(root)) {
        json_decref(root);
        return error_new(API_INVALID_PARAMETER, "the JSON configuration file is not an object: %s",
                         root ? "it is something else" : where.text);
    }
    source->json.items = ARENA_ARRAY(arena, struct config_pair, json_object_size(root) + 1);
    json_object_foreach (root, member, value)
        source->json.items[source->json.count++] =
            (struct config_pair){arena_dup(arena, member), text_of(arena, member, value)};
    json_decref(root);
    return NULL;
}

struct error *config_source_init(struct config_source *source, struct arena *arena,
                                 const char *const *env, const struct config_files *files)
{
    *source = (struct config_source){.env = env};
    if (files && files->settings)
        read_settings(arena, files->settings, &source->file);
    if (files && files->defaults)
        read_settings(arena, files->defaults, &source->defaults);
    if (files && files->json && !is_blank(files->json))
        TRY(read_json(source, arena, files->json));
    return NULL;
}

static const char *find_in_env(const char *const *env, const char *name)
{
    size_t len = strlen(name);

    for (; env && *env; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    return NULL;
}

/* The last one that says something. */
static const char *find_in_lines(const struct config_map *lines, const char *name)
{
    for (size_t i = lines->count; i > 0; i--)
        if (str_eq(lines->items[i - 1].name, name) && *lines->items[i - 1].value)
            return lines->items[i - 1].value;
    return NULL;
}

const char *config_source_get(const struct config_source *source, const char *name)
{
    const struct config_setting *setting = config_setting_find(name);
    const char *value = find_in_env(source->env, name);

    if (str_is_empty(value))
        value = find_in_lines(&source->file, name);
    if (!value && setting && setting->json)
        value = config_source_json(source, setting->json);
    if (str_is_empty(value))
        value = find_in_lines(&source->defaults, name);
    return value;
}

/* Names are compared as the official agent does: whatever their case. */
const char *config_source_json(const struct config_source *source, const char *member)
{
    for (size_t i = 0; i < source->json.count; i++)
        if (strcasecmp(source->json.items[i].name, member) == 0)
            return source->json.items[i].value;
    return NULL;
}

bool config_parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
            *ret = str_eq(text, yes[i]);
            return true;
        }
    }
    return false;
}

/* Milliseconds of one unit, as a fraction for those below. */
static bool unit_ms(const char *unit, size_t len, double *ret)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ns", 1e-6}, {"us", 1e-3},  {"\xc2\xb5s", 1e-3}, {"\xce\xbcs", 1e-3},
                 {"ms", 1},    {"s", 1000.0}, {"m", 60000.0},      {"h", 3600000.0}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strlen(units[i].name) == len && memcmp(units[i].name, unit, len) == 0) {
            *ret = units[i].ms;
            return true;
        }
    }
    return false;
}

bool config_parse_duration(const char *text, int64_t *ret_ms)
{
    double total = 0;
    bool is_negative = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');

    if (str_eq(p, "0")) {
        *ret_ms = 0;
        return true;
    }
    if (!*p)
        return false;
    while (*p) {
        double value = 0, scale = 1, ms;
        const char *digits = p;
        size_t len;

        for (; isdigit((unsigned char)*p); p++)
            value = value * 10 + (*p - '0');
        if (*p == '.')
            for (p++; isdigit((unsigned char)*p); p++)
                value += (*p - '0') * (scale /= 10);
        len = strcspn(p, "0123456789.");
        if (p == digits || (p == digits + 1 && *digits == '.') || !unit_ms(p, len, &ms))
            return false;
        total += value * ms;
        p += len;
    }
    if (total > 9e15)
        return false;
    *ret_ms = (int64_t)(is_negative ? -total : total);
    return true;
}

static void json_freep(json_t **json)
{
    json_decref(*json);
}

static json_t *parse_json(const char *text)
{
    return json_loads(text, JSON_REJECT_DUPLICATES, NULL);
}

static bool is_port(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= UINT16_MAX;
}

static bool parse_array(struct arena *arena, const char *text, bool wants_ports,
                        struct config_list *ret)
{
    CLEANUP(json_freep) json_t *json = parse_json(text);
    size_t count = json_array_size(json);
    struct config_list list = {0};

    if (!json_is_array(json) || count > VALUES_MAX)
        return false;
    list.items = ARENA_ARRAY(arena, const char *, count + 1);
    for (; list.count < count; list.count++) {
        const json_t *item = json_array_get(json, list.count);

        if (wants_ports ? !is_port(item) : !json_is_string(item))
            return false;
        list.items[list.count] =
            wants_ports ? arena_printf(arena, "%lld", (long long)json_integer_value(item))
                        : arena_dup(arena, json_string_value(item));
    }
    *ret = list;
    return true;
}

bool config_parse_ports(struct arena *arena, const char *json, struct config_list *ret)
{
    return parse_array(arena, json, true, ret);
}

bool config_parse_string_array(struct arena *arena, const char *json, struct config_list *ret)
{
    return parse_array(arena, json, false, ret);
}

bool config_parse_object(struct arena *arena, const char *text, struct config_map *ret)
{
    CLEANUP(json_freep) json_t *json = parse_json(text);
    struct config_map map = {0};
    const char *name;
    json_t *value;

    if (!json_is_object(json) || json_object_size(json) > VALUES_MAX)
        return false;
    map.items = ARENA_ARRAY(arena, struct config_pair, json_object_size(json) + 1);
    json_object_foreach (json, name, value) {
        if (!json_is_string(value))
            return false;
        map.items[map.count].name = arena_dup(arena, name);
        map.items[map.count++].value = arena_dup(arena, json_string_value(value));
    }
    *ret = map;
    return true;
}

static void list_images_of(struct arena *arena, const struct config_map *map,
                           struct config_list *ret)
{
    ret->items = ARENA_ARRAY(arena, const char *, map->count + 1);
    for (ret->count = 0; ret->count < map->count; ret->count++) {
        const struct config_pair *pair = &map->items[ret->count];

        ret->items[ret->count] =
            *pair->value ? arena_printf(arena, "%s:%s", pair->name, pair->value) : pair->name;
    }
}

bool config_parse_images(struct arena *arena, const char *text, struct config_list *ret)
{
    struct config_map map;
    size_t room = 1;

    if (*text == '{') {
        if (!config_parse_object(arena, text, &map))
            return false;
        list_images_of(arena, &map, ret);
        return true;
    }
    for (const char *p = text; *p; p++)
        room += *p == ',';
    ret->items = ARENA_ARRAY(arena, const char *, room);
    ret->count = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, ",");
        const char *image = trim(arena, p, p + len);

        if (*image)
            ret->items[ret->count++] = image;
        p += len + (p[len] == ',');
    }
    return true;
}

bool config_parse_pair(const char *text, char separator, int64_t *ret_first, int64_t *ret_second)
{
    const char *middle = strchr(text, separator);
    CLEANUP(str_freep) char *first = NULL;
    int64_t a, b;

    if (!middle)
        return false;
    first = str_dup_n(text, (size_t)(middle - text));
    if (!str_to_int64(first, &a) || !str_to_int64(middle + 1, &b))
        return false;
    *ret_first = a;
    *ret_second = b;
    return true;
}
