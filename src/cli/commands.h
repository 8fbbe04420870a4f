/* commands.h - the commands of the program, one file each. Each gets the arguments after its name
 * and returns the exit code (options.h). */
#ifndef BERTH_CLI_COMMANDS_H
#define BERTH_CLI_COMMANDS_H

#include <stdbool.h>

int command_up(int argc, char **argv);
int command_server(int argc, char **argv);
int command_agent(int argc, char **argv);
int command_env(int argc, char **argv);
int command_aws(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_key(int argc, char **argv);
int command_backup(int argc, char **argv);

/* Reads the command line (options.h). False: the command ends with `*ret_code`, for help was asked
 * for, and printed, or the line is wrong. */
struct command;
bool command_begin(const struct command *command, int argc, char **argv, int *ret_operands,
                   int *ret_code);
/* Prints "berth: MESSAGE" and gives the exit code; frees the error. */
struct error;
int command_fail(struct error *err);
/* The exit code of what has been done; takes the error as above, NULL: it went well. */
int command_end(struct error *err);

#endif
