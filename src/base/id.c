#include "base/id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct id id_new(struct rng *rng, int64_t now_ms)
{
    struct id id;

    rng_bytes(rng, id.bytes, sizeof(id.bytes));
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
    return id;
}

bool id_is_zero(const struct id *id)
{
    static const struct id zero;

    return id_cmp(id, &zero) == 0;
}

void id_format(const struct id *id, char ret[ID_HEX_SIZE])
{
    hex_encode(id->bytes, sizeof(id->bytes), ret);
}

bool id_parse(const char *text, struct id *ret)
{
    char digits[ID_HEX_SIZE];
    size_t len = strlen(text);
    size_t n = 0;

    if (len != 32 && len != 36)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (len == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) {
            if (text[i] != '-')
                return false;
            continue;
        }
        digits[n++] = text[i];
    }
    digits[n] = '\0';
    return hex_decode(digits, sizeof(ret->bytes), ret->bytes);
}

void uuid_new(struct rng *rng, char ret[UUID_SIZE])
{
    uint8_t b[16];
    char hex[33];

    rng_bytes(rng, b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    hex_encode(b, sizeof(b), hex);
    snprintf(ret, UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

void ecs_svc_id_new(struct rng *rng, int64_t now_ms, char ret[ECS_SVC_ID_SIZE])
{
    /* 13 digits of milliseconds and 6 random ones make the 19 that ECS shows. */
    uint64_t millis = (uint64_t)now_ms % 10000000000000u;

    snprintf(ret, ECS_SVC_ID_SIZE, "ecs-svc/%013" PRIu64 "%06" PRIu64, millis,
             rng_below(rng, 1000000));
}
