/* api_bytes.h - signed requests of the ECS API, and the answers to them, as bytes. */
#ifndef BERTH_BENCH_API_BYTES_H
#define BERTH_BENCH_API_BYTES_H

#include "base/str.h"
#include "net/sigv4.h"

struct api_account {
    const char *url, *host; /* "http://127.0.0.1:4566", "127.0.0.1:4566" */
    struct sigv4_keys keys;
    const char *region;
};
extern struct api_account api_account;

/* Appends a signed request; `operation` NULL: a WebSocket upgrade. */
void api_add_request(struct buf *out, const char *method, const char *path_and_query,
                     const char *operation, const char *body, size_t len);
/* Bytes of the answer at the front of `in`, its body at *ret_body; 0: not whole yet. */
size_t api_answer(const struct buf *in, int *ret_status, size_t *ret_body);

#endif
