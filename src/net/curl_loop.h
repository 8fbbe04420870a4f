/* curl_loop.h - libcurl's multi interface driven by the loop. What http_client and ws_client share.
 *
 * An easy handle is added with curl_multi_add_handle(curl_loop_multi(...)); its CURLOPT_PRIVATE
 * comes back with its result in `done`, outside of all curl callbacks.
 */
#ifndef BERTH_NET_CURL_LOOP_H
#define BERTH_NET_CURL_LOOP_H

#include <curl/curl.h>

#include "base/error.h"
#include "net/loop_uv.h"

struct curl_loop;

typedef void curl_done_fn(CURL *easy, CURLcode result, void *private_data);

MUST_USE struct error *curl_loop_new(struct loop *loop, curl_done_fn *done,
                                     struct curl_loop **ret_curl);
CURLM *curl_loop_multi(struct curl_loop *curl);
/* Not from `done`. All easy handles were removed before. */
void curl_loop_free(struct curl_loop *curl);

/* What every request of ours has: where to go, whom to trust, HTTP/1.1, no signals. */
struct curl_target {
    const char *url;
    const char *unix_socket; /* NULL: TCP */
    const char *ca_file;     /* NULL: the system's */
    bool is_insecure;
};
/* Proxies come from the environment as in Go programs (AP-024): HTTP_PROXY in either case,
 * HTTPS_PROXY, NO_PROXY, and never for this host itself. */
void curl_set_target(CURL *easy, const struct curl_target *target);

#endif
