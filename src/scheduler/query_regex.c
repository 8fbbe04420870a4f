/* Patterns: parsed into a tree, the tree written out as a program. Running it is query_regex_run.c.
 */
#include "scheduler/query_regex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scheduler/query_regex_internal.h"
#include "scheduler/query_regex_set.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum node_kind { NODE_LIST, NODE_EITHER, NODE_SET, NODE_REPEAT, NODE_ASSERT, NODE_LOOK };
struct node {
    enum node_kind kind;
    struct node *first, **last; /* children; REPEAT and LOOK have one */
    struct node *next;          /* sibling */
    const struct char_set *set;
    int least, most; /* of a repetition; most -1: no end */
    enum assertion assertion;
    bool is_negative, is_behind;
};

struct flags {
    bool ignores_case;  /* i */
    bool dot_takes_all; /* s */
    bool has_lines;     /* m */
};

struct reader {
    struct arena *arena;
    const char *text;
    size_t at;
    struct flags flags;
    bool is_quoting; /* between \\Q and \\E */
    unsigned depth, looks, looks_deepest;
    const char *why; /* not NULL: it failed, at `at` */
};

static void *fail(struct reader *in, const char *why)
{
    if (!in->why)
        in->why = why;
    return NULL;
}

static struct node *node_new(struct reader *in, enum node_kind kind)
{
    struct node *node = ARENA_NEW(in->arena, struct node);

    node->kind = kind;
    node->last = &node->first;
    return node;
}

static void node_add(struct node *parent, struct node *child)
{
    *parent->last = child;
    parent->last = &child->next;
}

static struct node *node_set(struct reader *in, const struct char_set *set)
{
    struct node *node = node_new(in, NODE_SET);

    node->set = set;
    return node;
}

static struct node *node_assert(struct reader *in, enum assertion assertion)
{
    struct node *node = node_new(in, NODE_ASSERT);

    node->assertion = assertion;
    return node;
}

static bool take(struct reader *in, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(in->text + in->at, text, len) != 0)
        return false;
    in->at += len;
    return true;
}

static uint32_t read_char(struct reader *in)
{
    const char *s = in->text + in->at;
    uint32_t code;

    in->at += regex_read_char(s, strlen(s), &code);
    return code;
}

/* ---- escapes ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct reader *in, int digits_least, int digits_most, uint32_t *ret)
{
    uint32_t code = 0;
    int count = 0;

    for (; count < digits_most && hex_digit(in->text[in->at]) >= 0; count++, in->at++)
        code = code * 16 + (uint32_t)hex_digit(in->text[in->at]);
    if (count < digits_least || code > CODE_POINT_MAX)
        return false;
    *ret = code;
    return true;
}

/* \0 and one to three octal digits, at most 0377. */
static bool read_octal(struct reader *in, uint32_t *ret)
{
    uint32_t code = 0;
    int count = 0;

    while (count < 3 && in->text[in->at] >= '0' && in->text[in->at] <= '7' &&
           code * 8 + (uint32_t)(in->text[in->at] - '0') <= 0377) {
        code = code * 8 + (uint32_t)(in->text[in->at++] - '0');
        count++;
    }
    *ret = code;
    return count > 0;
}

/* A character written as an escape; the backslash and `letter` are read. */
static bool read_escaped_char(struct reader *in, char letter, uint32_t *ret)
{
    static const char letters[] = "tnrfae";
    static const char codes[] = "\t\n\r\f\a\x1b";
    const char *simple = strchr(letters, letter);

    if (simple)
        *ret = (unsigned char)codes[simple - letters];
    else if (letter == 'x' && take(in, "{"))
        return read_hex(in, 1, 6, ret) && take(in, "}");
    else if (letter == 'x')
        return read_hex(in, 2, 2, ret);
    else if (letter == 'u')
        return read_hex(in, 4, 4, ret);
    else if (letter == '0')
        return read_octal(in, ret);
    else if (letter == 'c' && in->text[in->at] > 0)
        *ret = (uint32_t)in->text[in->at++] ^ 64;
    else
        return false;
    return true;
}

/* \p{NAME} and \P{NAME}; the letter is read. */
static const struct char_set *read_property(struct reader *in, bool is_negative)
{
    const char *name = in->text + in->at + 1;
    const char *end = in->text[in->at] == '{' ? strchr(name, '}') : NULL;
    const struct char_set *set = end ? set_named(in->arena, name, (size_t)(end - name)) : NULL;

    if (!set)
        return fail(in, "\\p takes one of {Lower}, {Upper}, {ASCII}, {Alpha}, {Digit}, {Alnum}, "
                        "{Punct}, {Graph}, {Print}, {Blank}, {Cntrl}, {XDigit} and {Space}");
    in->at += (size_t)(end - name) + 2;
    return is_negative ? set_negation(in->arena, set) : set;
}

/* What an escape stands for inside or outside a class; the backslash is read. */
static const struct char_set *read_escape(struct reader *in)
{
    char letter = in->text[in->at];
    const struct char_set *set;
    uint32_t code;

    if (!letter)
        return fail(in, "a backslash ends the pattern");
    if ((unsigned char)letter >= 128)
        return set_one(in->arena, read_char(in));
    in->at++;
    if (letter == 'p' || letter == 'P')
        return read_property(in, letter == 'P');
    set = set_escape(in->arena, letter);
    if (set)
        return set;
    if (read_escaped_char(in, letter, &code))
        return set_one(in->arena, code);
    in->at--;
    if (letter >= '1' && letter <= '9')
        return fail(in, "references back to a group are not supported");
    if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z')
        return fail(in, "the escape is not known");
    if (letter == '0')
        return fail(in, "\\0 takes octal digits");
    in->at++;
    return set_one(in->arena, (unsigned char)letter);
}

/* ---- classes ---- */

static const struct char_set *read_class(struct reader *in);

/* One member: a character, a range, an escape, a class. */
static const struct char_set *read_member(struct reader *in)
{
    const struct char_set *set;
    uint32_t first, last;

    if (take(in, "["))
        return read_class(in);
    if (take(in, "\\"))
        set = read_escape(in);
    else
        set = set_one(in->arena, read_char(in));
    if (!set || set->count != 1 || set->ranges[0].first != set->ranges[0].last ||
        in->text[in->at] != '-' || in->text[in->at + 1] == ']' || in->text[in->at + 1] == '[' ||
        !in->text[in->at + 1])
        return set;
    first = set->ranges[0].first;
    in->at++;
    if (take(in, "\\")) {
        set = read_escape(in);
        if (!set)
            return NULL;
        last = set->count == 1 ? set->ranges[0].first : 0;
        if (set->count != 1 || set->ranges[0].last != last)
            return fail(in, "a range must end with a character");
    } else {
        last = read_char(in);
    }
    if (last < first)
        return fail(in, "the range runs backwards");
    return set_of(in->arena, &(struct range){first, last}, 1);
}

/* Up to the ] that ends it; the [ is read. Parts between && are intersected. */
static const struct char_set *read_class(struct reader *in)
{
    bool is_negative = take(in, "^");
    const struct char_set *whole = NULL;
    const struct char_set *part = set_of(in->arena, NULL, 0);
    bool is_first = true;

    if (++in->depth > REGEX_DEPTH_MAX)
        return fail(in, "groups and classes are nested too deep");
    for (; !in->why; is_first = false) {
        const struct char_set *member;

        if (!in->text[in->at])
            return fail(in, "a class lacks its ]");
        if (in->text[in->at] == ']' && !is_first)
            break;
        if (!is_first && take(in, "&&")) {
            whole = whole ? set_intersection(in->arena, whole, part) : part;
            part = set_of(in->arena, NULL, 0);
            continue;
        }
        member = read_member(in);
        if (member)
            part = set_union(in->arena, part, member);
    }
    if (in->why)
        return NULL;
    in->at++;
    in->depth--;
    whole = whole ? set_intersection(in->arena, whole, part) : part;
    if (in->flags.ignores_case)
        whole = set_any_case(in->arena, whole);
    return is_negative ? set_negation(in->arena, whole) : whole;
}

/* ---- atoms ---- */

static struct node *read_either(struct reader *in);

static bool read_flags(struct reader *in, struct flags *flags)
{
    bool value = true;

    for (;; in->at++) {
        switch (in->text[in->at]) {
        case 'i':
            flags->ignores_case = value;
            break;
        case 's':
            flags->dot_takes_all = value;
            break;
        case 'm':
            flags->has_lines = value;
            break;
        case '-':
            if (!value)
                return false;
            value = false;
            break;
        default:
            return in->text[in->at] == ')' || in->text[in->at] == ':';
        }
    }
}

static struct node *read_body(struct reader *in, struct flags flags)
{
    struct flags outer = in->flags;
    struct node *node;

    in->flags = flags;
    if (++in->depth > REGEX_DEPTH_MAX)
        return fail(in, "groups and classes are nested too deep");
    node = read_either(in);
    in->depth--;
    in->flags = outer;
    if (node && !take(in, ")"))
        return fail(in, "a group lacks its )");
    return node;
}

static struct node *read_look(struct reader *in, bool is_behind, bool is_negative)
{
    struct node *node = node_new(in, NODE_LOOK);
    struct node *body;

    node->is_behind = is_behind;
    node->is_negative = is_negative;
    if (++in->looks > in->looks_deepest)
        in->looks_deepest = in->looks;
    body = read_body(in, in->flags);
    in->looks--;
    if (!body)
        return NULL;
    node_add(node, body);
    return node;
}

/* A letter, then letters and digits. */
static size_t name_len(const char *s)
{
    return isalpha((unsigned char)*s) ? strspn(s, LETTERS "0123456789") : 0;
}

/* What starts with (; that is read. */
static struct node *read_group(struct reader *in)
{
    struct flags flags = in->flags;

    if (!take(in, "?"))
        return read_body(in, flags);
    if (take(in, "="))
        return read_look(in, false, false);
    if (take(in, "!"))
        return read_look(in, false, true);
    if (take(in, "<="))
        return read_look(in, true, false);
    if (take(in, "<!"))
        return read_look(in, true, true);
    if (take(in, "<")) {
        size_t len = name_len(in->text + in->at);

        if (!len || in->text[in->at + len] != '>')
            return fail(in, "the name of a group takes letters and digits and ends with >");
        in->at += len + 1;
        return read_body(in, flags);
    }
    if (in->text[in->at] == '>')
        return fail(in, "groups that do not give back, (?>...), are not supported");
    if (!read_flags(in, &flags))
        return fail(in, "of the flags of a group only i, m and s are supported");
    if (take(in, ":"))
        return read_body(in, flags);
    in->at++; /* (?i): for the rest of the group it is in */
    in->flags = flags;
    return node_new(in, NODE_LIST);
}

/* \Q and \E: what is between them stands for itself. */
static void read_quote_marks(struct reader *in)
{
    while (take(in, in->is_quoting ? "\\E" : "\\Q"))
        in->is_quoting = !in->is_quoting;
}

static struct node *read_dot(struct reader *in)
{
    static const struct range breaks[] = {
        {'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}};

    return node_set(
        in, set_negation(in->arena, set_of(in->arena, breaks,
                                           in->flags.dot_takes_all ? 0 : ARRAY_LEN(breaks))));
}

static struct node *read_literal(struct reader *in)
{
    const struct char_set *set = set_one(in->arena, read_char(in));

    return node_set(in, in->flags.ignores_case ? set_any_case(in->arena, set) : set);
}

static struct node *read_atom(struct reader *in)
{
    const struct char_set *set;

    if (in->is_quoting)
        return read_literal(in);
    if (take(in, "("))
        return read_group(in);
    if (take(in, "."))
        return read_dot(in);
    if (take(in, "^"))
        return node_assert(in, in->flags.has_lines ? AT_LINE_START : AT_START);
    if (take(in, "$"))
        return node_assert(in, in->flags.has_lines ? AT_LINE_END : AT_END_OR_BREAK);
    if (take(in, "\\A"))
        return node_assert(in, AT_START);
    if (take(in, "\\z"))
        return node_assert(in, AT_END);
    if (take(in, "\\Z"))
        return node_assert(in, AT_END_OR_BREAK);
    if (take(in, "\\b"))
        return node_assert(in, AT_WORD_EDGE);
    if (take(in, "\\B"))
        return node_assert(in, NOT_AT_WORD_EDGE);
    if (strchr("*+?{", in->text[in->at]))
        return fail(in, "there is nothing to repeat");
    if (take(in, "["))
        set = read_class(in);
    else if (take(in, "\\"))
        set = read_escape(in);
    else
        return read_literal(in);
    if (set && in->flags.ignores_case && set->count == 1)
        set = set_any_case(in->arena, set); /* a character written as an escape */
    return set ? node_set(in, set) : NULL;
}

/* ---- repetitions, lists, alternatives ---- */

static bool read_number(struct reader *in, int *ret)
{
    int number = 0, count = 0;

    for (; in->text[in->at] >= '0' && in->text[in->at] <= '9'; in->at++, count++)
        if (number <= REGEX_STATES_MAX)
            number = number * 10 + in->text[in->at] - '0';
    *ret = number;
    return count > 0;
}

static bool read_count(struct reader *in, struct node *repeat)
{
    if (take(in, "*")) {
        repeat->most = -1;
    } else if (take(in, "+")) {
        repeat->least = 1;
        repeat->most = -1;
    } else if (take(in, "?")) {
        repeat->most = 1;
    } else if (take(in, "{")) {
        bool is_good = read_number(in, &repeat->least);

        repeat->most = repeat->least;
        if (is_good && take(in, ",") && !read_number(in, &repeat->most))
            repeat->most = -1;
        if (!is_good || !take(in, "}") || (repeat->most >= 0 && repeat->most < repeat->least))
            return fail(in, "a count is written {n}, {n,} or {n,m}");
        if (repeat->least > REGEX_STATES_MAX || repeat->most > REGEX_STATES_MAX)
            return fail(in, "the count is too large");
    } else {
        return false;
    }
    return true;
}

static struct node *read_repeated(struct reader *in)
{
    struct node *atom = read_atom(in);
    struct node *repeat;

    read_quote_marks(in);
    if (!atom || in->is_quoting || !in->text[in->at] || !strchr("*+?{", in->text[in->at]))
        return atom;
    repeat = node_new(in, NODE_REPEAT);
    if (!read_count(in, repeat))
        return NULL;
    take(in, "?"); /* reluctant or not: the whole value matches or does not */
    if (in->text[in->at] == '+')
        return fail(in, "quantifiers that do not give back, like *+, are not supported");
    node_add(repeat, atom);
    return repeat;
}

static struct node *read_list(struct reader *in)
{
    struct node *list = node_new(in, NODE_LIST);

    read_quote_marks(in);
    while (in->text[in->at] &&
           (in->is_quoting || (in->text[in->at] != '|' && in->text[in->at] != ')'))) {
        struct node *node = read_repeated(in);

        if (!node)
            return NULL;
        node_add(list, node);
    }
    return list;
}

static struct node *read_either(struct reader *in)
{
    struct node *either = node_new(in, NODE_EITHER);

    do {
        struct node *list = read_list(in);

        if (!list)
            return NULL;
        node_add(either, list);
    } while (take(in, "|"));
    return either;
}

/* ---- the program ---- */

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

static void write_node(struct writer *out, const struct node *node);

/* Each but the last alternative: split to the next one; itself; jump to the end. */
static void write_either(struct writer *out, const struct node *either)
{
    uint32_t jumps = UINT32_MAX; /* a chain through their targets */

    for (const struct node *list = either->first; list && !out->is_full; list = list->next) {
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

static void write_repeat(struct writer *out, const struct node *repeat)
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

static void write_look(struct writer *out, const struct node *node)
{
    uint32_t look = emit(out, (struct instruction){.kind = CODE_LOOK,
                                                   .is_negative = node->is_negative,
                                                   .is_behind = node->is_behind});

    write_node(out, node->first);
    emit(out, (struct instruction){.kind = CODE_MATCH});
    out->code[look].to = out->count;
}

static void write_node(struct writer *out, const struct node *node)
{
    if (out->is_full)
        return;
    switch (node->kind) {
    case NODE_LIST:
        for (const struct node *child = node->first; child; child = child->next)
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
    struct reader in = {.arena = arena, .text = pattern};
    struct node *root = read_either(&in);
    struct writer *out;
    struct regex *regex;

    if (root && pattern[in.at])
        root = fail(&in, "a ) has no group");
    if (!root) {
        *ret_why = in.why;
        *ret_at = in.at;
        return NULL;
    }
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
    regex->scratch = scratch_new(arena, in.looks_deepest + 1, out->count);
    free(out);
    return regex;
}
