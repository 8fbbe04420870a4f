/* value_ref.h - the texts by which a task definition names what is fetched at its start: secrets
 * and objects (TD-223 to TD-226, TD-241). Pure.
 *
 * Ownership  Everything returned lives in the arena given.
 */
#ifndef BERTH_AGENT_VALUE_REF_H
#define BERTH_AGENT_VALUE_REF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* "arn:aws:secretsmanager:us-east-1:123456789012:secret:name-AbCdEf:key:stage:version", with all
 * three at the end or none. */
struct value_secret_ref {
    const char *id;              /* the ARN without what follows the name */
    const char *key;             /* of the JSON object in it; NULL: all of it */
    const char *stage, *version; /* NULL: not said */
};
/* What is wrong with it, as ECS says it; NULL: nothing. */
const char *value_ref_secret(struct arena *arena, const char *text, struct value_secret_ref *ret);

/* What the reference means of the text of the secret: all of it, or one member of the object. A
 * member that is no text is taken as it is written in JSON. NULL, and why, if that cannot be. */
const char *value_ref_cut(struct arena *arena, const struct value_secret_ref *ref, const char *text,
                          const char **ret_why);

/* "arn:aws:s3:::bucket/key" */
bool value_ref_object(struct arena *arena, const char *text, const char **ret_bucket,
                      const char **ret_key);

#endif
