#include "base/utf8.h"

size_t utf8_char_len(const unsigned char *s, size_t len)
{
    size_t need;
    uint32_t code;

    if (!len)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        need = 2, code = s[0] & 0x1fu;
    else if ((s[0] & 0xf0) == 0xe0)
        need = 3, code = s[0] & 0x0fu;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        need = 4, code = s[0] & 0x07u;
    else
        return 0;
    if (need > len)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if (need == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)))
        return 0;
    if (need == 4 && (code < 0x10000 || code > 0x10ffff))
        return 0;
    return need;
}

size_t utf8_write(uint32_t code, unsigned char ret[4])
{
    if (code < 0x80) {
        ret[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        ret[0] = (unsigned char)(0xc0 | code >> 6);
        ret[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        ret[0] = (unsigned char)(0xe0 | code >> 12);
        ret[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        ret[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    ret[0] = (unsigned char)(0xf0 | code >> 18);
    ret[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
    ret[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    ret[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}
