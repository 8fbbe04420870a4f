/* config_apply.h - settings that are the whole process's: its log and its proxy. */
#ifndef BERTH_AGENT_CONFIG_APPLY_H
#define BERTH_AGENT_CONFIG_APPLY_H

#include "agent/config/config.h"
#include "base/log_file.h"

/* Levels, format and the file of the log (AG-116 to AG-121). The file is the caller's, NULL: none.
 */
MUST_USE struct error *config_apply_log(const struct agent_config *config,
                                        struct log_file **ret_file);

/* How a file like that is put aside: `path` is lent. */
struct log_file_options config_log_file(const struct agent_config *config, const char *path);

/* The proxy of the settings becomes that of the environment, where HTTP clients look for it
 * (AG-107, AG-108, AG-271). */
void config_apply_proxy(const struct agent_config *config);

#endif
