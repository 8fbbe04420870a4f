/* Java's regular expressions over whole values (SC-078). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "scheduler/query_regex.h"

static enum regex_answer matches(const struct regex *regex, const char *text)
{
    int64_t steps = REGEX_STEPS_MAX * 2;

    return regex_matches(regex, text, &steps);
}

static const struct {
    const char *pattern, *matching[4], *others[4];
} patterns[] = {
    {"", {""}, {"a"}},
    {"abc", {"abc"}, {"ab", "abcd", "xabc"}},
    {"t2.*", {"t2", "t2.micro"}, {"xt2.micro", "t"}},
    {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
    {"a(b|c)d", {"abd", "acd"}, {"ad", "abcd"}},
    {"(?:ab)+", {"ab", "abab"}, {"", "aba"}},
    {"(?<name>a)b", {"ab"}, {"a"}},
    {"a?b*c+", {"c", "abbcc", "bc"}, {"ab", "aac"}},
    {"a??b*?c+?", {"c", "abbcc"}, {"ab"}},
    {"a{2}", {"aa"}, {"a", "aaa"}},
    {"a{2,}", {"aa", "aaaa"}, {"a"}},
    {"a{1,3}", {"a", "aaa"}, {"", "aaaa"}},
    {"(a{0,2}b){2}", {"bb", "aabab"}, {"b", "aaabb"}},
    {"a{0}", {""}, {"a"}},
    {"a*+b", {"aab", "b"}, {"a"}},
    {"a*+ab", {NULL}, {"aab"}},
    {"(?>a|ab)c", {"ac"}, {"abc"}},
    {"(a|b)\\1", {"aa", "bb"}, {"ab"}},
    {"(?<x>.)\\k<x>", {"aa"}, {"ab"}},
    {"(?x) a b # two letters", {"ab"}, {"a b"}},
    {"(a*)*b", {"b", "aaab"}, {"aaa"}},
    {"(){5}x", {"x"}, {""}},
    {"()*x", {"x"}, {""}},
    {"[abc]", {"a", "c"}, {"d", ""}},
    {"[^abc]", {"d", "\xc3\xa4"}, {"a"}},
    {"[a-c0-2-]", {"b", "1", "-"}, {"3"}},
    {"[a&b]+", {"a&b"}, {"c"}},
    {"[\\w-.]+", {"a-b.c"}, {"a,b"}},
    {"[\\p{Digit}-a-c]+", {"1-b"}, {"d", ","}},
    {"[\\Q[&&]\\E]+", {"[&&]"}, {"Q"}},
    {"[\\[a]+", {"[a"}, {"b"}},
    {"[]a]", {"]", "a"}, {"b"}},
    {"[\\]\\\\^]", {"]", "\\", "^"}, {"a"}},
    {"[\\w.]+", {"a.b_1"}, {"a-b"}},
    {"\\d\\D\\w\\W\\s\\S", {"1aa- x"}, {"aaa- x"}},
    {"\\p{Upper}\\P{Upper}", {"Aa"}, {"aa", "AA"}},
    {"[\\p{Alnum}_]+", {"bA0_"}, {"-", "\xc3\xa4"}},
    {"[^\\P{XDigit}]+", {"09afAF"}, {"g"}},
    {"\\p{Punct}\\P{Space}\\p{Blank}", {"!a ", "~~\t"}, {"aa ", "! "}},
    {"\\p{L}+", {"a\xc3\xa4"}, {"1"}},
    {"\\x41\\x{42}\\u0043\\0104\\t\\cJ", {"ABCD\t\n"}, {"ABCD"}},
    {"[\\x{41}-\\u0043]\\05034\\0477", {"B(34'7"}, {"D(34'7"}},
    {"\\.\\*\\(\\[\\{\\|\\)\\-\\/\\@", {".*([{|)-/@"}, {""}},
    {"\\Qa.b*\\E+", {"a.b*", "a.b***"}, {"axb", "a.b*a.b*"}},
    {"\\Qa|b", {"a|b"}, {"a"}},
    {"a\\Q\\Eb", {"ab"}, {"a"}},
    {".", {"a", "\xc3\xa4", "\xf0\x9f\x98\x80"}, {"\n", "\r", "ab"}},
    {"(?s).", {"\n", "a"}, {""}},
    {"(?i)aBc[d-f]", {"ABCE", "abcd"}, {"abcg"}},
    {"(?i)[^a]", {"b"}, {"A", "a"}},
    {"a(?i)b(?-i)c", {"aBc", "abc"}, {"ABc", "abC"}},
    {"(a(?i)b)c", {"aBc"}, {"aBC"}},
    {"(?i:a)b", {"Ab"}, {"AB"}},
    {"(?i)\\x61", {"A"}, {"b"}},
    {"^abc$", {"abc"}, {"abc\n"}},
    {"\\Aabc\\z", {"abc"}, {"abcd"}},
    {"a$\\n", {"a\n"}, {"a"}},
    {"a\\Z\\r\\n", {"a\r\n"}, {"a"}},
    {"(?m)a$\\n^b", {"a\nb"}, {"ab"}},
    {"\\bab\\b.\\bc\\b", {"ab c"}, {"ab1c"}},
    {"a\\Bb", {"ab"}, {"a b"}},
    {"a^b", {NULL}, {"ab", "a^b"}},
    {"(?!prod).*", {"test", "pro", ""}, {"prod", "production"}},
    {"(?=.*a)(?=.*b).*", {"ab", "xbya"}, {"a", "b", ""}},
    {".*(?<=\\.micro)", {"t2.micro"}, {"t2.small", "micro"}},
    {".*(?<!\\.micro)", {"t2.small", "micro"}, {"t2.micro"}},
    {"a(?=b)", {NULL}, {"ab", "a"}},
    {"(?=(?!a).*c)[abc]+", {"bac", "c"}, {"abc", "b"}},
    {"(?<=x)a|b", {"b"}, {"a"}},
    {"x}]", {"x}]"}, {"x"}},
    {"\xc3\xa4+", {"\xc3\xa4\xc3\xa4"}, {"\xc3\xb6"}},
    {"[\xc3\xa4-\xc3\xb6]", {"\xc3\xa5"}, {"\xc3\xbc"}},
};

static void matching(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct arena arena = {0};
        const char *why = "";
        size_t at = 0;
        struct regex *regex = regex_compile(&arena, patterns[i].pattern, &why, &at);

        if (!regex)
            fail_msg("%s: after %zu: %s", patterns[i].pattern, at, why);
        for (int n = 0; n < 4 && patterns[i].matching[n]; n++)
            if (matches(regex, patterns[i].matching[n]) != REGEX_YES)
                fail_msg("%s should match \"%s\"", patterns[i].pattern, patterns[i].matching[n]);
        for (int n = 0; n < 4 && patterns[i].others[n]; n++)
            if (matches(regex, patterns[i].others[n]) != REGEX_NO)
                fail_msg("%s should not match \"%s\"", patterns[i].pattern, patterns[i].others[n]);
        arena_done(&arena);
    }
}

static const struct {
    const char *pattern, *why;
    size_t at;
} refused[] = {
    {"a(b", "missing closing parenthesis", 3},
    {"ab)", "unmatched closing parenthesis", 2},
    {"[ab", "missing terminating ] for character class", 3},
    {"[^]", "missing terminating ] for character class", 3},
    {"[b-a]", "range out of order in character class", 3},
    {"[a-\\d]", "invalid range in character class", 5},
    {"*a", "quantifier does not follow a repeatable item", 0},
    {"a|+", "quantifier does not follow a repeatable item", 2},
    {"a**", "quantifier does not follow a repeatable item", 2},
    {"a{3,2}", "numbers out of order in {} quantifier", 5},
    {"a{99999999999}", "number too big in {} quantifier", 7},
    {"((((((a?){99}){99}){99}){99}){99}){99}", "regular expression is too large", 38},
    {"(a)\\2", "reference to non-existent subpattern", 4},
    {"\\q", "unrecognized character follows \\", 1},
    {"\\", "\\ at end of pattern", 1},
    {"(?<=a*)b", "lookbehind assertion is not fixed length", 0},
    {"\\p{Nope}", "unknown property after \\P or \\p", 8},
    {"\\p{Lower", "malformed \\P or \\p sequence", 8},
    {"(?<", "subpattern name expected", 3},
    {"\xc3\xa4\xff", "UTF-8 error: illegal byte (0xfe or 0xff)", 2},

    /* the place is the one in what was written, though PCRE2 reads something longer */
    {"\\u00e4\\p{Alpha}\\x{110000}", "character code point value in \\x{} or \\o{} is too large",
     24},

    /* PCRE2 would read it as something else */
    {"[a-z&&[^x]]", "intersections of classes, like [a-z&&[^x]], are not supported", 4},
    {"[\\w-&&.]", "intersections of classes, like [a-z&&[^x]], are not supported", 4},
    {"[]&&a]", "intersections of classes, like [a-z&&[^x]], are not supported", 2},
    {"[a[b]]", "a class inside a class, like [a[b]], is not supported", 2},
    {"[[:alpha:]]", "a class inside a class, like [a[b]], is not supported", 1},
    {"a{x}", "a count is written {n}, {n,} or {n,m}", 1},
    {"a{,3}", "a count is written {n}, {n,} or {n,m}", 1},
    {"a{2", "a count is written {n}, {n,} or {n,m}", 1},
    {"\\u12", "\\u takes four hexadecimal digits", 0},
    {"\\08", "\\0 takes octal digits", 0},

    /* Java has no such thing */
    {"(*ACCEPT)", "there is nothing to repeat after the (", 0},
    {"(?R)", "the kind of group is not known", 0},
    {"(a)(?1)", "the kind of group is not known", 3},
    {"(a)(?-1)", "the kind of group is not known", 3},
    {"(?(1)a)", "the kind of group is not known", 0},
    {"(?|a)", "the kind of group is not known", 0},
    {"(?C1)", "the kind of group is not known", 0},
    {"(?", "the kind of group is not known", 0},
    {"(a)\\g1", "the escape is not known", 3},
    {"a\\Kb", "the escape is not known", 1},
    {"\\C", "the escape is not known", 0},
};

static void refusing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct arena arena = {0};
        const char *why = "";
        size_t at = 0;

        if (regex_compile(&arena, refused[i].pattern, &why, &at))
            fail_msg("%s: accepted", refused[i].pattern);
        if (strcmp(why, refused[i].why) != 0 || at != refused[i].at)
            fail_msg("%s: after %zu: %s", refused[i].pattern, at, why);
        arena_done(&arena);
    }
}

/* The longest pattern, and one that grows when it is written for PCRE2 and is cut off anywhere. */
static void lengths(void **state)
{
    static const char growing[] = "[\\P{ASCII}-\\w-]\\P{ASCII}\\00\\u0041\\Qa\\E";
    char *pattern = xcalloc(1, REGEX_LENGTH_MAX + 2);
    struct arena arena = {0};
    const char *why = "";
    size_t at = 1;

    (void)state;
    memset(pattern, 'a', REGEX_LENGTH_MAX);
    assert_int_equal(matches(regex_compile(&arena, pattern, &why, &at), pattern), REGEX_YES);
    pattern[REGEX_LENGTH_MAX] = 'a';
    assert_null(regex_compile(&arena, pattern, &why, &at));
    assert_string_equal(why, "it has more than 8000 bytes");
    assert_int_equal(at, 0);
    memset(pattern, '(', REGEX_LENGTH_MAX);
    pattern[REGEX_LENGTH_MAX] = 0;
    assert_null(regex_compile(&arena, pattern, &why, &at));
    assert_string_equal(why, "parentheses are too deeply nested");
    free(pattern);
    for (size_t len = 0; len < sizeof(growing); len++) {
        pattern = xcalloc(1, len + 1); /* no byte behind it is looked at */
        memcpy(pattern, growing, len);
        if (!regex_compile(&arena, pattern, &why, &at) && at > len)
            fail_msg("%s: after %zu", pattern, at);
        free(pattern);
    }
    arena_done(&arena);
}

static char *text_of(char *text, size_t len, char last)
{
    memset(text, 'a', len - 1);
    text[len - 1] = last;
    text[len] = 0;
    return text;
}

/* What makes an engine that tries again take for ever ends: with an answer if PCRE2 sees it, else
 * with none rather than a wrong one. */
static void no_blow_up(void **state)
{
    static const struct {
        const char *pattern;
        char last;
        enum regex_answer answer;
    } bad[] = {
        {"(a+)+b", 'c', REGEX_NO},
        {"(a|aa)+$b", 'c', REGEX_NO},
        {"(.*a){20}", 'c', REGEX_UNDECIDED},
        {"(a+)+[bd]", 'c', REGEX_UNDECIDED},
        {"(.*)(.*)\\1\\2[bd]", 'c', REGEX_UNDECIDED},
        {"(.*(?=.*(?=.*(?=.*(?=.*x)))))*", 'a', REGEX_UNDECIDED},
        {"(.*(?=.*(?=.*(?=.*(?=.*x)))))*x", 'x', REGEX_YES},
        {"(.*a){4}c", 'c', REGEX_YES},
    };
    struct timespec from, to;
    char text[263];

    (void)state;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena arena = {0};
        const char *why;
        size_t at;
        struct regex *regex = regex_compile(&arena, bad[i].pattern, &why, &at);

        assert_non_null(regex);
        if (matches(regex, text_of(text, 262, bad[i].last)) != bad[i].answer)
            fail_msg("%s: %d", bad[i].pattern, matches(regex, text));
        arena_done(&arena);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    assert_true(to.tv_sec - from.tv_sec < 5);
}

/* The longest values have room to be tried on the stack; far longer ones are left undecided. A
 * regex is as before afterwards. */
static void room(void **state)
{
    static const char *const repeated[] = {"(?:a|b)*c", "((a)|(b))*c", "(?:(?:a|b)?)*c"};
    char text[5001];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(repeated); i++) {
        struct arena arena = {0};
        const char *why;
        size_t at;
        struct regex *regex = regex_compile(&arena, repeated[i], &why, &at);

        assert_int_equal(matches(regex, text_of(text, 262, 'c')), REGEX_YES);
        assert_int_equal(matches(regex, text_of(text, 5000, 'c')), REGEX_UNDECIDED);
        assert_int_equal(matches(regex, text_of(text, 262, 'c')), REGEX_YES);
        assert_int_equal(matches(regex, "a\xff"
                                        "c"),
                         REGEX_UNDECIDED);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching),   cmocka_unit_test(refusing), cmocka_unit_test(lengths),
        cmocka_unit_test(no_blow_up), cmocka_unit_test(room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
