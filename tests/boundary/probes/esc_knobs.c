#include "probe.h"
#include <ftw.h>

static char found[256];
static int try_file(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status; (void)at;
    if (type != FTW_F || open_only(path, O_WRONLY) < 0) return 0;
    snprintf(found, sizeof found, "%s", path);
    return 1;
}
static long walk(const char *top) {
    found[0] = 0;
    nftw(top, try_file, 16, FTW_PHYS);
    if (!found[0]) return refuse(EACCES);
    fprintf(stderr, "%s\n", found);
    return 0;
}
static long any_sysctl(void) { return walk("/proc/sys"); }
static long any_sysfs(void) { return walk("/sys/kernel"); }
static long any_irq(void) { return walk("/proc/irq"); }
/* Everybody may open it (its write asks for a capability): only the read-only mount refuses. */
static long last_pid(void) { return open_only("/proc/sys/kernel/ns_last_pid", O_WRONLY); }
static long modprobe(void) { return open_only("/proc/sys/kernel/modprobe", O_WRONLY); }
static long sysrq(void) { return open_only("/proc/sys/kernel/sysrq", O_WRONLY); }
static long sysrq_trigger(void) { return open_only("/proc/sysrq-trigger", O_WRONLY); }
static long drop_caches(void) { return open_only("/proc/sys/vm/drop_caches", O_WRONLY); }
static long uevent_helper(void) { return open_only("/sys/kernel/mm/ksm/run", O_WRONLY); }
static long usr(void) { return open_only("/usr/lib/os-release", O_WRONLY); }

ATTEMPTS({"any-sysctl", any_sysctl}, {"any-sysfs", any_sysfs}, {"any-irq", any_irq}, {"ns_last_pid", last_pid},
         {"modprobe", modprobe}, {"sysrq", sysrq}, {"sysrq-trigger", sysrq_trigger}, {"drop_caches", drop_caches},
         {"sys-kernel-mm", uevent_helper}, {"usr", usr})
