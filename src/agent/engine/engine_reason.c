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

/* Where in the word such an address begins, with the quote before it; NULL: it has none. */
static const char *find_layer_address(const char *word, size_t len)
{
    static const char bucket[] = "starport-layer-bucket";
    const char *address = memmem(word, len, "https", strlen("https"));
    const char *found = memmem(word, len, bucket, strlen(bucket));

    if (!address || !found || found < address)
        return NULL;
    return address > word && address[-1] == '"' ? address - 1 : address;
}

char *engine_reason_redact(const char *message, const char *image)
{
    struct buf out = {0};

    for (const char *p = message ? message : ""; *p;) {
        size_t len = strcspn(p, " \t\r\n");
        const char *address = find_layer_address(p, len);

        buf_add(&out, p, address ? (size_t)(address - p) : len);
        if (address)
            buf_printf(&out, "REDACTED ECR URL related to %s", image);
        p += len;
        len = strspn(p, " \t\r\n");
        buf_add(&out, p, len);
        p += len;
    }
    return buf_take(&out);
}

/* What ECS adds to texts of Docker that leave people at a loss. */
static const struct {
    const char *words, *and_words, *advice;
} advices[] = {
    {"denied: User: ", "is not authorized to perform: ecr:BatchGetImage on resource",
     "Check that the role has the permissions to pull images from the registry."},
    {"denied: requested access to the resource is denied", "", "Check whether the image exists."},
    {"request canceled while waiting for connection", "", "Check your network configuration."},
};

char *engine_reason_pull(const struct docker_failure *failure)
{
    struct docker_failure told = *failure;
    CLEANUP(str_freep) char *text = NULL;

    if (failure->fault == DOCKER_TIMEOUT && failure->silence == DOCKER_NEVER_BEGAN)
        return engine_reason("CannotPullContainerError", "pullBegin", failure);
    if (failure->fault == DOCKER_TIMEOUT && failure->silence == DOCKER_FELL_SILENT) {
        told.fault = DOCKER_REFUSED;
        told.message = "inactivity time exceeded timeout while pulling image";
    }
    for (size_t i = 0; i < ARRAY_LEN(advices) && told.fault != DOCKER_TIMEOUT; i++) {
        if (!strstr(told.message, advices[i].words) || !strstr(told.message, advices[i].and_words))
            continue;
        text = str_printf("The task can\xe2\x80\x99t pull the image. %s %s", advices[i].advice,
                          told.message);
        told.message = text;
        break;
    }
    return engine_reason("CannotPullContainerError", "pulled", &told);
}
