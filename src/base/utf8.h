/* utf8.h - UTF-8, one character at a time. */
#ifndef BERTH_BASE_UTF8_H
#define BERTH_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the well-formed sequence at `s`, of which `len` bytes may be read; 0 if there
 * is none (overlong forms, surrogates and what is beyond U+10FFFF are not well-formed). */
size_t utf8_char_len(const unsigned char *s, size_t len);

/* Writes a code point (not a surrogate) and returns its length, 1 to 4. */
size_t utf8_write(uint32_t code, unsigned char ret[4]);

#endif
