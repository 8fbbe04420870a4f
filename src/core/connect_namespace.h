/* connect_namespace.h - the namespace of Service Connect that a name or an ARN names (API-184).
 *
 * A name has one id in an account and region, so that both forms, in a cluster's defaults, in a
 * service and in ListServicesByNamespace, come to the same namespace.
 */
#ifndef BERTH_CORE_CONNECT_NAMESPACE_H
#define BERTH_CORE_CONNECT_NAMESPACE_H

#include "base/arn.h"

/* Its ARN, from the arena; an ARN as it is. */
const char *connect_namespace_arn(struct arena *arena, const struct scope *scope, const char *text);

#endif
