/* PID 1 of the sandbox is aether-init: nobody inside may read, change, stop or end it. */
#include "probe.h"
#include <sys/ptrace.h>
#include <sys/uio.h>

static long attach(void) {
    long result = ptrace(PTRACE_SEIZE, 1, 0, 0);
    if (result == 0) ptrace(PTRACE_DETACH, 1, 0, 0);
    return result;
}
static long traceme(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
static long vm_readv(void) {
    char byte;
    struct iovec local = {&byte, 1}, remote = {(void *)0x10, 1};
    return reached(syscall(SYS_process_vm_readv, 1, &local, 1, &remote, 1, 0), EFAULT);
}
static long vm_writev(void) {
    char byte = 0;
    struct iovec local = {&byte, 1}, remote = {(void *)0x10, 1};
    return reached(syscall(SYS_process_vm_writev, 1, &local, 1, &remote, 1, 0), EFAULT);
}
static long getfd(void) {
    long fd = syscall(SYS_pidfd_open, 1, 0);
    return fd < 0 ? fd : syscall(SYS_pidfd_getfd, fd, 3, 0);
}
static long mem(void) { return open_only("/proc/1/mem", O_RDWR); }
static long maps(void) { return read_some("/proc/1/maps"); }
static long environment(void) { return open_only("/proc/1/environ", O_RDONLY); }
static long fds(void) { return open_only("/proc/1/fd", O_RDONLY | O_DIRECTORY); }
static long root(void) { char path[64]; return readlink("/proc/1/root", path, sizeof path); }
static long cwd(void) { char path[64]; return readlink("/proc/1/cwd", path, sizeof path); }
static long namespace(void) { char path[64]; return readlink("/proc/1/ns/mnt", path, sizeof path); }
/* Each asks for what PID 1 has already, so that nothing changes where it works. */
static long limit(void) {
    struct rlimit same;
    getrlimit(RLIMIT_CPU, &same);
    return prlimit(1, RLIMIT_CPU, &same, 0);
}
static long affinity(void) {
    cpu_set_t same;
    if (sched_getaffinity(0, sizeof same, &same) < 0) return 0;
    return sched_setaffinity(1, sizeof same, &same);
}
static long priority(void) { return setpriority(PRIO_PROCESS, 1, getpriority(PRIO_PROCESS, 0)); }
static long io_priority(void) { return syscall(SYS_ioprio_set, 1, 1, 0); }
static long exists(void) { return kill(1, 0); }
static long executable(void) { return open_only("/proc/1/exe", O_RDONLY); }
static long rewrite(void) { return open_only("/proc/1/exe", O_WRONLY); }
static long ended(void) {
    static const int signals[] = {SIGKILL, SIGSTOP, SIGTERM, SIGSEGV, SIGHUP, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) kill(1, signals[i]);
    /* Had it worked, this process would be gone with its namespace. */
    char line[256];
    FILE *file = fopen("/proc/1/stat", "r");
    if (!file || !fgets(line, sizeof line, file)) return 0;
    fclose(file);
    char *state = strrchr(line, ')');
    return state && (state[2] == 'T' || state[2] == 'Z') ? 0 : refuse(EPERM);
}
/* The same signals end an ordinary process. */
static long ends_others(void) {
    pid_t pid = fork();
    if (pid == 0) for (;;) pause();
    int status;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? 0 : -1;
}

ATTEMPTS({"ptrace", attach}, {"traceme", traceme}, {"process_vm_readv", vm_readv}, {"process_vm_writev", vm_writev},
         {"pidfd_getfd", getfd}, {"mem", mem}, {"maps", maps}, {"environ", environment}, {"fd", fds}, {"root", root},
         {"cwd", cwd}, {"ns", namespace}, {"prlimit", limit}, {"sched_setaffinity", affinity}, {"setpriority", priority},
         {"ioprio_set", io_priority}, {"signal-0", exists},
         {"exe", executable}, {"exe-for-writing", rewrite}, {"signals", ended}, {"signals-to-others", ends_others})
