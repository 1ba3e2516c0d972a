#include "probe.h"

static long tiocsti(void) { char typed = '\n'; return syscall(SYS_ioctl, 0, 0x5412UL, &typed); }
/* The kernel reads 32 bits of the request: a filter that compares 64 lets this pass (CVE-2019-10063). */
static long tiocsti_high(void) { char typed = '\n'; return syscall(SYS_ioctl, 0, 0x100005412UL, &typed); }
static long tioclinux(void) { char call = 2; return reached(syscall(SYS_ioctl, 0, 0x541cUL, &call), ENOTTY); }
static long tioclinux_high(void) { char call = 2; return reached(syscall(SYS_ioctl, 0, 0x10000541cUL, &call), ENOTTY); }
/* The only terminal there is, is its own. */
static long other_terminal(void) {
    char path[32];
    for (int i = 1; i < 64; i++) {
        snprintf(path, sizeof path, "/dev/pts/%d", i);
        if (open_only(path, O_RDWR) >= 0) return 0;
    }
    return open_only("/dev/console", O_RDWR) >= 0 || open_only("/dev/tty1", O_RDWR) >= 0 ? 0 : refuse(ENOENT);
}

ATTEMPTS({"TIOCSTI", tiocsti}, {"TIOCSTI-high-bits", tiocsti_high}, {"TIOCLINUX", tioclinux},
         {"TIOCLINUX-high-bits", tioclinux_high}, {"other-terminal", other_terminal})
