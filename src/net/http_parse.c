#include "net/http_parse.h"

#include <string.h>
#include <strings.h>

#define CHUNK_LINE_BYTES_MAX 4096 /* extensions and trailers of one body */
#define METHOD_BYTES_MAX     24

/* token characters of RFC 9110 section 5.6.2, lower-cased; 0: not one */
static const char token_chars[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
    ['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b',   ['c'] = 'c',
    ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i',   ['j'] = 'j',
    ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p',   ['q'] = 'q',
    ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w',   ['x'] = 'x',
    ['y'] = 'y', ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd',   ['E'] = 'e',
    ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k',   ['L'] = 'l',
    ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r',   ['S'] = 's',
    ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y',   ['Z'] = 'z',
};

size_t http_head_len(const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);

    return end ? (size_t)(end - bytes) + 4 : 0;
}

static int refuse(int status, const char *why, const char **ret_why)
{
    *ret_why = why;
    return status;
}

/* `start` up to the next `stop`, which becomes a NUL; NULL if there is none before `end`. */
static char *cut(char *start, char *end, char stop)
{
    char *at = memchr(start, stop, (size_t)(end - start));

    if (at)
        *at = '\0';
    return at;
}

static int parse_target(char *bytes, char *target, char *end, struct http_head *head,
                        const char **ret_why)
{
    for (const char *p = target; p < end; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '#')
            return refuse(400, "The request target has a character that must be encoded.", ret_why);

    if (*target != '/' && strcmp(target, "*") != 0) {
        char *host = strncasecmp(target, "http://", 7) == 0    ? target + 7
                     : strncasecmp(target, "https://", 8) == 0 ? target + 8
                                                               : NULL;
        if (!host)
            return refuse(400, "The request target is not a path.", ret_why);
        target = host + strcspn(host, "/");
        if (!*target)
            return refuse(400, "The request target has no path.", ret_why);
    }
    char *query = cut(target, end, '?');
    char *path_end = query ? query : end;
    head->path = (struct http_span){(uint16_t)(target - bytes), (uint16_t)(path_end - target)};
    query = query ? query + 1 : end;
    head->query = (struct http_span){(uint16_t)(query - bytes), (uint16_t)(end - query)};
    return 0;
}

static int parse_request_line(char *bytes, char *end, struct http_head *head, const char **ret_why)
{
    char *method_end = cut(bytes, end, ' ');

    if (!method_end || method_end == bytes || method_end - bytes > METHOD_BYTES_MAX)
        return refuse(400, "The request line is malformed.", ret_why);
    for (const char *p = bytes; p < method_end; p++)
        if (!token_chars[(unsigned char)*p])
            return refuse(400, "The request line is malformed.", ret_why);
    head->method = (struct http_span){0, (uint16_t)(method_end - bytes)};

    char *target = method_end + 1;
    char *target_end = cut(target, end, ' ');
    if (!target_end || target_end == target)
        return refuse(400, "The request line is malformed.", ret_why);

    const char *version = target_end + 1;
    if (end - version != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.')
        return refuse(400, "The request line is malformed.", ret_why);
    if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
        return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.", ret_why);
    head->is_http10 = version[7] == '0';
    head->is_keep_alive = !head->is_http10;
    return parse_target(bytes, target, target_end, head, ret_why);
}

bool http_list_has(const char *list, const char *token)
{
    size_t len = strlen(token);

    while (*list) {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, ",");
        size_t trimmed = item;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == len && strncasecmp(list, token, len) == 0)
            return true;
        list += item;
    }
    return false;
}

static bool parse_length(const char *value, uint64_t *ret)
{
    uint64_t length = 0;

    if (!*value)
        return false;
    for (; *value; value++) {
        if (*value < '0' || *value > '9' || length > UINT64_MAX / 100)
            return false;
        length = length * 10 + (uint64_t)(*value - '0');
    }
    *ret = length;
    return true;
}

/* What the connection itself needs to know of the headers. */
struct framing {
    unsigned hosts;
    bool has_length;
    const char *upgrade, *websocket_version;
    bool is_upgrade;
};

static int note_header(const char *name, const char *value, struct http_span value_span,
                       struct http_head *head, struct framing *framing, const char **ret_why)
{
    switch (name[0]) {
    case 'h':
        if (strcmp(name, "host") == 0)
            framing->hosts++;
        break;
    case 'c':
        if (strcmp(name, "content-length") == 0) {
            uint64_t length;
            if (!parse_length(value, &length))
                return refuse(400, "Content-Length is not a number.", ret_why);
            if (framing->has_length && length != head->body_len)
                return refuse(400, "There are two Content-Length headers.", ret_why);
            framing->has_length = true;
            head->body_len = length;
        } else if (strcmp(name, "connection") == 0) {
            if (http_list_has(value, "close"))
                head->is_keep_alive = false;
            else if (http_list_has(value, "keep-alive"))
                head->is_keep_alive = true;
            framing->is_upgrade |= http_list_has(value, "upgrade");
        }
        break;
    case 't':
        if (strcmp(name, "transfer-encoding") == 0) {
            if (head->is_chunked || strcasecmp(value, "chunked") != 0)
                return refuse(501, "Only the transfer encoding chunked is supported.", ret_why);
            head->is_chunked = true;
        }
        break;
    case 'e':
        if (strcmp(name, "expect") == 0) {
            if (strcasecmp(value, "100-continue") != 0)
                return refuse(417, "Only the expectation 100-continue is supported.", ret_why);
            head->expects_continue = true;
        }
        break;
    case 'u':
        if (strcmp(name, "upgrade") == 0)
            framing->upgrade = value;
        break;
    case 's':
        if (strcmp(name, "sec-websocket-key") == 0)
            head->websocket_key = value_span;
        else if (strcmp(name, "sec-websocket-version") == 0)
            framing->websocket_version = value;
        break;
    default:
        break;
    }
    return 0;
}

static int check_framing(const char *bytes, struct http_head *head, const struct framing *framing,
                         const char **ret_why)
{
    if (framing->hosts > 1 || (framing->hosts == 0 && !head->is_http10))
        return refuse(400, "A request has exactly one Host header.", ret_why);
    if (head->is_chunked && (framing->has_length || head->is_http10))
        return refuse(400, "A chunked request has no Content-Length.", ret_why);
    if (!framing->is_upgrade || !framing->upgrade || head->is_http10 ||
        !http_list_has(framing->upgrade, "websocket"))
        return 0;

    if (strcmp(bytes, "GET") != 0 || head->is_chunked || head->body_len > 0)
        return refuse(400, "A WebSocket begins with a GET request without a body.", ret_why);
    if (!framing->websocket_version || strcmp(framing->websocket_version, "13") != 0)
        return refuse(426, "Only version 13 of the WebSocket protocol is spoken here.", ret_why);
    if (head->websocket_key.len != 24)
        return refuse(400, "Sec-WebSocket-Key is not 24 characters.", ret_why);
    head->wants_websocket = true;
    return 0;
}

static int parse_header(char *bytes, char *line, char *end, struct http_head *head,
                        struct framing *framing, const char **ret_why)
{
    char *p = line;

    if (head->header_count == HTTP_HEADERS_MAX)
        return refuse(431, "There are too many headers.", ret_why);
    for (; p < end && token_chars[(unsigned char)*p]; p++)
        *p = token_chars[(unsigned char)*p];
    if (p == line || p == end || *p != ':')
        return refuse(400, "A header line is malformed.", ret_why);
    *p = '\0';

    char *value = p + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    for (const char *c = value; c < end; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return refuse(400, "A header value has a control character.", ret_why);

    unsigned i = head->header_count++;
    head->headers[i].name = (struct http_span){(uint16_t)(line - bytes), (uint16_t)(p - line)};
    head->headers[i].value = (struct http_span){(uint16_t)(value - bytes), (uint16_t)(end - value)};
    return note_header(line, value, head->headers[i].value, head, framing, ret_why);
}

int http_parse_head(char *bytes, size_t len, struct http_head *head, const char **ret_why)
{
    struct framing framing = {0};
    char *end = bytes + len - 2; /* the empty line */
    char *line = bytes;
    int status = 0;

    if (len > HTTP_HEADER_BYTES_MAX)
        return refuse(431, "The headers are too large.", ret_why);
    head->header_count = 0;
    head->body_len = 0;
    head->is_chunked = head->expects_continue = head->wants_websocket = false;
    head->websocket_key = (struct http_span){0};

    while (line < end && status == 0) {
        char *line_end = memchr(line, '\r', (size_t)(end - line));
        if (!line_end || line_end[1] != '\n')
            return refuse(400, "A header line does not end with CRLF.", ret_why);
        *line_end = '\0';
        if (line == bytes)
            status = parse_request_line(bytes, line_end, head, ret_why);
        else
            status = parse_header(bytes, line, line_end, head, &framing, ret_why);
        line = line_end + 2;
    }
    return status ? status : check_framing(bytes, head, &framing, ret_why);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of the lines around the chunks. */
static bool chunk_line_byte(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case CHUNK_SIZE:
        if (hex_value(c) >= 0 && chunks->digits < 8) {
            chunks->left = chunks->left * 16 + (uint64_t)hex_value(c);
            chunks->digits++;
            return true;
        }
        if (chunks->digits == 0 || (c != '\r' && c != ';' && c != ' ' && c != '\t'))
            return false;
        chunks->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
        return true;
    case CHUNK_EXTENSION:
        if (c == '\r')
            chunks->state = CHUNK_SIZE_LF;
        return c != '\n' && ++chunks->line_bytes <= CHUNK_LINE_BYTES_MAX;
    case CHUNK_SIZE_LF:
        chunks->digits = 0;
        chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        return c == '\n';
    case CHUNK_DATA_CR:
        chunks->state = CHUNK_DATA_LF;
        return c == '\r';
    case CHUNK_DATA_LF:
        chunks->state = CHUNK_SIZE;
        return c == '\n';
    case CHUNK_TRAILER:
        chunks->state = c == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_LINE;
        return c != '\n';
    case CHUNK_TRAILER_LINE:
        if (c == '\r')
            chunks->state = CHUNK_TRAILER_LF;
        return c != '\n' && ++chunks->line_bytes <= CHUNK_LINE_BYTES_MAX;
    case CHUNK_TRAILER_LF:
        chunks->state = CHUNK_TRAILER;
        return c == '\n';
    case CHUNK_END_LF:
        chunks->state = CHUNK_DONE;
        return c == '\n';
    case CHUNK_DATA:
    case CHUNK_DONE:
        break;
    }
    return false;
}

ssize_t http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t len, size_t max,
                         struct buf *out)
{
    size_t used = 0;

    while (used < len && chunks->state != CHUNK_DONE) {
        if (chunks->state != CHUNK_DATA) {
            if (!chunk_line_byte(chunks, bytes[used++]))
                return -400;
            if (chunks->left > max || out->len + chunks->left > max)
                return -413;
            continue;
        }
        size_t piece = len - used < chunks->left ? len - used : (size_t)chunks->left;
        buf_add(out, bytes + used, piece);
        used += piece;
        chunks->left -= piece;
        if (chunks->left == 0)
            chunks->state = CHUNK_DATA_CR;
    }
    return (ssize_t)used;
}

static const char *const status_texts[] = {
    [100] = "Continue",
    [101] = "Switching Protocols",
    [200] = "OK",
    [201] = "Created",
    [202] = "Accepted",
    [204] = "No Content",
    [206] = "Partial Content",
    [301] = "Moved Permanently",
    [302] = "Found",
    [303] = "See Other",
    [304] = "Not Modified",
    [307] = "Temporary Redirect",
    [308] = "Permanent Redirect",
    [400] = "Bad Request",
    [401] = "Unauthorized",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [406] = "Not Acceptable",
    [408] = "Request Timeout",
    [409] = "Conflict",
    [410] = "Gone",
    [411] = "Length Required",
    [412] = "Precondition Failed",
    [413] = "Content Too Large",
    [415] = "Unsupported Media Type",
    [416] = "Range Not Satisfiable",
    [417] = "Expectation Failed",
    [421] = "Misdirected Request",
    [426] = "Upgrade Required",
    [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large",
    [500] = "Internal Server Error",
    [501] = "Not Implemented",
    [502] = "Bad Gateway",
    [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
};

const char *http_status_text(int status)
{
    const char *text = NULL;

    if (status >= 0 && status < (int)ARRAY_LEN(status_texts))
        text = status_texts[status];
    return text ? text : "Status";
}
