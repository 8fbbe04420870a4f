#include "control/payloads.h"

#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/tree.h"

#include <sys/queue.h>

struct kept_source {
    RB_ENTRY(kept_source) entry;
    TAILQ_ENTRY(kept_source) recent;
    const struct scope *scope;
    const char *family; /* interned, referenced */
    int revision;
    struct arena arena;
    struct payload_source source;
};

struct payloads {
    struct state *state;
    RB_HEAD(kept_source_tree, kept_source) kept;
    TAILQ_HEAD(kept_source_queue, kept_source) recent; /* the one used last first */
    size_t count;
};

static int kept_source_cmp(const struct kept_source *a, const struct kept_source *b)
{
    uintptr_t x = (uintptr_t)a->scope, y = (uintptr_t)b->scope;

    if (x != y)
        return x < y ? -1 : 1;
    if (a->revision != b->revision)
        return a->revision < b->revision ? -1 : 1;
    return strcmp(a->family, b->family);
}
RB_GENERATE_STATIC(kept_source_tree, kept_source, entry, kept_source_cmp)

struct payloads *payloads_new(struct state *state)
{
    struct payloads *payloads = xcalloc(1, sizeof(*payloads));

    payloads->state = state;
    RB_INIT(&payloads->kept);
    TAILQ_INIT(&payloads->recent);
    return payloads;
}

static void drop(struct payloads *payloads, struct kept_source *one)
{
    RB_REMOVE(kept_source_tree, &payloads->kept, one);
    TAILQ_REMOVE(&payloads->recent, one, recent);
    payloads->count--;
    intern_unref(one->family);
    arena_done(&one->arena);
    free(one);
}

void payloads_forget(struct payloads *payloads)
{
    while (!TAILQ_EMPTY(&payloads->recent))
        drop(payloads, TAILQ_FIRST(&payloads->recent));
}

void payloads_free(struct payloads *payloads)
{
    if (!payloads)
        return;
    payloads_forget(payloads);
    free(payloads);
}

/* What the account has set; NULL: Docker's own (CL-236). */
static const char *log_mode_of(const struct payloads *payloads, const struct scope *scope)
{
    CLEANUP(str_freep) char *root = str_printf("arn:aws:iam::%s:root", scope->account);
    const struct account_setting *setting =
        state_account_setting(payloads->state, scope, root, "defaultLogDriverMode");

    return setting && str_eq(setting->value, LOG_MODE_BLOCKING) ? NULL : LOG_MODE_NON_BLOCKING;
}

static struct error *read_source(struct payloads *payloads, struct kept_source *one)
{
    const struct task_definition *definition =
        state_task_definition(payloads->state, one->scope, one->family, one->revision);

    if (!definition)
        return error_new(API_SERVER, "Task definition %s:%d is gone.", one->family, one->revision);
    return payload_source_read(&one->arena, one->scope, definition,
                               log_mode_of(payloads, one->scope), &one->source);
}

struct error *payloads_source(struct payloads *payloads, const struct scope *scope,
                              const char *family, int revision, const struct payload_source **ret)
{
    struct kept_source key = {.scope = scope, .family = family, .revision = revision};
    struct kept_source *one = RB_FIND(kept_source_tree, &payloads->kept, &key);

    if (one && one->source.log_mode != log_mode_of(payloads, scope)) {
        drop(payloads, one); /* the setting is another now */
        one = NULL;
    }
    if (one) {
        TAILQ_REMOVE(&payloads->recent, one, recent);
        TAILQ_INSERT_HEAD(&payloads->recent, one, recent);
        *ret = &one->source;
        return NULL;
    }
    one = xcalloc(1, sizeof(*one));
    *one = (struct kept_source){.scope = scope, .family = intern(family), .revision = revision};
    RB_INSERT(kept_source_tree, &payloads->kept, one);
    TAILQ_INSERT_HEAD(&payloads->recent, one, recent);
    if (++payloads->count > PAYLOAD_SOURCES_MAX)
        drop(payloads, TAILQ_LAST(&payloads->recent, kept_source_queue));
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was dropped is the last, not this first */
    struct error *err = read_source(payloads, one);
    if (err) {
        drop(payloads, one);
        return err;
    }
    *ret = &one->source;
    return NULL;
}
