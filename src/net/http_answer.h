/* http_answer.h - the answer to a request that asks for the connection itself (an upgrade), taken
 * off the connection piece by piece: its head and, if it refuses, its body. Pure.
 *
 * Ownership  What is lent lies in the answer until more is fed or it is done.
 */
#ifndef BERTH_NET_HTTP_ANSWER_H
#define BERTH_NET_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

#define HTTP_REFUSAL_BYTES_MAX (64 * 1024) /* of a refusal's body more is not kept */

/* A zeroed struct is one of which nothing came yet. */
struct http_answer {
    int status; /* 0: the head is not whole */
    size_t head_len;
    struct buf in; /* the head and what came behind it */
};

enum http_answer_step { HTTP_ANSWER_MORE, HTTP_ANSWER_HEAD, HTTP_ANSWER_BAD };

/* Takes bytes until the head is whole. What the last of them held behind the head begins at
 * in.data + head_len. */
enum http_answer_step http_answer_feed_head(struct http_answer *answer, const char *bytes,
                                            size_t len, const char **ret_problem);
/* A header's value, NULL if there is none. From the arena. `name` in small letters. */
const char *http_answer_value(const struct http_answer *answer, struct arena *arena,
                              const char *name);
/* True if the head announces a body: else what follows goes on until the connection ends. */
bool http_answer_has_length(const struct http_answer *answer);
/* Takes bytes of the body (none, for those that came with the head). True: it is whole. */
bool http_answer_feed_body(struct http_answer *answer, const char *bytes, size_t len);
/* The body as far as it came; of a malformed one what makes sense. */
void http_answer_body(const struct http_answer *answer, struct buf *out);
/* Its status stays. */
void http_answer_forget(struct http_answer *answer);
void http_answer_done(struct http_answer *answer);

#endif
