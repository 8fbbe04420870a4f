/* link_address.h - an IPv4 address of our own on the loopback link: 169.254.170.2, at which tasks
 * find their metadata and credentials (AG-013, AP-451).
 *
 * On loopback it is the host's wherever a packet comes from: a container in host mode has it at
 * hand, one on a bridge sends it to its gateway, which is the host. The kernel keeps a label with
 * the address, which tells ours, also one that an agent left behind when it was killed, from
 * somebody else's.
 *
 * Errors  API_ACCESS_DENIED: the process may not (CAP_NET_ADMIN). API_CLIENT: the address is there
 *         and is not ours.
 */
#ifndef BERTH_AGENT_LINK_ADDRESS_H
#define BERTH_AGENT_LINK_ADDRESS_H

#include <stdbool.h>

#include "base/error.h"

#define LINK_ADDRESS_LINK  "lo"
#define LINK_ADDRESS_LABEL "lo:berth"

/* An address that is there with our label is taken over. `address` is dotted. */
MUST_USE struct error *link_address_add(const char *address, bool *ret_is_new);
/* One that is gone already is a success. */
MUST_USE struct error *link_address_remove(const char *address);

#endif
