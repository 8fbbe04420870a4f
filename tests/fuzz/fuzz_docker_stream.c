/* The answer to an attach or exec and the frames behind it, cut anywhere: the first byte says into
 * what pieces. However it is cut, the same must come out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/docker/docker_frames.h"
#include "base/arena.h"
#include "base/str.h"
#include "net/http_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    int status; /* -1: no HTTP */
    bool is_whole, is_bad;
    struct buf outputs[DOCKER_SYSTEM_ERROR + 1], body;
};

static bool on_output(enum docker_output output, const char *bytes, size_t len, void *data)
{
    struct heard *heard = data;

    buf_add(&heard->outputs[output], bytes, len);
    return true;
}

static bool feed_frames(struct heard *heard, struct docker_frames *frames, const char *bytes,
                        size_t len)
{
    heard->is_bad = heard->is_bad || !docker_frames_feed(frames, bytes, len, on_output, heard);
    return !heard->is_bad;
}

static void hear(struct heard *heard, const char *text, size_t len, size_t piece)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct http_answer answer = {0};
    struct docker_frames frames = {0};
    const char *problem;
    bool goes_on = true;

    for (size_t at = 0; at < len && goes_on; at += piece) {
        size_t part = len - at < piece ? len - at : piece;

        if (answer.status == 101) {
            goes_on = feed_frames(heard, &frames, text + at, part);
        } else if (answer.status) {
            goes_on = !http_answer_feed_body(&answer, text + at, part);
        } else if (http_answer_feed_head(&answer, text + at, part, &problem) == HTTP_ANSWER_BAD) {
            heard->status = -1;
            goes_on = false;
        } else if (answer.status == 101) {
            goes_on = feed_frames(heard, &frames, answer.in.data + answer.head_len,
                                  answer.in.len - answer.head_len);
        } else if (answer.status) {
            goes_on = !http_answer_feed_body(&answer, "", 0);
        }
    }
    if (heard->status == 0)
        heard->status = answer.status;
    if (heard->status > 0) {
        (void)http_answer_value(&answer, &arena, "content-type");
        if (heard->status != 101)
            http_answer_body(&answer, &heard->body);
    }
    heard->is_whole = docker_frames_is_whole(&frames);
    http_answer_done(&answer);
}

static void heard_done(struct heard *heard)
{
    for (size_t i = 0; i <= DOCKER_SYSTEM_ERROR; i++)
        buf_done(&heard->outputs[i]);
    buf_done(&heard->body);
}

static bool is_same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard whole = {0}, cut = {0};

    if (size < 1 || size > 8192)
        return 0;
    hear(&whole, (const char *)data + 1, size - 1, SIZE_MAX / 2);
    hear(&cut, (const char *)data + 1, size - 1, (size_t)data[0] + 1);
    if (whole.status != cut.status)
        abort();
    if (whole.status == 101) {
        if (whole.is_bad != cut.is_bad || (!whole.is_bad && whole.is_whole != cut.is_whole))
            abort();
        for (size_t i = 0; i <= DOCKER_SYSTEM_ERROR; i++)
            if (!is_same(&whole.outputs[i], &cut.outputs[i]))
                abort();
    }
    heard_done(&whole);
    heard_done(&cut);
    return 0;
}
