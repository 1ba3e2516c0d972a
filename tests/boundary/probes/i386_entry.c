/* No attempt: asks the kernel which calls `int $0x80` makes. Ends with 0 when 39, 102 and 186 are getpid, getuid and gettid, as they are on
 * x86-64; on i386 they are mkdir, socketcall and sigaltstack, and without any entry the process is ended. */
#include "probe.h"

static long int80(long number) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0L), "c"(0L), "d"(0L), "D"(0L), "S"(0L)
                     : "r8", "r9", "r10", "r11", "memory");
    return result;
}

int main(void) {
    if (setresuid(12345, 12345, 12345) < 0) return 2;
    return int80(39) != getpid() || int80(102) != 12345 || int80(186) != gettid();
}
