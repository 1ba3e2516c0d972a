#include "probe.h"
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
static long known_disk(void) { return open_only("/dev/vda", O_RDONLY); }

ATTEMPTS({"mknod-mem", mem}, {"mknod-kvm", kvm}, {"mknod-disk", disk}, {"mknod-gpu", gpu}, {"planted-node", planted},
         {"disk-in-dev", known_disk})
