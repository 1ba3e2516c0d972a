#define OWN_MOUNTS
#include "probe.h"

static long remount_root(void) { return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL); }
static long remount_etc(void) { return mount(NULL, "/etc", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL); }
static long bind_proc_sys(void) {
    mkdir("/tmp/sys", 0755);
    if (mount("/proc/sys", "/tmp/sys", NULL, MS_BIND, NULL) < 0) return -1;
    umount2("/tmp/sys", MNT_DETACH);
    return 0;
}
static long umount_etc(void) { return umount2("/etc", MNT_DETACH); }
static long move_tmp(void) {
    mkdir("/run/user/1000/tmp", 0755);
    return mount("/dev/shm", "/run/user/1000/tmp", NULL, MS_MOVE, NULL);
}
static long propagation(void) { return mount(NULL, "/tmp", NULL, MS_UNBINDABLE, NULL); }
static long setattr(void) {
    uint64_t attributes[4] = {0, 1, 0, 0};
    return syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, attributes, sizeof attributes);
}

ATTEMPTS({"remount-root", remount_root}, {"remount-etc", remount_etc}, {"bind-proc-sys", bind_proc_sys}, {"mount_setattr", setattr},
         {"unbindable", propagation}, {"move", move_tmp}, {"umount-etc", umount_etc})
