#define OWN_MOUNTS
#include "probe.h"

static long chroot_call(void) { return chroot("/tmp"); }
static long pivot(void) { return reached(syscall(SYS_pivot_root, "/tmp", "/tmp"), EINVAL); }
static long chroot_out(void) {
    struct stat before, after;
    if (stat("/", &before) < 0) return -1;
    mkdir("/tmp/cell", 0755);
    int top = open("/", O_PATH | O_DIRECTORY);
    if (chroot("/tmp/cell") < 0) return -1;
    if (fchdir(top) < 0) return -1;
    for (int i = 0; i < 64; i++) if (chdir("..") < 0) return -1;
    if (chroot(".") < 0 || stat("/", &after) < 0) return -1;
    return after.st_ino == before.st_ino && after.st_dev == before.st_dev ? refuse(EXDEV) : 0;
}
static long dotdot(void) {
    struct stat top, above;
    if (stat("/", &top) < 0 || stat("/../../../..", &above) < 0) return -1;
    return top.st_ino == above.st_ino && top.st_dev == above.st_dev ? refuse(EXDEV) : 0;
}

ATTEMPTS({"chroot", chroot_call}, {"pivot_root", pivot}, {"chroot-and-climb", chroot_out}, {"climb", dotdot})
