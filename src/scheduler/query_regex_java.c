#include "scheduler/query_regex_java.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "scheduler/query_regex.h"

#define DIGITS       "0123456789"
#define OCTAL_DIGITS "01234567"
#define HEX_DIGITS   "0123456789abcdefABCDEF"
#define GROWTH       2 /* at most, by what is written otherwise */

struct reader {
    const char *text;
    size_t at;
    struct pcre_text *out;
    bool is_in_class;
    bool is_after_set; /* in a class: of \w, \p{Lower} and their like */
    const char *why;   /* not NULL: it is refused, at `at` */
};

static void refuse(struct reader *in, const char *why)
{
    in->why = why;
}

/* Writes what stands for the text at `at`. */
static void put(struct reader *in, const char *text, size_t len)
{
    struct pcre_text *out = in->out;

    memcpy(out->pattern + out->len, text, len);
    for (size_t i = 0; i < len; i++)
        out->places[out->len++] = (uint16_t)in->at;
}

/* Writes what the next `len` bytes are, as they are. */
static void copy(struct reader *in, size_t len)
{
    for (; len && in->text[in->at]; len--, in->at++)
        put(in, in->text + in->at, 1);
}

/* ---- escapes ---- */

/* \Q and what is quoted, to \E or to the end. */
static void read_quoted(struct reader *in)
{
    const char *from = in->text + in->at, *end = strstr(from, "\\E");

    copy(in, end ? (size_t)(end - from) + 2 : strlen(from));
}

/* A character by its number: \x{HHHH} for \uHHHH, \o{OOO} for \0OOO. */
static void put_number(struct reader *in, const char *open, size_t digits)
{
    put(in, open, strlen(open));
    put(in, in->text + in->at + 2, digits);
    put(in, "}", 1);
    in->at += 2 + digits;
}

static void read_hex(struct reader *in)
{
    if (strspn(in->text + in->at + 2, HEX_DIGITS) < 4)
        return refuse(in, "\\u takes four hexadecimal digits");
    put_number(in, "\\x{", 4);
}

/* Three digits up to 377, else two. */
static void read_octal(struct reader *in)
{
    const char *digits = in->text + in->at + 2;
    size_t len = strspn(digits, OCTAL_DIGITS), most = *digits <= '3' ? 3 : 2;

    if (!len)
        return refuse(in, "\\0 takes octal digits");
    put_number(in, "\\o{", len < most ? len : most);
}

/* \p{Lower} and the others of ASCII are [:lower:] and so on; those of Unicode are as they are. */
static void read_property(struct reader *in)
{
    static const char *const classes[][2] = {
        {"Lower", "lower"}, {"Upper", "upper"}, {"ASCII", "ascii"}, {"Alpha", "alpha"},
        {"Digit", "digit"}, {"Alnum", "alnum"}, {"Punct", "punct"}, {"Graph", "graph"},
        {"Print", "print"}, {"Blank", "blank"}, {"Cntrl", "cntrl"}, {"XDigit", "xdigit"},
        {"Space", "space"},
    };
    const char *letter = in->text + in->at + 1, *name = letter + 2;
    size_t len = letter[1] == '{' ? strcspn(name, "}") : 0;
    const char *class = NULL;

    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (strlen(classes[i][0]) == len && strncmp(classes[i][0], name, len) == 0)
            class = classes[i][1];
    if (!class || !name[len])
        return copy(in, len ? 4 + len : 2);
    put(in, "[", !in->is_in_class);
    put(in, "[:^", *letter == 'P' ? 3 : 2);
    put(in, class, len);
    put(in, ":]]", in->is_in_class ? 2 : 3);
    in->at += 4 + len;
}

static void read_escape(struct reader *in)
{
    char letter = in->text[in->at + 1];
    bool is_set = letter && strchr("wWdDsShHvVpP", letter);

    switch (letter) {
    case 'Q':
        read_quoted(in);
        break;
    case 'u':
        read_hex(in);
        break;
    case '0':
        read_octal(in);
        break;
    case 'p':
    case 'P':
        read_property(in);
        break;
    case 'x':
        copy(in, in->text[in->at + 2] == '{' ? 2 + strcspn(in->text + in->at + 2, "}") + 1 : 2);
        break;
    case 'c':
        copy(in, 3);
        break;
    case 'C':
    case 'g':
    case 'K':
    case 'N':
    case 'o':
        refuse(in, "the escape is not known");
        break;
    default:
        copy(in, 2);
    }
    in->is_after_set = is_set;
}

/* ---- classes, groups, counts ---- */

/* The [, and what is special only behind it. */
static void read_class_start(struct reader *in)
{
    in->is_in_class = true;
    in->is_after_set = false;
    copy(in, in->text[in->at + 1] == '^' ? 2 : 1);
    if (in->text[in->at] == ']')
        copy(in, 1);
}

static void read_class_member(struct reader *in)
{
    const char *s = in->text + in->at;

    if (*s == '[')
        return refuse(in, "a class inside a class, like [a[b]], is not supported");
    if (strncmp(s, "&&", 2) == 0)
        return refuse(in, "intersections of classes, like [a-z&&[^x]], are not supported");
    if (*s == '-' && in->is_after_set)
        put(in, "\\", 1);
    in->is_in_class = *s != ']';
    in->is_after_set = false;
    copy(in, 1);
}

/* After (?: looks, atomic groups and names; or flags, and a colon for a group. */
static bool is_known_group(const char *s)
{
    if (*s && strchr("=!><", *s))
        return true;
    s += strspn(s, "imsx-");
    return *s == ':' || *s == ')';
}

static bool is_count(const char *s)
{
    size_t digits = strspn(s + 1, DIGITS);

    s += 1 + digits;
    if (digits && *s == ',')
        s += 1 + strspn(s + 1, DIGITS);
    return digits && *s == '}';
}

static void read_outside(struct reader *in)
{
    const char *s = in->text + in->at;

    if (*s == '[')
        return read_class_start(in);
    if (strncmp(s, "(*", 2) == 0)
        return refuse(in, "there is nothing to repeat after the (");
    if (strncmp(s, "(?", 2) == 0 && !is_known_group(s + 2))
        return refuse(in, "the kind of group is not known");
    if (*s == '{' && !is_count(s))
        return refuse(in, "a count is written {n}, {n,} or {n,m}");
    copy(in, 1);
}

bool regex_from_java(struct arena *arena, const char *pattern, struct pcre_text *ret,
                     const char **ret_why, size_t *ret_at)
{
    struct reader in = {.text = pattern, .out = ret};
    size_t len = strlen(pattern);

    if (len > REGEX_LENGTH_MAX) {
        *ret_why = arena_printf(arena, "it has more than %d bytes", REGEX_LENGTH_MAX);
        *ret_at = 0;
        return false;
    }
    *ret = (struct pcre_text){.pattern = ARENA_ARRAY(arena, char, GROWTH *len + 1),
                              .places = ARENA_ARRAY(arena, uint16_t, GROWTH * len + 1)};
    while (!in.why && pattern[in.at]) {
        if (pattern[in.at] == '\\')
            read_escape(&in);
        else if (in.is_in_class)
            read_class_member(&in);
        else
            read_outside(&in);
    }
    if (in.why) {
        *ret_why = in.why;
        *ret_at = in.at;
        return false;
    }
    assert(ret->len <= GROWTH * len);
    ret->places[ret->len] = (uint16_t)len;
    return true;
}
