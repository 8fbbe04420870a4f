/* Made by tools/gen_records.py from the model of the records in api/. */
#include "gen/records.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"

static const char *const record_names[RECORD_COUNT] = {
    [RECORD_DOOR] = "door",
    [RECORD_LOCKSMITH] = "locksmith",
};

UNUSED static void set_name(const char **member, const char *value)
{
    const char *before = *member;

    *member = intern(value);
    intern_unref(before); /* last: `value` may be the same string */
}

UNUSED static void set_text(char **member, const char *value)
{
    char *before = *member;

    *member = str_dup(value);
    free(before);
}

UNUSED static void set_names(const char ***member, uint32_t *member_count, const char *const *names,
                             uint32_t count)
{
    const char **before = *member;
    uint32_t before_count = *member_count;

    *member = count > 0 ? xcalloc(count, sizeof(**member)) : NULL;
    *member_count = count;
    for (uint32_t i = 0; i < count; i++)
        (*member)[i] = intern(names[i]);
    for (uint32_t i = 0; i < before_count; i++)
        intern_unref(before[i]);
    free(before);
}

UNUSED static void *resize(void *items, uint32_t count, size_t size)
{
    if (count > 0)
        return xreallocarray(items, count, size);
    free(items);
    return NULL;
}

UNUSED static bool get_text(const struct pb_member *member, char **ret)
{
    char *text;

    if (!pb_get_text(member, &text))
        return false;
    free(*ret);
    *ret = text;
    return true;
}

UNUSED static bool get_name(const struct pb_member *member, const char **ret)
{
    CLEANUP(str_freep) char *text = NULL;

    if (!pb_get_text(member, &text))
        return false;
    set_name(ret, text);
    return true;
}

static struct error *malformed(const char *record, const void *bytes, size_t len,
                               const struct pb_reader *reader)
{
    return error_new(API_SERVER, "stored %s is malformed at byte %zu of %zu", record,
                     (size_t)(reader->at - (const uint8_t *)bytes), len);
}

static void key_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text ? text : "", (text ? strlen(text) : 0) + 1);
}

/* Big-endian with the sign turned: the order of the bytes is that of the numbers. */
UNUSED static void key_add_int(struct buf *buf, int64_t value, int size)
{
    uint64_t bits = (uint64_t)value ^ 1ull << (8 * size - 1);

    while (size-- > 0)
        buf_add_char(buf, (char)(bits >> 8 * size));
}

static void key_start(struct buf *buf, const struct scope *scope, enum record_kind kind)
{
    key_add_text(buf, scope ? scope->account : NULL);
    key_add_text(buf, scope ? scope->region : NULL);
    key_add_text(buf, record_kind_name(kind));
}

const char *record_kind_name(enum record_kind kind)
{
    assert(kind < RECORD_COUNT);
    return record_names[kind];
}

/* The text at `*at` up to its NUL; NULL if there is none before `end`. */
static const char *take_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *nul = memchr(text, '\0', (size_t)(end - text));

    if (nul)
        *at = nul + 1;
    return nul ? text : NULL;
}

bool record_key_parse(const void *key, size_t len, struct record_key *ret)
{
    const char *at = key;
    const char *end = at + len;
    const char *account = take_text(&at, end);
    const char *region = account ? take_text(&at, end) : NULL;
    const char *name = region ? take_text(&at, end) : NULL;

    for (unsigned i = 0; name && i < RECORD_COUNT; i++)
        if (!strcmp(name, record_names[i])) {
            *ret = (struct record_key){account, region, (enum record_kind)i};
            return true;
        }
    return false;
}

static const char *const colour_names[COLOR_COUNT] = {
    [COLOR_RED] = "RED",
    [COLOR_GREEN] = "GREEN",
};

const char *colour_name(enum colour value)
{
    assert(value < COLOR_COUNT);
    return colour_names[value];
}

bool colour_parse(const char *name, enum colour *ret)
{
    for (unsigned i = 0; i < COLOR_COUNT; i++)
        if (!strcmp(name, colour_names[i])) {
            *ret = (enum colour)i;
            return true;
        }
    return false;
}

static const char *const door_status_names[DOOR_COUNT] = {
    [DOOR_OPEN] = "OPEN",
    [DOOR_CLOSED] = "CLOSED",
};

const char *door_status_name(enum door_status value)
{
    assert(value < DOOR_COUNT);
    return door_status_names[value];
}

bool door_status_parse(const char *name, enum door_status *ret)
{
    for (unsigned i = 0; i < DOOR_COUNT; i++)
        if (!strcmp(name, door_status_names[i])) {
            *ret = (enum door_status)i;
            return true;
        }
    return false;
}

static const struct hinge_rare hinge_rare_none;

static bool hinge_has_rare(const struct hinge *hinge)
{
    return hinge->rare != &hinge_rare_none;
}

static struct hinge_rare *hinge_edit_rare(struct hinge *hinge)
{
    if (!hinge_has_rare(hinge))
        hinge->rare = xcalloc(1, sizeof(*hinge->rare));
    return (struct hinge_rare *)(uintptr_t)hinge->rare;
}

void hinge_init(struct hinge *hinge)
{
    *hinge = (struct hinge){0};
    hinge->rare = &hinge_rare_none;
}

void hinge_done(struct hinge *hinge)
{
    intern_unref(hinge->side);
    free(hinge->rare->note);
    free(hinge->rare->unknown);
    if (hinge_has_rare(hinge))
        free((void *)(uintptr_t)hinge->rare);
    hinge_init(hinge);
}

void hinge_copy(struct hinge *to, const struct hinge *from)
{
    hinge_done(to);
    to->side = intern_ref(from->side);
    to->is_oiled = from->is_oiled;
    if (!hinge_has_rare(from))
        return;
    struct hinge_rare *rare = hinge_edit_rare(to);
    rare->note = str_dup(from->rare->note);
    rare->unknown = pb_unknown_copy(from->rare->unknown);
}

void hinge_set_side(struct hinge *hinge, const char *value)
{
    set_name(&hinge->side, value);
}

void hinge_set_is_oiled(struct hinge *hinge, bool value)
{
    hinge->is_oiled = value;
}

void hinge_set_note(struct hinge *hinge, const char *value)
{
    if (!hinge_has_rare(hinge) && value == NULL)
        return; /* absent, and stays so */
    set_text(&hinge_edit_rare(hinge)->note, value);
}

void hinge_encode(const struct hinge *hinge, struct buf *buf)
{
    pb_put_unknown(buf, hinge->rare->unknown); /* first: what is known overrides it */
    pb_put_text(buf, 1, hinge->side);
    if (hinge->is_oiled)
        pb_put_int(buf, 2, hinge->is_oiled);
    pb_put_text(buf, 4, hinge->rare->note);
}

static bool hinge_read(struct hinge *hinge, struct pb_reader *reader)
{
    struct pb_member member;
    bool flag;

    while (pb_next(reader, &member)) {
        switch (member.number) {
        case 1:
            if (!get_name(&member, &hinge->side))
                return false;
            break;
        case 2:
            if (!pb_get_bool(&member, &flag))
                return false;
            hinge->is_oiled = flag;
            break;
        case 4:
            if (!get_text(&member, &hinge_edit_rare(hinge)->note))
                return false;
            break;
        default:
            pb_keep(&member, &hinge_edit_rare(hinge)->unknown);
        }
    }
    return !reader->is_malformed;
}

static const struct door_rare door_rare_none;

static bool door_has_rare(const struct door *door)
{
    return door->rare != &door_rare_none;
}

static struct door_rare *door_edit_rare(struct door *door)
{
    if (!door_has_rare(door))
        door->rare = xcalloc(1, sizeof(*door->rare));
    return (struct door_rare *)(uintptr_t)door->rare;
}

struct door *door_new(void)
{
    struct door *door = xcalloc(1, sizeof(*door));

    door->rare = &door_rare_none;
    return door;
}

void door_done(struct door *door)
{
    intern_unref(door->house);
    for (uint32_t i = 0; i < door->keepers_count; i++)
        intern_unref(door->keepers[i]);
    free(door->keepers);
    for (uint32_t i = 0; i < door->hinges_count; i++)
        hinge_done(&door->hinges[i]);
    free(door->hinges);
    free(door->rare->plan);
    free(door->rare->unknown);
    if (door_has_rare(door))
        free((void *)(uintptr_t)door->rare);
    /* what the tables hold of it stays */
    struct door empty = {0};

    memcpy(empty.links, door->links, sizeof(empty.links));
    empty.home = door->home;
    empty.is_gone = door->is_gone;
    empty.rare = &door_rare_none;
    *door = empty;
}

void door_free(struct door *door)
{
    if (!door)
        return;
    door_done(door);
    free(door);
}

void door_copy(struct door *to, const struct door *from)
{
    door_done(to);
    to->house = intern_ref(from->house);
    to->number = from->number;
    to->id = from->id;
    to->status = from->status;
    to->paint = from->paint;
    to->is_locked = from->is_locked;
    to->opened_at_ms = from->opened_at_ms;
    to->openings = from->openings;
    to->height_mm = from->height_mm;
    to->has_height_mm = from->has_height_mm;
    if (from->keepers_count > 0)
        to->keepers = xcalloc(from->keepers_count, sizeof(*to->keepers));
    to->keepers_count = from->keepers_count;
    for (uint32_t i = 0; i < from->keepers_count; i++)
        to->keepers[i] = intern_ref(from->keepers[i]);
    if (from->hinges_count > 0)
        to->hinges = xcalloc(from->hinges_count, sizeof(*to->hinges));
    to->hinges_count = from->hinges_count;
    for (uint32_t i = 0; i < from->hinges_count; i++) {
        hinge_init(&to->hinges[i]);
        hinge_copy(&to->hinges[i], &from->hinges[i]);
    }
    if (!door_has_rare(from))
        return;
    struct door_rare *rare = door_edit_rare(to);
    rare->plan = str_dup(from->rare->plan);
    rare->last_painted_at_ms = from->rare->last_painted_at_ms;
    rare->unknown = pb_unknown_copy(from->rare->unknown);
}

void door_set_house(struct door *door, const char *value)
{
    set_name(&door->house, value);
}

void door_set_number(struct door *door, int32_t value)
{
    door->number = value;
}

void door_set_id(struct door *door, const struct id *value)
{
    door->id = *value;
}

void door_set_status(struct door *door, enum door_status value)
{
    door->status = value;
}

void door_set_paint(struct door *door, enum colour value)
{
    door->paint = value;
}

void door_set_is_locked(struct door *door, bool value)
{
    door->is_locked = value;
}

void door_set_opened_at_ms(struct door *door, int64_t value)
{
    door->opened_at_ms = value;
}

void door_set_openings(struct door *door, int64_t value)
{
    door->openings = value;
}

void door_set_height_mm(struct door *door, int32_t value)
{
    door->height_mm = value;
    door->has_height_mm = true;
}

void door_clear_height_mm(struct door *door)
{
    door->has_height_mm = false;
    door->height_mm = 0;
}

void door_set_keepers(struct door *door, const char *const *names, uint32_t count)
{
    set_names(&door->keepers, &door->keepers_count, names, count);
}

void door_append_keepers(struct door *door, const char *value)
{
    door->keepers = xreallocarray(door->keepers, door->keepers_count + 1, sizeof(*door->keepers));
    door->keepers[door->keepers_count++] = intern(value);
}

struct hinge *door_resize_hinges(struct door *door, uint32_t count)
{
    while (door->hinges_count > count)
        hinge_done(&door->hinges[--door->hinges_count]);
    door->hinges = resize(door->hinges, count, sizeof(*door->hinges));
    while (door->hinges_count < count)
        hinge_init(&door->hinges[door->hinges_count++]);
    return door->hinges;
}

struct hinge *door_append_hinges(struct door *door)
{
    return &door_resize_hinges(door, door->hinges_count + 1)[door->hinges_count - 1];
}

void door_set_plan(struct door *door, const char *value)
{
    if (!door_has_rare(door) && value == NULL)
        return; /* absent, and stays so */
    set_text(&door_edit_rare(door)->plan, value);
}

void door_set_last_painted_at_ms(struct door *door, int64_t value)
{
    if (!door_has_rare(door) && value == 0)
        return; /* absent, and stays so */
    door_edit_rare(door)->last_painted_at_ms = value;
}

void door_encode(const struct door *door, struct buf *buf)
{
    size_t mark;

    pb_put_unknown(buf, door->rare->unknown); /* first: what is known overrides it */
    pb_put_text(buf, 1, door->house);
    if (door->number)
        pb_put_int(buf, 2, door->number);
    pb_put_id(buf, 3, &door->id);
    if (door->status)
        pb_put_int(buf, 4, door->status);
    if (door->paint)
        pb_put_int(buf, 5, door->paint);
    if (door->is_locked)
        pb_put_int(buf, 6, door->is_locked);
    if (door->opened_at_ms)
        pb_put_int(buf, 7, door->opened_at_ms);
    if (door->openings)
        pb_put_int(buf, 8, door->openings);
    if (door->has_height_mm)
        pb_put_int(buf, 9, door->height_mm);
    for (uint32_t i = 0; i < door->keepers_count; i++)
        pb_put_text(buf, 10, door->keepers[i]);
    for (uint32_t i = 0; i < door->hinges_count; i++) {
        mark = pb_open(buf, 11);
        hinge_encode(&door->hinges[i], buf);
        pb_close(buf, mark);
    }
    pb_put_text(buf, 12, door->rare->plan);
    if (door->rare->last_painted_at_ms)
        pb_put_int(buf, 13, door->rare->last_painted_at_ms);
}

static bool door_read(struct door *door, struct pb_reader *reader)
{
    struct pb_member member;
    struct pb_reader inner;
    CLEANUP(str_freep) char *text = NULL;
    bool flag;

    while (pb_next(reader, &member)) {
        switch (member.number) {
        case 1:
            if (!get_name(&member, &door->house))
                return false;
            break;
        case 2:
            if (!pb_get_int32(&member, &door->number))
                return false;
            break;
        case 3:
            if (!pb_get_id(&member, &door->id))
                return false;
            break;
        case 4:
            if (member.type != PB_VARINT)
                return false;
            if (member.value >= DOOR_COUNT) { /* of a newer program */
                pb_keep(&member, &door_edit_rare(door)->unknown);
                break;
            }
            door->status = (enum door_status)member.value;
            break;
        case 5:
            if (member.type != PB_VARINT)
                return false;
            if (member.value >= COLOR_COUNT) { /* of a newer program */
                pb_keep(&member, &door_edit_rare(door)->unknown);
                break;
            }
            door->paint = (enum colour)member.value;
            break;
        case 6:
            if (!pb_get_bool(&member, &flag))
                return false;
            door->is_locked = flag;
            break;
        case 7:
            if (!pb_get_int64(&member, &door->opened_at_ms))
                return false;
            break;
        case 8:
            if (!pb_get_int64(&member, &door->openings))
                return false;
            break;
        case 9:
            if (!pb_get_int32(&member, &door->height_mm))
                return false;
            door->has_height_mm = true;
            break;
        case 10:
            if (!get_text(&member, &text))
                return false;
            door_append_keepers(door, text);
            break;
        case 11:
            if (member.type != PB_BYTES)
                return false;
            inner = (struct pb_reader){.at = member.bytes, .end = member.bytes + member.len};
            if (!hinge_read(door_append_hinges(door), &inner))
                return false;
            break;
        case 12:
            if (!get_text(&member, &door_edit_rare(door)->plan))
                return false;
            break;
        case 13:
            if (!pb_get_int64(&member, &door_edit_rare(door)->last_painted_at_ms))
                return false;
            break;
        default:
            pb_keep(&member, &door_edit_rare(door)->unknown);
        }
    }
    return !reader->is_malformed;
}

struct error *door_decode(const void *bytes, size_t len, struct door **ret)
{
    struct pb_reader reader = {.at = bytes, .end = (const uint8_t *)bytes + len};
    struct door *door = door_new();

    if (!door_read(door, &reader) || !door->house || id_is_zero(&door->id)) {
        door_free(door);
        return malformed("door", bytes, len, &reader);
    }
    *ret = door;
    return NULL;
}

void door_key(const struct door *door, const struct scope *scope, struct buf *buf)
{
    key_start(buf, scope, RECORD_DOOR);
    key_add_text(buf, door->house);
    key_add_int(buf, door->number, 4);
    buf_add(buf, door->id.bytes, sizeof(door->id.bytes));
}

struct locksmith *locksmith_new(void)
{
    struct locksmith *locksmith = xcalloc(1, sizeof(*locksmith));

    return locksmith;
}

void locksmith_done(struct locksmith *locksmith)
{
    intern_unref(locksmith->name);
    free(locksmith->unknown);
    /* what the tables hold of it stays */
    struct locksmith empty = {0};

    memcpy(empty.links, locksmith->links, sizeof(empty.links));
    empty.home = locksmith->home;
    empty.is_gone = locksmith->is_gone;
    *locksmith = empty;
}

void locksmith_free(struct locksmith *locksmith)
{
    if (!locksmith)
        return;
    locksmith_done(locksmith);
    free(locksmith);
}

void locksmith_copy(struct locksmith *to, const struct locksmith *from)
{
    locksmith_done(to);
    to->name = intern_ref(from->name);
    to->unknown = pb_unknown_copy(from->unknown);
}

void locksmith_set_name(struct locksmith *locksmith, const char *value)
{
    set_name(&locksmith->name, value);
}

void locksmith_encode(const struct locksmith *locksmith, struct buf *buf)
{
    pb_put_unknown(buf, locksmith->unknown); /* first: what is known overrides it */
    pb_put_text(buf, 1, locksmith->name);
}

static bool locksmith_read(struct locksmith *locksmith, struct pb_reader *reader)
{
    struct pb_member member;

    while (pb_next(reader, &member)) {
        switch (member.number) {
        case 1:
            if (!get_name(&member, &locksmith->name))
                return false;
            break;
        default:
            pb_keep(&member, &locksmith->unknown);
        }
    }
    return !reader->is_malformed;
}

struct error *locksmith_decode(const void *bytes, size_t len, struct locksmith **ret)
{
    struct pb_reader reader = {.at = bytes, .end = (const uint8_t *)bytes + len};
    struct locksmith *locksmith = locksmith_new();

    if (!locksmith_read(locksmith, &reader) || !locksmith->name) {
        locksmith_free(locksmith);
        return malformed("locksmith", bytes, len, &reader);
    }
    *ret = locksmith;
    return NULL;
}

void locksmith_key(const struct locksmith *locksmith, const struct scope *scope, struct buf *buf)
{
    (void)scope;
    key_start(buf, NULL, RECORD_LOCKSMITH);
    key_add_text(buf, locksmith->name);
}

void record_encode(enum record_kind kind, const void *record, struct buf *buf)
{
    switch (kind) {
    case RECORD_DOOR:
        door_encode(record, buf);
        break;
    case RECORD_LOCKSMITH:
        locksmith_encode(record, buf);
        break;
    case RECORD_COUNT:
        break;
    }
}

void record_key(enum record_kind kind, const void *record, const struct scope *scope, struct buf *buf)
{
    switch (kind) {
    case RECORD_DOOR:
        door_key(record, scope, buf);
        break;
    case RECORD_LOCKSMITH:
        locksmith_key(record, scope, buf);
        break;
    case RECORD_COUNT:
        break;
    }
}

void record_free(enum record_kind kind, void *record)
{
    switch (kind) {
    case RECORD_DOOR:
        door_free(record);
        break;
    case RECORD_LOCKSMITH:
        locksmith_free(record);
        break;
    case RECORD_COUNT:
        break;
    }
}

struct error *record_decode(enum record_kind kind, const void *bytes, size_t len, void **ret)
{
    struct error *err;

    switch (kind) {
    case RECORD_DOOR: {
        struct door *door;
        err = door_decode(bytes, len, &door);
        if (!err)
            *ret = door;
        return err;
    }
    case RECORD_LOCKSMITH: {
        struct locksmith *locksmith;
        err = locksmith_decode(bytes, len, &locksmith);
        if (!err)
            *ret = locksmith;
        return err;
    }
    case RECORD_COUNT:
        break;
    }
    return error_new(API_SERVER, "no such kind of record");
}
