/* Made by tools/gen_api.py from api/talk.json. The rules of these types are in wire/shape.h. */
#ifndef BERTH_GEN_TALK_TYPES_H
#define BERTH_GEN_TALK_TYPES_H

#include "wire/shape.h"

struct up_hello_request;
struct down_bye;

struct up_hello_request {
    bool has_sent_at_ms;
    int64_t sent_at_ms;
    bool has_seen_at_ms;
    int64_t seen_at_ms;
    const char *extra;
};

struct down_bye {
    const char *reason;
};

MUST_USE struct error *up_decode_hello_request(struct arena *arena, const struct json_t *json,
        struct up_hello_request *ret);
void up_encode_hello_request(struct buf *buf, const struct up_hello_request *value);
MUST_USE struct error *down_decode_bye(struct arena *arena, const struct json_t *json,
        struct down_bye *ret);
void down_encode_bye(struct buf *buf, const struct down_bye *value);

enum up_message_type {
    UP_MESSAGE_UNKNOWN, /* a type that is not in the model */
    UP_MESSAGE_HELLO_REQUEST,
};
struct up_message {
    enum up_message_type type;
    const char *type_name; /* as sent */
    union {
        void *any; /* NULL if the type is unknown */
        struct up_hello_request *hello_request;
    };
};
MUST_USE struct error *up_decode_message(struct arena *arena, const char *text,
        size_t len, struct up_message *ret);
/* Each appends a whole frame: {"type":...,"message":{...}}. */
void up_frame_hello_request(struct buf *buf, const struct up_hello_request *message);

enum down_message_type {
    DOWN_MESSAGE_UNKNOWN, /* a type that is not in the model */
    DOWN_MESSAGE_BYE,
};
struct down_message {
    enum down_message_type type;
    const char *type_name; /* as sent */
    union {
        void *any; /* NULL if the type is unknown */
        struct down_bye *bye;
    };
};
MUST_USE struct error *down_decode_message(struct arena *arena, const char *text,
        size_t len, struct down_message *ret);
/* Each appends a whole frame: {"type":...,"message":{...}}. */
void down_frame_bye(struct buf *buf, const struct down_bye *message);

#endif
