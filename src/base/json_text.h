/* json_text.h - JSON written straight into a buffer, without a tree between. */
#ifndef BERTH_BASE_JSON_TEXT_H
#define BERTH_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* A quoted, escaped string. Bytes that are not UTF-8 are replaced by U+FFFD. */
void json_text_add_string(struct buf *buf, const char *s);
void json_text_add_int(struct buf *buf, int64_t value);
void json_text_add_double(struct buf *buf, double value); /* shortest form that reads back equal */
void json_text_add_bool(struct buf *buf, bool value);
/* Epoch seconds with milliseconds, as ECS writes times: 1557119253.821 (API-011). */
void json_text_add_time_ms(struct buf *buf, int64_t wall_ms);
/* "2026-11-20T08:30:00.12Z": no zeros at the end of the fraction (AG-206, MS-087). */
void json_text_add_iso(struct buf *buf, int64_t wall_ms);

/* `"name":`, with a comma before it unless it opens the object. */
void json_text_add_name(struct buf *buf, const char *name);
/* A comma unless the last byte opens an array or object. */
void json_text_add_comma(struct buf *buf);

#endif
