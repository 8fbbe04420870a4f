/* id.h - identifiers: 16 bytes, shown as 32 lower-case hex digits, whose first 6 bytes are the time
 * of creation in milliseconds and the rest random. Clients see what they expect of ECS (API-031,
 * API-037), and keys in time order are cheap to store.
 */
#ifndef BERTH_BASE_ID_H
#define BERTH_BASE_ID_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"

#define ID_HEX_SIZE     33
#define UUID_SIZE       37
#define ECS_SVC_ID_SIZE 28 /* "ecs-svc/" and 19 digits */

struct id {
    uint8_t bytes[16];
};

struct id id_new(struct rng *rng, int64_t now_ms);
static inline uint64_t id_word(const struct id *id, size_t nth)
{
    uint64_t word;

    memcpy(&word, id->bytes + nth * sizeof(word), sizeof(word));
    return be64toh(word);
}

/* In the order of their bytes. Tables are searched by it all the time. */
static inline int id_cmp(const struct id *a, const struct id *b)
{
    size_t nth = id_word(a, 0) == id_word(b, 0);
    uint64_t one = id_word(a, nth), other = id_word(b, nth);

    return (one > other) - (one < other);
}

bool id_is_zero(const struct id *id);
void id_format(const struct id *id, char ret[ID_HEX_SIZE]);

/* 32 hex digits, or the 36 characters of a UUID (API-037). */
bool id_parse(const char *text, struct id *ret);

/* A random (version 4) UUID. */
void uuid_new(struct rng *rng, char ret[UUID_SIZE]);

/* Deployment and task set ids: "ecs-svc/" and 19 digits, growing with time (API-031). */
void ecs_svc_id_new(struct rng *rng, int64_t now_ms, char ret[ECS_SVC_ID_SIZE]);

#endif
