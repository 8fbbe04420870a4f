/* main.c - finds the command and hands over. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/options.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"up", "run a server and an agent on this machine", command_up},
    {"server", "run the control plane", command_server},
    {"agent", "run the container agent of this host", command_agent},
    {"env", "print the shell settings that point AWS clients here", command_env},
    {"aws", "run the installed AWS CLI against this server", command_aws},
    {"explain", "say why a service or task is as it is, and where tasks would fit",
     command_explain},
    {"key", "create, list and delete access keys", command_key},
    {"backup", "copy the live server's store to a file", command_backup},
};

int command_fail(struct error *err)
{
    int code = err->code == API_INVALID_PARAMETER ? EXIT_USAGE : EXIT_FAILURE;

    fprintf(stderr, "berth: %s\n", err->message);
    error_free(err);
    return code;
}

int command_end(struct error *err)
{
    return err ? command_fail(err) : EXIT_SUCCESS;
}

bool command_begin(const struct command *command, int argc, char **argv, int *ret_operands,
                   int *ret_code)
{
    bool wants_help = false;
    struct error *err = options_parse(command, argc, argv, ret_operands, &wants_help);

    if (wants_help)
        options_print_help(command);
    *ret_code = command_end(err);
    return !wants_help && *ret_code == EXIT_SUCCESS;
}

static void print_help(void)
{
    printf("usage: berth COMMAND [options]\n\n"
           "Amazon ECS on your own machines.\n\ncommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf("\nberth COMMAND --help tells more; berth --version tells the version.\n");
}

int main(int argc, char **argv)
{
    prctl(PR_SET_NAME, "berth"); /* what up starts is executed as /proc/self/exe */
    if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help")) {
        print_help();
        return argc < 2 ? EXIT_USAGE : EXIT_SUCCESS;
    }
    if (str_eq(argv[1], "--version")) {
        printf("berth %s\n", BERTH_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (str_eq(argv[1], commands[i].name))
            return commands[i].run(argc - 2, argv + 2);
    }
    return command_fail(
        error_new(API_INVALID_PARAMETER, "no such command: %s (berth --help lists them)", argv[1]));
}
