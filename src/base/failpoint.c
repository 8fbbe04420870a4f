#include "base/failpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* What the environment asks for, read once. */
static struct {
    pthread_once_t once;
    char name[64]; /* "": none */
    atomic_long left;
} wanted = {.once = PTHREAD_ONCE_INIT};

static void read_environment(void)
{
    const char *text = getenv("BERTH_FAIL_POINT");
    size_t len;

    if (!text || !*text)
        return;
    len = strcspn(text, ":");
    if (len >= sizeof(wanted.name))
        return;
    memcpy(wanted.name, text, len);
    atomic_store(&wanted.left, text[len] == ':' ? strtol(text + len + 1, NULL, 10) : 1);
}

bool fail_point_hit(const char *name)
{
    pthread_once(&wanted.once, read_environment);
    if (!wanted.name[0] || strcmp(wanted.name, name) != 0)
        return false;
    return atomic_fetch_sub(&wanted.left, 1) == 1;
}

void fail_point(const char *name)
{
    if (!fail_point_hit(name))
        return;
    log_warning("fail point", "name", name);
    raise(SIGKILL);
}
