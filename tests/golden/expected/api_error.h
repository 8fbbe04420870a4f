/* Made by tools/gen_errors.py from the models in api/. */
#ifndef BERTH_GEN_API_ERROR_H
#define BERTH_GEN_API_ERROR_H

#include <stdbool.h>

enum api_error {
    API_SERVER, /* a fault of our own */
    API_CLIENT,
    API_OUT_OF_STOCK,
    API_THROTTLING,
    API_ERROR_COUNT
};

const char *api_error_name(enum api_error code); /* "ClientException" */
int api_error_http_status(enum api_error code);
/* May answer any operation: the protocol's own errors (API-003, API-020 to API-023). */
bool api_error_is_common(enum api_error code);
/* The code in an answer, with or without a namespace before '#' or a ':' suffix. */
bool api_error_parse(const char *name, enum api_error *ret);

#endif
