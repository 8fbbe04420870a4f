/* state.h - all state in memory, typed and indexed; the store is its journal.
 *
 * The records are those of api/state.json (struct task, struct service... in "gen/records.h"). A
 * reader gets `const` pointers into the tables, good until the loop turns or a transaction deletes
 * the record. Everything belongs to the loop thread.
 *
 * A transaction changes memory at once and is journalled with all others of its loop turn in one
 * batch; what rests on it (answers, agent messages, events) waits for state_when_durable(). Refuse
 * before the first change: a transaction is never undone by itself. If a batch fails, all waiting
 * callers get the error, state is dropped and loaded again, and the observers' `reset` runs.
 *
 * Ownership  A record inserted is taken by the table. txn_edit_*() lends it for changing until the
 *            transaction ends; record members are set with the setters of gen/records.h (they own
 * their strings: task_set_started_by(task, "x") copies or interns as the member's type says). Scope
 * Region and account are interned in struct scope; the same scope is the same pointer.
 */
#ifndef BERTH_STATE_STATE_H
#define BERTH_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arn.h"
#include "base/clock.h"
#include "base/error.h"
#include "gen/records.h"
#include "net/loop.h"
#include "store/store.h"

struct state;
struct txn;

/* Loads everything. `clock` and `rng` are lent for the life of the state. Takes `store`. */
MUST_USE struct error *state_open(struct loop *loop, struct store *store, const struct clock *clock,
                                  struct rng *rng, struct state **ret_state);
/* Waits for the batch under way, refuses what came after it, closes the store. Observers are not
 * called any more. Not to be called from a callback of the state's. */
void state_close(struct state *state);
const struct clock *state_clock(const struct state *state);
struct rng *state_rng(const struct state *state);
const struct scope *state_scope(struct state *state, const char *region, const char *account);

/* ---- transactions ---- */

/* Opens one; only one is open at a time, and it ends before the running callback returns. All it
 * changes is of one scope; NULL: access keys only. */
struct txn *txn_begin(struct state *state, const struct scope *scope);
/* Ends it: indexes follow, observers see the changes (staged), the records join this turn's batch.
 */
void txn_commit(struct txn *txn);
bool txn_is_empty(const struct txn *txn);
struct state *txn_state(const struct txn *txn);
const struct scope *txn_scope(const struct txn *txn);
/* Keys and bytes left before the store's limits (a batch beyond them fails): what needs more is
 * left to a reconciler. Bytes are those of the records as they are now; counting them costs as much
 * as committing. */
size_t txn_room_keys(const struct txn *txn);
size_t txn_room_bytes(const struct txn *txn);
/* More is waiting for the disk than may be: requests that write are refused, reconcilers wait with
 * what they want (state_when_durable() tells when to look again). */
bool state_is_full(const struct state *state);
/* The same, or it has just refused a batch: reconcilers wait a little, and longer each time. */
bool state_is_resting(const struct state *state);

/* Runs `fn` once everything staged so far is durable (err NULL) or lost (err set, lent): in this
 * turn's end if nothing is under way. For answers, reads included. */
typedef void state_durable_fn(const struct error *err, void *data);
void state_when_durable(struct state *state, state_durable_fn *fn, void *data);

/* ---- changes ---- */

enum change_kind {
    CHANGE_CLUSTER,
    CHANGE_CAPACITY_PROVIDER,
    CHANGE_INSTANCE,
    CHANGE_TASK,
    CHANGE_TASK_DEFINITION,
    CHANGE_SERVICE,
    CHANGE_TASK_SET,
    CHANGE_KIND_COUNT,
};
struct change {
    enum change_kind kind;
    const struct scope *scope;
    const void
        *record; /* struct cluster, container_instance, task...; for `removed` still readable */
    bool is_new, is_removed;
    /* CHANGE_TASK: what the transaction found. */
    enum task_status task_last_before, task_desired_before;
    struct id task_instance_before;
    /* CHANGE_INSTANCE */
    enum instance_status instance_before;
};
/* `staged` runs inside txn_commit(), for what must agree with memory at once (the fleet snapshot);
 * it must not open a transaction. `durable` runs when the change is safe, once per change and in
 * order, record pointers then show the newest state (NULL if gone since); it may open transactions.
 * `reset` runs after a reload: every pointer held is void, do a full pass. Any of the three may be
 * NULL. */
struct observer {
    void (*staged)(const struct change *change, void *data);
    void (*durable)(const struct change *change, void *data);
    void (*reset)(void *data);
    void *data;
};
#define STATE_OBSERVERS_MAX 8
void state_observe(struct state *state, const struct observer *observer);
void state_unobserve(struct state *state, const void *data); /* the observers with that `data` */

/* ---- clusters ---- */
const struct cluster *state_cluster(struct state *state, const struct scope *scope,
                                    const char *name);
/* Ordered walks: `after` NULL starts; a name that is gone goes on behind its place. */
const struct cluster *state_cluster_after(struct state *state, const struct scope *scope,
                                          const char *after);
int64_t state_cluster_count(struct state *state, const struct scope *scope);  /* not INACTIVE */
struct cluster *txn_insert_cluster(struct txn *txn, struct cluster *cluster); /* takes */
struct cluster *txn_edit_cluster(struct txn *txn, const struct cluster *cluster);
/* Figures kept current, cost nothing to read. */
struct cluster_counts {
    int64_t instances_active, instances_draining, instances_registered; /* last: not INACTIVE */
    int64_t tasks_pending, tasks_running, services_active;
    int64_t services_draining;
    /* The same by service->runs_on, in which NONE is none: it counts as EC2. */
    int64_t services_active_on[LAUNCH_TYPE_COUNT], services_draining_on[LAUNCH_TYPE_COUNT];
    int64_t tasks_pending_on[LAUNCH_TYPE_COUNT], tasks_running_on[LAUNCH_TYPE_COUNT];
};
void state_cluster_counts(const struct cluster *cluster, struct cluster_counts *ret);

/* ---- capacity providers: made ones; FARGATE and FARGATE_SPOT have no record ---- */
const struct capacity_provider *
state_capacity_provider(struct state *state, const struct scope *scope, const char *name);
const struct capacity_provider *
state_capacity_provider_after(struct state *state, const struct scope *scope, const char *after);
/* The one that has this Auto Scaling group and is not INACTIVE. */
const struct capacity_provider *
state_capacity_provider_of_group(struct state *state, const struct scope *scope, const char *group);
struct capacity_provider *txn_insert_capacity_provider(struct txn *txn,
                                                       struct capacity_provider *provider);
struct capacity_provider *txn_edit_capacity_provider(struct txn *txn,
                                                     const struct capacity_provider *provider);
/* Who uses a provider, FARGATE too, in a cluster. Figures kept current, cost nothing to read. */
struct provider_counts {
    int64_t tasks;    /* not STOPPED */
    int64_t services; /* not INACTIVE, with a strategy that names it */
};
void state_provider_counts(const struct cluster *cluster, const char *provider,
                           struct provider_counts *ret);
/* The clusters a provider is associated with, by name; visits no others. */
const struct cluster *state_cluster_with_provider_after(struct state *state,
                                                        const struct scope *scope,
                                                        const char *provider, const char *after);

/* ---- container instances ---- */
const struct container_instance *state_instance(struct state *state, const struct scope *scope,
                                                const char *cluster, const struct id *id);
const struct container_instance *state_instance_after(struct state *state,
                                                      const struct scope *scope,
                                                      const char *cluster, const struct id *after);
struct container_instance *txn_insert_instance(struct txn *txn,
                                               struct container_instance *instance);
struct container_instance *txn_edit_instance(struct txn *txn,
                                             const struct container_instance *instance);
void txn_delete_instance(struct txn *txn, const struct container_instance *instance);
struct instance_counts {
    int32_t tasks_pending, tasks_running;
    int32_t tasks_live;            /* not STOPPED */
    int32_t cpu_held, memory_held; /* by those */
};
void state_instance_counts(const struct container_instance *instance, struct instance_counts *ret);
/* Grows with each change of the record that counts (its `version`) and with each task that comes or
 * goes, whose resources change with it (MS-067 to MS-069). The latter is not stored each time:
 * whoever keeps `version_bound` ahead of it makes it grow across restarts. */
int64_t state_instance_version(const struct container_instance *instance);
/* Not stored: whether its agent's session is up. Set by the session; shown as agentConnected. */
bool state_instance_connected(const struct container_instance *instance);
void state_set_instance_connected(struct state *state, const struct container_instance *instance,
                                  bool is_connected);

/* Not stored either: what the agent said last about itself (AP-511). In order of what counts more
 * for the whole. */
enum instance_health { INSTANCE_OK, INSTANCE_INITIALIZING, INSTANCE_UNKNOWN, INSTANCE_IMPAIRED };
enum instance_part {
    INSTANCE_RUNTIME,
    INSTANCE_ACCELERATORS,
    INSTANCE_DAEMON,
    INSTANCE_PART_COUNT
};
struct instance_check {
    enum instance_health health;
    const char *reason; /* NULL: none given */
    int64_t updated_at_ms, changed_at_ms;
};
/* NULL if nothing was said about that part since the server started. */
const struct instance_check *state_instance_check(const struct container_instance *instance,
                                                  enum instance_part part);
void state_set_instance_check(struct state *state, const struct container_instance *instance,
                              enum instance_part part, const struct instance_check *check);
/* The one of a host that EC2 knows by this id, unless INACTIVE. */
const struct container_instance *state_instance_of_host(struct state *state,
                                                        const struct scope *scope,
                                                        const char *cluster, const char *host);
/* The INACTIVE one that went first. */
const struct container_instance *
state_gone_instance_first(struct state *state, const struct scope *scope, const char *cluster);

/* ---- task definitions ---- */
const struct task_definition *state_task_definition(struct state *state, const struct scope *scope,
                                                    const char *family, int revision);
/* Highest ACTIVE revision of a family; NULL if none. */
const struct task_definition *
state_task_definition_latest(struct state *state, const struct scope *scope, const char *family);
/* Walks families by name and revisions within one; `status` filters without visiting others (a
 * family is ACTIVE with one ACTIVE revision, else INACTIVE). `descending` walks revisions
 * downwards. */
const struct task_family *state_family_after(struct state *state, const struct scope *scope,
                                             const char *after);
/* The same walk backwards: NULL starts at the last (ListTaskDefinitions sort DESC). */
const struct task_family *state_family_before(struct state *state, const struct scope *scope,
                                              const char *before);
const struct task_family *state_family(struct state *state, const struct scope *scope,
                                       const char *name);
bool state_family_is_active(const struct task_family *family);
bool state_family_is_empty(const struct task_family *family); /* all revisions were deleted */
const struct task_definition *state_revision_after(struct state *state, const struct scope *scope,
                                                   const char *family,
                                                   enum definition_status status,
                                                   int after /* 0 starts */, bool descending);
/* Takes it, gives it the family's next revision. */
struct task_definition *txn_insert_task_definition(struct txn *txn,
                                                   struct task_definition *definition);
struct task_definition *txn_edit_task_definition(struct txn *txn,
                                                 const struct task_definition *definition);
void txn_delete_task_definition(struct txn *txn, const struct task_definition *definition);
/* Whether a task that is not STOPPED, a deployment of a service that is not INACTIVE, what such a
 * service would be rolled back to, or a task set rests on it: kept current, costs nothing to ask.
 */
bool state_task_definition_is_used(const struct task_definition *definition);
/* A DELETE_IN_PROGRESS one that nothing rests on (any more), in the order they became so, those of
 * before a restart included; NULL: none. Each is told once. */
const struct task_definition *state_next_unused_definition(struct state *state,
                                                           const struct scope **ret_scope);

/* ---- tasks ---- */
const struct task *state_task(struct state *state, const struct scope *scope, const char *cluster,
                              const struct id *id);
/* Lists a task is in; the walk's cost is that of what it returns. RUNNING lists hold desired status
 * RUNNING or PENDING, STOPPED lists the rest. `key` is the name the list is by (unused for
 * BY_CLUSTER), or for BY_INSTANCE the instance's id in hex. */
enum task_list {
    TASKS_BY_CLUSTER,
    TASKS_BY_INSTANCE,
    TASKS_BY_SERVICE,
    TASKS_BY_FAMILY,
    TASKS_BY_STARTED_BY
};
const struct task *state_task_after(struct state *state, const struct scope *scope,
                                    const char *cluster, enum task_list list, const char *key,
                                    bool is_stopped_list, const struct id *after /* NULL starts */);
/* The same walk backwards, from the newest: NULL starts. */
const struct task *state_task_before(struct state *state, const struct scope *scope,
                                     const char *cluster, enum task_list list, const char *key,
                                     bool is_stopped_list, const struct id *before);
/* Whose it is, where only the record is at hand. */
const struct scope *container_instance_scope(const struct container_instance *instance);
const struct scope *cluster_scope(const struct cluster *cluster);
struct task *txn_insert_task(struct txn *txn, struct task *task);
struct task *txn_edit_task(struct txn *txn, const struct task *task);
void txn_delete_task(struct txn *txn, const struct task *task); /* a stopped one, after its hour */
/* Lets go in memory of what a STOPPED task holds no more: a million of them are kept for an hour.
 * Nothing that is shown changes, nothing is written. Once its last change is durable. */
void state_compact_task(struct state *state, const struct task *task);

/* ---- services ---- */
const struct service *state_service(struct state *state, const struct scope *scope,
                                    const char *cluster, const char *name);
const struct service *state_service_after(struct state *state, const struct scope *scope,
                                          const char *cluster, const char *after);
/* The services of every cluster that Service Connect puts into a namespace (connect_namespace), by
 * cluster and name; `after_*` NULL starts. Visits no others. */
const struct service *state_service_in_namespace_after(struct state *state,
                                                       const struct scope *scope,
                                                       const char *namespace,
                                                       const char *after_cluster,
                                                       const char *after_name);
/* Figures kept current, cost nothing to read: of all its tasks, or (`of` an id: ecs-svc/N) of a
 * deployment or task set. What is STOPPED is in none. */
struct service_counts {
    int32_t pending, running; /* as shown in pendingCount and runningCount */
    int32_t staying;          /* wanted to run */
    int32_t stopping;         /* on their way out */
};
void state_service_counts(const struct service *service, const char *of,
                          struct service_counts *ret);
struct service *txn_insert_service(struct txn *txn, struct service *service);
struct service *txn_edit_service(struct txn *txn, const struct service *service);
void txn_delete_service(struct txn *txn, const struct service *service); /* with its events */
/* Newest first; at most SERVICE_EVENTS_MAX are kept, the oldest goes with the insert of a new one.
 */
#define SERVICE_EVENTS_MAX 100
struct service_event *txn_insert_service_event(struct txn *txn, struct service_event *event);
const struct service_event *
state_service_event_before(struct state *state, const struct service *service,
                           const struct service_event *before /* NULL: newest */);
/* Of revisions and deployments so many are kept, newest by id (their ids grow with time); a
 * revision that service->deployments names stays. */
#define SERVICE_REVISIONS_MAX   200
#define SERVICE_DEPLOYMENTS_MAX 100
struct service_revision *txn_insert_service_revision(struct txn *txn,
                                                     struct service_revision *revision);
struct service_revision *txn_edit_service_revision(struct txn *txn,
                                                   const struct service_revision *revision);
const struct service_revision *state_service_revision(struct state *state,
                                                      const struct scope *scope,
                                                      const char *cluster, const char *service,
                                                      const char *id);
struct service_deployment *txn_insert_service_deployment(struct txn *txn,
                                                         struct service_deployment *deployment);
struct service_deployment *txn_edit_service_deployment(struct txn *txn,
                                                       const struct service_deployment *deployment);
const struct service_deployment *state_service_deployment(struct state *state,
                                                          const struct scope *scope,
                                                          const char *cluster, const char *service,
                                                          const char *id);
const struct service_deployment *
state_service_deployment_before(struct state *state, const struct scope *scope, const char *cluster,
                                const char *service, const char *before /* NULL: newest */);
/* Task sets in the order of their ids, which is that of their making; they go with the service. */
struct task_set *txn_insert_task_set(struct txn *txn, struct task_set *set);
struct task_set *txn_edit_task_set(struct txn *txn, const struct task_set *set);
void txn_delete_task_set(struct txn *txn, const struct task_set *set);
const struct task_set *state_task_set(const struct service *service, const char *id);
const struct task_set *state_task_set_after(const struct service *service,
                                            const char *after /* NULL starts */);
uint32_t state_task_set_count(const struct service *service);

/* ---- the feed of events (MS-054 to MS-060) ---- */
/* What is told of tasks, container instances and services, in the order it happened: numbered from
 * 1 in each scope, without a gap, never again with the same number. The rows of the newest
 * FEED_ROWS_MAX transactions that told something are kept, and lost with none of them but together
 * with what they tell of. */
#define FEED_ROWS_MAX       65536
#define FEED_CONTAINERS_MAX 64
int64_t state_feed_first(struct state *state, const struct scope *scope); /* the oldest kept */
int64_t state_feed_last(struct state *state, const struct scope *scope);  /* durable; 0: none yet */
/* The row that has this number, a copy for the caller to feed_row_free(); NULL: not kept any more,
 * or not durable yet. */
struct feed_row *state_feed_row(struct state *state, const struct scope *scope, int64_t number);
/* What feed_entry.containers has for each container; nothing, while the task waits for a host. */
char feed_container_letter(enum task_status status, enum health_status health);

/* ---- idempotency, settings, keys ---- */
/* An expired token is absent; putting one also deletes some that expired. */
const struct client_token *state_client_token(struct state *state, const struct scope *scope,
                                              const char *operation, const char *token);
void txn_put_client_token(struct txn *txn, struct client_token *token); /* takes; replaces */
const struct account_setting *state_account_setting(struct state *state, const struct scope *scope,
                                                    const char *principal, const char *name);
void txn_put_account_setting(struct txn *txn, struct account_setting *setting);
void txn_delete_account_setting(struct txn *txn, const struct account_setting *setting);
/* Of Service Connect (API-214): only made, never deleted. */
const struct connect_namespace *state_connect_namespace(struct state *state,
                                                        const struct scope *scope, const char *arn);
struct connect_namespace *txn_insert_connect_namespace(struct txn *txn,
                                                       struct connect_namespace *record);
const struct access_key *state_access_key(struct state *state, const char *access_key_id);
const struct access_key *state_access_key_after(struct state *state, const char *after);
void txn_put_access_key(struct txn *txn, struct access_key *key);
void txn_delete_access_key(struct txn *txn, const struct access_key *key);

/* Walks every scope with anything in it (a restart's full pass). */
const struct scope *state_scope_after(struct state *state, const struct scope *after);

/* ---- bulk figures, backup ---- */
struct state_stats {
    uint64_t batches, transactions, rows, failed_batches;
    uint64_t tasks, instances, services, clusters, task_definitions;
    double last_batch_ms, max_batch_ms;
    size_t queue_depth; /* transactions not yet durable */
};
void state_stats(const struct state *state, struct state_stats *ret);
/* A consistent copy of the live store, made on the pool; `done` on the loop (takes err). */
void state_backup(struct state *state, const char *file,
                  void (*done)(struct error *err, void *data), void *data);

#endif
