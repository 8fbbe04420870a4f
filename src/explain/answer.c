#include "base/json_text.h"
#include "explain/parts.h"

void add_text(struct answer *answer, const char *name, const char *value)
{
    json_text_add_name(&answer->out, name);
    json_text_add_string(&answer->out, value);
}

void add_text_if(struct answer *answer, const char *name, const char *value)
{
    if (!str_is_empty(value))
        add_text(answer, name, value);
}

void add_number(struct answer *answer, const char *name, int64_t value)
{
    json_text_add_name(&answer->out, name);
    json_text_add_int(&answer->out, value);
}

void add_time_if(struct answer *answer, const char *name, int64_t at_ms)
{
    if (!at_ms)
        return;
    json_text_add_name(&answer->out, name);
    json_text_add_iso(&answer->out, at_ms);
}

void open_object(struct answer *answer, const char *name)
{
    if (name)
        json_text_add_name(&answer->out, name);
    else
        json_text_add_comma(&answer->out);
    buf_add_char(&answer->out, '{');
}

void close_object(struct answer *answer)
{
    buf_add_char(&answer->out, '}');
}

void open_list(struct answer *answer, const char *name)
{
    json_text_add_name(&answer->out, name);
    buf_add_char(&answer->out, '[');
}

void close_list(struct answer *answer)
{
    buf_add_char(&answer->out, ']');
}

void add_item(struct answer *answer, const char *value)
{
    json_text_add_comma(&answer->out);
    json_text_add_string(&answer->out, value);
}
