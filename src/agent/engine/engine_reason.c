#include "agent/engine/engine_reason.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

void engine_format_duration(int64_t ms, char ret[DURATION_SIZE])
{
    long long hours = ms / 3600000, minutes = ms / 60000 % 60, seconds = ms / 1000 % 60;
    int fraction = (int)(ms % 1000), digits = 3;
    char *at = ret;

    if (ms < 1000) {
        snprintf(ret, DURATION_SIZE, ms ? "%dms" : "%ds", (int)ms);
        return;
    }
    if (hours)
        at += sprintf(at, "%lldh", hours);
    if (hours || minutes)
        at += sprintf(at, "%lldm", minutes);
    at += sprintf(at, "%lld", seconds);
    while (fraction && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    if (fraction)
        at += sprintf(at, ".%0*d", digits, fraction);
    memcpy(at, "s", sizeof("s"));
}

char *engine_reason(const char *error_name, const char *state, const struct docker_failure *failure)
{
    char *reason;

    if (failure->fault == DOCKER_TIMEOUT) {
        char waited[DURATION_SIZE];

        engine_format_duration(failure->timeout_ms, waited);
        return str_printf(
            "DockerTimeoutError: Could not transition to %s; timed out after waiting %s", state,
            waited);
    }
    reason = str_printf("%s: %s", error_name, failure->message);
    if (strlen(reason) > REASON_MAX) {
        size_t end = REASON_MAX;

        while (end > 0 && (reason[end] & 0xc0) == 0x80)
            end--; /* not in the middle of a character */
        reason[end] = '\0';
    }
    return reason;
}

char *engine_reason_pull(const struct docker_failure *failure)
{
    return engine_reason("CannotPullContainerError", "pulled", failure);
}
