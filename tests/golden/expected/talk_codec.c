/* Made by tools/gen_api.py from api/talk.json. */
#include "gen/talk_shapes.h"

static const struct shape_member members_up_hello_request[] = {
    {"sentAt", &talk_shapes[TALK_SHAPE_TIME_MS], offsetof(struct up_hello_request, sent_at_ms),
     offsetof(struct up_hello_request, has_sent_at_ms)},
    {"seenAt", &talk_shapes[TALK_SHAPE_TIME_ISO], offsetof(struct up_hello_request, seen_at_ms),
     offsetof(struct up_hello_request, has_seen_at_ms)},
    {"extra", &talk_shapes[TALK_SHAPE_DOCUMENT], offsetof(struct up_hello_request, extra)},
};
static const uint16_t by_name_up_hello_request[] = {2, 1, 0};

static const struct shape_member members_down_bye[] = {
    {"reason", &talk_shapes[TALK_SHAPE_STRING], offsetof(struct down_bye, reason)},
};
static const uint16_t by_name_down_bye[] = {0};

const struct shape talk_shapes[TALK_SHAPES_COUNT] = {
    [TALK_SHAPE_UP_HELLO_REQUEST] = {.name = "UpHelloRequest", .type = SHAPE_STRUCTURE,
        .size = sizeof(struct up_hello_request), .members = members_up_hello_request,
        .by_name = by_name_up_hello_request, .member_count = 3, .refusal = API_INVALID_PARAMETER},
    [TALK_SHAPE_DOWN_BYE] = {.name = "DownBye", .type = SHAPE_STRUCTURE,
        .size = sizeof(struct down_bye), .members = members_down_bye, .by_name = by_name_down_bye,
        .member_count = 1, .refusal = API_INVALID_PARAMETER},
    [TALK_SHAPE_TIME_MS] = {.name = "TimeMs", .type = SHAPE_TIMESTAMP_MS, .size = sizeof(int64_t)},
    [TALK_SHAPE_TIME_ISO] = {.name = "TimeIso", .type = SHAPE_TIMESTAMP_ISO,
        .size = sizeof(int64_t)},
    [TALK_SHAPE_DOCUMENT] = {.name = "Document", .type = SHAPE_DOCUMENT,
        .size = sizeof(const char *)},
    [TALK_SHAPE_STRING] = {.name = "String", .type = SHAPE_STRING, .size = sizeof(const char *)},
};

struct error *up_decode_hello_request(struct arena *arena, const struct json_t *json,
        struct up_hello_request *ret)
{
    return shape_decode(&talk_shapes[TALK_SHAPE_UP_HELLO_REQUEST], 0, arena, json, ret);
}

void up_encode_hello_request(struct buf *buf, const struct up_hello_request *value)
{
    shape_encode(&talk_shapes[TALK_SHAPE_UP_HELLO_REQUEST], buf, value);
}

struct error *down_decode_bye(struct arena *arena, const struct json_t *json,
        struct down_bye *ret)
{
    return shape_decode(&talk_shapes[TALK_SHAPE_DOWN_BYE], 0, arena, json, ret);
}

void down_encode_bye(struct buf *buf, const struct down_bye *value)
{
    shape_encode(&talk_shapes[TALK_SHAPE_DOWN_BYE], buf, value);
}

static const struct shape_message up_messages[] = {
    {NULL, NULL},
    [UP_MESSAGE_HELLO_REQUEST] = {"HelloRequest", &talk_shapes[TALK_SHAPE_UP_HELLO_REQUEST]},
};

struct error *up_decode_message(struct arena *arena, const char *text,
        size_t len, struct up_message *ret)
{
    struct shape_envelope envelope;

    TRY(shape_decode_envelope(up_messages, 2, arena, text, len, &envelope));
    ret->type = (enum up_message_type)envelope.type;
    ret->type_name = envelope.type_name;
    ret->any = envelope.message;
    return NULL;
}

void up_frame_hello_request(struct buf *buf, const struct up_hello_request *message)
{
    shape_encode_envelope(&up_messages[UP_MESSAGE_HELLO_REQUEST], buf, message);
}

static const struct shape_message down_messages[] = {
    {NULL, NULL},
    [DOWN_MESSAGE_BYE] = {"Bye", &talk_shapes[TALK_SHAPE_DOWN_BYE]},
};

struct error *down_decode_message(struct arena *arena, const char *text,
        size_t len, struct down_message *ret)
{
    struct shape_envelope envelope;

    TRY(shape_decode_envelope(down_messages, 2, arena, text, len, &envelope));
    ret->type = (enum down_message_type)envelope.type;
    ret->type_name = envelope.type_name;
    ret->any = envelope.message;
    return NULL;
}

void down_frame_bye(struct buf *buf, const struct down_bye *message)
{
    shape_encode_envelope(&down_messages[DOWN_MESSAGE_BYE], buf, message);
}
