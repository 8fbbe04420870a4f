#include "agent/endpoints/throttle.h"

#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"

#define MILLI 1000 /* a token is counted in thousandths, so that a millisecond's share is whole */

struct bucket {
    RB_ENTRY(bucket) by_client;
    TAILQ_ENTRY(bucket) in_order; /* who asked longest ago comes first */
    char *client;
    int64_t millitokens, at_ms;
};

RB_HEAD(buckets, bucket);

struct throttle {
    struct buckets buckets;
    TAILQ_HEAD(, bucket) order;
    size_t count;
    int64_t steady, full;
};

static int compare(const struct bucket *a, const struct bucket *b)
{
    return strcmp(a->client, b->client);
}

RB_GENERATE_STATIC(buckets, bucket, by_client, compare)

struct throttle *throttle_new(int64_t steady_per_s, int64_t burst)
{
    struct throttle *throttle = xcalloc(1, sizeof(*throttle));

    RB_INIT(&throttle->buckets);
    TAILQ_INIT(&throttle->order);
    throttle->steady = steady_per_s;
    throttle->full = burst * MILLI;
    return throttle;
}

static void drop(struct throttle *throttle, struct bucket *bucket)
{
    RB_REMOVE(buckets, &throttle->buckets, bucket);
    TAILQ_REMOVE(&throttle->order, bucket, in_order);
    throttle->count--;
    free(bucket->client);
    free(bucket);
}

void throttle_free(struct throttle *throttle)
{
    struct bucket *bucket;

    if (!throttle)
        return;
    while ((bucket = TAILQ_FIRST(&throttle->order)))
        drop(throttle, bucket);
    free(throttle);
}

/* What the bucket holds at that time. */
static int64_t content(const struct throttle *throttle, const struct bucket *bucket,
                       int64_t mono_ms)
{
    int64_t elapsed_ms = mono_ms - bucket->at_ms;
    int64_t missing = throttle->full - bucket->millitokens;

    if (elapsed_ms >= missing / throttle->steady + 1)
        return throttle->full;
    return bucket->millitokens + elapsed_ms * throttle->steady;
}

static void make_room(struct throttle *throttle, int64_t mono_ms)
{
    struct bucket *oldest;

    while ((oldest = TAILQ_FIRST(&throttle->order)) &&
           (content(throttle, oldest, mono_ms) == throttle->full ||
            throttle->count >= THROTTLE_CLIENTS_MAX))
        drop(throttle, oldest);
}

static struct bucket *bucket_of(struct throttle *throttle, const char *client, int64_t mono_ms)
{
    struct bucket key = {.client = (char *)client};
    struct bucket *bucket = RB_FIND(buckets, &throttle->buckets, &key);

    if (bucket) {
        TAILQ_REMOVE(&throttle->order, bucket, in_order);
    } else {
        make_room(throttle, mono_ms);
        bucket = xcalloc(1, sizeof(*bucket));
        bucket->client = str_dup(client);
        bucket->millitokens = throttle->full;
        bucket->at_ms = mono_ms;
        RB_INSERT(buckets, &throttle->buckets, bucket);
        throttle->count++;
    }
    TAILQ_INSERT_TAIL(&throttle->order, bucket, in_order);
    return bucket;
}

bool throttle_admit(struct throttle *throttle, const char *client, int64_t mono_ms)
{
    struct bucket *bucket = bucket_of(throttle, client, mono_ms);

    bucket->millitokens = content(throttle, bucket, mono_ms);
    bucket->at_ms = mono_ms;
    if (bucket->millitokens < MILLI)
        return false;
    bucket->millitokens -= MILLI;
    return true;
}

size_t throttle_count(const struct throttle *throttle)
{
    return throttle->count;
}
