#include "base/mem.h"
#include "scheduler/fleet_internal.h"

void slot_log_add(struct slot_log *log, uint32_t slot)
{
    if (!log->slots)
        log->slots = xcalloc(LOG_SIZE, sizeof(uint32_t));
    log->slots[log->count++ % LOG_SIZE] = slot;
}
