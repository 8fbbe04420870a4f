/* key.c - `berth key create|list|delete`: access keys of the server on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/endpoint.h"
#include "cli/options.h"

#define CALL_TIMEOUT_MS 30000

static struct error *call(const char *dir, const char *operation, json_t *body, json_t **ret_answer)
{
    CLEANUP(endpoint_done) struct endpoint endpoint = {0};
    CLEANUP(json_freep) json_t *owned = body;
    CLEANUP(str_freep) char *target = str_printf("Berth_20261120.%s", operation);

    TRY(endpoint_read_server(dir, &endpoint));
    return endpoint_call(&endpoint, "berth", target, owned, CALL_TIMEOUT_MS, ret_answer);
}

static const char *text_of(const json_t *json, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? text : otherwise;
}

static struct error *create(const char *dir, const char *account, const char *agent_cluster,
                            const char *name)
{
    CLEANUP(json_freep) json_t *answer = NULL;
    const json_t *key;

    TRY(call(dir, "CreateKey",
             json_pack("{s:s*, s:s*, s:s*}", "account", account, "agentCluster", agent_cluster,
                       "name", name),
             &answer));
    key = json_object_get(answer, "key");
    printf("AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", text_of(key, "accessKeyId", ""),
           text_of(answer, "secretAccessKey", ""));
    fprintf(stderr, "The secret is shown this once.\n");
    return NULL;
}

static struct error *list(const char *dir)
{
    CLEANUP(json_freep) json_t *answer = NULL;
    const json_t *key;
    size_t i;

    TRY(call(dir, "ListKeys", json_object(), &answer));
    printf("%-22s %-14s %-20s %-16s %s\n", "KEY", "ACCOUNT", "CREATED", "AGENT OF", "NAME");
    json_array_foreach (json_object_get(answer, "keys"), i, key) {
        time_t created = (time_t)json_number_value(json_object_get(key, "createdAt"));
        char when[32];
        struct tm tm;

        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&created, &tm));
        printf("%-22s %-14s %-20s %-16s %s\n", text_of(key, "accessKeyId", ""),
               text_of(key, "account", ""), when, text_of(key, "agentCluster", "-"),
               text_of(key, "name", ""));
    }
    return NULL;
}

static struct error *delete (const char *dir, const char *id)
{
    CLEANUP(json_freep) json_t *answer = NULL;

    return call(dir, "DeleteKey", json_pack("{s:s}", "accessKeyId", id), &answer);
}

int command_key(int argc, char **argv)
{
    CLEANUP(str_freep) char *default_dir = data_dir_default();
    const char *dir = default_dir, *account = NULL, *agent_cluster = NULL, *name = NULL;
    const struct option_spec options[] = {
        {"data", OPTION_TEXT, "DIR", "the server's data directory", &dir},
        {"account", OPTION_TEXT, "ID", "create: of this account (the server's own)", &account},
        {"agent", OPTION_TEXT, "CLUSTER", "create: for the agent of one host in this cluster",
         &agent_cluster},
        {"name", OPTION_TEXT, "N", "create: a note shown by list", &name},
    };
    const struct command command = {
        .usage = "berth key create [--account ID] [--agent CLUSTER] [--name N] | list | delete KEY",
        .about = "Access keys of the server that runs on this machine. An account's key may do\n"
                 "anything in its account; an agent's key may call only what an agent calls, for\n"
                 "the instance it registered.",
        .options = options,
        .option_count = ARRAY_LEN(options),
        .operands_min = 1,
        .operands_max = 2,
    };
    int operands = 0, code;
    struct error *err;

    if (!command_begin(&command, argc, argv, &operands, &code))
        return code;
    if (str_eq(argv[0], "create") && operands == 1)
        err = create(dir, account, agent_cluster, name);
    else if (str_eq(argv[0], "list") && operands == 1)
        err = list(dir);
    else if (str_eq(argv[0], "delete") && operands == 2)
        err = delete (dir, argv[1]);
    else
        err = error_new(API_INVALID_PARAMETER, "usage: %s", command.usage);
    return command_end(err);
}
