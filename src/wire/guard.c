#include "wire/guard.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

/* "name:port", "[v6]:port" or either without a port: where the name ends. */
static size_t host_name_len(const char *host)
{
    if (host[0] == '[') {
        const char *end = strchr(host, ']');

        return end ? (size_t)(end - host) + 1 : strlen(host);
    }
    return strcspn(host, ":");
}

/* What follows the name is nothing, or a colon and digits. */
static bool is_port(const char *rest)
{
    if (!*rest)
        return true;
    if (*rest != ':' || !rest[1])
        return false;
    return rest[1 + strspn(rest + 1, "0123456789")] == 0;
}

/* 127.x.y.z and nothing after it: "127.0.0.1.example.com" is somebody's name. */
static bool is_loopback_v4(const char *name, size_t len)
{
    unsigned parts = 1;
    size_t digits = 0;

    if (len < 7 || strncmp(name, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.') {
            if (!digits)
                return false;
            parts++;
            digits = 0;
        } else if (name[i] >= '0' && name[i] <= '9' && digits < 3) {
            digits++;
        } else {
            return false;
        }
    }
    return parts == 4 && digits;
}

static bool is_name(const char *name, size_t len, const char *other)
{
    return strlen(other) == len && !strncasecmp(name, other, len);
}

static bool is_ours(const struct guard *guard, const char *host)
{
    size_t len = host_name_len(host);

    if (!is_port(host + len))
        return false;
    if (is_name(host, len, "localhost") || is_name(host, len, "[::1]") || is_loopback_v4(host, len))
        return true;
    for (size_t i = 0; i < guard->host_count; i++)
        if (is_name(host, len, guard->hosts[i]))
            return true;
    return false;
}

/* An Origin is "SCHEME://HOST[:PORT]", and Host is as the same browser writes it: without the port
 * where it is the scheme's own. */
static bool is_same_origin(const char *origin, const struct http_request *req, const char *host)
{
    const char *scheme = req->is_tls ? "https://" : "http://";

    return host && str_starts_with(origin, scheme) && str_eq_nocase(origin + strlen(scheme), host);
}

struct error *guard_check(const struct guard *guard, const struct http_request *req)
{
    const char *host = http_request_header(req, "host");
    const char *origin = http_request_header(req, "origin");
    const char *site = http_request_header(req, "sec-fetch-site");

    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return error_new(API_ACCESS_DENIED,
                         "Requests that a web page of another site makes are refused.");
    if (origin && !is_same_origin(origin, req, host))
        return error_new(API_ACCESS_DENIED, "Requests from the web page %.100s are refused.",
                         origin);
    if (guard->is_auth_off && (!host || !is_ours(guard, host)))
        return error_new(
            API_ACCESS_DENIED,
            "With --auth off only requests to this machine's own names are served, not "
            "to %.100s.",
            host ? host : "none");
    return NULL;
}
