/* introspection.h - what runs on this host, for people and scripts on it: port 51678 (AG-260 to
 * AG-267, AP-456).
 *
 * It listens only once the host is registered: boot scripts wait for the port and then trust the
 * ARN (AG-014). On loopback unless ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS says otherwise (AG-918).
 *
 * Ownership  Lends everything in its options.
 */
#ifndef BERTH_AGENT_INTROSPECTION_H
#define BERTH_AGENT_INTROSPECTION_H

#include "agent/engine/engine.h"
#include "base/str.h"
#include "net/loop.h"

#define INTROSPECTION_CONNECTIONS_MAX 64
#define INTROSPECTION_RETRY_MS        60000 /* when the port is taken */

struct introspection;

struct introspection_options {
    struct loop *loop;
    const char *listen;
    const char *cluster, *instance_arn;
    struct engine *engine;
};

struct introspection *introspection_new(const struct introspection_options *options);
void introspection_close(struct introspection *introspection, loop_fn *closed, void *data);

/* The answer to a GET: its status, and its body ("" for none). Pure. */
int introspection_answer(const struct introspection_options *options, const char *path,
                         const char *query, struct buf *body);

#endif
