#include "probe.h"
#include <dirent.h>
#include <sys/sysmacros.h>

static long node(mode_t kind, unsigned major, unsigned minor) {
    unlink("/tmp/boundary-node");
    long result = mknod("/tmp/boundary-node", kind | 0600, makedev(major, minor));
    if (result == 0) unlink("/tmp/boundary-node");
    return result;
}
static long mem(void) { return node(S_IFCHR, 1, 1); }
static long kvm(void) { return node(S_IFCHR, 10, 232); }
static long disk(void) { return node(S_IFBLK, 8, 0); }
static long gpu(void) { return node(S_IFCHR, 195, 255); }
/* /dev/full by another name, put there by the host: harmless, but a device. */
static long planted(void) { return open_only("/home/agent/planted-device", O_RDONLY); }
static long other_node(void) {
    static const char known[] = " null zero full random urandom tty ";
    DIR *dir = opendir("/dev");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char name[300];
        snprintf(name, sizeof name, " %s ", entry->d_name);
        if ((entry->d_type == DT_CHR || entry->d_type == DT_BLK) && !strstr(known, name)) return 0;
    }
    return refuse(ENOENT);
}

ATTEMPTS({"mknod-mem", mem}, {"mknod-kvm", kvm}, {"mknod-disk", disk}, {"mknod-gpu", gpu}, {"planted-node", planted},
         {"other-node-in-dev", other_node})
