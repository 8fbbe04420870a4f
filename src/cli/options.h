/* options.h - the command line: one table per command; help and parsing follow from it.
 *
 * Long options only, as `--name value` or `--name=value`; `--` ends them. Durations carry a unit:
 * 250ms, 20s, 5m, 2h.
 * Exit codes of every command: EXIT_SUCCESS, EXIT_FAILURE with one line "berth: ..." on stderr,
 * EXIT_USAGE when the command line itself is wrong.
 */
#ifndef BERTH_CLI_OPTIONS_H
#define BERTH_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define EXIT_USAGE        2
#define OPTION_VALUES_MAX 32

enum option_kind {
    OPTION_FLAG,     /* bool: given */
    OPTION_ON_OFF,   /* bool: "on" or "off" */
    OPTION_TEXT,     /* const char * */
    OPTION_TEXTS,    /* struct option_texts: may be repeated */
    OPTION_DURATION, /* int64_t milliseconds */
};

struct option_texts {
    const char *items[OPTION_VALUES_MAX];
    size_t count;
};

struct option_spec {
    const char *name; /* without the dashes */
    enum option_kind kind;
    const char *value; /* what help shows for the value: "DIR"; NULL for flags */
    const char *help;  /* one line; the default is named in it */
    void *ret;         /* where the value goes; the caller has put the default there */
};

struct command {
    const char *usage; /* "berth up [options]" */
    const char *about; /* a sentence or two */
    const struct option_spec *options;
    size_t option_count;
    int operands_min, operands_max; /* max -1: any number */
};

/* Reads argv[0..argc-1]. API_INVALID_PARAMETER with a sentence if it does not fit. `*ret_help` is
 * set if --help was asked for; then nothing else counts. Operands are moved to the front of argv.
 */
MUST_USE struct error *options_parse(const struct command *command, int argc, char **argv,
                                     int *ret_operands, bool *ret_help);
void options_print_help(const struct command *command);

/* "20s" -> 20000. False for anything without a number and a unit, or beyond a year. */
bool duration_parse(const char *text, int64_t *ret_ms);

#endif
