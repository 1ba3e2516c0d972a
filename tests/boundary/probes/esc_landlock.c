#include "probe.h"

static long etc(void) { return open_only("/etc/passwd", O_WRONLY); }
static long etc_new(void) {
    int fd = open("/etc/boundary-new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd >= 0) unlink("/etc/boundary-new");
    return fd;
}
static long root_new(void) {
    long result = mkdir("/boundary-new", 0755);
    if (result == 0) rmdir("/boundary-new");
    return result;
}
static long truncate_etc(void) { return truncate("/etc/boundary-empty", 0); }
static long rename_etc(void) { return rename("/etc/boundary-empty", "/etc/boundary-empty"); }
static long etc_shadow(void) { return read_some("/etc/shadow"); }

ATTEMPTS({"write-etc", etc}, {"create-in-etc", etc_new}, {"mkdir-in-root", root_new}, {"truncate-etc", truncate_etc},
         {"rename-in-etc", rename_etc}, {"read-shadow", etc_shadow})
