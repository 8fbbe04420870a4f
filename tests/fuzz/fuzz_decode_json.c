/* The JSON reader beside jansson: they agree on what is JSON, but for what ours limits on purpose.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "wire/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_reader reader = json_reader_of((const char *)data, size);
    bool ours = json_read_skip(&reader, NULL, NULL) && json_read_end(&reader);
    json_error_t err;
    json_t *json;

    if (memchr(data, 0, size))
        return 0; /* jansson takes a NUL for the end of the text */
    json = json_loadb((const char *)data, size, JSON_DECODE_ANY, &err);
    if (ours && !json && !strstr(err.text, "too big") && !strstr(err.text, "overflow"))
        abort();
    if (!ours && json && strcmp(reader.problem, "it is nested too deep") != 0 &&
        strcmp(reader.problem, "a number is too long") != 0)
        abort();
    json_decref(json);
    return 0;
}
