#include "probe.h"

static long int80(long number, long first, long second) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(0L), "D"(-1L), "S"(0L)
                     : "r8", "r9", "r10", "r11", "memory");
    return result < 0 && result > -4096 ? refuse((int)-result) : result;
}
static long getpid_call(void) { return int80(20, 0, 0); }
/* 102 is getuid on x86-64 and socketcall here: an allowlist by number would let it pass. */
static long socketcall(void) { return reached(int80(102, 1, 0), EFAULT); }
static long execve_call(void) { return reached(int80(11, 0, 0), EFAULT); }

ATTEMPTS({"getpid", getpid_call}, {"socketcall", socketcall}, {"execve", execve_call})
