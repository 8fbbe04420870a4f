/* data_dir.h - the directory a server or agent keeps everything in: made on first use, locked while
 * used, and the place where local commands learn how to reach the server.
 *
 *   lock              flock()ed by its user; holds a line about it
 *   state.db          the store
 *   server.json       endpoint, region, the administrator's key of the running server (mode 0600)
 *   up.json           the key `berth up` made for its user (mode 0600)
 */
#ifndef BERTH_CLI_DATA_DIR_H
#define BERTH_CLI_DATA_DIR_H

#include "base/error.h"

/* $XDG_STATE_HOME/berth, for root /var/lib/berth, else ~/.local/state/berth. The caller's. */
MUST_USE char *data_dir_default(void);

/* Takes DIR/`name`; refused with a sentence naming the holder if somebody has it. Held until the
 * process ends (the descriptor is close-on-exec and never closed). `what` describes us: "berth up
 * on 127.0.0.1:4566". */
MUST_USE struct error *data_dir_lock(const char *dir, const char *name, const char *what);

/* A small file, whole: written to a temporary one, synced, renamed; mode 0600. */
MUST_USE struct error *data_dir_write(const char *dir, const char *name, const char *text);
MUST_USE struct error *data_dir_read(const char *dir, const char *name, char **ret_text);

#endif
