#include <jansson.h>
#include <string.h>

#include "agent/docker/docker_message.h"
#include "base/json_text.h"
#include "base/str.h"

#define MANIFEST_V1        "application/vnd.docker.distribution.manifest.v1+json"
#define MANIFEST_V1_SIGNED "application/vnd.docker.distribution.manifest.v1+prettyjws"

static struct error *load(const char *json, size_t len, json_t **ret)
{
    json_error_t where;
    json_t *root = json_loadb(json, len, 0, &where);

    if (!root)
        return error_new(API_SERVER, "Docker's answer is not JSON: %s", where.text);
    *ret = root;
    return NULL;
}

static const char **read_texts(struct arena *arena, const json_t *list, size_t *ret_count)
{
    const char **texts = ARENA_ARRAY(arena, const char *, json_array_size(list) + 1);
    size_t i, count = 0;
    json_t *item;

    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);

        if (text && !strstr(text, "<none>")) /* Docker's word for no name */
            texts[count++] = arena_dup(arena, text);
    }
    *ret_count = count;
    return texts;
}

/* Inspected ones say when they were made as text, listed ones in seconds. */
static int64_t read_created_ms(const json_t *created)
{
    json_int_t seconds = json_integer_value(created);

    if (json_is_string(created))
        return docker_read_time_ms(json_string_value(created));
    return seconds > 0 && seconds < INT64_MAX / 1000 ? seconds * 1000 : 0;
}

/* AWS_REGION or AWS_DEFAULT_REGION, with a value or none. */
static bool names_region(const json_t *env)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    size_t i;
    json_t *item;

    json_array_foreach (env, i, item) {
        const char *text = json_string_value(item);

        for (size_t k = 0; text && k < ARRAY_LEN(names); k++)
            if (strcspn(text, "=") == strlen(names[k]) && str_starts_with(text, names[k]))
                return true;
    }
    return false;
}

static bool read_one(struct arena *arena, const json_t *object, struct docker_image *ret)
{
    struct docker_image out = {0};

    out.id = arena_dup(arena, json_string_value(json_object_get(object, "Id")));
    if (str_is_empty(out.id))
        return false;
    out.tags = read_texts(arena, json_object_get(object, "RepoTags"), &out.tag_count);
    out.digests = read_texts(arena, json_object_get(object, "RepoDigests"), &out.digest_count);
    out.size_bytes = json_integer_value(json_object_get(object, "Size"));
    out.created_at_ms = read_created_ms(json_object_get(object, "Created"));
    out.has_region = names_region(json_object_get(json_object_get(object, "Config"), "Env"));
    *ret = out;
    return true;
}

struct error *docker_read_image(struct arena *arena, const char *json, size_t len,
                                struct docker_image *ret)
{
    CLEANUP(json_decrefp) json_t *root = NULL;

    TRY(load(json, len, &root));
    if (!read_one(arena, root, ret))
        return error_new(API_SERVER, "Docker's description of an image has no Id");
    return NULL;
}

struct error *docker_read_images(struct arena *arena, const char *json, size_t len,
                                 struct docker_image **ret_items, size_t *ret_count)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct docker_image *items;
    size_t i, count = 0;
    json_t *item;

    TRY(load(json, len, &root));
    if (!json_is_array(root))
        return error_new(API_SERVER, "Docker's answer is not a list");
    items = ARENA_ARRAY(arena, struct docker_image, json_array_size(root) + 1);
    json_array_foreach (root, i, item)
        if (read_one(arena, item, &items[count]))
            count++;
    *ret_items = items;
    *ret_count = count;
    return NULL;
}

struct error *docker_read_digest(struct arena *arena, const char *json, size_t len,
                                 const char **ret_digest)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    const json_t *descriptor;
    const char *kind, *digest;

    TRY(load(json, len, &root));
    descriptor = json_object_get(root, "Descriptor");
    kind = json_string_value(json_object_get(descriptor, "mediaType"));
    digest = json_string_value(json_object_get(descriptor, "digest"));
    if (!digest || !strchr(digest, ':'))
        return error_new(API_SERVER, "Docker's description of a manifest has no digest");
    if (str_eq(kind, MANIFEST_V1) || str_eq(kind, MANIFEST_V1_SIGNED))
        digest = NULL;
    *ret_digest = arena_dup(arena, digest);
    return NULL;
}
