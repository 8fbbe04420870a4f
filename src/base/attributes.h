/* attributes.h - the compiler attributes the code relies on, and the macros for owning locals. */
#ifndef BERTH_BASE_ATTRIBUTES_H
#define BERTH_BASE_ATTRIBUTES_H

#include <stddef.h>

#define MUST_USE                __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN                __attribute__((noreturn))
#define UNUSED                  __attribute__((unused))

/* CLEANUP(str_freep) char *s = NULL; calls str_freep(&s) when s goes out of scope. */
#define CLEANUP(freep) __attribute__((cleanup(freep)))

/* Hands the value of a variable over and leaves NULL behind. */
#define TAKE(ptr)                                                                                  \
    __extension__({                                                                                \
        __typeof__(ptr) take_value_ = (ptr);                                                       \
        (ptr) = NULL;                                                                              \
        take_value_;                                                                               \
    })

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n)           (1u << (n))

/* The structure that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Defines x_freep for CLEANUP from x_free. */
#define DEFINE_FREEP(type, name)                                                                   \
    static inline void name##p(type **ptr)                                                         \
    {                                                                                              \
        name(*ptr);                                                                                \
        *ptr = NULL;                                                                               \
    }

#endif
