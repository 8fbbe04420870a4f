/* Made by tools/gen_api.py from api/shop.json. The rules of these types are in wire/shape.h. */
#ifndef BERTH_GEN_SHOP_TYPES_H
#define BERTH_GEN_SHOP_TYPES_H

#include "wire/shape.h"

enum shop_colour {
    SHOP_COLOUR_UNSET,
    SHOP_COLOUR_RED,
    SHOP_COLOUR_LIGHT_BLUE,
    SHOP_COLOUR_X86_64,
};
const char *shop_colour_name(enum shop_colour value); /* NULL for UNSET */
bool shop_colour_parse(const char *text, enum shop_colour *ret);

struct shop_line;
struct shop_order_request;
struct shop_order_response;
struct shop_customer;
struct shop_take_stock_request;

struct shop_labels_entry {
    const char *key;
    const char *value;
};
struct shop_labels {
    bool is_set;
    size_t count;
    struct shop_labels_entry *items;
};

struct shop_line {
    const char *product; /* required */
    enum shop_colour colour;
    bool has_count;
    int32_t count;
    bool has_price;
    double price;
    bool has_gift_wrapped;
    bool gift_wrapped;
};

struct shop_lines {
    bool is_set;
    size_t count;
    struct shop_line *items;
};

struct shop_order_request {
    struct shop_lines lines; /* required */
    struct shop_labels labels;
    const char *note;
    bool has_ordered_at_ms;
    int64_t ordered_at_ms;
    bool has_default_;
    int64_t default_;
    bool has_size_in_gib;
    int32_t size_in_gib;
    struct shop_customer *customer;
};

struct shop_colours {
    bool is_set;
    size_t count;
    enum shop_colour *items;
};

struct shop_order_response {
    struct shop_lines lines;
    struct shop_colours colours;
};

struct shop_customer {
    const char *name;
};

struct shop_take_stock_request {
    char empty; /* C wants a member */
};

MUST_USE struct error *shop_decode_line(struct arena *arena, const struct json_t *json,
        struct shop_line *ret);
void shop_encode_line(struct buf *buf, const struct shop_line *value);
MUST_USE struct error *shop_decode_order_request(struct arena *arena, const struct json_t *json,
        struct shop_order_request *ret);
void shop_encode_order_request(struct buf *buf, const struct shop_order_request *value);
MUST_USE struct error *shop_decode_order_response(struct arena *arena, const struct json_t *json,
        struct shop_order_response *ret);
void shop_encode_order_response(struct buf *buf, const struct shop_order_response *value);
MUST_USE struct error *shop_decode_customer(struct arena *arena, const struct json_t *json,
        struct shop_customer *ret);
void shop_encode_customer(struct buf *buf, const struct shop_customer *value);
MUST_USE struct error *shop_decode_take_stock_request(struct arena *arena, const struct json_t *json,
        struct shop_take_stock_request *ret);
void shop_encode_take_stock_request(struct buf *buf, const struct shop_take_stock_request *value);

#endif
