/* apportion.h - tasks divided over capacity providers: first the base, then by weight (CL-100 to
 * CL-102).
 *
 * What each provider has already counts, so that the ratio holds for a service as it grows, and not
 * only within a call: the provider furthest below its share gets the next task, the one furthest
 * above it loses one. Equal ones go by the order of the strategy (CL-101). Pure.
 */
#ifndef BERTH_SCHEDULER_APPORTION_H
#define BERTH_SCHEDULER_APPORTION_H

#include <stddef.h>
#include <stdint.h>

struct share {
    int32_t base, weight;
    int64_t held; /* tasks it has */
};

/* Who gets the next task; `count` if nobody may: bases are full and all weights are 0. */
size_t apportion_next(const struct share *shares, size_t count);
/* Who loses the next one; `count` if nobody has any. */
size_t apportion_last(const struct share *shares, size_t count);

#endif
