/* agent.c - `berth agent`. What is not said here comes from the ECS_* environment and
 * /etc/ecs/ecs.config. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/options.h"

int command_agent(int argc, char **argv)
{
    struct agent_options agent = {0};
    bool is_under_up = false;
    const struct option_spec options[] = {
        {"server", OPTION_TEXT, "URL", "the control plane; else ECS_BACKEND_HOST",
         &agent.flags.server_url},
        {"cluster", OPTION_TEXT, "NAME", "the cluster to join; else ECS_CLUSTER (default)",
         &agent.flags.cluster},
        {"config", OPTION_TEXT, "FILE", "settings, one NAME=VALUE a line (/etc/ecs/ecs.config)",
         &agent.flags.config_file},
        {"defaults", OPTION_TEXT, "FILE", "more of them, for what nothing else says",
         &agent.flags.defaults_file},
        {"data", OPTION_TEXT, "DIR", "where state is kept; else ECS_DATADIR (/var/lib/ecs/data)",
         &agent.flags.data_dir},
        {"docker", OPTION_TEXT, "SOCK",
         "Docker's socket; else DOCKER_HOST (unix:///var/run/docker.sock)",
         &agent.flags.docker_host},
        {"introspection", OPTION_TEXT, "ADDR:PORT", "where introspection answers (127.0.0.1:51678)",
         &agent.flags.introspection_listen},
        {"insecure", OPTION_FLAG, NULL, "do not check the server's certificate",
         &agent.flags.is_insecure},
        {"log-level", OPTION_TEXT, "LEVEL",
         "debug, info, warning or error; else ECS_LOGLEVEL (info)", &agent.flags.log_level},
        {"log-format", OPTION_TEXT, "FORMAT",
         "logfmt, json or text; else ECS_LOG_OUTPUT_FORMAT (logfmt)", &agent.flags.log_format},
        {"under-up", OPTION_FLAG, NULL, "end with the parent, leave SIGINT to it", &is_under_up},
    };
    const struct command command = {
        .usage = "berth agent [options]",
        .about = "Runs the container agent of this host in the foreground, as root beside Docker.\n"
                 "Its key comes from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a\n"
                 "credentials file. Exit code 5: starting it again cannot help.",
        .options = options,
        .option_count = ARRAY_LEN(options),
    };
    int operands = 0, code;
    struct error *err;

    if (!command_begin(&command, argc, argv, &operands, &code))
        return code;
    if (is_under_up)
        child_follow_parent();
    agent.leaves_sigint = is_under_up;
    err = agent_run(&agent);
    code = agent_exit_code(err);
    if (err)
        fprintf(stderr, "berth: %s\n", err->message);
    error_free(err);
    return code;
}
