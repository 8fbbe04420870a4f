/* Made by tools/gen_records.py from the model of the records in api/.
 *
 * Ownership  A record owns its members. `const char *` members are interned (base/intern.h), `char *`
 *            members are copies; X_set_*() does which. X_resize_LIST(x, n) makes a list n items long, new
 *            ones empty, and returns it; X_append_LIST(x) returns one more item. X_done() empties a record.
 * Values     Zero and NULL mean absent; has_x tells for the few numbers where zero says something else.
 * Rare       Members of x->rare are read through it and changed with setters only.
 * Stored     X_encode() appends protobuf's wire format; members that X_decode() does not know are kept
 *            and written again. X_key() appends the row's key, whose order is that of the members.
 */
#ifndef BERTH_GEN_RECORDS_H
#define BERTH_GEN_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arn.h"
#include "base/error.h"
#include "base/id.h"
#include "base/pbwire.h"
#include "base/str.h"
#include "base/treap.h"

#define RECORDS_VERSION 7

/* One byte each; the names are the model's. */
#define PACKED __attribute__((packed))
enum PACKED colour {
    COLOR_RED,
    COLOR_GREEN,
    COLOR_COUNT
};
const char *colour_name(enum colour value);
bool colour_parse(const char *name, enum colour *ret);

enum PACKED door_status {
    DOOR_OPEN,
    DOOR_CLOSED,
    DOOR_COUNT
};
const char *door_status_name(enum door_status value);
bool door_status_parse(const char *name, enum door_status *ret);

#undef PACKED

enum record_kind {
    RECORD_DOOR,
    RECORD_LOCKSMITH,
    RECORD_COUNT
};
/* Keys are account NUL region NUL record NUL, then the key members: text followed by NUL, numbers
 * big-endian, ids as they are. Records of no scope have an empty account and region. */
const char *record_kind_name(enum record_kind kind);
struct record_key {
    const char *account, *region; /* lent by the key; "" for a record of no scope */
    enum record_kind kind;
};
/* False if it is no key of a record known here. */
bool record_key_parse(const void *key, size_t len, struct record_key *ret);

/* The functions of a kind of record, for code that handles all of them. */
void record_encode(enum record_kind kind, const void *record, struct buf *buf);
void record_key(enum record_kind kind, const void *record, const struct scope *scope, struct buf *buf);
MUST_USE struct error *record_decode(enum record_kind kind, const void *bytes, size_t len, void **ret);
void record_free(enum record_kind kind, void *record);

struct hinge_rare {
    char *note; /* what the fitter said */
    struct pb_unknown *unknown; /* members of a newer program */
};
/* A record in a record. */
struct hinge {
    const char *side;
    const struct hinge_rare *rare; /* never NULL */
    bool is_oiled : 1;
};
void hinge_init(struct hinge *hinge);
void hinge_done(struct hinge *hinge);
void hinge_copy(struct hinge *to, const struct hinge *from);
void hinge_encode(const struct hinge *hinge, struct buf *buf);
void hinge_set_side(struct hinge *hinge, const char *value);
void hinge_set_is_oiled(struct hinge *hinge, bool value);
void hinge_set_note(struct hinge *hinge, const char *value);

struct door_rare {
    char *plan;
    int64_t last_painted_at_ms;
    struct pb_unknown *unknown; /* members of a newer program */
};
/* A row with all types of members. */
struct door {
    struct id id;
    void *home; /* these three: the tables' own */
    struct treap_node links[2];
    const char *house;
    int64_t opened_at_ms;
    int64_t openings;
    const char **keepers;
    struct hinge *hinges;
    const struct door_rare *rare; /* never NULL */
    int32_t number;
    int32_t height_mm; /* zero is a height */
    uint32_t keepers_count;
    uint32_t hinges_count;
    enum door_status status;
    enum colour paint;
    bool is_locked : 1;
    bool has_height_mm : 1;
    bool is_gone : 1;
};
MUST_USE struct door *door_new(void);
void door_free(struct door *door);
void door_done(struct door *door);
void door_copy(struct door *to, const struct door *from);
void door_encode(const struct door *door, struct buf *buf);
MUST_USE struct error *door_decode(const void *bytes, size_t len, struct door **ret);
void door_key(const struct door *door, const struct scope *scope, struct buf *buf);
void door_set_house(struct door *door, const char *value);
void door_set_number(struct door *door, int32_t value);
void door_set_id(struct door *door, const struct id *value);
void door_set_status(struct door *door, enum door_status value);
void door_set_paint(struct door *door, enum colour value);
void door_set_is_locked(struct door *door, bool value);
void door_set_opened_at_ms(struct door *door, int64_t value);
void door_set_openings(struct door *door, int64_t value);
void door_set_height_mm(struct door *door, int32_t value);
void door_clear_height_mm(struct door *door);
void door_set_keepers(struct door *door, const char *const *names, uint32_t count);
void door_append_keepers(struct door *door, const char *value);
struct hinge *door_resize_hinges(struct door *door, uint32_t count);
struct hinge *door_append_hinges(struct door *door);
void door_set_plan(struct door *door, const char *value);
void door_set_last_painted_at_ms(struct door *door, int64_t value);

/* A row of no scope. */
struct locksmith {
    void *home; /* these three: the tables' own */
    struct treap_node links[1];
    const char *name;
    struct pb_unknown *unknown; /* members of a newer program */
    bool is_gone : 1;
};
MUST_USE struct locksmith *locksmith_new(void);
void locksmith_free(struct locksmith *locksmith);
void locksmith_done(struct locksmith *locksmith);
void locksmith_copy(struct locksmith *to, const struct locksmith *from);
void locksmith_encode(const struct locksmith *locksmith, struct buf *buf);
MUST_USE struct error *locksmith_decode(const void *bytes, size_t len, struct locksmith **ret);
void locksmith_key(const struct locksmith *locksmith, const struct scope *scope, struct buf *buf);
void locksmith_set_name(struct locksmith *locksmith, const char *value);

DEFINE_FREEP(struct door, door_free)
DEFINE_FREEP(struct locksmith, locksmith_free)

#endif
