/* config_source.h - where settings come from: the environment, then a file of NAME=VALUE lines,
 * then the JSON file of the official agent, whose values are turned into what the environment would
 * say, then the defaults of whoever starts the agent.
 *
 * A value is taken literally to the end of its line (AG-006), so JSON needs no quoting; blanks
 * around it are dropped. An empty value counts as not set. Lines that start with '#' are comments.
 *
 * Ownership  Lent: the strings live as long as the arena and the environment given.
 */
#ifndef BERTH_AGENT_CONFIG_SOURCE_H
#define BERTH_AGENT_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/config/config.h"

struct config_source {
    const char *const *env;
    struct config_map file, defaults;
    struct config_map json; /* by the names it uses; texts as the environment has them */
};

/* API_INVALID_PARAMETER if the JSON file is no JSON object. */
MUST_USE struct error *config_source_init(struct config_source *source, struct arena *arena,
                                          const char *const *env, const struct config_files *files);
const char *config_source_get(const struct config_source *source,
                              const char *name); /* NULL: unset */
const char *config_source_json(const struct config_source *source, const char *member);

/* Readers of single values. False, and nothing changed, if the text is not one. */
bool config_parse_bool(const char *text, bool *ret); /* true, TRUE, t, 1 and their opposites */
bool config_parse_ports(struct arena *arena, const char *json, struct config_list *ret);
bool config_parse_string_array(struct arena *arena, const char *json, struct config_list *ret);
bool config_parse_object(struct arena *arena, const char *json, struct config_map *ret);
/* "a:1,b" or {"a":"1","b":""}, both giving a:1 and b. */
bool config_parse_images(struct arena *arena, const char *text, struct config_list *ret);
bool config_parse_pair(const char *text, char separator, int64_t *ret_first, int64_t *ret_second);

#endif
