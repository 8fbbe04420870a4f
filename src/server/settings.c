/* settings.c - what operators write on the command line, read. */
#include <string.h>

#include "base/str.h"
#include "scheduler/query_value.h"
#include "server/server.h"

#define SHA256_DIGITS 64

struct error *server_set_quota(struct server_options *options, const char *text)
{
    return quotas_set(&options->quotas, text);
}

static bool is_release(const struct agent_release *release)
{
    return release->sha256 && version_is_good(release->version) &&
           (str_starts_with(release->location, "http://") ||
            str_starts_with(release->location, "https://")) &&
           strlen(release->sha256) == SHA256_DIGITS &&
           strspn(release->sha256, "0123456789abcdef") == SHA256_DIGITS;
}

struct error *server_set_agent_release(struct server_options *options, const char *text)
{
    char *rest = options->agent_release_text;
    struct agent_release release;

    if (strlen(text) >= sizeof(options->agent_release_text))
        return error_new(API_INVALID_PARAMETER, "--agent-update is longer than %zu characters",
                         sizeof(options->agent_release_text) - 1);
    strcpy(rest, text);
    release.version = strsep(&rest, ",");
    release.location = strsep(&rest, ",");
    release.sha256 = strsep(&rest, ",");
    if (rest || !is_release(&release))
        return error_new(API_INVALID_PARAMETER,
                         "--agent-update is a version, an http(s) URL and 64 lower-case hex digits "
                         "with commas between, not '%s'",
                         text);
    options->agent_release = release;
    return NULL;
}
