#include "probe.h"
#include <dirent.h>

static long kallsyms(void) { return read_some("/proc/kallsyms"); }
/* Kernels differ in which of these they have. */
static long any_known(void) {
    static const char *const paths[] = {
        "/proc/kcore", "/proc/sched_debug", "/proc/latency_stats", "/proc/kpagecount", "/proc/kpagecgroup", "/proc/modules",
        "/proc/acpi/wakeup", "/proc/scsi/scsi", "/proc/asound/cards", "/sys/kernel/debug/sched/debug",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) if (read_some(paths[i]) >= 0) return 0;
    return refuse(ENODATA);
}
static long keys(void) { return read_some("/proc/key-users"); }
static long timers(void) { return read_some("/proc/timer_list"); }
static long interrupts(void) { return read_some("/proc/interrupts"); }
static long iomem(void) { return read_some("/proc/iomem"); }
static long ioports(void) { return read_some("/proc/ioports"); }
static long vmallocinfo(void) { return read_some("/proc/vmallocinfo"); }
static long slabinfo(void) { return read_some("/proc/slabinfo"); }
static long kpage(void) { return read_some("/proc/kpageflags"); }
static long sysfs(void) {
    DIR *dir = opendir("/sys");
    if (!dir) return -1;
    int count = 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count > 2 ? 0 : refuse(ENOENT);
}

ATTEMPTS({"kallsyms", kallsyms}, {"key-users", keys}, {"interrupts", interrupts}, {"iomem", iomem}, {"ioports", ioports},
         {"any-known", any_known}, {"timer_list", timers}, {"vmallocinfo", vmallocinfo}, {"slabinfo", slabinfo}, {"kpageflags", kpage},
         {"sysfs", sysfs})
