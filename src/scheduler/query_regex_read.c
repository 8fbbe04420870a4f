/* Patterns, read by recursive descent into a tree. */
#include <ctype.h>
#include <string.h>

#include "scheduler/query_regex_internal.h"
#include "scheduler/query_regex_set.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

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

static struct regex_node *node_new(struct reader *in, enum regex_node_kind kind)
{
    struct regex_node *node = ARENA_NEW(in->arena, struct regex_node);

    node->kind = kind;
    node->last = &node->first;
    return node;
}

static void node_add(struct regex_node *parent, struct regex_node *child)
{
    *parent->last = child;
    parent->last = &child->next;
}

static struct regex_node *node_set(struct reader *in, const struct char_set *set)
{
    struct regex_node *node = node_new(in, NODE_SET);

    node->set = set;
    return node;
}

static struct regex_node *node_assert(struct reader *in, enum assertion assertion)
{
    struct regex_node *node = node_new(in, NODE_ASSERT);

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

static struct regex_node *read_either(struct reader *in);

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

static struct regex_node *read_body(struct reader *in, struct flags flags)
{
    struct flags outer = in->flags;
    struct regex_node *node;

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

static struct regex_node *read_look(struct reader *in, bool is_behind, bool is_negative)
{
    struct regex_node *node = node_new(in, NODE_LOOK);
    struct regex_node *body;

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
static struct regex_node *read_group(struct reader *in)
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

static struct regex_node *read_dot(struct reader *in)
{
    static const struct range breaks[] = {
        {'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}};

    return node_set(
        in, set_negation(in->arena, set_of(in->arena, breaks,
                                           in->flags.dot_takes_all ? 0 : ARRAY_LEN(breaks))));
}

static struct regex_node *read_literal(struct reader *in)
{
    const struct char_set *set = set_one(in->arena, read_char(in));

    return node_set(in, in->flags.ignores_case ? set_any_case(in->arena, set) : set);
}

static struct regex_node *read_atom(struct reader *in)
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

static bool read_count(struct reader *in, struct regex_node *repeat)
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

static struct regex_node *read_repeated(struct reader *in)
{
    struct regex_node *atom = read_atom(in);
    struct regex_node *repeat;

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

static struct regex_node *read_list(struct reader *in)
{
    struct regex_node *list = node_new(in, NODE_LIST);

    read_quote_marks(in);
    while (in->text[in->at] &&
           (in->is_quoting || (in->text[in->at] != '|' && in->text[in->at] != ')'))) {
        struct regex_node *node = read_repeated(in);

        if (!node)
            return NULL;
        node_add(list, node);
    }
    return list;
}

static struct regex_node *read_either(struct reader *in)
{
    struct regex_node *either = node_new(in, NODE_EITHER);

    do {
        struct regex_node *list = read_list(in);

        if (!list)
            return NULL;
        node_add(either, list);
    } while (take(in, "|"));
    return either;
}

struct regex_node *regex_read(struct arena *arena, const char *pattern, unsigned *ret_looks,
                              const char **ret_why, size_t *ret_at)
{
    struct reader in = {.arena = arena, .text = pattern};
    struct regex_node *root = read_either(&in);

    if (root && pattern[in.at])
        root = fail(&in, "a ) has no group");
    if (!root) {
        *ret_why = in.why;
        *ret_at = in.at;
    }
    *ret_looks = in.looks_deepest;
    return root;
}
