/* lost_hosts.c - hosts whose agent is silent for instance_lost_after lose their service tasks
 * (ARCHITECTURE.md, Lost hosts). */
#include "control/lost_hosts.h"

#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"
#include "core/task.h"

#include <sys/queue.h>

#define LEAD_GRACE_MS 120000 /* unless the options say else */

/* A cluster with hosts that are not connected. */
struct silent_cluster {
    RB_ENTRY(silent_cluster) entry; /* by scope and name */
    const struct scope *scope;
    const char *cluster; /* interned, referenced */
    LIST_HEAD(, silent_host) hosts;
    int64_t count;
};

struct silent_host {
    RB_ENTRY(silent_host) entry; /* by id */
    LIST_ENTRY(silent_host) of_cluster;
    struct silent_cluster *cluster;
    struct lost_hosts *lost;
    struct id instance;
    struct timer due;
    bool is_held_back; /* its time is over, but too many of the cluster are silent */
};

struct lost_hosts {
    struct control *control;
    RB_HEAD(silent_cluster_tree, silent_cluster) clusters;
    RB_HEAD(silent_host_tree, silent_host) hosts;
};

static int silent_cluster_cmp(const struct silent_cluster *a, const struct silent_cluster *b)
{
    uintptr_t x = (uintptr_t)a->scope, y = (uintptr_t)b->scope;

    if (x != y)
        return x < y ? -1 : 1;
    return strcmp(a->cluster, b->cluster);
}
RB_GENERATE_STATIC(silent_cluster_tree, silent_cluster, entry, silent_cluster_cmp)

static int silent_host_cmp(const struct silent_host *a, const struct silent_host *b)
{
    return id_cmp(&a->instance, &b->instance);
}
RB_GENERATE_STATIC(silent_host_tree, silent_host, entry, silent_host_cmp)

static struct silent_host *silent_find(struct lost_hosts *lost, const struct id *instance)
{
    struct silent_host key = {.instance = *instance};

    return RB_FIND(silent_host_tree, &lost->hosts, &key);
}

static struct silent_cluster *silent_cluster_of(struct lost_hosts *lost, const struct scope *scope,
                                                const char *cluster)
{
    struct silent_cluster key = {.scope = scope, .cluster = cluster};
    struct silent_cluster *found = RB_FIND(silent_cluster_tree, &lost->clusters, &key);

    if (found)
        return found;
    found = xcalloc(1, sizeof(*found));
    found->scope = scope;
    found->cluster = intern(cluster);
    LIST_INIT(&found->hosts);
    RB_INSERT(silent_cluster_tree, &lost->clusters, found);
    return found;
}

static void silent_free(struct lost_hosts *lost, struct silent_host *host)
{
    struct silent_cluster *cluster = host->cluster;

    timer_stop(&host->due);
    RB_REMOVE(silent_host_tree, &lost->hosts, host);
    LIST_REMOVE(host, of_cluster);
    free(host);
    if (--cluster->count)
        return;
    RB_REMOVE(silent_cluster_tree, &lost->clusters, cluster);
    intern_unref(cluster->cluster);
    free(cluster);
}

/* A service's task is replaced elsewhere; one that was to stop anyway has no one to say that it
 * did. Others stay: nobody replaces them, and their host may come back. */
static bool goes_with_host(const struct task *task)
{
    return task->last_status != TASK_STOPPED &&
           (task->service || task->desired_status == TASK_STOPPED);
}

static void lose_host(struct lost_hosts *lost, const struct silent_host *host)
{
    struct control *control = lost->control;
    const struct silent_cluster *cluster = host->cluster;
    const struct container_instance *instance =
        state_instance(control->state, cluster->scope, cluster->cluster, &host->instance);
    CLEANUP(str_freep) char *reason = NULL;
    char hex[ID_HEX_SIZE];
    size_t count = 0;

    if (!instance)
        return;
    id_format(&host->instance, hex);
    reason = str_printf(STOPPED_HOST_LOST_FMT,
                        instance->ec2_instance_id ? instance->ec2_instance_id : hex);
    for (int stopped = 0; stopped <= 1; stopped++) {
        struct txn *txn = txn_begin(control->state, cluster->scope);
        const struct task *task = NULL;

        while (
            (task = state_task_after(control->state, cluster->scope, cluster->cluster,
                                     TASKS_BY_INSTANCE, hex, stopped, task ? &task->id : NULL))) {
            if (!goes_with_host(task))
                continue;
            task_end(txn_edit_task(txn, task), STOP_CODE_TERMINATION_NOTICE, reason,
                     control_wall_ms(control));
            count++;
            if (txn_room_keys(txn) > 1)
                continue;
            txn_commit(txn);
            txn = txn_begin(control->state, cluster->scope);
        }
        txn_commit(txn);
    }
    if (count)
        log_warning("host is lost, its service tasks are replaced", "cluster", cluster->cluster,
                    "instance", hex);
}

/* Never while more than a third of a cluster's hosts are silent: then it is rather us, or the
 * network. */
static bool is_believable(struct lost_hosts *lost, const struct silent_cluster *cluster)
{
    const struct cluster *record =
        state_cluster(lost->control->state, cluster->scope, cluster->cluster);
    struct cluster_counts counts;

    if (!record)
        return false;
    state_cluster_counts(record, &counts);
    return cluster->count * 3 <= counts.instances_registered;
}

static void on_silent_due(void *data)
{
    struct silent_host *host = data;
    struct lost_hosts *lost = host->lost;

    host->is_held_back = !is_believable(lost, host->cluster);
    if (!host->is_held_back)
        lose_host(lost, host);
}

/* Enough of them are back: those whose time is over are lost after all. */
static void reconsider(struct lost_hosts *lost, const struct scope *scope, const char *name)
{
    struct silent_cluster key = {.scope = scope, .cluster = name};
    struct silent_cluster *cluster = RB_FIND(silent_cluster_tree, &lost->clusters, &key);
    struct silent_host *host;

    if (!cluster || !is_believable(lost, cluster))
        return;
    LIST_FOREACH(host, &cluster->hosts, of_cluster)
    if (host->is_held_back && !host->due.is_running)
        timer_start(&host->due, lost->control->loop, 0, on_silent_due, host);
}

static void silent_add(struct lost_hosts *lost, const struct scope *scope, const char *cluster_name,
                       const struct id *instance)
{
    struct control *control = lost->control;
    int64_t now_ms = control_mono_ms(control);
    int64_t grace_ms = control->options.lead_grace_ms;
    int64_t since_ms = control->started_mono_ms + (grace_ms ? grace_ms : LEAD_GRACE_MS);
    struct silent_host *host;

    if (silent_find(lost, instance))
        return;
    host = xcalloc(1, sizeof(*host));
    host->lost = lost;
    host->instance = *instance;
    host->cluster = silent_cluster_of(lost, scope, cluster_name);
    host->cluster->count++;
    LIST_INSERT_HEAD(&host->cluster->hosts, host, of_cluster);
    RB_INSERT(silent_host_tree, &lost->hosts, host);
    if (control->options.instance_lost_after_ms <= 0)
        return;
    if (since_ms < now_ms)
        since_ms = now_ms;
    timer_start(&host->due, control->loop,
                since_ms - now_ms + control->options.instance_lost_after_ms, on_silent_due, host);
}

static bool is_expected(const struct container_instance *instance)
{
    return instance->status == INSTANCE_ACTIVE || instance->status == INSTANCE_DRAINING;
}

void lost_hosts_follow(struct lost_hosts *lost, const struct scope *scope, const char *cluster,
                       const struct id *id)
{
    const struct container_instance *instance =
        state_instance(lost->control->state, scope, cluster, id);
    struct silent_host *host = silent_find(lost, id);

    if (instance && is_expected(instance) && !state_instance_connected(instance)) {
        silent_add(lost, scope, cluster, id);
        return;
    }
    if (host)
        silent_free(lost, host);
    reconsider(lost, scope, cluster);
}

struct lost_hosts *lost_hosts_new(struct control *control)
{
    struct lost_hosts *lost = xcalloc(1, sizeof(*lost));

    lost->control = control;
    RB_INIT(&lost->clusters);
    RB_INIT(&lost->hosts);
    return lost;
}

void lost_hosts_forget(struct lost_hosts *lost)
{
    struct silent_host *host, *next;

    RB_FOREACH_SAFE (host, silent_host_tree, &lost->hosts, next)
        silent_free(lost, host);
}

void lost_hosts_free(struct lost_hosts *lost)
{
    lost_hosts_forget(lost);
    free(lost);
}
