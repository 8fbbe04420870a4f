#include "agent/docker/docker_engine.h"

#include <unistd.h>

#include "agent/engine/container.h"
#include "base/str.h"

#define SYSTEMD_RUNS "/run/systemd/system" /* as sd_booted(3) has it */

static const char *const podman_logging_drivers[] = {"json-file", "journald", "none", NULL};

static const struct docker_engine engines[] = {
    {
        .component = "Engine",
        .event_filters = "{\"type\":[\"container\"],\"label\":[\"" CONTAINER_LABEL_TASK
                         "\"],\"event\":[\"start\",\"die\",\"oom\",\"health_status\",\"destroy\"]}",
        .alive_filters = "{\"label\":[\"" CONTAINER_LABEL_TASK
                         "\"],\"status\":[\"created\",\"running\",\"paused\",\"restarting\"]}",
    },
    {
        /* It filters by its own names of events, though it tells Docker's, and knows no label
         * without its value; a state that it does not have is refused. */
        .component = "Podman Engine",
        .event_filters = "{\"type\":[\"container\"],"
                         "\"event\":[\"start\",\"died\",\"health_status\",\"remove\"]}",
        .alive_filters = "{\"label\":[\"" CONTAINER_LABEL_TASK
                         "\"],\"status\":[\"created\",\"initialized\",\"running\",\"paused\"]}",
        .logging_drivers = podman_logging_drivers,
        .has_no_digests = true,
        .needs_systemd_for_health = true,
    },
};

const struct docker_engine *docker_engine_of(const char *component)
{
    for (size_t i = 0; i < ARRAY_LEN(engines); i++)
        if (str_eq(engines[i].component, component))
            return &engines[i];
    return &engines[0];
}

bool docker_engine_has_logging_driver(const struct docker_engine *engine, const char *driver)
{
    const char *const *one = engine ? engine->logging_drivers : NULL;

    if (!one)
        return true;
    while (*one && !str_eq(*one, driver))
        one++;
    return *one != NULL;
}

bool docker_engine_checks_health(const struct docker_engine *engine)
{
    return !engine || !engine->needs_systemd_for_health || access(SYSTEMD_RUNS, F_OK) == 0;
}
