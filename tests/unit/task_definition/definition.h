/* definition.h - a task definition from a line of JSON with ' for ", through all that can refuse it. */
#ifndef TEST_TASK_DEFINITION_DEFINITION_H
#define TEST_TASK_DEFINITION_DEFINITION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ecs/task_definition_parts.h"

extern struct arena definition_arena; /* emptied by definition_reset() */
int definition_reset(void **state);
int definition_done(void **state);

/* ` stands for an apostrophe. */
char *definition_json(const char *text);
MUST_USE struct error *definition_try(const char *json, struct ecs_task_definition *ret);
struct ecs_task_definition definition_of(const char *json); /* fails the test if it is refused */

/* `refusal` NULL: accepted; else part of the words, ` for an apostrophe. All refusals are
 * ClientException (API-089). */
void definition_expect(const char *why, const char *json, const char *refusal);

/* A definition of one container `c` of image `i` with 64 MiB: members of the definition, members of
 * the container; each starts with a comma or is "". If the first of the container is name, image or
 * memory, it is that one. */
const char *definition_text(const char *top, const char *container);

#endif
