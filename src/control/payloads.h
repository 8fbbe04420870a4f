/* payloads.h - task definitions ready for payloads, kept while they are in use.
 *
 * Reading a definition's document costs many times what making a payload from it does, and the
 * tasks told at a time are mostly of few definitions.
 */
#ifndef BERTH_CONTROL_PAYLOADS_H
#define BERTH_CONTROL_PAYLOADS_H

#include "core/payload.h"
#include "state/state.h"

#define PAYLOAD_SOURCES_MAX 128 /* the one not used longest goes first */

struct payloads;

struct payloads *payloads_new(struct state *state);
void payloads_free(struct payloads *payloads);
/* After a reload: a revision that was never durable may come again as another. */
void payloads_forget(struct payloads *payloads);

/* The source for a task of that definition; lent until the next call. API_SERVER if the definition
 * is gone or damaged. */
MUST_USE struct error *payloads_source(struct payloads *payloads, const struct scope *scope,
                                       const char *family, int revision,
                                       const struct payload_source **ret);

#endif
