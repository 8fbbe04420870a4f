/* backup.c - Backup of the administrator's API: a copy of the live store, on the thread pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "gen/berth_handlers.h"
#include "server/parts.h"

struct backup {
    struct flow flow;
    enum { COPY, MEASURE } next;
    struct state *state;
    char *file;
    struct berth_backup_response *out; /* lent by the dispatcher until flow_end() */
    struct error *err;                 /* owned; of the copy */
};

static void on_copied(struct error *err, void *data);

static void advance(struct flow *flow)
{
    struct backup *backup = CONTAINER_OF(flow, struct backup, flow);
    struct stat st;

    switch (backup->next) {
    case COPY:
        backup->next = MEASURE;
        state_backup(backup->state, backup->file, on_copied, backup);
        return;
    case MEASURE:
        if (!backup->err && stat(backup->file, &st) == 0)
            SET(backup->out, bytes, st.st_size);
        flow_end(flow, TAKE(backup->err));
        return;
    }
}

static void on_copied(struct error *err, void *data)
{
    struct backup *backup = data;

    backup->err = err;
    advance(&backup->flow);
}

static void backup_free(struct flow *flow)
{
    struct backup *backup = CONTAINER_OF(flow, struct backup, flow);

    free(backup->file);
    error_free(backup->err);
    free(backup);
}

static const struct flow_methods methods = {.advance = advance, .free = backup_free};

/* Names what is wrong with where the file shall go; a full disk shows later. */
static struct error *check_directory(const char *file)
{
    CLEANUP(str_freep) char *directory = str_dup(file);

    *(strrchr(directory, '/') + 1) = '\0';
    if (access(directory, W_OK | X_OK) < 0)
        return error_new(API_CLIENT, "The server cannot write in %s: %s.", directory,
                         strerror(errno));
    return NULL;
}

struct error *berth_api_backup(struct call *call, const struct berth_backup_request *in,
                               struct berth_backup_response *out, struct flow **ret_flow)
{
    struct server *server = call->service;
    struct backup *backup;
    struct stat st;

    if (in->file[0] != '/')
        return error_new(API_INVALID_PARAMETER, "file must be an absolute path, but was %s",
                         in->file);
    if (lstat(in->file, &st) == 0)
        return error_new(API_CLIENT, "%s exists already; a backup never overwrites.", in->file);
    TRY(check_directory(in->file));
    backup = xcalloc(1, sizeof(*backup));
    backup->flow.methods = &methods;
    backup->state = server->state;
    backup->file = str_dup(in->file);
    backup->out = out;
    *ret_flow = &backup->flow;
    return NULL;
}
