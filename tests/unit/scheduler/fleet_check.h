/* fleet_check.h - every index of a fleet against what it is made of. */
#ifndef BERTH_TESTS_FLEET_CHECK_H
#define BERTH_TESTS_FLEET_CHECK_H

#include "scheduler/fleet.h"

/* Fails the test, naming the seed, if anything kept current differs from what making it again would
 * give. */
void fleet_check(struct fleet *fleet, uint64_t seed);

#endif
