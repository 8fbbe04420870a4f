/* tags.h - keys and values people put on resources: checked on the way in, kept in records
 * (API-039).
 *
 * Number, length and characters are the model's; here is what it cannot say: keys are there, are
 * unique, and do not begin with "aws:". Where TAGS is all that an `include` may list, whoever lists
 * anything gets them.
 */
#ifndef BERTH_ECS_TAGS_H
#define BERTH_ECS_TAGS_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* Their number is `quotas`' tags-per-resource (MS-245). Refuses with `code`: API_INVALID_PARAMETER,
 * or API_CLIENT where the operation's refusals are that. */
MUST_USE struct error *tags_check(const struct quotas *quotas, const struct ecs_tags *tags,
                                  enum api_error code);

/* The answer's list, empty or not. Strings are lent by the record. */
void tags_answer(struct arena *arena, const struct tag *tags, size_t count, struct ecs_tags *ret);

/* Replaces the tags of a record: TAGS_SET(cluster, cluster, &in->tags). */
#define TAGS_SET(prefix, record, in)                                                               \
    tags_fill(prefix##_resize_tags((record), (uint32_t)(in)->count), (in))
void tags_fill(struct tag *tags, const struct ecs_tags *in);

#endif
