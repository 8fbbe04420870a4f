/* Registering task definitions. Text that begins with { is the body itself; of anything else each
 * byte decides about a member of a body made after the model, with values that go together now and
 * then. Nothing crashes; what is accepted is answered, and the answer registers as itself (TD-019).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ecs/task_definition_parts.h"
#include "gen/ecs_shapes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- bodies ---- */

struct dice {
    const uint8_t *at, *end;
};

static unsigned roll(struct dice *dice, unsigned sides)
{
    return dice->at < dice->end ? *dice->at++ % sides : 0;
}

/* What a member may say, separated by |; the first are the most usual. */
static const struct {
    const char *member, *values;
    bool is_usual; /* seldom left out */
} words[] = {
    {"family", "f|f-1", true},
    {"name", "a|b|c|d|AppPorts|ProxyIngressPort|ProxyEgressPort|IgnoredUID|net.core.somaxconn",
     true},
    {"image", "i|example.com/i:1|1.dkr.ecr.r.amazonaws.com/i|i@sha256:00|i i", true},
    {"containerName", "a|b|c|x", true},
    {"sourceContainer", "b|a|c|x", true},
    {"sourceVolume", "a|b|x", true},
    {"containerPath", "/v|/w|v", true},
    {"condition", "START|HEALTHY|SUCCESS|COMPLETE", true},
    {"value", "1|80|arn:aws:s3:::b/k.env|x|", true},
    {"valueFrom", "p|arn:aws:secretsmanager:r:1:secret:n:k:s:|arn:aws:ssm:r:1:parameter/p|arn:x",
     true},
    {"expression", "attribute:a exists|attribute:a ==|not(task:group == b)", true},
    {"containerPortRange", "80-90|90-80|1-65535|80|+1-+2", false},
    {"cpu", "256|1024|.5 vCPU|1 vCPU|10240|x", false},
    {"memory", "512|2048|1GB|1 GB|-1|", false},
    {"taskRoleArn", "r|arn:aws:iam::1:role/r|arn:aws:s3:::b", false},
    {"executionRoleArn", "r|arn:aws:iam::1:role/p/r|", false},
    {"credentialsParameter", "s|", true},
    {"fileSystemId", "fs-1|", true},
    {"fileSystemArn", "arn:aws:s3files:r:1:file-system/fs-1|", true},
    {"rootDirectory", "/|/x|", false},
    {"namespace", "net.core.somaxconn|kernel.msgmax|fs.mqueue.a|vm.x", true},
    {"hostPath", "/dev/null|", true},
    {"deviceName", "1|2", true},
    {"user", "0|a:b|1:-1", false},
};
static const char *const any_words[] = {
    "a",
    "b",
    "c",
    "b:d",
    "CMD",
    "CMD-SHELL",
    "x",
    "",
    "/x",
    "80",
    "true",
    "no-new-privileges",
    "label:x",
    "ALL",
    "SYS_PTRACE",
    "ro",
    "mode=1",
    "example.com",
    "s3",
    "file",
    "awslogs-group",
    "awslogs-region",
    "awslogs-stream-prefix",
    "config-file-type",
    "config-file-value",
    "enable-ecs-log-metadata",
    "credentialspec:arn:aws:s3:::b/k",
    "arn:aws:s3:::b/k",
    "\\u00fe",
};
static const int numbers[] = {1,   64,  0,    80,    8,     5,       10,        60,
                              21,  128, 30,   3,     81,    4,       200,       256,
                              300, 512, 1024, 65535, 65536, 1 << 30, INT32_MIN, -1};

static void add_word(struct buf *body, struct dice *dice, const char *member)
{
    const char *values = NULL;
    unsigned skip;

    for (size_t i = 0; i < ARRAY_LEN(words) && member; i++)
        if (strcmp(words[i].member, member) == 0)
            values = words[i].values;
    if (!values) {
        buf_printf(body, "\"%s\"", any_words[roll(dice, ARRAY_LEN(any_words))]);
        return;
    }
    for (skip = roll(dice, 8); skip > 0 && strchr(values, '|'); skip--)
        values = strchr(values, '|') + 1;
    buf_printf(body, "\"%.*s\"", (int)strcspn(values, "|"), values);
}

static bool is_there(struct dice *dice, const struct shape_member *member)
{
    bool is_usual = (member->flags & SHAPE_REQUIRED) != 0;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        is_usual = is_usual || (words[i].is_usual && strcmp(words[i].member, member->name) == 0);
    if (member->shape->type == SHAPE_INTEGER && strcmp(member->name, "memory") == 0)
        is_usual = true;
    return is_usual ? roll(dice, 32) != 1 : roll(dice, 12) == 1;
}

static void add_value(struct buf *body, struct dice *dice, const struct shape *shape,
                      const char *member, int depth)
{
    bool is_first = true;
    unsigned count;

    switch (shape->type) {
    case SHAPE_STRUCTURE:
        buf_add_char(body, '{');
        for (unsigned i = 0; i < shape->member_count; i++)
            if (is_there(dice, &shape->members[i])) {
                buf_printf(body, "%s\"%s\":", is_first ? "" : ",", shape->members[i].name);
                add_value(body, dice, shape->members[i].shape, shape->members[i].name, depth + 1);
                is_first = false;
            }
        buf_add_char(body, '}');
        return;
    case SHAPE_LIST:
        count = depth == 1 ? 1 + roll(dice, 3) : roll(dice, 3);
        buf_add_char(body, '[');
        for (unsigned i = 0; i < count; i++) {
            buf_add_str(body, i ? "," : "");
            add_value(body, dice, shape->of, NULL, depth + 1);
        }
        buf_add_char(body, ']');
        return;
    case SHAPE_MAP:
        buf_add_str(body, "{");
        if (roll(dice, 2)) {
            add_word(body, dice, NULL);
            buf_add_char(body, ':');
            add_word(body, dice, NULL);
        }
        buf_add_str(body, "}");
        return;
    case SHAPE_ENUM:
        buf_printf(body, "\"%s\"", shape->values[1 + roll(dice, shape->value_count - 1u)]);
        return;
    case SHAPE_BOOLEAN:
        buf_add_str(body, roll(dice, 2) ? "true" : "false");
        return;
    case SHAPE_STRING:
        add_word(body, dice, member);
        return;
    default:
        buf_printf(body, "%d", numbers[roll(dice, ARRAY_LEN(numbers))]);
        return;
    }
}

/* ---- what is made of them ---- */

static bool accept(struct arena *arena, const char *text, size_t len, struct buf *answer,
                   struct ecs_task_definition *definition)
{
    struct ecs_register_task_definition_request in = {0};
    struct error *err = shape_decode_text(&ecs_shapes[ECS_SHAPE_REGISTER_TASK_DEFINITION_REQUEST],
                                          0, arena, text, len, &in);

    if (!err)
        err = definition_normalize(arena, &in, definition);
    if (!err)
        err = definition_check(arena, definition, &definition->compatibilities);
    if (!err)
        ecs_encode_task_definition(answer, definition);
    error_free(err);
    return !err;
}

static void expect_same_demand(struct arena *arena, const struct ecs_task_definition *a,
                               const struct ecs_task_definition *b)
{
    struct definition_demand first, second;
    const char *const *first_names, *const *second_names;
    size_t first_count, second_count;

    definition_demand(arena, a, &first);
    definition_demand(arena, b, &second);
    definition_requires(arena, a, &first_names, &first_count);
    definition_requires(arena, b, &second_names, &second_count);
    if (first.cpu != second.cpu || first.memory != second.memory || first.cpu < 0 ||
        first.memory < 0 || first.gpu_count != second.gpu_count ||
        first.port_count != second.port_count || first_count != second_count)
        abort();
    for (size_t i = 0; i < first_count; i++)
        if (strcmp(first_names[i], second_names[i]) != 0 ||
            (i > 0 && strcmp(first_names[i - 1], first_names[i]) >= 0))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dice dice = {data, data + size};
    struct arena arena = {0};
    struct buf body = {0}, first = {0}, second = {0};
    struct ecs_task_definition definition, again;

    if (size > 0 && data[0] == '{')
        buf_add(&body, data, size);
    else
        add_value(&body, &dice, &ecs_shapes[ECS_SHAPE_REGISTER_TASK_DEFINITION_REQUEST], NULL, 0);
    if (accept(&arena, body.data, body.len, &first, &definition)) {
        if (definition.compatibilities.count == 0)
            abort();
        if (!accept(&arena, first.data, first.len, &second, &again))
            abort();
        if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
            abort();
        expect_same_demand(&arena, &definition, &again);
    }
    buf_done(&body);
    buf_done(&first);
    buf_done(&second);
    arena_done(&arena);
    return 0;
}
