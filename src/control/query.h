/* query.h - the parameters in the query of an agent's upgrade request. */
#ifndef BERTH_CONTROL_QUERY_H
#define BERTH_CONTROL_QUERY_H

#include <stdbool.h>

#include "base/arena.h"

/* The decoded value ('+' is a space); NULL if the parameter is not there. */
char *query_value(struct arena *arena, const char *query, const char *name);
/* The next `name=value` of the query at `*query`, which moves on; false at its end. */
bool query_next(struct arena *arena, const char **query, const char **ret_name,
                const char **ret_value);

#endif
