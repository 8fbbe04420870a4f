#include "core/task_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDING 1e-12 /* relative: a decimal percent is not exact in binary */

int32_t task_set_desired_count(int32_t service_desired, double percent)
{
    double exact = (double)service_desired * percent / 100;

    return (int32_t)ceil(exact - exact * ROUNDING);
}

void task_set_write_scale(struct task_set *set, double percent)
{
    char text[32];

    snprintf(text, sizeof(text), "%.17g", percent);
    task_set_set_scale(set, text);
}

double task_set_read_scale(const struct task_set *set)
{
    return set->scale ? strtod(set->scale, NULL) : 0;
}

void task_set_follow_service(struct task_set *set, const struct service *service)
{
    set->desired_count =
        set->status == TASK_SET_DRAINING
            ? 0
            : task_set_desired_count(service->desired_count, task_set_read_scale(set));
}
