#include "probe.h"

static long child_of(unsigned long flags) {
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    return pid;
}
static long unshare_user(void) { return unshare(CLONE_NEWUSER); }
static long clone_user(void) { return child_of(CLONE_NEWUSER); }
static long unshare_mount(void) { return unshare(CLONE_NEWNS); }
static long unshare_net(void) { return unshare(CLONE_NEWNET); }
static long clone_pid(void) { return child_of(CLONE_NEWPID); }
static long setns_uts(void) {
    int fd = open("/proc/self/ns/uts", O_RDONLY);
    return fd < 0 ? fd : setns(fd, 0);
}
static long fsopen_call(void) { return syscall(SYS_fsopen, "tmpfs", 0); }
static long open_tree_call(void) { return syscall(SYS_open_tree, AT_FDCWD, "/", 1); }
static long long_option(void) {
    /* CVE-2022-0185: a long key. Only asked when a context can be had. */
    int fd = (int)syscall(SYS_fsopen, "tmpfs", 0);
    if (fd < 0) return fd;
    char value[5000];
    memset(value, 'A', sizeof value - 1);
    value[sizeof value - 1] = 0;
    long result = syscall(SYS_fsconfig, fd, 1, "source", value, 0);
    return result < 0 ? reached(result, EINVAL) : result;
}

ATTEMPTS({"unshare-user", unshare_user}, {"clone-user", clone_user}, {"unshare-mount", unshare_mount}, {"unshare-net", unshare_net},
         {"clone-pid", clone_pid}, {"setns", setns_uts}, {"fsopen", fsopen_call}, {"fsconfig-long-key", long_option},
         {"open_tree", open_tree_call})
