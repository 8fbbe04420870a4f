/* admission.h - which waiting task may start: what this instance has, what started tasks hold
 * (AP-414).
 *
 * Tasks wait in order of arrival. Unlike the official agent, a small task may pass one that does
 * not fit yet, but not for longer than ADMISSION_PASS_MS after that one began to wait, or it might
 * wait for ever. What a task holds is given back when its containers have really stopped.
 *
 * Units  CPU units (1024 a core), MiB.
 */
#ifndef BERTH_AGENT_ADMISSION_H
#define BERTH_AGENT_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "gen/agent_types.h"

#define ADMISSION_PASS_MS  60000
#define ADMISSION_GPUS_MAX 64 /* of a host */

struct admission_port {
    uint16_t port;
    bool is_udp;
};

struct admission_need {
    int64_t cpu_units, memory_mib;
    const struct admission_port *ports; /* fixed host ports */
    size_t port_count;
    const char *const *gpus; /* ids */
    size_t gpu_count;
};

/* A zeroed struct has nothing. */
struct admission {
    int64_t cpu_total, memory_total;
    int64_t cpu_used, memory_used;
    uint64_t ports_used[2][65536 / 64];        /* tcp, udp */
    const char *gpus_used[ADMISSION_GPUS_MAX]; /* lent by the tasks that hold them */
    size_t gpu_count;
};

/* The task's own limits if it has them, else the sum of its containers. Lists live in `arena`. */
struct admission_need admission_need_of(struct arena *arena, const struct acs_task *task);

/* False: it could never be, whatever stops. */
bool admission_is_possible(const struct admission *admission, const struct admission_need *need);
bool admission_fits(const struct admission *admission, const struct admission_need *need);
void admission_take(struct admission *admission, const struct admission_need *need);
void admission_give(struct admission *admission, const struct admission_need *need);

#endif
