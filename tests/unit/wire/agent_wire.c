/* What the official agent and a server said to each other, recorded (tests/data/agent-wire): every
 * message decodes, and what is encoded from it says the same again.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gen/agent_shapes.h"
#include "gen/ecs_shapes.h"

static const char *const files[] = {"a175", "edge", "edge2", "inact", "inv",  "sec",
                                    "tm",   "vpc",  "w2b",   "wire",  "wire2"};

/* Sent on purpose by the recording server: types nobody knows, and messages that lack their ids. */
static bool is_meant_to_fail(const char *type, const json_t *message)
{
    return !strcmp(type, "PayloadMessage") && (!json_object_get(message, "clusterArn") ||
                                               !json_object_get(message, "containerInstanceArn") ||
                                               !json_object_get(message, "messageId"));
}

/* Equal, where numbers are equal whatever their form and times to the millisecond; and what the
 * model always writes may be there in addition. */
static bool says_the_same(const json_t *was, const json_t *is, char *path, size_t len)
{
    const char *name;
    json_t *value;

    if (json_is_number(was) && json_is_number(is))
        return fabs(json_number_value(was) - json_number_value(is)) < 0.0005;
    if (json_is_array(was) && json_is_array(is)) {
        if (json_array_size(was) != json_array_size(is))
            return false;
        for (size_t i = 0; i < json_array_size(was); i++) {
            snprintf(path + len, 256 - len, "[%zu]", i);
            if (!says_the_same(json_array_get(was, i), json_array_get(is, i), path, strlen(path)))
                return false;
        }
        return true;
    }
    if (json_is_object(was) && json_is_object(is)) {
        json_object_foreach ((json_t *)(uintptr_t)was, name, value) {
            const json_t *other = json_object_get(is, name);

            snprintf(path + len, 256 - len, ".%s", name);
            if (json_is_null(value) && !other)
                continue;
            if (!other || !says_the_same(value, other, path, strlen(path)))
                return false;
        }
        return true;
    }
    return json_equal(was, is);
}

static void expect_same(const char *where, const json_t *was, const char *text)
{
    char path[256] = "";
    json_t *is = json_loads(text, 0, NULL);

    if (!is)
        fail_msg("%s: what was encoded is not JSON: %s", where, text);
    if (!says_the_same(was, is, path, 0))
        fail_msg("%s: differs at %s: %s", where, path, text);
    json_decref(is);
}

struct replay {
    unsigned envelopes, unknown, refused, calls;
};

/* One envelope of either channel, through the protocol's own decoder and back through the table. */
static void replay_envelope(struct replay *replay, const char *where, const json_t *envelope,
                            bool is_tcs)
{
    const char *type = json_string_value(json_object_get(envelope, "type"));
    const json_t *message = json_object_get(envelope, "message");
    char *text = json_dumps(envelope, JSON_COMPACT);
    CLEANUP(buf_done) struct buf buf = {0};
    struct arena arena = {0};
    struct error *err;
    const struct shape *shape = NULL;
    void *decoded = NULL;
    char name[96];

    assert_non_null(type);
    if (is_tcs) {
        struct tcs_message tcs;

        err = tcs_decode_message(&arena, text, strlen(text), &tcs);
        decoded = err ? NULL : tcs.any;
    } else {
        struct acs_message acs;

        err = acs_decode_message(&arena, text, strlen(text), &acs);
        decoded = err ? NULL : acs.any;
    }
    free(text);
    replay->envelopes++;
    if (!is_tcs && is_meant_to_fail(type, message)) {
        if (!err)
            fail_msg("%s: a payload without its ids was taken", where);
        replay->refused++;
        error_free(err);
        arena_done(&arena);
        return;
    }
    if (err)
        fail_msg("%s: %s", where, err->message);
    if (!decoded) {
        replay->unknown++;
        arena_done(&arena);
        return;
    }
    snprintf(name, sizeof(name), "%s%s", is_tcs ? "Tcs" : "Acs", type);
    for (int i = 0; i < AGENT_SHAPES_COUNT; i++)
        if (!strcmp(agent_shapes[i].name, name))
            shape = &agent_shapes[i];
    assert_non_null(shape);
    shape_encode(shape, &buf, decoded);
    expect_same(where, message, buf.data);
    arena_done(&arena);
}

/* A signed call of the agent, when it is one of ECS. */
static void replay_call(struct replay *replay, const char *where, const char *operation,
                        const json_t *body)
{
    const struct shape *shape = NULL;
    CLEANUP(buf_done) struct buf buf = {0};
    struct arena arena = {0};
    struct error *err;
    char name[96];
    void *in;

    snprintf(name, sizeof(name), "%sRequest", operation);
    for (int i = 0; i < ECS_SHAPES_COUNT; i++)
        if (!strcmp(ecs_shapes[i].name, name))
            shape = &ecs_shapes[i];
    if (!shape)
        return; /* of another service */
    in = arena_alloc(&arena, shape->size);
    err = shape_decode(shape, SHAPE_STRICT, &arena, body, in); /* nothing of it may get lost */
    if (err)
        fail_msg("%s: %s", where, err->message);
    shape_encode(shape, &buf, in);
    expect_same(where, body, buf.data);
    replay->calls++;
    arena_done(&arena);
}

static void replay_line(struct replay *replay, const char *where, const json_t *line)
{
    const char *kind = json_string_value(json_object_get(line, "kind"));
    const char *raw = json_string_value(json_object_get(line, "raw"));
    const json_t *body = json_object_get(line, "body");

    if (!kind)
        return;
    if (!strcmp(kind, "acs-send")) {
        replay_envelope(replay, where, line, false);
    } else if (!strcmp(kind, "acs-frame") && raw && raw[0] == '{') {
        json_t *envelope = json_loads(raw, 0, NULL);

        assert_non_null(envelope);
        replay_envelope(replay, where, envelope, false);
        json_decref(envelope);
    } else if (!strcmp(kind, "tcs-frame") && json_is_object(body)) {
        replay_envelope(replay, where, body, true);
    } else if (!strcmp(kind, "api") && json_is_object(body)) {
        replay_call(replay, where, json_string_value(json_object_get(line, "op")), body);
    }
}

static void every_recorded_message_is_understood(void **state)
{
    struct replay replay = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[512], where[600];
        char *text = NULL;
        size_t size = 0;
        unsigned number = 0;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s.jsonl", AGENT_WIRE_DIR, files[i]);
        file = fopen(path, "r");
        if (!file)
            fail_msg("%s is missing", path);
        while (getline(&text, &size, file) > 0) {
            json_t *line = json_loads(text, 0, NULL);

            snprintf(where, sizeof(where), "%s.jsonl:%u", files[i], ++number);
            if (line)
                replay_line(&replay, where, line);
            json_decref(line);
        }
        free(text);
        fclose(file);
    }
    printf("%u envelopes (%u of unknown type, %u refused), %u calls\n", replay.envelopes,
           replay.unknown, replay.refused, replay.calls);
    assert_true(replay.envelopes > 150);
    assert_true(replay.calls > 60);
    assert_int_equal(replay.unknown, 1); /* BogusMessage */
    assert_true(replay.refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_recorded_message_is_understood)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
