#include "wire/shape_check.h"

#include <stdio.h>
#include <string.h>

static void place_print(struct buf *buf, const struct shape_place *place)
{
    if (place->up)
        place_print(buf, place->up);
    if (!place->name)
        buf_printf(buf, "[%zu]", place->index);
    else
        buf_printf(buf, "%s%.*s", buf->len ? "." : "", (int)place->len, place->name);
}

struct error *shape_refuse(enum api_error code, const struct shape_place *place, const char *fmt,
                           ...)
{
    CLEANUP(buf_done) struct buf path = {0};
    CLEANUP(str_freep) char *rest = NULL;
    va_list ap;

    if (place)
        place_print(&path, place);
    va_start(ap, fmt);
    rest = str_vprintf(fmt, ap);
    va_end(ap);
    return error_new(code, "%s %s", path.len ? path.data : "The request", rest);
}

/* The next character of well-formed UTF-8: the reader lets nothing else through. */
static uint32_t next_char(const unsigned char **s)
{
    const unsigned char *p = *s;
    uint32_t c = *p;

    if (c < 0x80) {
        *s = p + 1;
        return c;
    }
    if (c < 0xe0) {
        *s = p + 2;
        return (c & 0x1fu) << 6 | (p[1] & 0x3fu);
    }
    if (c < 0xf0) {
        *s = p + 3;
        return (c & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    }
    *s = p + 4;
    return (c & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

static bool charset_has(const struct shape_charset *set, uint32_t c)
{
    size_t low = 0, high = set->range_count;

    if (c < 128)
        return set->ascii[c / 32] >> (c % 32) & 1;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (c < set->ranges[mid][0])
            high = mid;
        else if (c > set->ranges[mid][1])
            low = mid + 1;
        else
            return true;
    }
    return false;
}

static bool rule_matches(const struct shape_rule *rule, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0; i < rule->run_count; i++) {
        const struct shape_run *run = &rule->runs[i];
        uint32_t count = 0;

        while (*p && count < run->max) {
            const unsigned char *next = p;

            if (!charset_has(run->set, next_char(&next)))
                break;
            p = next;
            count++;
        }
        if (count < run->min)
            return false;
    }
    return *p == 0;
}

static size_t char_count(const char *s)
{
    size_t count = 0;

    for (; *s; s++)
        count += ((unsigned char)*s & 0xc0) != 0x80;
    return count;
}

static bool is_outside(const struct shape_rule *rule, double value)
{
    return (rule->has_min && value < rule->min) || (rule->has_max && value > rule->max);
}

struct error *shape_own_words(enum api_error refusal, const char *message, const char *value)
{
    const char *hole = strstr(message, "%s");

    if (!hole)
        return error_new(refusal, "%s", message);
    return error_new(refusal, "%.*s%s%s", (int)(hole - message), message, value, hole + 2);
}

const struct shape_measure shape_of_value = {"be", "", "is"};
static const struct shape_measure of_text = {"have", " characters", "has"};
const struct shape_measure shape_of_list = {"have", " items", "has"};

/* `text` is the value as ECS's own words may want it; NULL: the number itself. */
struct error *shape_check_bounds(enum api_error refusal, const struct shape_rule *rule,
                                 const struct shape_place *place,
                                 const struct shape_measure *measure, double value,
                                 const char *text)
{
    const char *message;
    char number[32];

    if (!rule || !is_outside(rule, value))
        return NULL;
    message = rule->has_min && value < rule->min ? rule->message_min : rule->message_max;
    if (!message)
        message = rule->message;
    if (message) {
        snprintf(number, sizeof(number), "%.15g", value);
        return shape_own_words(refusal, message, text ? text : number);
    }
    if (rule->has_min && rule->has_max && rule->min == rule->max)
        return shape_refuse(refusal, place, "must %s %.15g%s, but %s %.15g.", measure->verb,
                            rule->min, measure->unit, measure->is, value);
    if (rule->has_min && rule->has_max)
        return shape_refuse(refusal, place, "must %s between %.15g and %.15g%s, but %s %.15g.",
                            measure->verb, rule->min, rule->max, measure->unit, measure->is, value);
    return shape_refuse(refusal, place, "must %s at %s %.15g%s, but %s %.15g.", measure->verb,
                        rule->has_min ? "least" : "most", rule->has_min ? rule->min : rule->max,
                        measure->unit, measure->is, value);
}

struct error *shape_check_string(enum api_error refusal, const struct shape_rule *rule,
                                 const struct shape_place *place, const char *text)
{
    if (!rule)
        return NULL;
    if (rule->has_min || rule->has_max)
        TRY(shape_check_bounds(refusal, rule, place, &of_text, (double)char_count(text), text));
    if (!rule->run_count || rule_matches(rule, text))
        return NULL;
    if (rule->message)
        return shape_own_words(refusal, rule->message, text);
    return shape_refuse(refusal, place, "must match %s, but is %s.", rule->pattern,
                        *text ? text : "empty");
}
