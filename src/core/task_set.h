/* task_set.h - the arithmetic of task sets: what a scale comes to, and when a set is stable
 * (API-160, API-194, SC-238, SC-239).
 *
 * Pure. A record keeps its scale as a number in text, so that it is answered as it was given.
 */
#ifndef BERTH_CORE_TASK_SET_H
#define BERTH_CORE_TASK_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/records.h"

/* ceil(desired * percent / 100); what is 2 but for the last digits of the arithmetic is 2. */
int32_t task_set_desired_count(int32_t service_desired, double percent);

void task_set_write_scale(struct task_set *set, double percent);
double task_set_read_scale(const struct task_set *set);

/* The count that its service's desired count and its scale come to; 0 for a DRAINING one. */
void task_set_follow_service(struct task_set *set, const struct service *service);

#endif
