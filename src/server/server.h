/* server.h - the control plane put together: store, state, control, the APIs on one port.
 *
 * `berth server` runs one in the foreground until SIGTERM. A second SIGTERM ends at once.
 */
#ifndef BERTH_SERVER_SERVER_H
#define BERTH_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "core/agent_update.h"
#include "core/quotas.h"

#define SERVER_REGIONS_MAX       32
#define SERVER_AGENT_RELEASE_MAX 2048

struct server_options {
    const char *listen; /* ADDR:PORT */
    const char *data_dir;
    const char *regions[SERVER_REGIONS_MAX]; /* served; the first is the default */
    size_t region_count;
    const char *account; /* of requests with auth off, and of keys made without one */
    bool has_auth;
    bool is_strict; /* members of requests that nobody knows are refused (API-004) */
    const char *tls_cert_file, *tls_key_file; /* NULL: plain */
    int64_t instance_lost_after_ms;           /* <= 0: never */
    int64_t lead_grace_ms;                    /* no host is silent sooner; 0: two minutes */
    int64_t task_retention_ms;
    int64_t task_memory_ms;       /* of that, so long in memory; then on disk */
    int64_t role_session_ms;      /* credentials of tasks' roles last so long; 0: 6 hours */
    int64_t provisioning_wait_ms; /* a task waits so long for a host; 0: 15 minutes */
    struct quotas quotas;
    struct agent_release agent_release; /* what agents are updated to; version NULL: nothing */
    char agent_release_text[SERVER_AGENT_RELEASE_MAX]; /* what it points into */
    void (*on_ready)(const char *url);                 /* listening; NULL: nobody cares */
};

/* What operators write: "name=value" of a quota (core/quotas.h), "VERSION,URL,SHA256" of an agent.
 * API_INVALID_PARAMETER with a sentence if it is not that. */
MUST_USE struct error *server_set_quota(struct server_options *options, const char *text);
MUST_USE struct error *server_set_agent_release(struct server_options *options, const char *text);

/* Runs until told to end. Fails with a sentence if it cannot start. */
MUST_USE struct error *server_run(const struct server_options *options);

#endif
