/* sim_world.h - what the files of the simulation share; tests include sim.h alone. */
#ifndef BERTH_TESTS_CONTROL_SIM_WORLD_H
#define BERTH_TESTS_CONTROL_SIM_WORLD_H

#include "sim.h"

void world_must(struct error *err); /* takes; fails the test */
int64_t world_wall_ms(struct world *world);

/* sim_check.c: after each step, and inside each commit. */
void world_check_step(void *world);
void world_check_change(const struct change *change, void *world);

#endif
