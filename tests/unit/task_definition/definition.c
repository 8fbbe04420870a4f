#include "definition.h"

#include "gen/ecs_shapes.h"

struct arena definition_arena;

int definition_reset(void **state)
{
    (void)state;
    arena_reset(&definition_arena);
    return 0;
}

int definition_done(void **state)
{
    (void)state;
    arena_done(&definition_arena);
    return 0;
}

static char *with(const char *text, char from, char to)
{
    char *copy = arena_dup(&definition_arena, text);

    for (char *at = copy; *at; at++)
        if (*at == from)
            *at = to;
    return copy;
}

char *definition_json(const char *text)
{
    return with(with(text, '\'', '"'), '`', '\'');
}

struct error *definition_try(const char *json, struct ecs_task_definition *ret)
{
    struct ecs_register_task_definition_request in = {0};
    const char *text = definition_json(json);

    TRY(shape_decode_text(&ecs_shapes[ECS_SHAPE_REGISTER_TASK_DEFINITION_REQUEST], 0,
                          &definition_arena, text, strlen(text), &in));
    TRY(definition_normalize(&definition_arena, &in, ret));
    return definition_check(&definition_arena, ret, &ret->compatibilities);
}

struct ecs_task_definition definition_of(const char *json)
{
    struct ecs_task_definition definition;
    struct error *err = definition_try(json, &definition);

    if (err)
        fail_msg("%s: %s", json, err->message);
    return definition;
}

void definition_expect(const char *why, const char *json, const char *refusal)
{
    CLEANUP(error_freep) struct error *err = NULL;
    struct ecs_task_definition definition;

    err = definition_try(json, &definition);
    if (!refusal && err)
        fail_msg("%s: %s: refused: %s", why, json, err->message);
    if (!refusal)
        return;
    if (!err)
        fail_msg("%s: %s: accepted", why, json);
    if (err->code != API_CLIENT)
        fail_msg("%s: %s: code %d: %s", why, json, (int)err->code, err->message);
    if (!strstr(err->message, with(refusal, '`', '\'')))
        fail_msg("%s: %s: refused with: %s", why, json, err->message);
}

const char *definition_text(const char *top, const char *container)
{
    static const char *const defaults[] = {", 'name': 'c'", ", 'image': 'i'", ", 'memory': 64"};
    CLEANUP(buf_done) struct buf text = {0};

    buf_printf(&text, "{'family': 'f'%s, 'containerDefinitions': [{'essential': true", top);
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        size_t member = (size_t)(strchr(defaults[i], ':') + 1 - defaults[i]);

        if (strncmp(container, defaults[i], member) != 0)
            buf_add_str(&text, defaults[i]);
    }
    buf_printf(&text, "%s}]}", container);
    return arena_dup(&definition_arena, text.data);
}
