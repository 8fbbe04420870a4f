/* Made by tools/gen_api.py from api/talk.json. */
#ifndef BERTH_GEN_TALK_SHAPES_H
#define BERTH_GEN_TALK_SHAPES_H

#include "gen/talk_types.h"

enum {
    TALK_SHAPE_UP_HELLO_REQUEST,
    TALK_SHAPE_DOWN_BYE,
    TALK_SHAPE_TIME_MS,
    TALK_SHAPE_TIME_ISO,
    TALK_SHAPE_DOCUMENT,
    TALK_SHAPE_STRING,
    TALK_SHAPES_COUNT
};
extern const struct shape talk_shapes[TALK_SHAPES_COUNT];

#endif
