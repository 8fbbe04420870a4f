/* call_world.h - a call as handlers see it, over an empty state in memory: for parsers that ask for
 * the caller's account and region. */
#ifndef BERTH_TESTS_FUZZ_CALL_WORLD_H
#define BERTH_TESTS_FUZZ_CALL_WORLD_H

#include <stdlib.h>

#include "ecs/ecs.h"
#include "store/store.h"

#define WORLD_REGION  "us-east-1"
#define WORLD_ACCOUNT "123456789012"

/* Made once and kept; the arena is the call's. */
static inline struct call call_world(struct arena *arena)
{
    static struct loop *loop;
    static struct state *state;
    static struct rng rng;
    static struct ecs ecs;
    struct store *store = NULL;

    if (!state) {
        rng = rng_seeded(1);
        if (loop_new(&loop) || store_open_memory(&store) ||
            state_open(loop, store, &clock_system, &rng, &state))
            abort();
        ecs = (struct ecs){.loop = loop, .state = state};
    }
    return (struct call){.region = WORLD_REGION,
                         .account = WORLD_ACCOUNT,
                         .arena = arena,
                         .rng = &rng,
                         .service = &ecs};
}

#endif
