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
    {"(a*)*b", {"b", "aaab"}, {"aaa"}},
    {"(){5}x", {"x"}, {""}},
    {"()*x", {"x"}, {""}},
    {"[abc]", {"a", "c"}, {"d", ""}},
    {"[^abc]", {"d", "\xc3\xa4"}, {"a"}},
    {"[a-c0-2-]", {"b", "1", "-"}, {"3"}},
    {"[a-d&&[^bc]]", {"a", "d"}, {"b", "e"}},
    {"[a-d&&b-z&&c-x]", {"c", "d"}, {"b", "e"}},
    {"[a[x-z]]", {"a", "y"}, {"b"}},
    {"[]a]", {"]", "a"}, {"b"}},
    {"[\\]\\\\^]", {"]", "\\", "^"}, {"a"}},
    {"[\\w.]+", {"a.b_1"}, {"a-b"}},
    {"\\d\\D\\w\\W\\s\\S", {"1aa- x"}, {"aaa- x"}},
    {"\\p{Upper}\\P{Upper}", {"Aa"}, {"aa", "AA"}},
    {"[\\p{Alnum}&&[^a]]", {"b", "0"}, {"a", "-"}},
    {"\\x41\\x{42}\\u0043\\0104\\t\\cJ", {"ABCD\t\n"}, {"ABCD"}},
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
    {"\xc3\xa4+", {"\xc3\xa4\xc3\xa4"}, {"\xc3"}},
    {"[\xc3\xa4-\xc3\xb6]", {"\xc3\xa5"}, {"\xc3\xbc"}},
    {"\xff.", {"\xff\xfe"}, {"\xff"}},
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
            if (regex_matches(regex, patterns[i].matching[n]) != REGEX_YES)
                fail_msg("%s should match \"%s\"", patterns[i].pattern, patterns[i].matching[n]);
        for (int n = 0; n < 4 && patterns[i].others[n]; n++)
            if (regex_matches(regex, patterns[i].others[n]) != REGEX_NO)
                fail_msg("%s should not match \"%s\"", patterns[i].pattern, patterns[i].others[n]);
        arena_done(&arena);
    }
}

static const struct {
    const char *pattern, *why;
    size_t at;
} refused[] = {
    {"a(b", "a group lacks its )", 3},
    {"ab)", "a ) has no group", 2},
    {"[ab", "a class lacks its ]", 3},
    {"[", "a class lacks its ]", 1},
    {"[b-a]", "the range runs backwards", 4},
    {"[a-\\d]", "a range must end with a character", 5},
    {"*a", "there is nothing to repeat", 0},
    {"a|+", "there is nothing to repeat", 2},
    {"a**", "there is nothing to repeat", 2},
    {"{2}", "there is nothing to repeat", 0},
    {"a{x}", "a count is written {n}, {n,} or {n,m}", 2},
    {"a{3,2}", "a count is written {n}, {n,} or {n,m}", 6},
    {"a{2", "a count is written {n}, {n,} or {n,m}", 3},
    {"a{99999999999}", "the count is too large", 14},
    {"(a{999}){999}", "the pattern is too large, with its counts written out", 0},
    {"((((((a?){99}){99}){99}){99}){99}){99}",
     "the pattern is too large, with its counts written out", 0},
    {"a*+", "quantifiers that do not give back, like *+, are not supported", 2},
    {"(?>a)", "groups that do not give back, (?>...), are not supported", 2},
    {"(a)\\1", "references back to a group are not supported", 4},
    {"\\k<a>", "the escape is not known", 1},
    {"\\q", "the escape is not known", 1},
    {"\\xg", "the escape is not known", 1},
    {"\\", "a backslash ends the pattern", 1},
    {"(?x)a", "of the flags of a group only i, m and s are supported", 2},
    {"(?<1>a)", "the name of a group takes letters and digits and ends with >", 3},
    {"\\08", "\\0 takes octal digits", 1},
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

/* Groups, classes and what they hold are limited. */
static void nesting(void **state)
{
    static const char *const open[] = {"(", "[", "(?="}, *const shut[] = {")", "]", ")"};

    (void)state;
    for (size_t kind = 0; kind < ARRAY_LEN(open); kind++) {
        for (int depth = REGEX_DEPTH_MAX; depth <= REGEX_DEPTH_MAX + 1; depth++) {
            struct arena arena = {0};
            char pattern[256] = "";
            const char *why = "";
            size_t at;

            for (int i = 0; i < depth; i++)
                strcat(pattern, open[kind]);
            strcat(pattern, "a");
            for (int i = 0; i < depth; i++)
                strcat(pattern, shut[kind]);
            if (regex_compile(&arena, pattern, &why, &at))
                assert_int_equal(depth, REGEX_DEPTH_MAX);
            else
                assert_string_equal(why, "groups and classes are nested too deep");
            arena_done(&arena);
        }
    }
}

/* What makes a backtracking engine take for ever is bounded here. */
static void no_blow_up(void **state)
{
    static const char *const bad[] = {"(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*a){20}",
                                      "(a?){99}a{99}b"};
    struct timespec from, to;
    char text[256];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    text[sizeof(text) - 2] = 'c';
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena arena = {0};
        const char *why;
        size_t at;
        struct regex *regex = regex_compile(&arena, bad[i], &why, &at);

        assert_non_null(regex);
        assert_int_equal(regex_matches(regex, text), REGEX_NO);
        arena_done(&arena);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    assert_true(to.tv_sec - from.tv_sec < 5);
}

/* Looks inside looks come near no end; then there is no answer rather than a wrong one. */
static void undecided(void **state)
{
    struct arena arena = {0};
    const char *why;
    size_t at;
    struct regex *regex = regex_compile(&arena, "(.*(?=.*(?=.*(?=.*(?=.*x)))))*", &why, &at);
    char text[256];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    assert_non_null(regex);
    assert_int_equal(regex_matches(regex, text), REGEX_UNDECIDED);
    assert_int_equal(regex_matches(regex, "aax"), REGEX_NO);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching),   cmocka_unit_test(refusing),  cmocka_unit_test(nesting),
        cmocka_unit_test(no_blow_up), cmocka_unit_test(undecided),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
