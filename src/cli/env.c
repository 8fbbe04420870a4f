/* env.c - `berth env` and `berth aws`: pointing AWS clients at this server.
 *
 * AWS_ENDPOINT_URL is enough for awscli 2.13, boto3 1.28 and later. Older ones ignore it and would
 * talk to the real AWS (API-028), so the shell also gets a function `aws` that adds
 * --endpoint-url. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/endpoint.h"
#include "cli/options.h"

struct setting {
    const char *name;
    const char *value;
};

#define SETTINGS_MAX 6

/* Lends strings of `endpoint`. */
static size_t settings_of(const struct endpoint *endpoint, struct setting ret[SETTINGS_MAX])
{
    size_t n = 0;

    ret[n++] = (struct setting){"AWS_ENDPOINT_URL", endpoint->url};
    ret[n++] = (struct setting){"AWS_ACCESS_KEY_ID", endpoint->access_key_id};
    ret[n++] = (struct setting){"AWS_SECRET_ACCESS_KEY", endpoint->secret_access_key};
    ret[n++] = (struct setting){"AWS_DEFAULT_REGION", endpoint->region};
    ret[n++] = (struct setting){"AWS_REGION", endpoint->region};
    if (endpoint->ca_file)
        ret[n++] = (struct setting){"AWS_CA_BUNDLE", endpoint->ca_file};
    return n;
}

/* In single quotes, so that a shell takes it as it is. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*p);
    }
    putchar('\'');
}

int command_env(int argc, char **argv)
{
    CLEANUP(str_freep) char *default_dir = data_dir_default();
    CLEANUP(endpoint_done) struct endpoint endpoint = {0};
    const char *dir = default_dir;
    const struct option_spec options[] = {
        {"data", OPTION_TEXT, "DIR", "the data directory of `berth up`", &dir},
    };
    const struct command command = {
        .usage = "berth env [--data DIR]",
        .about = "Prints what a shell needs to point AWS clients at the running `berth up`:\n"
                 "  eval \"$(berth env)\"",
        .options = options,
        .option_count = ARRAY_LEN(options),
    };
    struct setting settings[SETTINGS_MAX];
    int operands = 0, code;
    struct error *err;
    size_t count;

    if (!command_begin(&command, argc, argv, &operands, &code))
        return code;
    err = endpoint_read_up(dir, &endpoint);
    if (err)
        return command_fail(err);
    count = settings_of(&endpoint, settings);
    for (size_t i = 0; i < count; i++) {
        printf("export %s=", settings[i].name);
        print_quoted(settings[i].value);
        putchar('\n');
    }
    printf("aws() { command aws --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"; }\n");
    return EXIT_SUCCESS;
}

int command_aws(int argc, char **argv)
{
    CLEANUP(str_freep) char *default_dir = data_dir_default();
    CLEANUP(endpoint_done) struct endpoint endpoint = {0};
    const char *dir = default_dir;
    struct setting settings[SETTINGS_MAX];
    char **args;
    size_t count;
    int n = 0;
    struct error *err;

    /* Everything but a leading --data belongs to the AWS CLI. */
    if (argc && (str_eq(argv[0], "--help") || str_eq(argv[0], "-h"))) {
        printf("usage: berth aws [--data DIR] ARGUMENT...\n\n"
               "Runs the installed AWS CLI with the endpoint and key of the running `berth up`.\n");
        return EXIT_SUCCESS;
    }
    if (argc >= 2 && str_eq(argv[0], "--data")) {
        dir = argv[1];
        argc -= 2;
        argv += 2;
    }
    err = endpoint_read_up(dir, &endpoint);
    if (err)
        return command_fail(err);
    count = settings_of(&endpoint, settings);
    for (size_t i = 0; i < count; i++)
        setenv(settings[i].name, settings[i].value, 1);
    args = xcalloc((size_t)argc + 4, sizeof(*args));
    args[n++] = (char[]){"aws"};
    args[n++] = (char[]){"--endpoint-url"};
    args[n++] = endpoint.url;
    for (int i = 0; i < argc; i++)
        args[n++] = argv[i];
    execvp("aws", args);
    free(args);
    return command_fail(
        error_new(API_CLIENT, "cannot run the AWS CLI: is the package awscli installed?"));
}
