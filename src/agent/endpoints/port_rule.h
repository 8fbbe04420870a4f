/* port_rule.h - port 80 of 169.254.170.2 leads to the port the agent listens on there (AG-005), and
 * containers do not reach the metadata of the machine (AG-285).
 *
 * The agent cannot listen on port 80 itself: Docker binds a published port at all addresses of the
 * host, so no task could have port 80, and where one has, Docker's own rule takes whatever comes to
 * that port of any address of the host. Two rules of the nat table, which ECS's guide names too,
 * come before Docker's. The caller's address stays what it is.
 *
 * At 169.254.169.254 a machine that is somebody's virtual one finds who it is and what it may: that
 * is refused to containers on Docker's bridge, at once, so that SDKs that look there do not wait.
 * The rule is in the chain that Docker leaves to others, where there is one.
 *
 * Rules that an agent left behind when it was killed are found and kept.
 */
#ifndef BERTH_AGENT_PORT_RULE_H
#define BERTH_AGENT_PORT_RULE_H

#include "net/loop.h"

/* Runs once. `is_done` false: there is no iptables, or it refused. */
typedef void port_rule_fn(bool is_done, void *data);

/* `blocks_metadata` false: a rule for that is taken away. That it cannot be made is said. */
MUST_USE struct error *port_rule_add(struct loop *loop, bool blocks_metadata, port_rule_fn *done,
                                     void *data);
MUST_USE struct error *port_rule_remove(struct loop *loop, port_rule_fn *done, void *data);

#endif
