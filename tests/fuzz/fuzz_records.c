/* Fuzz target: the decoder of stored records. The first byte chooses the kind, the rest is the
 * value. What is read is written and read once more: the second time must succeed and give the same
 * bytes. */
#include <assert.h>
#include <string.h>

#include "gen/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void *decode(enum record_kind kind, const void *bytes, size_t len)
{
    void *record = NULL;
    struct error *err = record_decode(kind, bytes, len, &record);

    error_free(err); /* refused: nothing more to see */
    return record;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct buf once = {0}, twice = {0};
    enum record_kind kind;
    void *record;

    if (len == 0)
        return 0;
    kind = (enum record_kind)(bytes[0] % RECORD_COUNT);
    record = decode(kind, bytes + 1, len - 1);
    if (!record)
        return 0;
    record_encode(kind, record, &once);
    record_free(kind, record);
    record = decode(kind, once.data, once.len);
    assert(record);
    record_encode(kind, record, &twice);
    assert(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
    record_free(kind, record);
    buf_done(&once);
    buf_done(&twice);
    return 0;
}
