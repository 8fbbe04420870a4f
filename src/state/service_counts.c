/* service_counts.c - how many tasks a service has, and each of its deployments and task sets: kept
 * with every change of a task, so that showing a service costs no walk over its tasks.
 *
 * A deployment or task set has figures from its first task to its last.
 */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "state/txn.h"

struct figures {
    const char *of; /* interned: the id of a deployment or task set */
    struct treap_node node;
    struct service_counts counts;
};

static struct figures *figures_of(const struct treap_node *node)
{
    return node ? CONTAINER_OF((struct treap_node *)(uintptr_t)node, struct figures, node) : NULL;
}

static int figures_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, figures_of(node)->of);
}

static struct figures *find(const struct service_home *home, const char *of)
{
    return figures_of(treap_find(&home->figures, of, figures_cmp));
}

static struct figures *make(struct service_home *home, const char *of)
{
    struct figures *figures = xcalloc(1, sizeof(*figures));

    figures->of = intern(of);
    treap_insert(&home->figures, of, &figures->node, figures_cmp);
    return figures;
}

static void figures_free(struct treap_node *node, void *data)
{
    struct figures *figures = figures_of(node);

    (void)data;
    intern_unref(figures->of);
    free(figures);
}

static void add(struct service_counts *to, const struct service_counts *share, int sign)
{
    to->pending += sign * share->pending;
    to->running += sign * share->running;
    to->staying += sign * share->staying;
    to->stopping += sign * share->stopping;
}

void service_count_task(struct cluster_home *cluster, const struct task *task,
                        struct service_counts share, int sign)
{
    const char *of = task->deployment ? task->deployment : "";
    struct service_home *home;
    struct figures *figures;

    if (!share.staying && !share.stopping) /* STOPPED: in no figure */
        return;
    /* A task may be loaded before its service. It may outlive it, too, and then is in no figure. */
    home = sign > 0 ? service_home_get(cluster, task->service)
                    : service_home_find(cluster, task->service);
    figures = home ? find(home, of) : NULL;
    if (!figures && sign < 0)
        return;
    if (!figures)
        figures = make(home, of);
    add(&home->counts, &share, sign);
    add(&figures->counts, &share, sign);
    if (!figures->counts.staying && !figures->counts.stopping) {
        treap_remove(&home->figures, of, figures_cmp);
        figures_free(&figures->node, NULL);
    }
}

void service_figures_drop(struct service_home *home)
{
    treap_drain(&home->figures, figures_free, NULL);
}

void state_service_counts(const struct service *service, const char *of, struct service_counts *ret)
{
    const struct service_home *home = service->home;
    const struct figures *figures;

    if (!of) {
        *ret = home->counts;
        return;
    }
    figures = find(home, of);
    *ret = figures ? figures->counts : (struct service_counts){0};
}
