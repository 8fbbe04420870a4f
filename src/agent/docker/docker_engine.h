/* docker_engine.h - the engines that answer the Docker Engine API, and what others than Docker's do
 * differently. docs/engines.md tells it to users.
 *
 * What an engine cannot do at all is either not announced (capabilities.c) or refused by the engine
 * itself, in its words, when the container is made.
 */
#ifndef BERTH_AGENT_DOCKER_ENGINE_H
#define BERTH_AGENT_DOCKER_ENGINE_H

#include <stdbool.h>

struct docker_engine {
    const char *component;     /* what GET /version calls it among its components */
    const char *event_filters; /* of GET /events, for what happens to containers of tasks */
    const char *alive_filters; /* of GET /containers/json, for those of tasks that have not ended */
    /* The logging drivers it has, up to a NULL; NULL: Docker's, with its plugins. */
    const char *const *logging_drivers;
    bool has_no_digests;           /* it cannot ask a registry for one */
    bool needs_systemd_for_health; /* its health checks are systemd's timers */
};

/* The engine with this component; Docker's for NULL and names that are not known. Constant. */
const struct docker_engine *docker_engine_of(const char *component);

/* Of Docker's for NULL, as that below. */
bool docker_engine_has_logging_driver(const struct docker_engine *engine, const char *driver);
/* Whether it runs health checks on this host. */
bool docker_engine_checks_health(const struct docker_engine *engine);

#endif
