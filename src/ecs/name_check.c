#include "ecs/name_check.h"

#include <string.h>

#define NAME_CHARS_MAX 255

bool name_is_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    return len > 0 && len <= NAME_CHARS_MAX && !name[len];
}
