/* guard.h - the browser rules: a web page must not be able to speak to this server.
 *
 * RunTask with `privileged` is root, and a server on loopback is in reach of every page its user
 * opens. Browsers say where a request comes from; what comes from elsewhere is refused, signed or
 * not. Programs send none of these headers. With --auth off the Host has to be ours as well, or a
 * page could reach us by a name it made point at this machine.
 */
#ifndef BERTH_WIRE_GUARD_H
#define BERTH_WIRE_GUARD_H

#include "net/http_server.h"

struct guard {
    /* Host names and addresses this server is reached by, without a port: what --listen and the
     * operator say. Loopback (localhost, 127.0.0.0/8, [::1]) is always ours. */
    const char *const *hosts;
    size_t host_count;
    bool is_auth_off;
};

/* API_ACCESS_DENIED with a sentence, for:
 *   an Origin header other than the server's own (scheme, Host and port of this very request);
 *   Sec-Fetch-Site other than same-origin or none;
 *   with --auth off a Host that is missing or not ours. */
MUST_USE struct error *guard_check(const struct guard *guard, const struct http_request *req);

#endif
