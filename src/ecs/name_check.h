/* name_check.h - what a name may be made of. */
#ifndef BERTH_ECS_NAME_CHECK_H
#define BERTH_ECS_NAME_CHECK_H

#include <stdbool.h>

/* 1 to 255 letters, digits, hyphens and underscores: clusters, services, families, containers,
 * volumes (API-035). */
bool name_is_valid(const char *name);

#endif
