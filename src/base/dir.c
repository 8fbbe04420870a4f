#include "base/dir.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/str.h"

struct error *dir_make(const char *path)
{
    CLEANUP(str_freep) char *part = str_dup(path);
    struct stat st;

    for (char *slash = part + 1; *slash; slash++) {
        if (*slash != '/')
            continue;
        *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return error_errno(errno, "cannot make the directory %s", part);
        *slash = '/';
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_errno(errno, "cannot make the directory %s", path);
    if (stat(path, &st) < 0)
        return error_errno(errno, "cannot use %s", path);
    if (!S_ISDIR(st.st_mode))
        return error_new(API_CLIENT, "%s is not a directory", path);
    return NULL;
}
