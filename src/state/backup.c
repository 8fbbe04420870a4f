/* backup.c - copies of the live store, made on the thread pool. */
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "state/tables.h"

struct backups {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned running; /* under lock */
};

/* Outlives the state if that is closed between the end of the work and `done`. */
struct backup {
    struct backups *backups; /* NULL: nothing was asked of the pool */
    struct store *store;
    char *file;
    struct error *err;
    void (*done)(struct error *err, void *data);
    void *data;
};

struct backups *backups_new(void)
{
    struct backups *backups = xcalloc(1, sizeof(*backups));

    pthread_mutex_init(&backups->lock, NULL);
    pthread_cond_init(&backups->ended, NULL);
    return backups;
}

void backups_close(struct backups *backups)
{
    if (!backups)
        return;
    pthread_mutex_lock(&backups->lock);
    while (backups->running > 0)
        pthread_cond_wait(&backups->ended, &backups->lock);
    pthread_mutex_unlock(&backups->lock);
    pthread_mutex_destroy(&backups->lock);
    pthread_cond_destroy(&backups->ended);
    free(backups);
}

static void count(struct backups *backups, int by)
{
    pthread_mutex_lock(&backups->lock);
    backups->running += (unsigned)by;
    pthread_cond_signal(&backups->ended);
    pthread_mutex_unlock(&backups->lock);
}

static void run(void *data)
{
    struct backup *backup = data;

    backup->err = store_backup(backup->store, backup->file);
    count(backup->backups, -1);
}

static void finish(void *data)
{
    struct backup *backup = data;

    backup->done(backup->err, backup->data);
    free(backup->file);
    free(backup);
}

void state_backup(struct state *state, const char *file,
                  void (*done)(struct error *err, void *data), void *data)
{
    struct backup *backup = xcalloc(1, sizeof(*backup));

    *backup = (struct backup){state->backups, state->store, str_dup(file), NULL, done, data};
    count(state->backups, 1);
    if (loop_work(state->loop, run, finish, backup))
        return;
    count(state->backups, -1);
    backup->err = error_new(API_SERVER, "too much work is waiting to make a backup");
    loop_defer(state->loop, finish, backup);
}
