#include "probe.h"
#include <sys/sysmacros.h>

/* Each leaves a file of its own in the lent directory; the host looks at what it has become. */
static const char *in(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", arguments[0], name);
    unlink(path);
    return path;
}
static const char *file(const char *name) {
    const char *path = in(name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (fd >= 0) close(fd);
    return path;
}
static long by_chmod(void) { return syscall(SYS_chmod, file("chmod"), 04755); }
static long by_chmod_group(void) { return syscall(SYS_chmod, file("chmod-group"), 02755); }
/* The kernel reads 16 bits of a mode. */
static long by_chmod_high(void) { return syscall(SYS_chmod, file("chmod-high-bits"), 0x7fff0000ffff0000UL | 04755); }
static long by_fchmod(void) {
    int fd = open(file("fchmod"), O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : syscall(SYS_fchmod, fd, 06755);
}
static long by_fchmodat(void) { return syscall(SYS_fchmodat, AT_FDCWD, file("fchmodat"), 04755); }
static long by_open(void) { return syscall(SYS_open, in("open"), O_CREAT | O_EXCL | O_WRONLY, 04755); }
static long by_openat(void) { return syscall(SYS_openat, AT_FDCWD, in("openat"), O_CREAT | O_EXCL | O_WRONLY, 04755); }
static long by_creat(void) { return syscall(SYS_creat, in("creat"), 04755); }
static long by_mknod(void) { return syscall(SYS_mknod, in("mknod"), S_IFREG | 04755, 0); }
static long by_mknodat(void) { return syscall(SYS_mknodat, AT_FDCWD, in("mknodat"), S_IFREG | 04755, 0); }
static long by_tmpfile(void) {
    char from[64];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, arguments[0], O_TMPFILE | O_RDWR, 04755);
    if (fd < 0) return -1;
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, from, AT_FDCWD, in("tmpfile"), AT_SYMLINK_FOLLOW);
}
static long by_openat2(void) {
    struct { uint64_t flags, mode, resolve; } how = {O_CREAT | O_EXCL | O_WRONLY, 04755, 0};
    return syscall(437 /* openat2 */, AT_FDCWD, in("openat2"), &how, sizeof how);
}

ATTEMPTS({"chmod", by_chmod}, {"chmod-group", by_chmod_group}, {"chmod-high-bits", by_chmod_high}, {"fchmod", by_fchmod},
         {"fchmodat", by_fchmodat}, {"open", by_open}, {"openat", by_openat}, {"creat", by_creat}, {"mknod", by_mknod},
         {"mknodat", by_mknodat}, {"tmpfile", by_tmpfile}, {"openat2", by_openat2})
