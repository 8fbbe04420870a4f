/* Made by tools/gen_api.py from api/shop.json. */
#include "gen/shop_shapes.h"

static const struct shape_charset set_0 = {{0x00000000u, 0x00000000u, 0x07fffffeu, 0x07fffffeu}, NULL, 0};
static const struct shape_charset set_1 = {{0x00000000u, 0x03ff2000u, 0x87fffffeu, 0x07fffffeu}, NULL, 0};
/* ^[a-zA-Z][a-zA-Z0-9\-_]{0,31}$ */
static const struct shape_run runs_0[] = {{&set_0, 1, 1}, {&set_1, 0, 31}};
static const uint32_t set_2_ranges[][2] = {
    {0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
    {0x205f, 0x205f}, {0x3000, 0x3000},
};
static const struct shape_charset set_2 = {{0x00000000u, 0xffffffffu, 0xffffffffu, 0x7fffffffu}, set_2_ranges, 7};
/* [\p{Z}!-~]* */
static const struct shape_run runs_1[] = {{&set_2, 0, UINT32_MAX}};

static const char *const values_shop_colour[] = {
    NULL,
    "red",
    "light-blue",
    "X86_64",
};

static const struct shape_member members_shop_line[] = {
    {"product", &shop_shapes[SHOP_SHAPE_NAME], offsetof(struct shop_line, product), 0,
     SHAPE_REQUIRED},
    {"colour", &shop_shapes[SHOP_SHAPE_COLOUR], offsetof(struct shop_line, colour)},
    {"count", &shop_shapes[SHOP_SHAPE_COUNT], offsetof(struct shop_line, count),
     offsetof(struct shop_line, has_count), SHAPE_ALWAYS,
     &(const struct shape_rule){.has_max = true, .max = 5}},
    {"price", &shop_shapes[SHOP_SHAPE_DOUBLE], offsetof(struct shop_line, price),
     offsetof(struct shop_line, has_price)},
    {"giftWrapped", &shop_shapes[SHOP_SHAPE_BOOLEAN], offsetof(struct shop_line, gift_wrapped),
     offsetof(struct shop_line, has_gift_wrapped)},
};
static const uint16_t by_name_shop_line[] = {1, 2, 4, 3, 0};

static const struct shape_member members_shop_order_request[] = {
    {"lines", &shop_shapes[SHOP_SHAPE_LINES], offsetof(struct shop_order_request, lines), 0,
     SHAPE_REQUIRED},
    {"labels", &shop_shapes[SHOP_SHAPE_LABELS], offsetof(struct shop_order_request, labels)},
    {"note", &shop_shapes[SHOP_SHAPE_NOTE], offsetof(struct shop_order_request, note)},
    {"orderedAt", &shop_shapes[SHOP_SHAPE_TIME], offsetof(struct shop_order_request, ordered_at_ms),
     offsetof(struct shop_order_request, has_ordered_at_ms)},
    {"default", &shop_shapes[SHOP_SHAPE_LONG], offsetof(struct shop_order_request, default_),
     offsetof(struct shop_order_request, has_default_)},
    {"sizeInGiB", &shop_shapes[SHOP_SHAPE_COUNT], offsetof(struct shop_order_request, size_in_gib),
     offsetof(struct shop_order_request, has_size_in_gib)},
    {"customer", &shop_shapes[SHOP_SHAPE_CUSTOMER], offsetof(struct shop_order_request, customer)},
};
static const uint16_t by_name_shop_order_request[] = {6, 4, 1, 0, 2, 3, 5};

static const struct shape_member members_shop_order_response[] = {
    {"lines", &shop_shapes[SHOP_SHAPE_LINES], offsetof(struct shop_order_response, lines), 0,
     SHAPE_ALWAYS},
    {"colours", &shop_shapes[SHOP_SHAPE_COLOURS], offsetof(struct shop_order_response, colours)},
};
static const uint16_t by_name_shop_order_response[] = {1, 0};

static const struct shape_member members_shop_customer[] = {
    {"name", &shop_shapes[SHOP_SHAPE_STRING], offsetof(struct shop_customer, name)},
};
static const uint16_t by_name_shop_customer[] = {0};

const struct shape shop_shapes[SHOP_SHAPES_COUNT] = {
    [SHOP_SHAPE_COLOUR] = {.name = "Colour", .type = SHAPE_ENUM, .size = sizeof(enum shop_colour),
        .values = values_shop_colour, .value_count = 4},
    [SHOP_SHAPE_LABELS] = {.name = "Labels", .type = SHAPE_MAP, .size = sizeof(struct shop_labels),
        .key = &shop_shapes[SHOP_SHAPE_NAME], .of = &shop_shapes[SHOP_SHAPE_STRING],
        .value_offset = offsetof(struct shop_labels_entry, value),
        .entry_size = sizeof(struct shop_labels_entry)},
    [SHOP_SHAPE_LINE] = {.name = "Line", .type = SHAPE_STRUCTURE, .size = sizeof(struct shop_line),
        .members = members_shop_line, .by_name = by_name_shop_line, .member_count = 5,
        .refusal = API_INVALID_PARAMETER},
    [SHOP_SHAPE_LINES] = {.name = "Lines", .type = SHAPE_LIST, .size = sizeof(struct shop_lines),
        .of = &shop_shapes[SHOP_SHAPE_LINE], .rule = &(const struct shape_rule){.has_min = true,
        .min = 1, .has_max = true, .max = 10, .message_min = "Order something."}},
    [SHOP_SHAPE_NAME] = {.name = "Name", .type = SHAPE_STRING, .size = sizeof(const char *),
        .rule = &(const struct shape_rule){.has_min = true, .min = 1,
        .pattern = "^[a-zA-Z][a-zA-Z0-9\\-_]{0,31}$", .runs = runs_0, .run_count = 2}},
    [SHOP_SHAPE_NOTE] = {.name = "Note", .type = SHAPE_STRING, .size = sizeof(const char *),
        .rule = &(const struct shape_rule){.has_max = true, .max = 100, .pattern = "[\\p{Z}!-~]*",
        .runs = runs_1, .run_count = 1, .message = "'%s' is no note."}},
    [SHOP_SHAPE_ORDER_REQUEST] = {.name = "OrderRequest", .type = SHAPE_STRUCTURE,
        .size = sizeof(struct shop_order_request), .members = members_shop_order_request,
        .by_name = by_name_shop_order_request, .member_count = 7, .refusal = API_CLIENT},
    [SHOP_SHAPE_ORDER_RESPONSE] = {.name = "OrderResponse", .type = SHAPE_STRUCTURE,
        .size = sizeof(struct shop_order_response), .members = members_shop_order_response,
        .by_name = by_name_shop_order_response, .member_count = 2,
        .refusal = API_INVALID_PARAMETER},
    [SHOP_SHAPE_CUSTOMER] = {.name = "Customer", .type = SHAPE_STRUCTURE,
        .size = sizeof(struct shop_customer), .members = members_shop_customer,
        .by_name = by_name_shop_customer, .member_count = 1, .refusal = API_INVALID_PARAMETER},
    [SHOP_SHAPE_COLOURS] = {.name = "Colours", .type = SHAPE_LIST,
        .size = sizeof(struct shop_colours), .of = &shop_shapes[SHOP_SHAPE_COLOUR]},
    [SHOP_SHAPE_TAKE_STOCK_REQUEST] = {.name = "TakeStockRequest", .type = SHAPE_STRUCTURE,
        .size = sizeof(struct shop_take_stock_request), .refusal = API_INVALID_PARAMETER},
    [SHOP_SHAPE_COUNT] = {.name = "Count", .type = SHAPE_INTEGER, .size = sizeof(int32_t),
        .rule = &(const struct shape_rule){.has_min = true, .min = 1}},
    [SHOP_SHAPE_DOUBLE] = {.name = "Double", .type = SHAPE_DOUBLE, .size = sizeof(double)},
    [SHOP_SHAPE_BOOLEAN] = {.name = "Boolean", .type = SHAPE_BOOLEAN, .size = sizeof(bool)},
    [SHOP_SHAPE_LONG] = {.name = "Long", .type = SHAPE_LONG, .size = sizeof(int64_t)},
    [SHOP_SHAPE_STRING] = {.name = "String", .type = SHAPE_STRING, .size = sizeof(const char *)},
    [SHOP_SHAPE_TIME] = {.name = "Time", .type = SHAPE_TIMESTAMP, .size = sizeof(int64_t)},
};

const char *shop_colour_name(enum shop_colour value)
{
    return shape_enum_name(&shop_shapes[SHOP_SHAPE_COLOUR], value);
}

bool shop_colour_parse(const char *text, enum shop_colour *ret)
{
    unsigned value;

    if (!shape_enum_parse(&shop_shapes[SHOP_SHAPE_COLOUR], text, &value))
        return false;
    *ret = (enum shop_colour)value;
    return true;
}

struct error *shop_decode_line(struct arena *arena, const struct json_t *json,
        struct shop_line *ret)
{
    return shape_decode(&shop_shapes[SHOP_SHAPE_LINE], 0, arena, json, ret);
}

void shop_encode_line(struct buf *buf, const struct shop_line *value)
{
    shape_encode(&shop_shapes[SHOP_SHAPE_LINE], buf, value);
}

struct error *shop_decode_order_request(struct arena *arena, const struct json_t *json,
        struct shop_order_request *ret)
{
    return shape_decode(&shop_shapes[SHOP_SHAPE_ORDER_REQUEST], 0, arena, json, ret);
}

void shop_encode_order_request(struct buf *buf, const struct shop_order_request *value)
{
    shape_encode(&shop_shapes[SHOP_SHAPE_ORDER_REQUEST], buf, value);
}

struct error *shop_decode_order_response(struct arena *arena, const struct json_t *json,
        struct shop_order_response *ret)
{
    return shape_decode(&shop_shapes[SHOP_SHAPE_ORDER_RESPONSE], SHAPE_LENIENT, arena, json, ret);
}

void shop_encode_order_response(struct buf *buf, const struct shop_order_response *value)
{
    shape_encode(&shop_shapes[SHOP_SHAPE_ORDER_RESPONSE], buf, value);
}

struct error *shop_decode_customer(struct arena *arena, const struct json_t *json,
        struct shop_customer *ret)
{
    return shape_decode(&shop_shapes[SHOP_SHAPE_CUSTOMER], 0, arena, json, ret);
}

void shop_encode_customer(struct buf *buf, const struct shop_customer *value)
{
    shape_encode(&shop_shapes[SHOP_SHAPE_CUSTOMER], buf, value);
}

struct error *shop_decode_take_stock_request(struct arena *arena, const struct json_t *json,
        struct shop_take_stock_request *ret)
{
    return shape_decode(&shop_shapes[SHOP_SHAPE_TAKE_STOCK_REQUEST], 0, arena, json, ret);
}

void shop_encode_take_stock_request(struct buf *buf, const struct shop_take_stock_request *value)
{
    shape_encode(&shop_shapes[SHOP_SHAPE_TAKE_STOCK_REQUEST], buf, value);
}
