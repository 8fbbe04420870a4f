#include "core/task_size.h"

#include <ctype.h>
#include <stddef.h>
#include <strings.h>

#define THOUSANDTHS 1000

/* A decimal number with at most three digits behind the point, in thousandths. Points at what
 * follows it; NULL if `text` does not begin with one, or with one too large. */
static const char *parse_thousandths(const char *text, int64_t *ret)
{
    int64_t value = 0;
    int64_t digit = THOUSANDTHS / 10;
    bool any = false;

    for (; isdigit((unsigned char)*text); text++) {
        value = value * 10 + (*text - '0');
        any = true;
        if (value > INT32_MAX)
            return NULL;
    }
    value *= THOUSANDTHS;
    if (*text == '.') {
        for (text++; isdigit((unsigned char)*text) && digit; text++) {
            value += (*text - '0') * digit;
            digit /= 10;
            any = true;
        }
        if (isdigit((unsigned char)*text))
            return NULL;
    }
    *ret = value;
    return any ? text : NULL;
}

/* A whole number, or a number followed by `unit`, which stands for `factor`. */
static bool parse_size(const char *text, const char *unit, int64_t factor, int32_t *ret)
{
    int64_t thousandths;
    const char *rest = parse_thousandths(text, &thousandths);

    if (!rest)
        return false;
    if (*rest == ' ')
        rest++;
    if (*rest) {
        if (strcasecmp(rest, unit) != 0)
            return false;
        thousandths *= factor;
    } else if (rest[-1] == ' ' || thousandths % THOUSANDTHS) {
        return false;
    }
    if (thousandths / THOUSANDTHS > INT32_MAX)
        return false;
    *ret = (int32_t)(thousandths / THOUSANDTHS);
    return true;
}

bool task_size_parse_cpu(const char *text, int32_t *ret_units)
{
    return parse_size(text, "vcpu", 1024, ret_units);
}

bool task_size_parse_memory(const char *text, int32_t *ret_mib)
{
    return parse_size(text, "gb", 1024, ret_mib);
}
