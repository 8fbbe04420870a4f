/* server.c - `berth server`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/options.h"
#include "server/server.h"

#define ROLE_SESSION_MIN_MS 10000

static void on_ready(const char *url)
{
    (void)url;
    child_tell_ready();
}

static struct error *check(const struct server_options *server, const char *log_level,
                           const char *log_format)
{
    enum log_level level = LOG_LEVEL_INFO;
    enum log_format format = LOG_FORMAT_TEXT;

    if (!log_level_parse(log_level, &level))
        return error_new(API_INVALID_PARAMETER,
                         "--log-level is debug, info, warning or error, not '%s'", log_level);
    if (!log_format_parse(log_format, &format))
        return error_new(API_INVALID_PARAMETER, "--log-format is text or json, not '%s'",
                         log_format);
    if (strlen(server->account) != 12 || strspn(server->account, "0123456789") != 12)
        return error_new(API_INVALID_PARAMETER, "--account is 12 digits, not '%s'",
                         server->account);
    if (!server->tls_cert_file != !server->tls_key_file)
        return error_new(API_INVALID_PARAMETER, "--tls-cert and --tls-key go together");
    for (size_t i = 0; i < server->region_count; i++) {
        size_t len = strlen(server->regions[i]);

        if (!len || len > 32 ||
            strspn(server->regions[i], "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
            return error_new(API_INVALID_PARAMETER,
                             "--region is lower-case letters, digits and hyphens, not '%s'",
                             server->regions[i]);
    }
    log_configure(level, format);
    return NULL;
}

int command_server(int argc, char **argv)
{
    CLEANUP(str_freep) char *default_dir = data_dir_default();
    CLEANUP(str_freep) char *what = NULL;
    struct server_options server = {
        .listen = "127.0.0.1:4566",
        .data_dir = default_dir,
        .account = "000000000000",
        .has_auth = true,
        .instance_lost_after_ms = 2 * 60 * 1000,
        .task_retention_ms = 60 * 60 * 1000,
        .task_memory_ms = 60 * 60 * 1000,
        .on_ready = on_ready,
    };
    struct option_texts regions = {0}, quotas = {0};
    const char *agent_update = NULL;
    const char *log_level = "info", *log_format = "text", *lost_after = "2m";
    bool is_under_up = false;
    const struct option_spec options[] = {
        {"listen", OPTION_TEXT, "ADDR:PORT", "where everything answers (127.0.0.1:4566)",
         &server.listen},
        {"data", OPTION_TEXT, "DIR",
         "where state is kept ($XDG_STATE_HOME/berth; root: /var/lib/berth)", &server.data_dir},
        {"region", OPTION_TEXTS, "NAME", "a region served; may be repeated (us-east-1)", &regions},
        {"account", OPTION_TEXT, "ID", "the account of keys made without one (000000000000)",
         &server.account},
        {"auth", OPTION_ON_OFF, "on|off", "off: no signatures asked, loopback only (on)",
         &server.has_auth},
        {"tls-cert", OPTION_TEXT, "FILE", "certificate chain, PEM; SIGHUP reads it again",
         &server.tls_cert_file},
        {"tls-key", OPTION_TEXT, "FILE", "its private key, PEM", &server.tls_key_file},
        {"instance-lost-after", OPTION_TEXT, "TIME",
         "replace the tasks of a host silent so long, or never (2m)", &lost_after},
        {"lead-grace", OPTION_DURATION, "TIME",
         "that is counted from so long after the start, for hosts to come back (2m)",
         &server.lead_grace_ms},
        {"task-retention", OPTION_DURATION, "TIME", "stopped tasks stay describable so long (1h)",
         &server.task_retention_ms},
        {"task-memory", OPTION_DURATION, "TIME",
         "of that, so long in memory, the rest on disk (1h)", &server.task_memory_ms},
        {"role-session", OPTION_DURATION, "TIME",
         "credentials of tasks' roles last so long, and are renewed in time (6h)",
         &server.role_session_ms},
        {"provisioning-wait", OPTION_DURATION, "TIME",
         "a task waits so long in PROVISIONING for a host of its capacity provider (15m)",
         &server.provisioning_wait_ms},
        {"quota", OPTION_TEXTS, "NAME=VALUE",
         "how much there may be (docs/quotas.md); may be repeated", &quotas},
        {"agent-update", OPTION_TEXT, "VERSION,URL,SHA256",
         "what UpdateContainerAgent has agents become, and its image", &agent_update},
        {"strict", OPTION_FLAG, NULL, "refuse members of requests that nobody knows, for tests",
         &server.is_strict},
        {"log-level", OPTION_TEXT, "LEVEL", "debug, info, warning or error (info)", &log_level},
        {"log-format", OPTION_TEXT, "FORMAT", "text or json (text)", &log_format},
        {"under-up", OPTION_FLAG, NULL, "end with the parent, leave SIGINT to it", &is_under_up},
    };
    const struct command command = {
        .usage = "berth server [options]",
        .about = "Runs the control plane in the foreground. `berth key create` makes keys for it.",
        .options = options,
        .option_count = ARRAY_LEN(options),
    };
    int operands = 0, code;
    struct error *err = NULL;

    if (!command_begin(&command, argc, argv, &operands, &code))
        return code;
    if (str_eq(lost_after, "never"))
        server.instance_lost_after_ms = 0;
    else if (!duration_parse(lost_after, &server.instance_lost_after_ms))
        err = error_new(API_INVALID_PARAMETER,
                        "--instance-lost-after takes a number with a unit (5m) or never, not '%s'",
                        lost_after);
    if (!err && server.role_session_ms && server.role_session_ms < ROLE_SESSION_MIN_MS)
        err = error_new(API_INVALID_PARAMETER, "--role-session is at least 10s");
    if (!regions.count)
        regions.items[regions.count++] = "us-east-1";
    memcpy(server.regions, regions.items, regions.count * sizeof(*regions.items));
    server.region_count = regions.count;
    for (size_t i = 0; i < quotas.count && !err; i++)
        err = server_set_quota(&server, quotas.items[i]);
    if (!err && agent_update)
        err = server_set_agent_release(&server, agent_update);
    if (!err)
        err = check(&server, log_level, log_format);
    if (err)
        return command_fail(err);
    if (is_under_up)
        child_follow_parent();
    what = str_printf("berth server on %s", server.listen);
    err = dir_make(server.data_dir);
    if (!err)
        err = data_dir_lock(server.data_dir, "server.lock", what);
    if (!err)
        err = server_run(&server);
    return command_end(err);
}
