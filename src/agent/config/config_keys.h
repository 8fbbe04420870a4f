/* config_keys.h - the agent's own keys and where they come from (AP-010).
 *
 * Environment (or ecs.config), then the rotating file, then the shared credentials file; without
 * ECS_EXTERNAL the last two change places. Files are read again once their minute is over, so that
 * whoever rotates them needs no restart. They are a few hundred bytes on a local disk: reading them
 * does not go to the thread pool.
 *
 * Ownership  Keys lent by config_keys_get() live until its next call.
 */
#ifndef BERTH_AGENT_CONFIG_KEYS_H
#define BERTH_AGENT_CONFIG_KEYS_H

#include <stdint.h>

#include "agent/config/config.h"
#include "net/sigv4.h"

#define CONFIG_KEYS_ROTATING_FILE "/rotatingcreds/credentials"
#define CONFIG_KEYS_REREAD_MS     60000

struct config_keys;

/* `home` (NULL: unknown) is where .aws/credentials is looked for unless the config names a file.
 * Lends `config`. */
struct config_keys *config_keys_new(const struct agent_config *config, const char *rotating_file,
                                    const char *home);
void config_keys_free(struct config_keys *keys);

/* API_UNRECOGNIZED_CLIENT if there are no keys anywhere. */
MUST_USE struct error *config_keys_get(struct config_keys *keys, int64_t mono_ms,
                                       struct sigv4_keys *ret);

#endif
