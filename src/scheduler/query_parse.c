/* Reads a query by recursive descent into a tree, and writes the tree out as tests that each know
 * where to go on. */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "scheduler/query_internal.h"
#include "scheduler/query_value.h"

enum node_kind { NODE_TEST, NODE_AND, NODE_OR, NODE_NOT };
struct node {
    enum node_kind kind;
    struct node *left, *right; /* NOT: left only */
    struct query_test test;
};

struct parse {
    struct arena *arena; /* the query's */
    const char *text;
    size_t at;
    unsigned depth;
    size_t test_count;
    unsigned subjects;
};

/* ---- refusing ---- */

static size_t characters(const char *text, size_t bytes)
{
    size_t count = 0;

    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static struct error *refuse(const struct parse *in, size_t at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static struct error *refuse(const struct parse *in, size_t at, const char *fmt, ...)
{
    CLEANUP(str_freep) char *why = NULL;
    va_list args;

    va_start(args, fmt);
    why = str_vprintf(fmt, args);
    va_end(args);
    return error_new(API_INVALID_PARAMETER, "The expression is not valid at position %zu: %s.",
                     characters(in->text, at) + 1, why);
}

/* ---- words and symbols ---- */

static void skip_space(struct parse *in)
{
    in->at += strspn(in->text + in->at, " \t\r\n");
}

static bool take(struct parse *in, const char *symbol)
{
    size_t len = strlen(symbol);

    if (strncmp(in->text + in->at, symbol, len) != 0)
        return false;
    in->at += len;
    return true;
}

/* Values as people write them without quotes end at a space or at what is an operator or bracket
 * (SC-077). */
static size_t word_len(const char *s)
{
    return strcspn(s, " \t\r\n()[],'\"=!<>&|~");
}

/* Takes a word if it is the next one, in any case. */
static bool take_keyword(struct parse *in, const char *keyword)
{
    size_t len = word_len(in->text + in->at);

    if (len != strlen(keyword) || strncasecmp(in->text + in->at, keyword, len) != 0)
        return false;
    in->at += len;
    return true;
}

/* What stands at `at`, for people. */
static const char *next_text(struct parse *in)
{
    const char *s = in->text + in->at;
    size_t len = word_len(s);

    if (!*s)
        return "the expression ends";
    return arena_printf(in->arena, "there is '%.*s'", (int)(len ? len : 1), s);
}

/* A quoted string: a backslash before the quote makes it part of the string, other backslashes are
 * themselves, so that regular expressions need no doubling. */
static struct error *read_quoted(struct parse *in, const char **ret)
{
    char quote = in->text[in->at];
    const char *from = in->text + in->at + 1;
    char *value = ARENA_ARRAY(in->arena, char, strlen(from) + 1);
    size_t len = 0, i = 0;

    for (; from[i] && from[i] != quote; i++) {
        if (from[i] == '\\' && from[i + 1] == quote)
            i++;
        value[len++] = from[i];
    }
    if (!from[i])
        return refuse(in, in->at, "the quote is not closed");
    in->at += i + 2;
    *ret = value;
    return NULL;
}

static struct error *read_value(struct parse *in, const char **ret)
{
    size_t len;

    skip_space(in);
    if (in->text[in->at] == '\'' || in->text[in->at] == '"')
        return read_quoted(in, ret);
    len = word_len(in->text + in->at);
    if (!len)
        return refuse(in, in->at, "a value is expected, but %s", next_text(in));
    *ret = arena_dup_n(in->arena, in->text + in->at, len);
    in->at += len;
    return NULL;
}

static struct error *read_list(struct parse *in, struct query_test *test)
{
    const char **values = NULL;
    size_t count = 0, capacity = 0;
    struct error *err = NULL;

    skip_space(in);
    if (!take(in, "["))
        return refuse(in, in->at, "a list like [a, b] is expected, but %s", next_text(in));
    do {
        ARRAY_GROW(values, count, capacity);
        err = read_value(in, &values[count++]);
        skip_space(in);
    } while (!err && take(in, ","));
    if (!err && !take(in, "]"))
        err = refuse(in, in->at, "a comma or ] is expected in the list, but %s", next_text(in));
    if (!err) {
        const char **kept = ARENA_ARRAY(in->arena, const char *, count);

        memcpy(kept, values, count * sizeof(*kept));
        test->values = kept;
        test->value_count = count;
    }
    free(values);
    return err;
}

/* A pattern without quotes ends at a space, a ) that it did not open, && or ||; not inside its own
 * groups and classes. */
static size_t bare_pattern_len(const char *s)
{
    size_t groups = 0, classes = 0, at = 0;

    for (; s[at] && !strchr(" \t\r\n", s[at]); at++) {
        bool is_outside = !groups && !classes;

        if (s[at] == '\\' && s[at + 1] && s[at + 1] != ' ')
            at++;
        else if (is_outside &&
                 (s[at] == ')' || strncmp(s + at, "&&", 2) == 0 || strncmp(s + at, "||", 2) == 0))
            break;
        else if (s[at] == '[')
            classes++;
        else if (s[at] == ']')
            classes -= classes > 0;
        else if (s[at] == '(' && !classes)
            groups++;
        else if (s[at] == ')' && !classes)
            groups--;
    }
    return at;
}

static struct error *read_pattern(struct parse *in, struct query_test *test)
{
    const char *pattern, *why = NULL;
    size_t start, at = 0;

    skip_space(in);
    start = in->at;
    if (in->text[in->at] == '\'' || in->text[in->at] == '"') {
        TRY(read_quoted(in, &pattern));
    } else {
        size_t len = bare_pattern_len(in->text + in->at);

        if (!len)
            return refuse(in, in->at, "a regular expression is expected, but %s", next_text(in));
        pattern = arena_dup_n(in->arena, in->text + in->at, len);
        in->at += len;
    }
    test->regex = regex_compile(in->arena, pattern, &why, &at);
    if (!test->regex)
        return refuse(in, start, "the regular expression %s is not valid after %zu characters: %s",
                      pattern, characters(pattern, at), why);
    return NULL;
}

/* ---- simple expressions ---- */

#define EQUALITY (BIT(OPERATOR_EQUALS) | BIT(OPERATOR_NOT_EQUALS))
#define ORDER                                                                                      \
    (BIT(OPERATOR_GREATER) | BIT(OPERATOR_GREATER_EQUAL) | BIT(OPERATOR_LESS) |                    \
     BIT(OPERATOR_LESS_EQUAL))
#define LISTS     (BIT(OPERATOR_IN) | BIT(OPERATOR_NOT_IN))
#define PATTERNS  (BIT(OPERATOR_MATCHES) | BIT(OPERATOR_NOT_MATCHES))
#define EXISTENCE (BIT(OPERATOR_EXISTS) | BIT(OPERATOR_NOT_EXISTS))

static const struct {
    const char *name;
    unsigned operators;
} subjects[] = {
    [QUERY_AGENT_CONNECTED] = {"agentConnected", EQUALITY | LISTS | PATTERNS},
    [QUERY_AGENT_VERSION] = {"agentVersion", EQUALITY | ORDER},
    [QUERY_ATTRIBUTE] = {"attribute:", EQUALITY | ORDER | LISTS | PATTERNS | EXISTENCE},
    [QUERY_EC2_INSTANCE_ID] = {"ec2InstanceId", EQUALITY | LISTS | PATTERNS},
    [QUERY_REGISTERED_AT] = {"registeredAt", EQUALITY | ORDER},
    [QUERY_RUNNING_TASKS_COUNT] = {"runningTasksCount", EQUALITY | ORDER},
    [QUERY_TASK_GROUP] = {"task:group", EQUALITY | LISTS | PATTERNS},
};

/* The longer symbol before the one it starts with. */
static const struct {
    const char *text;
    bool is_word, any_case; /* SC-088 */
    enum query_operator op;
} operators[] = {
    {"==", false, false, OPERATOR_EQUALS},
    {"!=", false, false, OPERATOR_NOT_EQUALS},
    {">=", false, false, OPERATOR_GREATER_EQUAL},
    {">", false, false, OPERATOR_GREATER},
    {"<=", false, false, OPERATOR_LESS_EQUAL},
    {"<", false, false, OPERATOR_LESS},
    {"=~", false, false, OPERATOR_MATCHES},
    {"!~", false, false, OPERATOR_NOT_MATCHES},
    {"equals", true, false, OPERATOR_EQUALS},
    {"not_equals", true, false, OPERATOR_NOT_EQUALS},
    {"greater_than", true, false, OPERATOR_GREATER},
    {"greater_than_equal", true, false, OPERATOR_GREATER_EQUAL},
    {"less_than", true, false, OPERATOR_LESS},
    {"less_than_equal", true, false, OPERATOR_LESS_EQUAL},
    {"exists", true, true, OPERATOR_EXISTS},
    {"not_exists", true, true, OPERATOR_NOT_EXISTS},
    {"in", true, true, OPERATOR_IN},
    {"not_in", true, true, OPERATOR_NOT_IN},
    {"matches", true, true, OPERATOR_MATCHES},
    {"not_matches", true, true, OPERATOR_NOT_MATCHES},
};

static bool take_operator(struct parse *in, enum query_operator *ret)
{
    const char *s = in->text + in->at;
    size_t len;

    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (!operators[i].is_word && take(in, operators[i].text)) {
            *ret = operators[i].op;
            return true;
        }
    }
    len = word_len(s + (*s == '!'));
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        const char *text = operators[i].text;

        if (*s == '!') { /* !in and !exists: the short forms of not_in and not_exists */
            if (operators[i].op != OPERATOR_NOT_IN && operators[i].op != OPERATOR_NOT_EXISTS)
                continue;
            text += strlen("not_");
        }
        if (!operators[i].is_word || strlen(text) != len)
            continue;
        if (operators[i].any_case ? strncasecmp(s + (*s == '!'), text, len) == 0
                                  : strncmp(s, text, len) == 0) {
            in->at += len + (*s == '!');
            *ret = operators[i].op;
            return true;
        }
    }
    return false;
}

static struct error *read_subject(struct parse *in, struct query_test *test)
{
    static const size_t attribute_len = sizeof("attribute:") - 1;
    const char *s = in->text + in->at;
    size_t len = word_len(s);

    if (len > attribute_len && strncmp(s, "attribute:", attribute_len) == 0) {
        test->subject = QUERY_ATTRIBUTE;
        test->attribute = arena_dup_n(in->arena, s + attribute_len, len - attribute_len);
        in->at += len;
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        if (i != QUERY_ATTRIBUTE && strlen(subjects[i].name) == len &&
            strncmp(subjects[i].name, s, len) == 0) {
            test->subject = (enum query_subject)i;
            in->at += len;
            return NULL;
        }
    }
    return refuse(in, in->at,
                  "agentConnected, agentVersion, attribute:NAME, ec2InstanceId, registeredAt, "
                  "runningTasksCount or task:group is expected, but %s",
                  next_text(in));
}

/* What the subject makes of its argument (SC-079, SC-080, SC-084, SC-085). */
static struct error *check_values(const struct parse *in, size_t at, struct query_test *test)
{
    bool has_fraction;

    for (size_t i = 0; i < test->value_count; i++) {
        const char *value = test->values[i];

        if (test->subject == QUERY_AGENT_CONNECTED && strcmp(value, "true") != 0 &&
            strcmp(value, "false") != 0)
            return refuse(in, at, "agentConnected is true or false, not %s", value);
        if (test->subject == QUERY_AGENT_VERSION && !version_is_good(value))
            return refuse(in, at, "%s is not a version like 1.14.5", value);
        if (test->subject == QUERY_RUNNING_TASKS_COUNT && !str_to_int64(value, &test->number))
            return refuse(in, at, "%s is not a whole number", value);
        if (test->subject == QUERY_REGISTERED_AT) {
            if (!date_parse(value, &test->number, &has_fraction))
                return refuse(in, at, "%s is not a date like 2018-06-18 or 2018-06-18T22:28:28Z",
                              value);
            test->granularity = has_fraction ? 1 : 1000;
        }
    }
    return NULL;
}

static struct error *read_argument(struct parse *in, struct query_test *test)
{
    const char **value;
    size_t at;

    if (BIT(test->op) & EXISTENCE)
        return NULL;
    if (BIT(test->op) & PATTERNS)
        return read_pattern(in, test);
    skip_space(in);
    at = in->at;
    if (BIT(test->op) & LISTS) {
        TRY(read_list(in, test));
    } else {
        value = ARENA_NEW(in->arena, const char *);
        TRY(read_value(in, value));
        test->values = value;
        test->value_count = 1;
    }
    return check_values(in, at, test);
}

static struct error *read_test(struct parse *in, struct node **ret)
{
    struct node *node = ARENA_NEW(in->arena, struct node);
    struct query_test *test = &node->test;
    size_t start = in->at, at;
    const char *subject;

    TRY(read_subject(in, test));
    subject = arena_dup_n(in->arena, in->text + start, in->at - start);
    skip_space(in);
    at = in->at;
    if (!take_operator(in, &test->op))
        return refuse(in, at, "an operator is expected after %s, but %s", subject, next_text(in));
    if (!(BIT(test->op) & subjects[test->subject].operators))
        return refuse(in, at, "%s does not have the operator %.*s", subject, (int)(in->at - at),
                      in->text + at);
    TRY(read_argument(in, test));
    node->kind = NODE_TEST;
    in->subjects |= BIT(test->subject);
    in->test_count++;
    *ret = node;
    return NULL;
}

/* ---- compound expressions ---- */

static struct error *read_or(struct parse *in, struct node **ret);

static struct node *join(struct parse *in, enum node_kind kind, struct node *left,
                         struct node *right)
{
    struct node *node = ARENA_NEW(in->arena, struct node);

    node->kind = kind;
    node->left = left;
    node->right = right;
    return node;
}

static struct error *read_not(struct parse *in, struct node **ret)
{
    size_t at;

    skip_space(in);
    at = in->at;
    if (in->depth == QUERY_DEPTH_MAX)
        return refuse(in, at, "more than %d parentheses and negations are inside each other",
                      QUERY_DEPTH_MAX);
    in->depth++;
    if (take(in, "(")) {
        TRY(read_or(in, ret));
        if (!take(in, ")"))
            return refuse(in, in->at, "a ) is expected for the ( at position %zu, but %s",
                          characters(in->text, at) + 1, next_text(in));
    } else if (take(in, "!") || take_keyword(in, "not")) {
        TRY(read_not(in, ret));
        *ret = join(in, NODE_NOT, *ret, NULL);
    } else {
        TRY(read_test(in, ret));
    }
    in->depth--;
    return NULL;
}

static struct error *read_and(struct parse *in, struct node **ret)
{
    struct node *right;

    TRY(read_not(in, ret));
    for (skip_space(in); take(in, "&&") || take_keyword(in, "and"); skip_space(in)) {
        TRY(read_not(in, &right));
        *ret = join(in, NODE_AND, *ret, right);
    }
    return NULL;
}

static struct error *read_or(struct parse *in, struct node **ret)
{
    struct node *right;

    TRY(read_and(in, ret));
    while (take(in, "||") || take_keyword(in, "or")) {
        TRY(read_and(in, &right));
        *ret = join(in, NODE_OR, *ret, right);
    }
    return NULL;
}

/* ---- writing out ---- */

/* Writes what is under the node, the last first, and returns where it starts. Chains lean to the
 * left, which is the way of the loop. */
static uint16_t write_node(struct query *query, const struct node *node, uint16_t if_true,
                           uint16_t if_false)
{
    for (;; node = node->left) {
        struct query_test *test;
        uint16_t swap = if_true;

        switch (node->kind) {
        case NODE_NOT:
            if_true = if_false;
            if_false = swap;
            continue;
        case NODE_AND:
            if_true = write_node(query, node->right, if_true, if_false);
            continue;
        case NODE_OR:
            if_false = write_node(query, node->right, if_true, if_false);
            continue;
        case NODE_TEST:
            break;
        }
        test = &query->tests[query->test_count];
        *test = node->test;
        test->if_true = if_true;
        test->if_false = if_false;
        return (uint16_t)query->test_count++;
    }
}

struct error *query_parse(const char *text, struct query **ret)
{
    CLEANUP(query_freep) struct query *query = xcalloc(1, sizeof(*query));
    struct parse in = {.arena = &query->arena, .text = text};
    size_t length = characters(text, strlen(text));
    struct node *root = NULL;

    if (length > QUERY_LENGTH_MAX)
        return error_new(API_INVALID_PARAMETER,
                         "The expression has %zu characters; at most %d are allowed.", length,
                         QUERY_LENGTH_MAX);
    TRY(read_or(&in, &root));
    if (text[in.at])
        return refuse(&in, in.at, "and, or or the end is expected, but %s", next_text(&in));
    query->tests = ARENA_ARRAY(&query->arena, struct query_test, in.test_count);
    query->first = write_node(query, root, QUERY_YES, QUERY_NO);
    query->subjects = in.subjects;
    *ret = TAKE(query);
    return NULL;
}
