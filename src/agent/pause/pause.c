/* pause.c - the program of the pause container: keeps the namespaces of a task until it is told to
 * end, and buries the processes whose parents have ended, because in a shared process namespace it
 * is the first one. It stands alone, without a C library, so that its image is this one file. */
#include <stddef.h>
#include <sys/syscall.h>

#define HANGUP      1
#define INTERRUPT   2
#define TERMINATE   15
#define CHILD       17
#define BIT(n)      (1UL << ((n)-1))
#define BLOCK       0
#define DO_NOT_WAIT 1

void _start(void) __attribute__((noreturn));

#if defined(__x86_64__)
static long call(long number, long a, long b, long c, long d)
{
    register long fourth __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
#else
#error "the system calls of this machine are not written down here"
#endif

/* The signals stay blocked: even the first process of a namespace is handed those it waits for. */
void _start(void)
{
    unsigned long awaited = BIT(HANGUP) | BIT(INTERRUPT) | BIT(TERMINATE) | BIT(CHILD);

    call(__NR_rt_sigprocmask, BLOCK, (long)&awaited, 0, sizeof(awaited));
    for (;;) {
        long sig = call(__NR_rt_sigtimedwait, (long)&awaited, 0, 0, sizeof(awaited));

        if (sig == CHILD)
            while (call(__NR_wait4, -1, 0, DO_NOT_WAIT, 0) > 0)
                ;
        else if (sig == INTERRUPT || sig == TERMINATE)
            call(__NR_exit_group, 0, 0, 0, 0);
    }
}
