/* failpoint.h - places where a test makes the process die, as kill -9 or a power cut would.
 *
 * BERTH_FAIL_POINT=name kills the process when it reaches FAIL_POINT("name"), name:n when it does
 * so for the n-th time. Without the variable a fail point costs one comparison.
 */
#ifndef BERTH_BASE_FAILPOINT_H
#define BERTH_BASE_FAILPOINT_H

#include <stdbool.h>

/* True if the process is to die here. For callers that have something to say first. */
bool fail_point_hit(const char *name);

/* Does not return if the fail point is the one asked for and its turn has come. */
void fail_point(const char *name);
#define FAIL_POINT(name) fail_point(name)

#endif
