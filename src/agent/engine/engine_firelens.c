#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/docker/docker_detail.h"
#include "agent/engine/container.h"
#include "agent/engine/engine_task.h"
#include "agent/engine/firelens.h"
#include "base/log.h"

/* What a FireLens router finds on the host: a directory of the task below the agent's own, with its
 * configuration and a place for its socket (AP-476). Written anew until the router is created; it
 * goes with the task. */

#define STORE_INSTANCE "container-instance-arn"
#define DIR_MODE       0755
#define FILE_MODE      0644
#define WALK_FDS       8

static const char *last_part(const char *name)
{
    const char *slash = name ? strrchr(name, '/') : NULL;

    return slash ? slash + 1 : name;
}

/* Below `base`, the directory of the task. Owned. */
static char *task_dir(const char *base, const struct engine_task *task)
{
    return str_printf("%s/" FIRELENS_DIR "/%s", base, last_part(task->arn));
}

struct error *engine_firelens_check(const struct engine_task *task)
{
    struct error *err = firelens_check(task->spec);

    return err ? error_wrap(err, "resource cannot be initialized for task %s", task->arn) : NULL;
}

/* ---- the directory ---- */

static struct error *make_dir(const char *path)
{
    CLEANUP(str_freep) char *part = str_dup(path);

    for (char *at = part + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        if (mkdir(part, DIR_MODE) != 0 && errno != EEXIST)
            return error_new(API_SERVER, "mkdir %s: %s", part, strerror(errno));
    }
    if (mkdir(path, DIR_MODE) != 0 && errno != EEXIST)
        return error_new(API_SERVER, "mkdir %s: %s", path, strerror(errno));
    return NULL;
}

/* `user` is a number, with a group or without: the socket is the router's to make. A group that is
 * only a name to the image gives way to the agent's own. */
static struct error *give_to(const char *path, const char *user)
{
    CLEANUP(str_freep) char *owner = str_dup_n(user, strcspn(user, ":"));
    const char *colon = strchr(user, ':');
    int64_t uid, gid;

    if (!*user)
        return NULL;
    if (!str_to_int64(owner, &uid) || uid < 0 || uid > UINT32_MAX - 1LL)
        return error_new(API_CLIENT,
                         "unable to determine the user ID: strconv.Atoi: parsing \"%s\": invalid "
                         "syntax",
                         owner);
    if (!colon || !str_to_int64(colon + 1, &gid) || gid < 0 || gid > UINT32_MAX - 1LL)
        gid = getgid();
    if (chown(path, (uid_t)uid, (gid_t)gid) != 0)
        return error_new(API_SERVER, "unable to set directory ownership: chown %s: %s", path,
                         strerror(errno));
    return NULL;
}

static struct error *make_dirs(const char *dir, const struct acs_container *router)
{
    CLEANUP(str_freep) char *config = str_printf("%s/config", dir);
    CLEANUP(str_freep) char *socket = str_printf("%s/" FIRELENS_SOCKET_DIR, dir);
    struct arena arena = {0};
    struct error *err;

    err = make_dir(config);
    if (err)
        return error_wrap(err, "unable to create config directory");
    err = make_dir(socket);
    if (err)
        return error_wrap(err, "unable to create socket directory");
    err = give_to(socket, firelens_user(&arena, router));
    arena_done(&arena);
    return err ? error_wrap(err, "unable to set socket directory ownership") : NULL;
}

/* ---- the files ---- */

static struct error *write_file(const char *path, const struct buf *text)
{
    CLEANUP(str_freep) char *temporary = str_printf("%s.new", path);
    FILE *file = fopen(temporary, "we");
    bool is_written;

    if (!file)
        return error_new(API_SERVER, "open %s: %s", temporary, strerror(errno));
    is_written = fwrite(text->data, 1, text->len, file) == text->len;
    is_written &= fchmod(fileno(file), FILE_MODE) == 0;
    is_written &= fclose(file) == 0;
    if (!is_written || rename(temporary, path) != 0) {
        int why = errno;

        (void)unlink(temporary);
        return error_new(API_SERVER, "write %s: %s", path, strerror(why));
    }
    return NULL;
}

static struct error *generate(struct engine_task *task, const char *dir)
{
    const struct agent_config *config = task->engine->config;
    CLEANUP(str_freep) char *instance_arn = NULL;
    CLEANUP(str_freep) char *path = str_printf("%s/" FIRELENS_CONFIG, dir);
    CLEANUP(buf_done) struct buf text = {0};
    struct firelens_host host = {.cluster =
                                     config->cluster ? last_part(config->cluster) : "default"};

    TRY(agent_store_get(task->engine->store, STORE_INSTANCE, &instance_arn));
    host.instance_id = last_part(instance_arn);
    TRY(firelens_config(task->spec, &host, &text));
    return write_file(path, &text);
}

/* What was fetched of S3, if the router has anything there. */
static struct error *write_external(const struct engine_task *task, const char *dir)
{
    const struct value_call *object = task->values ? task_values_router(task->values) : NULL;
    CLEANUP(str_freep) char *path = str_printf("%s/" FIRELENS_EXTERNAL, dir);
    const struct buf text = {.data = object ? (char *)object->values[0] : NULL,
                             .len = object ? object->len : 0};

    return object ? write_file(path, &text) : NULL;
}

/* Why the task cannot start, in ECS's words. */
static struct error *prepare(struct engine_task *task, const struct acs_container *router)
{
    CLEANUP(str_freep) char *dir = task_dir(task->engine->config->data_dir, task);
    struct error *err;

    err = make_dirs(dir, router);
    if (err)
        return error_wrap(err, "Unable to initialize resource directory %s", dir);
    err = write_external(task, dir);
    if (!err)
        err = generate(task, dir);
    return err ? error_wrap(err, "Unable to generate firelens config file: unable to generate "
                                 "firelens config")
               : NULL;
}

bool engine_firelens_prepare(struct engine_container *container)
{
    CLEANUP(error_freep) struct error *err = NULL;

    if (!container->spec->firelens_configuration)
        return true;
    err = prepare(container->task, container->spec);
    if (err)
        engine_task_fail(container->task, err->message);
    return err == NULL;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat, (void)kind, (void)walk;
    return remove(path);
}

void engine_firelens_remove(const struct engine_task *task)
{
    CLEANUP(str_freep) char *dir = NULL;

    if (!firelens_router(task->spec))
        return;
    dir = task_dir(task->engine->config->data_dir, task);
    if (nftw(dir, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        log_warning("not removed", "task", task->arn, "name", dir, "error", strerror(errno));
}

/* ---- what the other containers are told ---- */

const char *engine_firelens_dir(struct arena *arena, const struct engine_task *task)
{
    CLEANUP(str_freep) char *dir = NULL;
    CLEANUP(str_freep) char *whole = NULL;

    if (!firelens_router(task->spec))
        return NULL;
    dir = task_dir(task->engine->config->data_dir_on_host, task);
    if (*dir != '/')
        whole = realpath(dir, NULL); /* Docker does not work where we do */
    return arena_dup(arena, whole ? whole : dir);
}

const char *engine_firelens_address(struct arena *arena, const struct engine_task *task)
{
    const struct acs_container *router = firelens_router(task->spec);
    struct docker_detail detail;

    for (size_t i = 0; router && i < task->container_count; i++) {
        if (task->containers[i].spec != router ||
            !docker_detail_read(arena, task->containers[i].detail, &detail))
            continue;
        for (size_t k = 0; k < detail.network_count; k++)
            if (strcmp(detail.networks[k].name, "bridge") == 0 && *detail.networks[k].address)
                return detail.networks[k].address;
    }
    return NULL;
}

bool engine_firelens_is_on_bridge(const struct engine_container *container)
{
    struct arena arena = {0};
    bool is_on_bridge =
        container->spec->firelens_configuration &&
        strcmp(container_network_mode(&arena, container->task->spec, container->spec), "bridge") ==
            0;

    arena_done(&arena);
    return is_on_bridge;
}

bool engine_firelens_lacks_address(const struct engine_container *container)
{
    struct arena arena = {0};
    bool lacks = container->known < ENGINE_RUNNING && engine_firelens_is_on_bridge(container) &&
                 !engine_firelens_address(&arena, container->task);

    arena_done(&arena);
    return lacks;
}
