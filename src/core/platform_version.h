/* platform_version.h - Fargate platform versions: which there are, and what a task definition needs
 * of one (CL-194, CL-200 to CL-206, SC-155, API-188).
 *
 * Pure. A service keeps what it was asked for ("LATEST"); its deployments and tasks show the number
 * that meant when they were made.
 *
 * Errors  PlatformUnknownException, PlatformTaskDefinitionIncompatibilityException.
 */
#ifndef BERTH_CORE_PLATFORM_VERSION_H
#define BERTH_CORE_PLATFORM_VERSION_H

#include <stdbool.h>

#include "base/error.h"
#include "gen/ecs_types.h"

#define PLATFORM_LATEST        "LATEST"
#define PLATFORM_LATEST_NUMBER "1.4.0" /* CL-201 */

/* The number behind `asked`; NULL and "LATEST" are the latest. A static string. */
MUST_USE struct error *platform_version_resolve(const char *asked, const char **ret_number);

/* Whether the platform `number` has what the definition needs; `is_spot`: on FARGATE_SPOT. */
MUST_USE struct error *platform_version_check(const char *number,
                                              const struct ecs_task_definition *definition,
                                              bool is_spot);

/* "Linux", or the name of a Windows family. */
const char *platform_family(const struct ecs_task_definition *definition);

#endif
