/* What people write for the agent: ecs.config and its values. A text either gives a configuration
 * or a refusal that says why. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/config_source.h"
#include "base/log.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_flags flags = {.server_url = "http://127.0.0.1:4566"};
    CLEANUP(str_freep) char *text = str_dup_n((const char *)data, size);
    CLEANUP(config_freep) struct agent_config *config = NULL;
    struct config_files files;
    struct error *err;
    int64_t ms = -1;

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    files = *text == '{' ? (struct config_files){.json = text}
                         : (struct config_files){.settings = text};
    err = config_load(&flags, NULL, &files, &config);
    if (!err == !config || (err && !*err->message))
        abort();
    if (config &&
        (!config->cluster || !config->data_dir || config->container_stop_timeout_ms < 1000))
        abort();
    if (!config_parse_duration(text, &ms) && ms != -1)
        abort();
    error_free(err);
    return 0;
}
