/* submit.h - what became of tasks, told to the control plane: SubmitTaskStateChange (AP-121 to
 * AP-128).
 *
 * One entry per task that has something to tell. An entry holds no copy of the task: what is sent
 * is built from the engine's newest view when its turn comes, so changes that come while a report
 * is under way are told together in the next. Reports of one task go one after the other; at most
 * SUBMIT_CALLS_MAX are under way for all tasks. A report is repeated until it is taken or refused
 * for good (InvalidParameterException); the engine remembers across restarts what was not taken.
 *
 *   submit_changed()          a call is free           taken, nothing new: entry freed
 *   ------> QUEUED ---------------------> SENDING -------------------------------------
 *             ^  ^--- taken, more to tell ---|  |
 *             |                                 | failed
 *             +------------ WAITING <-----------+
 *
 * Ownership  Lends everything in its options.
 */
#ifndef BERTH_AGENT_SUBMIT_H
#define BERTH_AGENT_SUBMIT_H

#include "agent/engine/engine.h"
#include "agent/session/api_client.h"

#define SUBMIT_CALLS_MAX    10
#define SUBMIT_REASON_MAX   1024 /* characters the server takes */
#define SUBMIT_BINDINGS_MAX 100
#define SUBMIT_ENTRIES_MAX  100000

struct submit;

struct submit_options {
    struct loop *loop;
    const struct clock *clock;
    struct rng *rng;
    const struct agent_config *config;
    struct api_client *client;
};

struct submit *submit_new(const struct submit_options *options);
/* Sends from now on; until then what changed is only noted. `cluster` as it was registered. */
void submit_start(struct submit *submit, struct engine *engine, const char *cluster);
void submit_free(struct submit *submit); /* the answers of calls under way are not awaited */

/* The task has something to tell (engine_report_fn calls this). */
void submit_changed(struct submit *submit, const char *task_arn);
/* The control plane is there again: what waits is sent now. */
void submit_hurry(struct submit *submit);

#endif
