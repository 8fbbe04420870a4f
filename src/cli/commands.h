/* commands.h - the commands of the program, one file each. Each gets the arguments after its name
 * and returns the exit code (options.h). */
#ifndef BERTH_CLI_COMMANDS_H
#define BERTH_CLI_COMMANDS_H

int command_up(int argc, char **argv);
int command_server(int argc, char **argv);
int command_agent(int argc, char **argv);
int command_env(int argc, char **argv);
int command_aws(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_key(int argc, char **argv);
int command_backup(int argc, char **argv);

/* Prints "berth: MESSAGE" and gives the exit code; frees the error. */
struct error;
int command_fail(struct error *err);

#endif
