/* Made by tools/gen_errors.py from the models in api/. */
#include "gen/api_error.h"

#include <string.h>

static const struct {
    const char *name;
    int http_status;
    bool is_common;
} errors[API_ERROR_COUNT] = {
    [API_SERVER] = {"ServerException", 500, true},
    [API_CLIENT] = {"ClientException", 400, false},
    [API_OUT_OF_STOCK] = {"OutOfStockException", 409, false},
    [API_THROTTLING] = {"ThrottlingException", 400, true},
};

const char *api_error_name(enum api_error code)
{
    return errors[code].name;
}

int api_error_http_status(enum api_error code)
{
    return errors[code].http_status;
}

bool api_error_is_common(enum api_error code)
{
    return errors[code].is_common;
}

bool api_error_parse(const char *name, enum api_error *ret)
{
    const char *hash = strchr(name, '#');
    size_t len;

    if (hash)
        name = hash + 1;
    len = strcspn(name, ":");
    for (int i = 0; i < API_ERROR_COUNT; i++)
        if (!strncmp(errors[i].name, name, len) && !errors[i].name[len]) {
            *ret = (enum api_error)i;
            return true;
        }
    return false;
}
