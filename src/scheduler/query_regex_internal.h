/* query_regex_internal.h - the tree and the program a pattern becomes, for the files that make and
 * run them. */
#ifndef BERTH_SCHEDULER_QUERY_REGEX_INTERNAL_H
#define BERTH_SCHEDULER_QUERY_REGEX_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "scheduler/query_regex.h"

#define CODE_POINT_MAX 0x10ffff

struct range {
    uint32_t first, last;
};

/* A set of characters: ranges in order, not touching each other. */
struct char_set {
    const struct range *ranges;
    size_t count;
    uint64_t ascii[2]; /* its part below 128 once more, as bits */
};

enum assertion {
    AT_START,
    AT_END,          /* \z */
    AT_END_OR_BREAK, /* $ and \Z: also before a line break that ends the text */
    AT_LINE_START,   /* ^ and $ of (?m) */
    AT_LINE_END,
    AT_WORD_EDGE,
    NOT_AT_WORD_EDGE,
};

enum instruction_kind {
    CODE_SET,    /* one character of `set`, then the next instruction */
    CODE_SPLIT,  /* goes on at the next and at `to` */
    CODE_JUMP,   /* goes on at `to` */
    CODE_ASSERT, /* goes on at the next if `assertion` holds here */
    CODE_LOOK,   /* goes on at `to` if the program from the next on is found around here */
    CODE_MATCH,
};

/* A pattern as it was read. */
enum regex_node_kind { NODE_LIST, NODE_EITHER, NODE_SET, NODE_REPEAT, NODE_ASSERT, NODE_LOOK };
struct regex_node {
    enum regex_node_kind kind;
    struct regex_node *first, **last; /* children; REPEAT and LOOK have one */
    struct regex_node *next;          /* sibling */
    const struct char_set *set;
    int least, most; /* of a repetition; most -1: no end */
    enum assertion assertion;
    bool is_negative, is_behind;
};

struct instruction {
    enum instruction_kind kind;
    enum assertion assertion;
    bool is_negative, is_behind; /* of CODE_LOOK */
    uint32_t to;
    const struct char_set *set;
};

/* What one run needs; a run inside a look has its own. */
struct scratch {
    uint32_t *now, *next; /* states */
    uint32_t *marks;      /* by state: the round that last added it */
    uint32_t *stack;
    uint32_t round;
};

struct regex {
    struct instruction *code;
    uint32_t count;
    struct scratch *scratch; /* by how deep the run is in looks */
};

/* ---- query_regex_read.c ---- */
/* NULL if it is no pattern; `*ret_looks` is how deep looks are inside each other. */
struct regex_node *regex_read(struct arena *arena, const char *pattern, unsigned *ret_looks,
                              const char **ret_why, size_t *ret_at);

/* ---- query_regex_run.c ---- */
/* Reads one character of `len` > 0 bytes and returns how many it took. */
size_t regex_read_char(const char *s, size_t len, uint32_t *ret);

#endif
