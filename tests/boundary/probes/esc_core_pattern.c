#include "probe.h"

static long core_pattern(void) { return open_only("/proc/sys/kernel/core_pattern", O_WRONLY); }

/* What counts is the limit afterwards: a call may look done. */
static long became(rlim_t wanted) {
    struct rlimit now;
    if (getrlimit(RLIMIT_CORE, &now) < 0) return -1;
    return now.rlim_cur == wanted && now.rlim_max == wanted ? 0 : refuse(EPERM);
}
static const struct rlimit mebibyte = {1 << 20, 1 << 20}, none = {0, 0};
static long raise_limit(void) { syscall(SYS_setrlimit, RLIMIT_CORE, &mebibyte); return became(1 << 20); }
/* With 0 the kernel starts the program that core_pattern names; with 1 it does not. */
static long lower(void) { syscall(SYS_setrlimit, RLIMIT_CORE, &none); return became(0); }
static long lower_high_bits(void) { syscall(SYS_setrlimit, 0x700000000L | RLIMIT_CORE, &none); return became(0); }
static long lower_by_prlimit(void) { syscall(SYS_prlimit64, 0, RLIMIT_CORE, &none, NULL); return became(0); }
static long lower_and_ask(void) {
    struct rlimit old;
    syscall(SYS_prlimit64, getpid(), 0x700000000L | RLIMIT_CORE, &none, &old);
    return became(0);
}
/* What scripts do: it has to look done, or they end. */
static long looks_done(void) {
    struct rlimit now = {7, 7};
    if (setrlimit(RLIMIT_CORE, &none) < 0) return -1;
    return prlimit(0, RLIMIT_CORE, NULL, &now) < 0 || now.rlim_cur > 1 ? refuse(EINVAL) : 0;
}
/* A crash in a directory where a file could be made, with as large a limit as can be had. */
static long crash(void) {
    char directory[] = "/tmp/boundary-core-XXXXXX";
    if (!mkdtemp(directory) || chdir(directory) < 0) return -1;
    syscall(SYS_setrlimit, RLIMIT_CORE, &mebibyte);
    pid_t pid = fork();
    if (pid == 0) abort();
    int status;
    if (waitpid(pid, &status, 0) < 0 || !WIFSIGNALED(status)) return refuse(EINVAL);
    char name[64];
    snprintf(name, sizeof name, "core.%d", pid);
    unlink(name);
    unlink("core");
    chdir("/");
    rmdir(directory);
    return WCOREDUMP(status) ? 0 : refuse(EPERM);
}

ATTEMPTS({"open-for-writing", core_pattern}, {"raise-core-limit", raise_limit}, {"lower-core-limit", lower},
         {"lower-high-bits", lower_high_bits}, {"lower-by-prlimit", lower_by_prlimit}, {"lower-and-ask", lower_and_ask},
         {"ulimit-looks-done", looks_done}, {"crash-leaves-a-file", crash})
