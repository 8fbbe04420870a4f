/* The tree of a pattern, written out as a program. Reading it is query_regex_read.c, running it
 * query_regex_run.c. */
#include "scheduler/query_regex.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scheduler/query_regex_internal.h"

struct writer {
    struct instruction code[REGEX_STATES_MAX];
    uint32_t count;
    bool is_full;
};

static uint32_t emit(struct writer *out, struct instruction instruction)
{
    if (out->count == REGEX_STATES_MAX) {
        out->is_full = true;
        return 0;
    }
    out->code[out->count] = instruction;
    return out->count++;
}

static void write_node(struct writer *out, const struct regex_node *node);

/* Each but the last alternative: split to the next one; itself; jump to the end. */
static void write_either(struct writer *out, const struct regex_node *either)
{
    uint32_t jumps = UINT32_MAX; /* a chain through their targets */

    for (const struct regex_node *list = either->first; list && !out->is_full; list = list->next) {
        uint32_t split = 0;

        if (list->next)
            split = emit(out, (struct instruction){.kind = CODE_SPLIT});
        write_node(out, list);
        if (list->next) {
            jumps = emit(out, (struct instruction){.kind = CODE_JUMP, .to = jumps});
            out->code[split].to = out->count;
        }
    }
    while (jumps != UINT32_MAX && !out->is_full) {
        uint32_t next = out->code[jumps].to;

        out->code[jumps].to = out->count;
        jumps = next;
    }
}

static void write_repeat(struct writer *out, const struct regex_node *repeat)
{
    uint32_t before = out->count;
    uint32_t splits = UINT32_MAX;

    for (int i = 0; i < repeat->least && !out->is_full; i++) {
        write_node(out, repeat->first);
        if (out->count == before)
            break; /* nothing, however often */
    }
    if (repeat->most < 0) {
        uint32_t split = emit(out, (struct instruction){.kind = CODE_SPLIT});

        write_node(out, repeat->first);
        emit(out, (struct instruction){.kind = CODE_JUMP, .to = split});
        out->code[split].to = out->count;
        return;
    }
    for (int i = repeat->least; i < repeat->most && !out->is_full; i++) {
        splits = emit(out, (struct instruction){.kind = CODE_SPLIT, .to = splits});
        write_node(out, repeat->first);
    }
    while (splits != UINT32_MAX && !out->is_full) {
        uint32_t next = out->code[splits].to;

        out->code[splits].to = out->count;
        splits = next;
    }
}

static void write_look(struct writer *out, const struct regex_node *node)
{
    uint32_t look = emit(out, (struct instruction){.kind = CODE_LOOK,
                                                   .is_negative = node->is_negative,
                                                   .is_behind = node->is_behind});

    write_node(out, node->first);
    emit(out, (struct instruction){.kind = CODE_MATCH});
    out->code[look].to = out->count;
}

static void write_node(struct writer *out, const struct regex_node *node)
{
    if (out->is_full)
        return;
    switch (node->kind) {
    case NODE_LIST:
        for (const struct regex_node *child = node->first; child; child = child->next)
            write_node(out, child);
        break;
    case NODE_EITHER:
        write_either(out, node);
        break;
    case NODE_SET:
        emit(out, (struct instruction){.kind = CODE_SET, .set = node->set});
        break;
    case NODE_REPEAT:
        write_repeat(out, node);
        break;
    case NODE_ASSERT:
        emit(out, (struct instruction){.kind = CODE_ASSERT, .assertion = node->assertion});
        break;
    case NODE_LOOK:
        write_look(out, node);
        break;
    }
}

static struct scratch *scratch_new(struct arena *arena, unsigned levels, uint32_t states)
{
    struct scratch *scratch = ARENA_ARRAY(arena, struct scratch, levels);

    for (unsigned i = 0; i < levels; i++)
        scratch[i] = (struct scratch){
            .now = ARENA_ARRAY(arena, uint32_t, states),
            .next = ARENA_ARRAY(arena, uint32_t, states),
            .marks = ARENA_ARRAY(arena, uint32_t, states),
            .stack = ARENA_ARRAY(arena, uint32_t, states),
        };
    return scratch;
}

struct regex *regex_compile(struct arena *arena, const char *pattern, const char **ret_why,
                            size_t *ret_at)
{
    unsigned looks;
    struct regex_node *root = regex_read(arena, pattern, &looks, ret_why, ret_at);
    struct writer *out;
    struct regex *regex;

    if (!root)
        return NULL;
    out = xcalloc(1, sizeof(*out));
    write_node(out, root);
    emit(out, (struct instruction){.kind = CODE_MATCH});
    if (out->is_full) {
        *ret_why = "the pattern is too large, with its counts written out";
        *ret_at = 0;
        free(out);
        return NULL;
    }
    regex = ARENA_NEW(arena, struct regex);
    regex->code = ARENA_ARRAY(arena, struct instruction, out->count);
    memcpy(regex->code, out->code, out->count * sizeof(*regex->code));
    regex->count = out->count;
    regex->scratch = scratch_new(arena, looks + 1, out->count);
    free(out);
    return regex;
}
