/* config_table.h - every setting of the agent: its names, its kind, its default, its bounds, what a
 * bad value does, and what it is for (AG-101 to AG-163, AG-901 to AG-924).
 *
 * The table is read by config.c, which sets what is one member by it, and is
 * docs/agent-configuration.md: the two cannot disagree. Settings that depend on others are read by
 * functions of config.c; those that mean nothing here are listed with the reason.
 */
#ifndef BERTH_AGENT_CONFIG_TABLE_H
#define BERTH_AGENT_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum config_kind {
    CONFIG_TEXT,
    CONFIG_BOOL,
    CONFIG_DURATION, /* milliseconds */
    CONFIG_NUMBER,
    CONFIG_PORTS, /* JSON list */
    CONFIG_TEXTS, /* JSON list */
    CONFIG_MAP,   /* JSON object of texts */
    CONFIG_IMAGES,
    CONFIG_OWN,    /* read by a function of its own */
    CONFIG_UNUSED, /* accepted, and means nothing here */
};

/* What is done with a value that cannot be used. One that cannot even be read gives the default,
 * except with CONFIG_REFUSE. */
enum config_refusal { CONFIG_TAKE_DEFAULT, CONFIG_CLAMP, CONFIG_REFUSE };

struct config_setting {
    const char *name;
    enum config_kind kind;
    size_t member;                 /* of struct agent_config; not for the last two kinds */
    int64_t fallback, least, most; /* most 0: no bound */
    const char *text_fallback;     /* of texts and lists; NULL: none */
    enum config_refusal refusal;
    const char *json;    /* its name in the JSON file (AG-903); NULL: it has none */
    const char *shown;   /* how the default is shown where the above does not tell */
    const char *about;   /* what it does, or why it does nothing; Markdown */
    const char *heading; /* of the settings from here on */
};

extern const struct config_setting config_settings[];
extern const size_t config_setting_count;

/* NULL: no such setting. */
const struct config_setting *config_setting_find(const char *name);

/* The table as docs/agent-configuration.md. */
void config_table_write_page(struct buf *page);

#endif
