/* dir.h - making a directory to keep things in. It blocks: for the start of a program. */
#ifndef BERTH_BASE_DIR_H
#define BERTH_BASE_DIR_H

#include "base/error.h"

/* Makes `path`, for this user only, with the parents that are missing. One that is there is fine;
 * API_CLIENT if something else is. */
MUST_USE struct error *dir_make(const char *path);

#endif
