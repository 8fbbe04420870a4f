#include "scheduler/query_value.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_len(const char *s)
{
    return strspn(s, "0123456789");
}

/* Numbers of any length: without their leading zeros the longer is the greater. */
static int digits_cmp(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order;

    for (; a_len && *a == '0'; a++)
        a_len--;
    for (; b_len && *b == '0'; b++)
        b_len--;
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    order = a_len ? memcmp(a, b, a_len) : 0;
    return (order > 0) - (order < 0);
}

/* ---- versions ---- */

#define VERSION_LETTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-."

bool version_is_good(const char *text)
{
    for (;; text++) {
        if (!is_digit(*text))
            return false;
        text += digits_len(text);
        if (*text != '.')
            break;
    }
    if (*text == '-') {
        size_t len = strspn(text + 1, VERSION_LETTERS);

        if (!len)
            return false;
        text += 1 + len;
    }
    if (*text == '+') {
        size_t len = strspn(text + 1, VERSION_LETTERS);

        if (!len)
            return false;
        text += 1 + len;
    }
    return !*text;
}

/* The dotted words of a pre-release: numbers before others, fewer before more. */
static int prerelease_cmp(const char *a, const char *b)
{
    for (;;) {
        size_t a_len = strcspn(a, ".+"), b_len = strcspn(b, ".+");
        bool a_is_number = a_len && digits_len(a) >= a_len;
        bool b_is_number = b_len && digits_len(b) >= b_len;
        int order;

        if (a_is_number != b_is_number)
            return a_is_number ? -1 : 1;
        if (a_is_number) {
            order = digits_cmp(a, a_len, b, b_len);
        } else {
            order = memcmp(a, b, a_len < b_len ? a_len : b_len);
            if (!order)
                order = (a_len > b_len) - (a_len < b_len);
        }
        if (order)
            return order < 0 ? -1 : 1;
        a += a_len;
        b += b_len;
        if (*a != '.' || *b != '.')
            return (*a == '.') - (*b == '.');
        a++;
        b++;
    }
}

int version_cmp(const char *a, const char *b)
{
    while (is_digit(*a) || is_digit(*b)) {
        size_t a_len = digits_len(a), b_len = digits_len(b);
        int order = digits_cmp(a, a_len, b, b_len);

        if (order)
            return order;
        a += a_len;
        b += b_len;
        a += *a == '.';
        b += *b == '.';
    }
    if (*a == '-' && *b == '-')
        return prerelease_cmp(a + 1, b + 1);
    return (*b == '-') - (*a == '-');
}

/* ---- numbers ---- */

bool decimal_is_good(const char *text)
{
    text += *text == '-';
    if (!is_digit(*text))
        return false;
    text += digits_len(text);
    if (*text == '.') {
        if (!is_digit(text[1]))
            return false;
        text += 1 + digits_len(text + 1);
    }
    return !*text;
}

/* Digits after the point; the shorter goes on with zeros. */
static int fraction_cmp(const char *a, const char *b)
{
    while (is_digit(*a) || is_digit(*b)) {
        char x = is_digit(*a) ? *a++ : '0', y = is_digit(*b) ? *b++ : '0';

        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static bool is_zero(const char *text)
{
    return !text[strspn(text, "-0.")];
}

int decimal_cmp(const char *a, const char *b)
{
    bool a_is_less = *a == '-' && !is_zero(a), b_is_less = *b == '-' && !is_zero(b);
    size_t a_len, b_len;
    int order;

    if (a_is_less != b_is_less)
        return a_is_less ? -1 : 1;
    a += *a == '-';
    b += *b == '-';
    a_len = digits_len(a);
    b_len = digits_len(b);
    order = digits_cmp(a, a_len, b, b_len);
    if (!order)
        order = fraction_cmp(a + a_len + (a[a_len] == '.'), b + b_len + (b[b_len] == '.'));
    return a_is_less ? -order : order;
}

/* ---- dates ---- */

/* Exactly `count` digits. */
static bool read_digits(const char **at, int count, int *ret)
{
    int number = 0;

    for (int i = 0; i < count; i++) {
        if (!is_digit((*at)[i]))
            return false;
        number = number * 10 + (*at)[i] - '0';
    }
    *at += count;
    *ret = number;
    return true;
}

static bool read_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && is_leap);
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t years = year - 1; /* whole ones, since the year 1 */
    int64_t days = years * 365 + years / 4 - years / 100 + years / 400;

    if (year == 0)
        days = -366;
    for (int m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days + day - 1 - 719162;
}

static bool read_date(const char **at, int64_t *ret_days)
{
    int year, month, day;

    if (!read_digits(at, 4, &year) || !read_char(at, '-') || !read_digits(at, 2, &month) ||
        !read_char(at, '-') || !read_digits(at, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *ret_days = days_since_epoch(year, month, day);
    return true;
}

static bool read_time(const char **at, int64_t *ret_ms, bool *ret_has_fraction)
{
    int hour, minute, second;
    int64_t ms = 0;

    if (!read_digits(at, 2, &hour) || !read_char(at, ':') || !read_digits(at, 2, &minute) ||
        !read_char(at, ':') || !read_digits(at, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *ret_has_fraction = read_char(at, '.');
    if (*ret_has_fraction) {
        if (!is_digit(**at))
            return false;
        for (int weight = 100; is_digit(**at); weight /= 10)
            ms += (*(*at)++ - '0') * weight;
    }
    *ret_ms = ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + ms;
    return true;
}

/* Z, or hours and minutes ahead of UTC; nothing is UTC. */
static bool read_zone(const char **at, int64_t *ret_ms)
{
    int hours, minutes;
    bool is_behind = **at == '-';

    *ret_ms = 0;
    if (!**at || read_char(at, 'Z'))
        return true;
    if (!read_char(at, '+') && !read_char(at, '-'))
        return false;
    if (!read_digits(at, 2, &hours))
        return false;
    read_char(at, ':');
    if (!read_digits(at, 2, &minutes) || hours > 18 || minutes > 59)
        return false;
    *ret_ms = (hours * 60 + minutes) * INT64_C(60000) * (is_behind ? -1 : 1);
    return true;
}

bool date_parse(const char *text, int64_t *ret_ms, bool *ret_has_fraction)
{
    int64_t days, time_ms = 0, zone_ms = 0;
    bool has_fraction = false;

    if (!read_date(&text, &days))
        return false;
    if (*text && (!read_char(&text, 'T') || !read_time(&text, &time_ms, &has_fraction) ||
                  !read_zone(&text, &zone_ms)))
        return false;
    if (*text)
        return false;
    *ret_ms = days * INT64_C(86400000) + time_ms - zone_ms;
    *ret_has_fraction = has_fraction;
    return true;
}
