/* service_work.h - what the files of one service pass share; nobody else includes it.
 *
 *   service_work.c       the pass: its transactions, when to look again
 *   service_tell.c       events: said once, repeated after six hours
 *   service_count.c      which tasks there are, and what they are worth
 *   service_start.c      tasks that are missing find their places
 *   service_unplaced.c   what is told of those that find none
 *   service_shares.c     which capacity providers they are of
 *   service_stop.c       tasks that are too many, or ail, are asked to stop
 *   service_rollout.c    deployments: what happened to them, how they complete
 *   service_failure.c    the circuit breaker, rollback
 *   service_replica.c    so many tasks, wherever there is room
 *   service_daemon.c     one task on each host that is fit for it
 *   service_task_sets.c  another controller's deployments: so many percent of the count in each
 *   service_rebalance.c  a steady service's tasks are evened out over zones
 *   service_wind_down.c  a deleted service ends
 *   service_shortage.c   why tasks find no place: kept with the service while it lasts
 *   service_explain.c    what the next pass will find it waiting for
 */
#ifndef BERTH_CONTROL_SERVICE_WORK_H
#define BERTH_CONTROL_SERVICE_WORK_H

#include "base/arena.h"
#include "control/service_pass.h"
#include "core/service.h"
#include "core/service_config.h"
#include "scheduler/victims.h"

struct task_refs {
    const struct task **items;
    size_t count, capacity;
};

struct victim_list {
    struct victim *items; /* data is the record */
    size_t count, capacity;
    const char *zone; /* they go to balance zones, and all are of this one; NULL: not so */
};

/* Tasks that find no place, as this pass found it. */
struct shortage_note {
    const char *of, *provider; /* NULL: of none */
    size_t tasks;
    const char *text;
    const struct plan *plan; /* NULL: no host was looked at */
};
#define SHORTAGES_MAX 8 /* of a service; further ones are not kept */

struct pass {
    struct control *control;
    struct state *state;
    const struct scope *scope;
    const struct service *service; /* the record: edits show in it */
    struct service_memory *memory;
    struct service_pass_result *result;
    struct arena arena;
    int64_t now_ms;
    struct ecs_create_service_request config; /* of the service */
    const char *subject;                      /* of events: "web", "web, taskSet ecs-svc/12" */
    struct txn *txn;                          /* NULL: none open */
    size_t txn_tasks;
    struct shortage_note shortages[SHORTAGES_MAX];
    size_t shortage_count;
    bool is_judged; /* places were looked for, or none were wanted: `shortages` is all there is */

    /* What was counted. */
    struct rollout rollout;
    struct deployment_counts *of;     /* of each of service->deployments, in order */
    struct deployment_counts unknown; /* of tasks whose deployment has no record any more */
    struct victim_list fresh, old;    /* tasks that stay and may go */
    struct task_refs ailing;          /* to be replaced: their checks fail */
    int64_t healthy_stopped;          /* of those lists, since they were counted */
};

/* ---- service_work.c ---- */
void pass_done(struct pass *pass); /* commits what is open */
/* A transaction with room for `keys` more, of some kilobytes each. */
struct txn *pass_room_for(struct pass *pass, size_t keys);
struct service *pass_edit_service(struct pass *pass);
struct task *pass_edit_task(struct pass *pass, const struct task *task);
struct deployment *pass_edit_deployment(struct pass *pass, const struct deployment *deployment);
struct deployment *pass_edit_primary(struct pass *pass); /* NULL if there is none */
/* Looks again at that time at the latest. */
void pass_due(struct pass *pass, int64_t at_ms);
void task_refs_add(struct task_refs *list, const struct task *task);
/* Tasks of the service that are not STOPPED, those wanted first; NULL starts. */
struct pass_walk {
    const struct task *task;
    bool is_stopped_list;
};
const struct task *pass_next_task(const struct pass *pass, struct pass_walk *walk);

/* ---- service_tell.c ---- */
/* Messages that are not repeated while what they tell of lasts (AG-350). */
enum told {
    TOLD_PLACEMENT,
    TOLD_IMPAIRED,
    TOLD_STUCK,
    TOLD_PROTECTED,
    TOLD_UNBALANCED,
    TOLD_ZONE_FULL,
    TOLD_COUNT
};
struct telling {
    enum event_name name; /* how EventBridge calls it; NONE: it does not */
    const char *reason;   /* NULL: none */
    const char *message;
};
void pass_say(struct pass *pass, enum event_name name, const char *message);
/* Tells it unless it was told less than six hours ago and still lasts. True if it was news. */
bool pass_tell(struct pass *pass, enum told what, const struct telling *telling);
void pass_resolved(struct pass *pass, enum told what);
void pass_tell_stuck(struct pass *pass, bool is_stuck);         /* SC-197 */
void pass_tell_protected(struct pass *pass, bool is_protected); /* API-130 */

/* ---- service_count.c ---- */
void count_tasks(struct pass *pass);
/* The same for one task set alone: what was counted before is forgotten. */
void count_task_set(struct pass *pass, const struct task_set *set);
/* Adds one that stays to those that may go, with its rank: those that serve nobody go first. */
#define RANK_HEALTHY 2
void victim_list_add(struct victim_list *list, const struct task *task, int64_t now_ms);
/* What one task is worth to its service at this moment; an ailing one as if it were stopping. */
struct deployment_counts count_one(struct pass *pass, const struct task *task, bool *ret_ails);
struct deployment_counts *counts_of(struct pass *pass, const struct task *task);
const struct deployment_counts *counts_of_deployment(const struct pass *pass,
                                                     const struct deployment *deployment);
void counts_add(struct deployment_counts *to, const struct deployment_counts *one);

/* ---- service_start.c ---- */
/* Tasks that are alike: those of a deployment or of a task set. */
struct crew {
    const char *id; /* ecs-svc/N */
    const char *family;
    int32_t revision;
    enum launch_type launch_type;
    const struct ecs_network_configuration *network;
    const struct ecs_capacity_provider_strategy *providers; /* none in it: by launch type */
};
struct crew crew_of(const struct pass *pass, const struct deployment *deployment);
/* Starts up to `wanted` where there is room, or says why not. */
void start_tasks(struct pass *pass, const struct crew *crew, int64_t wanted);
/* As many as there is room for in one zone, to balance it, of the provider at that place in the
 * crew's strategy (of none, if it has none). Returns how many. */
size_t start_in_zone(struct pass *pass, const struct crew *crew, const char *zone, size_t share,
                     size_t wanted);
/* One on each of these hosts. */
void start_on_hosts(struct pass *pass, const struct crew *crew, const struct id *hosts,
                    size_t count);
/* Of these instances, in order, those that meet the constraints on tasks of the crew, whatever room
 * they have; the others are taken out. Returns how many are left. */
size_t start_eligible(struct pass *pass, const struct crew *crew, struct id *hosts, size_t count);
/* What each host lacks for a task of the crew; of a provider's hosts alone unless NULL. */
MUST_USE struct error *start_survey(struct pass *pass, const struct crew *crew,
                                    const char *provider, struct plan *ret);

/* ---- service_shortage.c ---- */
/* Copies what it keeps into the pass; `plan` NULL: `text` says it all. */
void shortage_note(struct pass *pass, const struct shortage_note *note);
/* The record has what was noted, if places were looked for. At the end of the pass. */
void shortages_settle(struct pass *pass);

/* ---- service_unplaced.c ---- */
/* No host takes its tasks: the closest match, and what it lacks. */
void unplaced_tell(struct pass *pass, const struct plan *plan);
void unplaced_tell_fargate(struct pass *pass);
/* The cluster has no room for tasks that wait (CL-106). What is told first is what is told. */
void unplaced_tell_limit(struct pass *pass);
/* Nothing can be started, and nothing here will mend it: the next change of the service or of the
 * hosts looks again. Takes the error. */
void unplaced_failed(struct pass *pass, struct error *err);

/* ---- service_shares.c ---- */
/* How many of `count` tasks each provider of the crew gets; from the arena. All of them, unless no
 * provider may have more. */
size_t *shares_of_start(struct pass *pass, const struct crew *crew, size_t count);
/* How many of the fresh tasks each provider loses; the one behind them stands for all others. */
size_t *shares_of_stop(struct pass *pass, const struct crew *crew, size_t count);
/* The place of a task's provider in the crew's strategy; its count: in none. */
size_t share_of_task(const struct crew *crew, const struct task *task);
bool share_is_fargate(const char *provider);

/* ---- service_stop.c ---- */
void stop_task(struct pass *pass, const struct task *task, const char *reason);
void stop_ailing(struct pass *pass);
/* Stops `count` of the list, those that leave the rest best placed. */
void stop_some(struct pass *pass, struct victim_list *list, size_t count, const char *reason);
/* The same of the fresh ones, and as the crew's providers share them (CL-102). */
void stop_surplus(struct pass *pass, const struct crew *crew, size_t count, const char *reason);
/* `deployment` NULL: the PRIMARY's. */
const char *stop_reason_scaling(struct pass *pass, const char *deployment);

/* ---- service_rollout.c ---- */
/* What happened since the last pass: failures and successes, for back-off and circuit breaker.
 * Tasks of task sets all count alike. */
void rollout_take_in(struct pass *pass);
/* A task of the PRIMARY ended without having served. */
void rollout_count_failed(struct pass *pass, int32_t tasks);
/* A task of the PRIMARY serves: failures are not counted any more (API-190). */
void rollout_served(struct pass *pass);
bool rollout_is_open(const struct pass *pass); /* the PRIMARY is IN_PROGRESS */
/* The service deployment of the PRIMARY; NULL if it has none. */
const struct service_deployment *rollout_record(const struct pass *pass);
struct service_deployment *rollout_edit_record(struct pass *pass,
                                               const struct service_deployment *record);
/* Ends it, if it has not ended; `reason` NULL: nothing to explain. */
void rollout_end_record(struct pass *pass, enum service_deployment_status status,
                        const char *reason);
/* Records follow: old deployments go, the PRIMARY completes, the service is steady. */
void rollout_follow(struct pass *pass, const struct rollout_step *step);

/* ---- service_failure.c ---- */
/* The breaker, and what StopServiceDeployment asked for; after counting, before anything is done.
 * True if another deployment is PRIMARY now: the counts are void. */
MUST_USE bool rollout_judge(struct pass *pass);
bool rollout_is_halted(const struct pass *pass); /* FAILED: nothing more is started */

/* ---- service_rebalance.c ---- */
/* Tasks over the desired count that are there to balance zones; 0 if that has become pointless. */
int64_t rebalance_surge(struct pass *pass);
void rebalance(struct pass *pass, const struct crew *crew);

/* ---- the kinds of pass ---- */
void replica_keep_up(struct pass *pass);
void daemon_keep_up(struct pass *pass);
void task_sets_keep_up(struct pass *pass);
MUST_USE struct error *task_set_crew(struct pass *pass, const struct task_set *set,
                                     struct crew *ret);
void wind_down(struct pass *pass);

#endif
