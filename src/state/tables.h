/* tables.h - the inside of state: where records are kept, and what each kind of record does in a
 * transaction.
 *
 *     state -+- scopes (region, account)
 *            |    +-- clusters -+-- instances
 *            |    |             +-- tasks, in five lists each
 *            |    |             '-- services -- events, revisions, deployments, task sets
 *            |    +-- namespaces: services by Service Connect namespace
 *            |    +-- capacity providers -- the clusters that use them
 *            |    +-- families -- task definitions
 *            |    '-- client tokens, account settings, the feed of events
 *            '- access keys
 *
 * A home is what the tables keep about a record besides the record: its children and figures. Homes
 * of clusters, families, services and instances are made when first needed, so that a child may be
 * loaded before its parent or outlive it. record->home leads to the record's home, or to its
 * parent's if it needs none itself.
 *
 * Everything ordered is a treap (base/treap.h): no insertion ever waits for a table to grow.
 */
#ifndef BERTH_STATE_TABLES_H
#define BERTH_STATE_TABLES_H

#include <sys/queue.h>

#include "base/treap.h"
#include "state/feed.h"
#include "state/journal.h"
#include "state/state.h"

#define TASK_LIST_COUNT 5

struct scope_home {
    struct scope scope; /* what state_scope() lends; stays through a reload */
    struct state *state;
    struct treap_node node;
    struct treap clusters;      /* cluster_home by name */
    int64_t cluster_count;      /* not INACTIVE */
    struct treap families;      /* family_home by name */
    struct treap providers;     /* provider_home by name */
    struct treap groups;        /* capacity_provider by its Auto Scaling group, INACTIVE ones not */
    struct treap tokens;        /* client_token by operation and token */
    struct treap token_expiry;  /* the same by expires_at_ms */
    struct treap settings;      /* account_setting by principal and name */
    struct treap namespaces;    /* connect_namespace by ARN */
    struct treap in_namespaces; /* service_home by namespace, cluster, name */
    struct feed feed;
};

#define MET_INSTANCES 64

struct cluster_home {
    const char *name; /* interned */
    struct treap_node node;
    struct scope_home *scope;
    struct cluster *cluster;        /* NULL: its row is not there */
    struct treap instances;         /* instance_home by id */
    struct treap instances_by_host; /* instance_home by EC2 instance id, INACTIVE ones not */
    struct treap instances_gone;    /* instance_home of INACTIVE ones by when they went */
    struct treap services;          /* service_home by name */
    struct treap tasks[TASK_LIST_COUNT][2]; /* [1]: the STOPPED lists; by instance: in its home */
    struct treap provider_uses;             /* provider_use by provider */
    struct cluster_counts counts;
    /* Those found last, by the last byte of their ids: who asks once asks again, when the
     * transaction is made, when it is durable and when it is told. */
    struct instance_home *met_instances[MET_INSTANCES];
};

struct provider_home {
    const char *name; /* interned */
    struct treap_node node;
    struct capacity_provider *provider; /* NULL: FARGATE..., or its row is not there */
    struct treap clusters;              /* provider_use by cluster: those it is associated with */
};

/* A provider in a cluster: made when first needed, freed when there is nothing left to say. */
struct provider_use {
    struct cluster_home *cluster;
    struct provider_home *provider;
    struct treap_node in_cluster, in_provider;
    bool is_associated;
    struct provider_counts counts;
};

struct instance_home {
    struct id id;
    struct treap_node node;
    struct cluster_home *cluster;
    struct container_instance *instance; /* NULL: deleted, or its row is not there */
    unsigned users;                      /* records, also gone ones, and tasks: at 0 it goes */
    struct treap tasks[2];               /* of TASKS_BY_INSTANCE */
    struct instance_counts counts;
    bool is_connected;
    bool is_listed_gone;
    struct instance_check checks[INSTANCE_PART_COUNT]; /* updated_at_ms 0: none; reasons interned */
    const char *host; /* interned, the one it is listed by; NULL: none */
    int64_t gone_since_ms;
    int64_t task_changes; /* since the record's version, in which they are not */
    int64_t told_version; /* of the newest event; -1: none since the start */
    struct treap_node by_host, gone;
};

struct service_home {
    const char *name; /* interned */
    struct treap_node node;
    struct cluster_home *cluster;
    struct service *service;        /* NULL: deleted, or its row is not there */
    const char **counted_providers; /* interned: where its use of providers is counted */
    uint32_t counted_provider_count;
    struct treap events;      /* service_event by number */
    struct treap revisions;   /* service_revision by id */
    struct treap deployments; /* service_deployment by id */
    struct treap task_sets;   /* task_set by id */
    uint32_t event_count, revision_count, deployment_count, task_set_count;
    const char *namespace; /* interned, the one it is listed under in its scope; NULL: none */
    struct treap_node in_namespace;
    struct service_counts counts; /* of all its tasks */
    struct treap figures;         /* of deployments and task sets with tasks, by id */
    struct used_definition {
        const char *family; /* interned, referenced */
        int32_t revision;
    } * used_definitions; /* of its deployments and of a rollback, as they are counted */
    uint32_t used_definition_count;
    struct service_home *next_emptied; /* of the transaction that deletes the service */
};

struct family_home {
    const char *name; /* interned */
    struct treap_node node;
    struct scope_home *scope;
    struct task_family *family;               /* NULL: its row is not there */
    struct treap revisions[DEFINITION_COUNT]; /* task_definition by revision */
    struct treap uses;                        /* definition_use by revision */
};

/* What a transaction found of a record: lists and figures show the record so. */
struct before {
    bool is_counted; /* false: new, in no list or figure yet but where it is found by its key */
    enum task_status task_last, task_desired;
    enum cluster_status cluster_status;
    enum instance_status instance_status;
    enum provider_status provider_status;
    enum definition_status definition_status;
    enum service_status service_status;
    enum launch_type service_runs_on;
    int32_t cpu, memory;
    struct id task_instance;
    int64_t version;       /* of a task */
    int64_t rolling;       /* of a service: which deployment is PRIMARY and IN_PROGRESS */
    int32_t desired_count; /* of a service or task set */
    double scale;          /* of a task set: percent */
    int64_t expires_at_ms;
};

/* How a kind of record is kept. */
struct table {
    enum record_kind kind;
    enum change_kind change; /* CHANGE_KIND_COUNT: no one is told */
    /* Puts it where it is found by its key and sets its home. False if that key is taken. */
    bool (*attach)(struct state *state, struct scope_home *scope, void *record);
    void (*look)(const void *record, struct before *ret);
    /* Lists and figures follow what was changed or is new. */
    void (*follow)(void *record, const struct before *before);
    /* Takes it out of everything and marks it gone. */
    void (*detach)(struct state *state, void *record, const struct before *before);
    /* Frees a detached one with the home that is its own. */
    void (*release)(void *record);
};

extern const struct table capacity_provider_table;
extern const struct table cluster_table, instance_table, task_table, task_family_table,
    task_definition_table, service_table, service_event_table, service_revision_table,
    service_deployment_table, task_set_table, client_token_table, account_setting_table,
    connect_namespace_table, feed_row_table, access_key_table;

STAILQ_HEAD(unused_definitions, unused_definition);

struct state {
    struct loop *loop;
    struct store *store; /* owned; lent to the journal's thread */
    const struct clock *clock;
    struct rng *rng;
    struct journal *journal;
    struct treap scopes;      /* scope_home by account and region */
    struct treap access_keys; /* access_key by its id */
    struct txn *txn;          /* the open one */
    struct observer observers[STATE_OBSERVERS_MAX];
    unsigned observer_count;
    struct unused_definitions unused_definitions;
    uint64_t counts[RECORD_COUNT];
    struct backups *backups;
    int refusals; /* batches refused since one was taken */
    uint64_t batches_at_refusal;
    int64_t resting_until_mono_ms; /* nothing is tried sooner */
    struct archive *archive;       /* NULL: stopped tasks are deleted after their time in memory */
    bool is_closing;
};

/* For tables that need no figures. */
void look_at_nothing(const void *record, struct before *ret);
void follow_nothing(void *record, const struct before *before);

/* ---- homes ---- */

static inline struct scope_home *scope_home_of(const struct scope *scope)
{
    return CONTAINER_OF((struct scope *)(uintptr_t)scope, struct scope_home, scope);
}

struct scope_home *scope_home_get(struct state *state, const char *account, const char *region);
struct scope_home *scope_home_after(struct state *state, const struct scope_home *after);
void scopes_free(struct state *state); /* emptied ones */
/* _find: NULL if there is none; _get: makes it; _after: in order, NULL starts. */
struct cluster_home *cluster_home_find(const struct scope_home *scope, const char *name);
struct cluster_home *cluster_home_after(const struct scope_home *scope,
                                        const struct cluster_home *after);
struct cluster_home *cluster_home_get(struct scope_home *scope, const char *name);
struct family_home *family_home_find(const struct scope_home *scope, const char *name);
struct family_home *family_home_get(struct scope_home *scope, const char *name);
struct service_home *service_home_find(const struct cluster_home *cluster, const char *name);
struct service_home *service_home_after(const struct cluster_home *cluster,
                                        const struct service_home *after);
struct service_home *service_home_get(struct cluster_home *cluster, const char *name);
struct service_home *service_home_named(const struct scope *scope, const char *cluster,
                                        const char *name);
/* A task of the service counts there, or (sign -1) no more does. */
void service_count_task(struct cluster_home *cluster, const struct task *task,
                        struct service_counts share, int sign);
void service_figures_drop(struct service_home *home);
/* Takes it out of its cluster; what is in it stays in it. */
void service_home_detach(struct service_home *home);
void service_home_free(struct service_home *home); /* with its history; not its service */
void service_history_drop(struct service_home *home);
void service_home_uncount(struct state *state,
                          const struct service_home *home); /* its history, in counts */
/* A task came to it or left it; zero and unknown ids are fine. */
void instance_task_changed(struct cluster_home *cluster, const struct id *id);
struct container_instance *instance_find(struct cluster_home *cluster, const struct id *id);
struct instance_home *instance_home_find(struct cluster_home *cluster, const struct id *id);
/* The home with one user more, and one user less. */
struct instance_home *instance_home_get(struct cluster_home *cluster, const struct id *id);
void instance_home_put(struct instance_home *home);

/* Which providers a cluster, a service (NULL: no more) and so many tasks more or less count for. */
void provider_uses_follow_cluster(struct cluster_home *home);
void provider_uses_follow_service(struct service_home *home, const struct service *service);
void provider_uses_forget_service(struct service_home *home); /* frees what it remembers */
void provider_uses_count_task(struct cluster_home *cluster, const struct task *task, int by);

/* Free all of a kind, for a reload. */
void tasks_drop(struct cluster_home *cluster);
void instances_drop(struct cluster_home *cluster);
void services_drop(struct cluster_home *cluster);
void clusters_drop(struct scope_home *scope); /* with all that is in them */
void provider_uses_drop(struct cluster_home *cluster);
void capacity_providers_drop(struct scope_home *scope); /* after its clusters */
void families_drop(struct scope_home *scope);
void client_tokens_drop(struct scope_home *scope);
void account_settings_drop(struct scope_home *scope);
void connect_namespaces_drop(struct scope_home *scope);
void access_keys_drop(struct state *state);

/* ---- what rests on task definitions (definition_uses.c) ---- */

/* Whether the task rested on its definition, and whether it does. */
void definition_uses_follow_task(const struct task *task, bool was, bool is);
void definition_uses_follow_task_set(const struct task_set *set, bool is);
void definition_uses_forget_task_sets(const struct service_home *home);
/* By the deployments the service has; NULL: it is INACTIVE or gone. */
void definition_uses_follow_service(struct service_home *home, const struct service *service);
void definition_uses_forget_service(struct service_home *home); /* frees what it remembers */
void definition_uses_drop(struct family_home *home);
/* Whether there is such a revision and it is DELETE_IN_PROGRESS. */
bool definition_is_leaving(const struct family_home *home, int32_t revision);
void definition_unused_add(const struct family_home *home, int32_t revision);
void definition_unused_drop(struct state *state);

/* ---- loading (load.c) ---- */

MUST_USE struct error *state_load(struct state *state);
void state_drop(struct state *state); /* all records; scopes stay */
/* Children of services that are not there any more: a crash came between two transactions of a
 * deletion. */
void state_sweep_orphans(struct state *state);

/* ---- backups (backup.c) ---- */

struct backups *backups_new(void);
void backups_close(struct backups *backups); /* waits for those that are running */

#endif
