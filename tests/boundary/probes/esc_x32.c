#include "probe.h"

static long x32_socket(void) { return syscall(0x40000000 | SYS_socket, 38, 5, 0); }
static long x32_mount(void) { return reached(syscall(0x40000000 | SYS_mount, 0, 0, 0, 0, 0), EFAULT); }
static long x32_getpid(void) { return syscall(0x40000000 | SYS_getpid); }

ATTEMPTS({"socket", x32_socket}, {"mount", x32_mount}, {"getpid", x32_getpid})
