#include "agent/engine/volume_efs.h"

#include <string.h>

#include "base/str.h"

/* What EFS recommends to every client. */
#define NFS_OPTIONS "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport"
#define TUNNEL      "tls:"

static const char *find(const struct config_map *map, const char *name)
{
    for (size_t i = 0; name && i < map->count; i++)
        if (str_eq(map->items[i].name, name))
            return map->items[i].value;
    return NULL;
}

static bool is_enabled(const char *word)
{
    return str_eq(word, "ENABLED");
}

static const char *access_point(const struct acs_efs_volume_configuration *efs)
{
    const struct acs_efs_authorization_config *auth = efs->authorization_config;

    return auth && !str_is_empty(auth->access_point_id) ? auth->access_point_id : NULL;
}

static bool wants_iam(const struct acs_efs_volume_configuration *efs)
{
    return efs->authorization_config && is_enabled(efs->authorization_config->iam);
}

static void set_options(struct arena *arena, struct acs_string_map *map, const char *type,
                        const char *device, const char *options)
{
    *map = (struct acs_string_map){true, 3, ARENA_ARRAY(arena, struct acs_string_map_entry, 3)};
    map->items[0] = (struct acs_string_map_entry){"type", type};
    map->items[1] = (struct acs_string_map_entry){"device", device};
    map->items[2] = (struct acs_string_map_entry){"o", options};
}

/* ---- the plugin ---- */

static void add_option(struct buf *options, const char *name, const char *value)
{
    if (options->len)
        buf_add_char(options, ',');
    buf_add_str(options, name);
    if (value)
        buf_printf(options, "=%s", value);
}

static void plugin_options(struct arena *arena, const struct acs_efs_volume_configuration *efs,
                           const struct volume_efs_host *host, struct acs_string_map *ret)
{
    CLEANUP(buf_done) struct buf options = {0};
    const char *device = efs->file_system_id;

    if (!str_is_empty(efs->root_directory))
        device = arena_printf(arena, "%s:%s", device, efs->root_directory);
    if (is_enabled(efs->transit_encryption))
        add_option(&options, "tls", NULL);
    if (efs->transit_encryption_port)
        add_option(&options, "tlsport",
                   arena_printf(arena, "%d", (int)efs->transit_encryption_port));
    if (wants_iam(efs)) {
        add_option(&options, "iam", NULL);
        add_option(&options, "awscredsuri",
                   str_is_empty(host->credentials_uri) ? NULL : host->credentials_uri);
    }
    if (access_point(efs))
        add_option(&options, "accesspoint", access_point(efs));
    set_options(arena, ret, "efs", device, arena_dup(arena, options.data ? options.data : ""));
}

/* ---- NFS ---- */

static const char *domain_of(const char *region)
{
    return str_starts_with(region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

/* `base` and `below` as one absolute path; either may be empty or "/". */
static const char *join(struct arena *arena, const char *base, const char *below)
{
    size_t len = strlen(base);

    while (len > 0 && base[len - 1] == '/')
        len--;
    while (*below == '/')
        below++;
    if (!*below && len > 0)
        return arena_dup_n(arena, base, len);
    return arena_printf(arena, "%.*s/%s", (int)len, base, below);
}

static struct error *refuse_without_plugin(const struct acs_efs_volume_configuration *efs,
                                           const struct volume_efs_host *host, bool is_tunnel)
{
    const char *point = access_point(efs);

    if (is_enabled(efs->transit_encryption) && !is_tunnel)
        return error_new(API_CLIENT,
                         "file system %s: transit encryption is not available on this instance",
                         efs->file_system_id);
    if (wants_iam(efs))
        return error_new(API_CLIENT,
                         "file system %s: IAM authorization is not available on this instance",
                         efs->file_system_id);
    if (point && !find(host->file_systems, point))
        return error_new(API_CLIENT,
                         "file system %s: access point %s is not known on this instance",
                         efs->file_system_id, point);
    return NULL;
}

static struct error *nfs_options(struct arena *arena,
                                 const struct acs_efs_volume_configuration *efs,
                                 const struct volume_efs_host *host, struct acs_string_map *ret)
{
    const char *place = find(host->file_systems, efs->file_system_id);
    bool is_tunnel = place && str_starts_with(place, TUNNEL);
    const char *address, *export = "", *path, *port = "";
    const char *root = efs->root_directory ? efs->root_directory : "/";

    TRY(refuse_without_plugin(efs, host, is_tunnel));
    if (place) {
        const char *end;

        place += is_tunnel ? strlen(TUNNEL) : 0;
        end = strstr(place, ":/"); /* an IPv6 address has colons too */
        address = end ? arena_dup_n(arena, place, (size_t)(end - place)) : place;
        export = end ? end + 1 : "";
    } else {
        address = arena_printf(arena, "%s.efs.%s.%s", efs->file_system_id, host->region,
                               domain_of(host->region));
    }
    path = root;
    if (access_point(efs))
        path = join(arena, find(host->file_systems, access_point(efs)), path);
    if (*export)
        path = join(arena, export, path);
    if (is_tunnel && efs->transit_encryption_port)
        port = arena_printf(arena, ",port=%d", (int)efs->transit_encryption_port);
    set_options(arena, ret, "nfs", arena_printf(arena, ":%s", path),
                arena_printf(arena, "addr=%s," NFS_OPTIONS "%s", address, port));
    return NULL;
}

struct error *volume_efs_options(struct arena *arena,
                                 const struct acs_efs_volume_configuration *efs,
                                 const struct volume_efs_host *host,
                                 struct acs_string_map *ret_options)
{
    if (host->has_plugin) {
        plugin_options(arena, efs, host, ret_options);
        return NULL;
    }
    return nfs_options(arena, efs, host, ret_options);
}
