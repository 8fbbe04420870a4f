/* world.h - a state with its loop and a store that outlives it, for the tests of state.
 *
 * The store is lent to one state after the other, so that a test can drop everything but the store
 * and start again. Time stands still unless a test moves it; random numbers are a seeded sequence.
 */
#ifndef BERTH_TESTS_STATE_WORLD_H
#define BERTH_TESTS_STATE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state/state.h"

struct world {
    struct loop *loop;
    struct store *kept; /* what a crash leaves */
    struct store *lent; /* wraps it: closing this one leaves `kept` open */
    struct state *state;
    const struct scope *scope; /* us-east-1, 000000000000 */
    struct clock clock;
    int64_t now_ms;
    struct rng rng;
};

struct world *world_new(void);                   /* on a memory store */
struct world *world_new_on(struct store *store); /* takes it */
void world_free(struct world *world);

/* Runs the loop until everything staged is durable or lost, with what the callbacks of that stage.
 */
void world_settle(struct world *world);
/* Drops all but the store and opens it again. */
void world_restart(struct world *world);

void must(struct error *err); /* fails the test with the error's message */

/* Rows in the store, and how many of them differ from what memory would write (must be 0 when
 * settled). */
size_t world_row_count(struct world *world);
size_t world_feed_row_count(struct world *world); /* they are in no other count */

struct cluster *make_cluster(struct txn *txn, const char *name);
struct container_instance *make_instance(struct world *world, struct txn *txn, const char *cluster);
struct task *make_task(struct world *world, struct txn *txn, const char *cluster,
                       const struct id *instance);
struct service *make_service(struct txn *txn, const char *cluster, const char *name);
struct task_definition *make_definition(struct txn *txn, const char *family);

#endif
