#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define DURATION_MAX_MS (366LL * 24 * 3600 * 1000)

bool duration_parse(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    long long number;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!str_eq(end, units[i].unit))
            continue;
        if (number > DURATION_MAX_MS / units[i].ms)
            return false;
        *ret_ms = number * units[i].ms;
        return true;
    }
    return false;
}

static const struct option_spec *find(const struct command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_spec *spec = &command->options[i];

        if (strlen(spec->name) == len && strncmp(spec->name, name, len) == 0)
            return spec;
    }
    return NULL;
}

static struct error *set(const struct option_spec *spec, const char *value)
{
    struct option_texts *texts = spec->ret;

    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)spec->ret = true;
        return NULL;
    case OPTION_ON_OFF:
        if (!str_eq(value, "on") && !str_eq(value, "off"))
            return error_new(API_INVALID_PARAMETER, "--%s is on or off, not '%s'", spec->name,
                             value);
        *(bool *)spec->ret = str_eq(value, "on");
        return NULL;
    case OPTION_TEXT:
        *(const char **)spec->ret = value;
        return NULL;
    case OPTION_TEXTS:
        if (texts->count == OPTION_VALUES_MAX)
            return error_new(API_INVALID_PARAMETER, "--%s may be given at most %d times",
                             spec->name, OPTION_VALUES_MAX);
        texts->items[texts->count++] = value;
        return NULL;
    case OPTION_DURATION:
        if (!duration_parse(value, spec->ret))
            return error_new(API_INVALID_PARAMETER,
                             "--%s takes a number with a unit (250ms, 20s, 5m, 2h), not '%s'",
                             spec->name, value);
        return NULL;
    }
    abort();
}

struct error *options_parse(const struct command *command, int argc, char **argv, int *ret_operands,
                            bool *ret_help)
{
    bool only_operands = false;
    int operands = 0;

    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        const struct option_spec *spec;
        const char *value;
        size_t len;

        if (only_operands || arg[0] != '-' || !arg[1]) {
            argv[operands++] = argv[i];
            continue;
        }
        if (str_eq(arg, "--")) {
            only_operands = true;
            continue;
        }
        if (str_eq(arg, "--help") || str_eq(arg, "-h")) {
            *ret_help = true;
            return NULL;
        }
        if (!str_starts_with(arg, "--"))
            return error_new(API_INVALID_PARAMETER, "no such option: %s", arg);
        arg += 2;
        len = strcspn(arg, "=");
        spec = find(command, arg, len);
        if (!spec)
            return error_new(API_INVALID_PARAMETER, "no such option: --%.*s", (int)len, arg);
        value = arg[len] ? arg + len + 1 : NULL;
        if (spec->kind == OPTION_FLAG && value)
            return error_new(API_INVALID_PARAMETER, "--%s takes no value", spec->name);
        if (spec->kind != OPTION_FLAG && !value) {
            if (i + 1 == argc)
                return error_new(API_INVALID_PARAMETER, "--%s needs a value: %s", spec->name,
                                 spec->value);
            value = argv[++i];
        }
        TRY(set(spec, value));
    }
    if (operands < command->operands_min)
        return error_new(API_INVALID_PARAMETER, "something is missing; usage: %s", command->usage);
    if (command->operands_max >= 0 && operands > command->operands_max)
        return error_new(API_INVALID_PARAMETER, "'%s' is too much; usage: %s",
                         argv[command->operands_max], command->usage);
    *ret_operands = operands;
    return NULL;
}

void options_print_help(const struct command *command)
{
    printf("usage: %s\n\n%s\n", command->usage, command->about);
    if (command->option_count)
        printf("\noptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_spec *spec = &command->options[i];
        CLEANUP(str_freep)
        char *left = str_printf("--%s%s%s", spec->name, spec->value ? " " : "",
                                spec->value ? spec->value : "");

        printf("  %-28s %s\n", left, spec->help);
    }
}
