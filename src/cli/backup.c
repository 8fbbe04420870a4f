/* backup.c - `berth backup FILE`: a consistent copy of a live server's store. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/endpoint.h"
#include "cli/options.h"

#define BACKUP_TIMEOUT_MS (60 * 60 * 1000)

static struct error *backup(const char *dir, const char *file)
{
    CLEANUP(endpoint_done) struct endpoint endpoint = {0};
    CLEANUP(json_freep) json_t *body = NULL;
    CLEANUP(json_freep) json_t *answer = NULL;
    CLEANUP(str_freep) char *path = NULL;
    char cwd[PATH_MAX];

    /* The server writes the file: a relative name is relative to us. */
    if (!getcwd(cwd, sizeof(cwd)))
        return error_new(API_CLIENT, "cannot tell the current directory");
    path = *file == '/' ? str_dup(file) : str_printf("%s/%s", cwd, file);
    TRY(endpoint_read_server(dir, &endpoint));
    body = json_pack("{s:s}", "file", path);
    TRY(endpoint_call(&endpoint, "berth", "Berth_20261120.Backup", body, BACKUP_TIMEOUT_MS,
                      &answer));
    printf("%s: %" JSON_INTEGER_FORMAT " bytes\n", path,
           json_integer_value(json_object_get(answer, "bytes")));
    return NULL;
}

int command_backup(int argc, char **argv)
{
    CLEANUP(str_freep) char *default_dir = data_dir_default();
    const char *dir = default_dir;
    const struct option_spec options[] = {
        {"data", OPTION_TEXT, "DIR", "the server's data directory", &dir},
    };
    const struct command command = {
        .usage = "berth backup [--data DIR] FILE",
        .about = "Copies the store of the running server to FILE, which must not exist.\n"
                 "To restore, stop the server and put the file in place of DIR/state.db.",
        .options = options,
        .option_count = ARRAY_LEN(options),
        .operands_min = 1,
        .operands_max = 1,
    };
    int operands = 0, code;

    if (!command_begin(&command, argc, argv, &operands, &code))
        return code;
    return command_end(backup(dir, argv[0]));
}
