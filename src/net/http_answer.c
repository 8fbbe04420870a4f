#include "net/http_answer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http_parse.h"
#include "net/http_server.h"

enum http_answer_step http_answer_feed_head(struct http_answer *answer, const char *bytes,
                                            size_t len, const char **ret_problem)
{
    char line[16] = ""; /* "HTTP/1.1 101" */

    buf_add(&answer->in, bytes, len);
    answer->head_len = http_head_len(answer->in.data, answer->in.len);
    if (answer->head_len == 0) {
        *ret_problem = "the answer's headers are too large";
        return answer->in.len > HTTP_HEADER_BYTES_MAX ? HTTP_ANSWER_BAD : HTTP_ANSWER_MORE;
    }
    memcpy(line, answer->in.data,
           answer->head_len < sizeof(line) ? answer->head_len : sizeof(line) - 1);
    if (sscanf(line, "HTTP/1.%*1d %3d", &answer->status) != 1 || answer->status < 100) {
        *ret_problem = "the answer is not HTTP";
        return HTTP_ANSWER_BAD;
    }
    return HTTP_ANSWER_HEAD;
}

const char *http_answer_value(const struct http_answer *answer, struct arena *arena,
                              const char *name)
{
    const char *head = arena_dup_n(arena, answer->in.data, answer->head_len);
    size_t len = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *value = line + len + 1;
        value += strspn(value, " \t");
        size_t value_len = strcspn(value, "\r");
        while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
            value_len--;
        return arena_dup_n(arena, value, value_len);
    }
    return NULL;
}

static bool is_chunked(const struct http_answer *answer)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const char *encoding = http_answer_value(answer, &arena, "transfer-encoding");

    return encoding && http_list_has(encoding, "chunked");
}

/* SIZE_MAX: not announced. */
static size_t body_length(const struct http_answer *answer)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const char *text = http_answer_value(answer, &arena, "content-length");
    int64_t len;

    return text && str_to_int64(text, &len) && len >= 0 ? (size_t)len : SIZE_MAX;
}

bool http_answer_has_length(const struct http_answer *answer)
{
    return is_chunked(answer) || body_length(answer) != SIZE_MAX;
}

bool http_answer_feed_body(struct http_answer *answer, const char *bytes, size_t len)
{
    size_t body_len;

    buf_add(&answer->in, bytes, len);
    body_len = answer->in.len - answer->head_len;
    if (body_len > HTTP_REFUSAL_BYTES_MAX)
        return true;
    if (is_chunked(answer))
        return body_len >= 5 && memcmp(answer->in.data + answer->in.len - 5, "0\r\n\r\n", 5) == 0;
    return body_len >= body_length(answer);
}

void http_answer_body(const struct http_answer *answer, struct buf *out)
{
    const char *body = answer->in.data + answer->head_len;
    size_t len = answer->in.len - answer->head_len;
    size_t length = body_length(answer);
    struct http_chunks chunks = {0};

    if (!is_chunked(answer))
        buf_add(out, body, len < length ? len : length);
    else if (http_chunks_feed(&chunks, body, len, HTTP_REFUSAL_BYTES_MAX, out) < 0)
        return; /* what is malformed is shown up to there */
}

void http_answer_forget(struct http_answer *answer)
{
    buf_done(&answer->in);
    answer->head_len = 0;
}

void http_answer_done(struct http_answer *answer)
{
    buf_done(&answer->in);
}
