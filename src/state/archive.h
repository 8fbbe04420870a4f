/* archive.h - stopped tasks that are older than what memory keeps: in bulk storage, found by id and
 * walked from the newest, until they are dropped.
 *
 *   table of tasks --archive_move()--> DATA/tasks/NNN.seg --archive_drop()--> gone
 *
 * A move makes the records durable there before it deletes them from the state: a crash between the
 * two leaves a task in both places, and the sweep moves it again. What is written is the record as
 * the store has it.
 *
 * All of this belongs to the loop's thread; the disk is waited for on the thread pool. Callbacks
 * run on the loop, after the asking call has returned.
 */
#ifndef BERTH_STATE_ARCHIVE_H
#define BERTH_STATE_ARCHIVE_H

#include "state/state.h"

#define ARCHIVE_MOVE_TASKS_MAX 50 /* a transaction deletes them */
#define ARCHIVE_MOVES_MAX      4  /* under way */
#define ARCHIVE_READ_TASKS_MAX 100

struct archive;

/* The state's archive in `folder`. state_close() closes it. */
MUST_USE struct error *state_open_archive(struct state *state, const char *folder);
struct archive *state_archive(const struct state *state); /* NULL: none was opened */

/* Of one cluster; at most ARCHIVE_MOVE_TASKS_MAX. Those that are not there or not STOPPED when the
 * time comes are left alone. False, and nothing is asked: too many moves are under way. A move that
 * fails is logged; its tasks stay where they are. */
bool archive_move(struct archive *archive, const struct scope *scope, const char *cluster,
                  const struct id *tasks, size_t count);
/* Those that stopped before, as far as whole segments go. */
void archive_drop(struct archive *archive, int64_t stopped_before_ms);

/* `tasks` are lent for the call; their `home` is nothing. With an error (lent too) there are none.
 * At the state's end an answer comes with an error. */
typedef void archive_read_fn(const struct error *err, const struct task *const *tasks, size_t count,
                             void *data);
/* The tasks with these ids that are there, in no order; at most ARCHIVE_READ_TASKS_MAX ids. */
void archive_find(struct archive *archive, const struct scope *scope, const char *cluster,
                  const struct id *ids, size_t count, archive_read_fn *done, void *data);
/* At most `count` from the last before the id `before` (NULL: the newest) downwards; fewer only at
 * the end. */
void archive_before(struct archive *archive, const struct scope *scope, const char *cluster,
                    const struct id *before, size_t count, archive_read_fn *done, void *data);

/* For state_close(): waits for what is under way. */
void archive_close(struct archive *archive);

#endif
