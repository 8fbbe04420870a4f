/* engine_metadata.c - metadata files: made before their containers, completed after the start, gone
 * with the task (AG-190 to AG-194, AG-915). One that cannot be written is said, and the container
 * goes on without. */
#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine/container.h"
#include "agent/engine/engine_task.h"
#include "agent/engine/metadata_file.h"
#include "base/dir.h"
#include "base/log.h"

#define STORE_INSTANCE "container-instance-arn"
#define STORE_ZONE     "availability-zone"
#define DIR_MODE       0755
#define FILE_MODE      0644
#define WALK_FDS       8

/* Below `base`, the directory of one container. Owned; NULL for an ARN that is none. */
static char *container_dir(const char *base, const struct engine_container *container)
{
    CLEANUP(str_freep) char *task = metadata_file_task_dir(container->task->arn);

    return task ? str_printf("%s/%s/%s", base, task, container->spec->name) : NULL;
}

static char *kept(const struct engine_container *container, const char *key)
{
    char *value = NULL;
    struct error *err = agent_store_get(container->task->engine->store, key, &value);

    error_free(err); /* the member is left out */
    return value;
}

/* The host's address on the way out; "" if it has none. No packet is sent. */
static void host_address(char ret[INET_ADDRSTRLEN])
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(9)}, here;
    socklen_t len = sizeof(here);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ret[0] = '\0';
    inet_pton(AF_INET, "192.0.2.1", &there.sin_addr); /* of an example net: only its route counts */
    if (fd >= 0 && connect(fd, (struct sockaddr *)&there, sizeof(there)) == 0 &&
        getsockname(fd, (struct sockaddr *)&here, &len) == 0)
        inet_ntop(AF_INET, &here.sin_addr, ret, INET_ADDRSTRLEN);
    if (fd >= 0)
        close(fd);
}

/* Whole or not at all, for those who read it. */
static struct error *put_file(const char *dir, const struct buf *text)
{
    CLEANUP(str_freep) char *path = str_printf("%s/" CONTAINER_METADATA_FILE, dir);
    CLEANUP(str_freep) char *temporary = str_printf("%s/.new", dir);
    FILE *file = fopen(temporary, "we");
    bool is_written;

    if (!file)
        return error_errno(errno, "cannot make %s", temporary);
    is_written =
        fwrite(text->data, 1, text->len, file) == text->len && fchmod(fileno(file), FILE_MODE) == 0;
    if (fclose(file) != 0 || !is_written || rename(temporary, path) != 0)
        return error_errno(errno, "cannot write %s", path);
    return NULL;
}

static struct error *write_file(struct engine_container *container, const char *dir,
                                const struct docker_container *docker)
{
    const struct agent_config *config = container->task->engine->config;
    CLEANUP(str_freep) char *instance = kept(container, STORE_INSTANCE);
    CLEANUP(str_freep) char *zone = kept(container, STORE_ZONE);
    CLEANUP(buf_done) struct buf text = {0};
    char address[INET_ADDRSTRLEN];
    const struct metadata_file file = {
        .cluster = config->cluster,
        .instance_arn = instance,
        .zone = zone,
        .host_address = address,
        .task = container->task->spec,
        .container_name = container->spec->name,
        .docker = docker,
    };

    host_address(address);
    metadata_file_write(&file, &text);
    return put_file(dir, &text);
}

/* Says what went wrong; true if nothing did. Takes `err`. */
static bool is_done(const struct engine_container *container, struct error *err)
{
    if (!err)
        return true;
    log_warning("no metadata file", "task", container->task->arn, "container",
                container->spec->name, "error", err->message);
    error_free(err); /* said above */
    return false;
}

const char *engine_metadata_begin(struct arena *arena, struct engine_container *container)
{
    const struct agent_config *config = container->task->engine->config;
    CLEANUP(str_freep) char *dir = NULL;
    CLEANUP(str_freep) char *outside = NULL;
    struct error *err;

    if (!config->writes_container_metadata || container_is_internal(container->spec->name))
        return NULL;
    dir = container_dir(config->data_dir, container);
    outside = container_dir(config->data_dir_on_host ? config->data_dir_on_host : config->data_dir,
                            container);
    if (!dir)
        return NULL;
    err = dir_make(dir);
    if (!err && chmod(dir, DIR_MODE) != 0) /* whoever the container runs as reads it */
        err = error_errno(errno, "cannot open %s", dir);
    if (!err)
        err = write_file(container, dir, NULL);
    return is_done(container, err) ? arena_dup(arena, outside) : NULL;
}

void engine_metadata_complete(struct engine_container *container,
                              const struct docker_container *docker)
{
    const struct agent_config *config = container->task->engine->config;
    CLEANUP(str_freep) char *dir = NULL;

    if (!config->writes_container_metadata || container->is_metadata_complete)
        return;
    dir = container_dir(config->data_dir, container);
    if (!dir || access(dir, F_OK) != 0)
        return; /* it was created before files were wanted (AG-190) */
    container->is_metadata_complete = is_done(container, write_file(container, dir, docker));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

void engine_metadata_remove(const struct engine_task *task)
{
    CLEANUP(str_freep) char *name = metadata_file_task_dir(task->arn);
    CLEANUP(str_freep) char *dir = NULL;

    if (!name)
        return;
    dir = str_printf("%s/%s", task->engine->config->data_dir, name);
    if (access(dir, F_OK) == 0 && nftw(dir, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS) != 0)
        log_warning("metadata files stay behind", "directory", dir, "error", strerror(errno));
}
