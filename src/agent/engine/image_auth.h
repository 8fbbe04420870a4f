/* image_auth.h - logins of registries as Docker wants them, and the agent-wide ones of
 * ECS_ENGINE_AUTH_TYPE and ECS_ENGINE_AUTH_DATA (AP-464, AG-170, AG-916). Pure.
 *
 * Type "docker" is {"registry": {"username", "password", "email"}}, "dockercfg" has "auth", which
 * is base64 of "username:password"; that one may also be inside of "auths" (AG-171). An entry that
 * cannot be read is as good as none. Never logged.
 */
#ifndef BERTH_AGENT_IMAGE_AUTH_H
#define BERTH_AGENT_IMAGE_AUTH_H

#include <stdbool.h>

#include "base/arena.h"

/* The value of Docker's X-Registry-Auth header for a pull of `reference`; NULL: none. */
const char *image_auth_header(struct arena *arena, const char *type, const char *data,
                              const char *reference);

/* "user:password" out of base64; false if it is not that. */
bool image_auth_decode(struct arena *arena, const char *text, const char **ret_name,
                       const char **ret_password);
/* That value for one login. */
const char *image_auth_encode(struct arena *arena, const char *user, const char *password,
                              const char *email, const char *server);

/* True for "dockercfg" data inside of "auths": worth a word, for ECS's own agent does not take it.
 */
bool image_auth_is_wrapped(const char *type, const char *data);

#endif
