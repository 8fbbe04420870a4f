/* account_setting.h - what an account and its principals have chosen (API-175, CL-220 to CL-240).
 *
 * A principal's own value comes before the account's default, which is the root's, and that before
 * ECS's. What a setting decides it decides when a resource is made: a later change touches nothing
 * that is there (CL-229, CL-230).
 */
#ifndef BERTH_ECS_ACCOUNT_SETTING_H
#define BERTH_ECS_ACCOUNT_SETTING_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* The value in force for who calls. Lent by the state or constant. */
const char *account_setting_for_caller(struct call *call, enum ecs_setting_name name);

/* Whether what the caller makes has the old ARN; `name` is one of the three ...LongArnFormat. Tags
 * want the new one: API_INVALID_PARAMETER if there are any for a `what` ("service", CL-235). */
MUST_USE struct error *account_setting_arn_format(struct call *call, enum ecs_setting_name name,
                                                  const char *what, const struct ecs_tags *tags,
                                                  bool *ret_is_short);

/* Refuses what tags the tasks of something with an old ARN: propagation and managed tags (SC-363).
 * */
MUST_USE struct error *account_setting_check_tagging(bool has_old_arn,
                                                     enum ecs_propagate_tags propagates,
                                                     bool wants_managed_tags);

#endif
