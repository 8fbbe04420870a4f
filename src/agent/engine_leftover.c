#include "agent/engine_leftover.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define FILE_BYTES_MAX 8192
#define DOCKER_ID_LEN  64

/* The file as text; false if it cannot be read, as of a process that is gone. */
static bool read_file(const char *proc, const char *pid, const char *name, char *ret, size_t size)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s/%s", proc, pid, name);
    FILE *file = fopen(path, "re");
    size_t len;

    if (!file)
        return false;
    len = fread(ret, 1, size - 1, file);
    fclose(file);
    ret[len] = '\0';
    return true;
}

bool engine_leftover_runs(const char *proc, const char *docker_id, bool kills)
{
    DIR *dir = strlen(docker_id) == DOCKER_ID_LEN ? opendir(proc) : NULL;
    const struct dirent *entry;
    bool found = false;

    while (dir && (entry = readdir(dir))) {
        char text[FILE_BYTES_MAX];
        int64_t pid;

        if (!str_to_int64(entry->d_name, &pid) || pid < 2 ||
            !read_file(proc, entry->d_name, "cgroup", text, sizeof(text)) ||
            !strstr(text, docker_id))
            continue;
        if (kills)
            kill((pid_t)pid, SIGKILL);
        if (read_file(proc, entry->d_name, "comm", text, sizeof(text)) &&
            !str_starts_with(text, "runc"))
            found = true;
    }
    if (dir)
        closedir(dir);
    return found;
}
