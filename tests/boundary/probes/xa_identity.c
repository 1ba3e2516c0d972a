#include "probe.h"
#include <sys/time.h>

static long host_name(void) { return sethostname("boundary", 8); }
static long domain_name(void) { return setdomainname("boundary", 8); }
/* The zone is out of range: refused, but only after the permission was checked. */
static long clock_set(void) {
    struct timezone zone = {.tz_minuteswest = 100000};
    return reached(syscall(SYS_settimeofday, NULL, &zone), EINVAL);
}
static long shown_paths(void) {
    char line[4096];
    FILE *file = fopen("/proc/self/mountinfo", "r");
    if (!file) return -1;
    long through = -1;
    while (fgets(line, sizeof line, file)) if (strstr(line, "/homes/")) through = 0;
    fclose(file);
    return through < 0 ? refuse(ENOENT) : 0;
}

ATTEMPTS({"sethostname", host_name}, {"setdomainname", domain_name}, {"settimeofday", clock_set}, {"home-in-mountinfo", shown_paths})
