#include "agent/engine/engine_leftover.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

typedef void process_fn(const char *proc, const char *pid_text, pid_t pid, void *data);

/* Calls `each` for every process in the container's cgroup. */
static void each_process(const char *proc, const char *docker_id, process_fn *each, void *data)
{
    DIR *dir = strlen(docker_id) == DOCKER_ID_LEN ? opendir(proc) : NULL;
    const struct dirent *entry;
    char text[FILE_BYTES_MAX];
    int64_t pid;

    while (dir && (entry = readdir(dir)))
        if (str_to_int64(entry->d_name, &pid) && pid > 1 &&
            read_file(proc, entry->d_name, "cgroup", text, sizeof(text)) && strstr(text, docker_id))
            each(proc, entry->d_name, (pid_t)pid, data);
    if (dir)
        closedir(dir);
}

static void note(const char *proc, const char *pid_text, pid_t pid, void *data)
{
    enum engine_leftover *found = data;
    char comm[64];

    (void)pid;
    if (!read_file(proc, pid_text, "comm", comm, sizeof(comm)))
        return;
    if (!str_starts_with(comm, "runc"))
        *found = LEFTOVER_RAN;
    else if (*found == LEFTOVER_UNKNOWN)
        *found = LEFTOVER_HELD;
}

static void kill_one(const char *proc, const char *pid_text, pid_t pid, void *data)
{
    (void)proc;
    (void)pid_text;
    (void)data;
    kill(pid, SIGKILL);
}

void engine_leftover_kill(const char *proc, const char *docker_id)
{
    each_process(proc, docker_id, kill_one, NULL);
}

/* True if the process is the shim of the container: "... -id <docker_id> ...". */
static bool is_shim(const char *proc, const char *pid_text, const char *docker_id)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s/cmdline", proc, pid_text);
    FILE *file = fopen(path, "re");
    char text[FILE_BYTES_MAX];
    size_t len, at;
    bool is_next = false;

    if (!file)
        return false;
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    for (at = 0; at < len; at += strlen(text + at) + 1) {
        if (is_next)
            return strcmp(text + at, docker_id) == 0;
        is_next = strcmp(text + at, "-id") == 0;
    }
    return false;
}

/* How far a shim has come: it works in its container's directory, where runc notes the process that
 * it has prepared. */
static enum engine_leftover ask_shim(const char *proc, const char *pid_text)
{
    char pid[32], comm[64];

    if (!read_file(proc, pid_text, "cwd/init.pid", pid, sizeof(pid)))
        return LEFTOVER_HELD;
    pid[strcspn(pid, "\n")] = '\0';
    if (read_file(proc, pid, "comm", comm, sizeof(comm)) && str_starts_with(comm, "runc"))
        return LEFTOVER_HELD;
    return LEFTOVER_RAN;
}

enum engine_leftover engine_leftover_observe(const char *proc, const char *docker_id)
{
    DIR *dir = strlen(docker_id) == DOCKER_ID_LEN ? opendir(proc) : NULL;
    enum engine_leftover found = dir ? LEFTOVER_NOTHING : LEFTOVER_UNKNOWN;
    const struct dirent *entry;
    int64_t pid;

    while (dir && (entry = readdir(dir))) {
        if (!str_to_int64(entry->d_name, &pid) || pid < 2 ||
            !is_shim(proc, entry->d_name, docker_id))
            continue;
        found = ask_shim(proc, entry->d_name);
        if (found == LEFTOVER_RAN)
            break;
    }
    if (dir)
        closedir(dir);
    return found;
}

static bool exists(const char *dir, const char *name)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s", dir, name);

    return access(path, F_OK) == 0;
}

/* Docker writes the host name, then opens the log, then asks for the process. */
static bool began(const char *dir, const char *docker_id, const char *log_driver)
{
    CLEANUP(str_freep) char *log = str_printf("%s-json.log", docker_id);

    if (!exists(dir, "config.v2.json"))
        return true; /* not Docker's directory as we know it: nothing can be concluded */
    if (!exists(dir, "hostname"))
        return false;
    if (str_eq(log_driver, "json-file"))
        return exists(dir, log);
    return !str_eq(log_driver, "local") || exists(dir, "local-logs");
}

enum engine_leftover engine_leftover_find(const char *docker_root, const char *proc,
                                          const char *docker_id, const char *log_driver)
{
    CLEANUP(str_freep)
    char *dir = str_printf("%s/containers/%s", docker_root ? docker_root : "", docker_id);
    enum engine_leftover found = LEFTOVER_UNKNOWN;

    if (!began(dir, docker_id, log_driver))
        return LEFTOVER_NOTHING;
    each_process(proc, docker_id, note, &found);
    return found;
}
