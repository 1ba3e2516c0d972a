#include "probe.h"

static long link_base(void) { return link("/etc/passwd", "/home/agent/boundary-link"); }
static long link_usr(void) { return link("/usr/bin/env", "/home/agent/boundary-link"); }
static long link_proc(void) { return linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, "/tmp/boundary-link", AT_SYMLINK_FOLLOW); }
/* Within one file system it works: the refusals above are not for want of link(2). */
static long link_own(void) {
    int fd = open("/home/agent/boundary-own", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    close(fd);
    unlink("/home/agent/boundary-own-too");
    return link("/home/agent/boundary-own", "/home/agent/boundary-own-too");
}
static long over_tmp_size(void) {
    /* /tmp of the test's sandboxes holds 16 MiB */
    int fd = open("/tmp/boundary-fill", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    static char block[1 << 20];
    long result = 0;
    for (int i = 0; i < 20 && result >= 0; i++) result = write(fd, block, sizeof block) == (ssize_t)sizeof block ? 0 : refuse(ENOSPC);
    unlink("/tmp/boundary-fill");
    return result;
}

ATTEMPTS({"link-etc", link_base}, {"link-usr", link_usr}, {"link-exe", link_proc}, {"link-own", link_own},
         {"fill-tmp", over_tmp_size})
