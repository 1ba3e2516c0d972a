/* Says what its file gave it: `0` the user 0 (the root of the sandbox), `c` a capability, `1` nothing. */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    struct { uint32_t version; int pid; } head = {0x20080522, 0};
    uint32_t held[6] = {0};
    syscall(SYS_capget, &head, held);
    const char *said = geteuid() == 0 ? "0" : held[0] || held[3] ? "c" : "1";
    return write(1, said, 1) == 1 ? 0 : 1;
}
