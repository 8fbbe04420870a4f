/* auth.h - who may do what: keys of an account may do all in it, an agent's key only what an agent
 * needs.
 *
 * An agent key is bound to its cluster when made and to its container instance by the first
 * registration. It may call the operations of AP- section 3 and only for that cluster and instance
 * (API-180, CL-268).
 *
 * Errors  AccessDeniedException with ECS's sentence (API-023).
 */
#ifndef BERTH_ECS_AUTH_H
#define BERTH_ECS_AUTH_H

#include "ecs/ecs.h"

/* Before any handler: an agent's key asks for something an agent does not do. */
MUST_USE struct error *call_admit(struct call *call);

/* `action` is "ecs:RunTask"; `resource_arn` is what it acts on ("*" for lists). For an agent key
 * the resource has to be its cluster, its container instance or a task of that instance. */
MUST_USE struct error *call_authorize(struct call *call, const char *action,
                                      const char *resource_arn);

/* An agent key's view of a task in its cluster: refused unless the task is of its instance. */
MUST_USE struct error *call_authorize_task(struct call *call, const char *action,
                                           const struct task *task);

/* The principal of the call: "arn:aws:iam::ACCOUNT:root", or for an agent key ".../user/NAME". For
 * registeredBy, createdBy and the refusals. */
const char *call_principal_arn(struct call *call);

/* Signed by an agent's key; else by the account's, or not at all with --auth off. */
bool call_is_agent(const struct call *call);

#endif
