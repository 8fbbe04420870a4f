#include "agent/engine/image_auth.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/json_text.h"

#define HUB_KEY    "index.docker.io/v1/"
#define SECRET_MAX (64 * 1024) /* of one "username:password"; ECR's have some thousand bytes */

/* Registries are compared without scheme and trailing slash. */
static const char *bare_key(struct arena *arena, const char *key)
{
    const char *scheme = strstr(key, "://");
    size_t len;

    if (scheme)
        key = scheme + 3;
    len = strlen(key);
    while (len > 0 && key[len - 1] == '/')
        len--;
    return arena_dup_n(arena, key, len);
}

/* "host/namespace/name" of an image, or the key of Docker Hub if it names no host. */
static const char *place_of(struct arena *arena, const char *reference)
{
    size_t host_len = strcspn(reference, "/");
    const char *host = arena_dup_n(arena, reference, host_len);
    bool has_host =
        reference[host_len] == '/' && (strpbrk(host, ".:") || strcmp(host, "localhost") == 0);

    if (!has_host || strcmp(host, "docker.io") == 0 || strcmp(host, "index.docker.io") == 0 ||
        strcmp(host, "registry-1.docker.io") == 0)
        return bare_key(arena, HUB_KEY);
    return reference;
}

static bool is_prefix(const char *key, const char *place)
{
    size_t len = strlen(key);

    return len > 0 && strncmp(key, place, len) == 0 && (place[len] == '\0' || place[len] == '/');
}

bool image_auth_decode(struct arena *arena, const char *text, const char **ret_name,
                       const char **ret_password)
{
    size_t len = strlen(text);
    unsigned char *bytes;
    char *colon;
    int decoded;

    if (len == 0 || len % 4 != 0 || len > SECRET_MAX)
        return false;
    bytes = arena_alloc(arena, len + 1);
    decoded = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
    if (decoded < 0)
        return false;
    bytes[decoded] = '\0'; /* padding decodes to NULs */
    colon = strchr((char *)bytes, ':');
    if (!colon)
        return false;
    *colon = '\0';
    *ret_name = (char *)bytes;
    *ret_password = colon + 1;
    return true;
}

/* Docker wants base64 in the alphabet of URLs. */
static const char *encode(struct arena *arena, const char *text, size_t len)
{
    char *out = arena_alloc(arena, (len + 2) / 3 * 4 + 1);

    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    for (char *c = out; *c; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    return out;
}

static void add_member(struct buf *buf, const char *name, const char *value)
{
    json_text_add_name(buf, name);
    json_text_add_string(buf, value ? value : "");
}

const char *image_auth_encode(struct arena *arena, const char *user, const char *password,
                              const char *email, const char *server)
{
    CLEANUP(buf_done) struct buf text = {0};

    buf_add_char(&text, '{');
    add_member(&text, "username", user);
    add_member(&text, "password", password);
    add_member(&text, "email", email);
    add_member(&text, "serveraddress", server);
    buf_add_char(&text, '}');
    return encode(arena, text.data, text.len);
}

static const char *header_of(struct arena *arena, const char *key, const json_t *entry,
                             bool is_dockercfg)
{
    const char *name = json_string_value(json_object_get(entry, "username"));
    const char *password = json_string_value(json_object_get(entry, "password"));
    const char *auth = json_string_value(json_object_get(entry, "auth"));

    if (is_dockercfg ? !auth || !image_auth_decode(arena, auth, &name, &password)
                     : !name || !password)
        return NULL;
    return image_auth_encode(arena, name, password,
                             json_string_value(json_object_get(entry, "email")), key);
}

/* Newer Docker clients put the object into another one, which ECS's agent does not understand. */
static json_t *unwrapped(json_t *root)
{
    json_t *auths = json_object_get(root, "auths");

    return json_is_object(auths) ? auths : root;
}

bool image_auth_is_wrapped(const char *type, const char *data)
{
    CLEANUP(json_decrefp) json_t *root = NULL;

    if (!data || !str_eq(type, "dockercfg"))
        return false;
    root = json_loads(data, 0, NULL);
    return root && unwrapped(root) != root;
}

const char *image_auth_header(struct arena *arena, const char *type, const char *data,
                              const char *reference)
{
    bool is_dockercfg = str_eq(type, "dockercfg");
    CLEANUP(json_decrefp) json_t *root = NULL;
    const char *place, *key, *header = NULL;
    size_t best = 0;
    json_t *entry;

    if (!data || (!is_dockercfg && !str_eq(type, "docker")))
        return NULL;
    root = json_loads(data, 0, NULL);
    place = place_of(arena, reference);
    json_object_foreach (is_dockercfg ? unwrapped(root) : root, key, entry) {
        const char *bare = bare_key(arena, key);
        const char *found;

        if (strlen(bare) <= best || !is_prefix(bare, place))
            continue;
        found = header_of(arena, key, entry, is_dockercfg);
        if (!found)
            continue;
        header = found;
        best = strlen(bare);
    }
    return header;
}
