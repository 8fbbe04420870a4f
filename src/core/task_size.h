/* task_size.h - task-level cpu and memory as people write them (TD-027, TD-028, AG-361). */
#ifndef BERTH_CORE_TASK_SIZE_H
#define BERTH_CORE_TASK_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* "1024", "1 vCPU", ".5 vcpu": CPU units. False, and *ret untouched, for anything else. */
bool task_size_parse_cpu(const char *text, int32_t *ret_units);
/* "512", "0.5GB", "1 GB": MiB. */
bool task_size_parse_memory(const char *text, int32_t *ret_mib);

#endif
