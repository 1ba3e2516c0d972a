#include "probe.h"
#include <sys/xattr.h>

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
/* What an overlay keeps to itself: a name that leads to another directory of the lower layer. */
static long overlay_redirect(void) {
    mkdir("/home/agent/boundary-redirect", 0755);
    return setxattr("/home/agent/boundary-redirect", "trusted.overlay.redirect", "/", 1, 0);
}
/* Without the privileged name the overlay does not look: the attribute is only a note of the agent's own. */
static long user_redirect(void) {
    mkdir("/home/agent/boundary-user-redirect", 0755);
    if (setxattr("/home/agent/boundary-user-redirect", "user.overlay.redirect", "/probes", 7, 0) < 0) return refuse(EPERM);
    return access("/home/agent/boundary-user-redirect/fs_files", F_OK);
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

ATTEMPTS({"link-etc", link_base}, {"link-usr", link_usr}, {"link-exe", link_proc}, {"link-own", link_own}, {"trusted-redirect", overlay_redirect},
         {"user-redirect", user_redirect},
         {"fill-tmp", over_tmp_size})
