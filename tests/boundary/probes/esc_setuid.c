#include "probe.h"
#include <sys/xattr.h>

/* A program of the sandbox's root with the set-user-id bit, put in the home by the host; it says who it became. */
static long planted(void) {
    int pair[2];
    if (pipe(pair) < 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[1], 1);
        execl("/home/agent/planted-setuid", "planted-setuid", (char *)0);
        _exit(1);
    }
    int status;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return refuse(ENOEXEC);
    char said = 0;
    if (read(pair[0], &said, 1) != 1) return -1;
    return said == '0' ? 0 : refuse(EPERM);
}
static long made(void) {
    int fd = open("/home/agent/boundary-setuid", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (fd < 0) return -1;
    long result = fchmod(fd, 04755);
    int error = errno;
    unlink("/home/agent/boundary-setuid");
    errno = error;
    return result;
}
static long created(void) {
    int fd = open("/home/agent/boundary-created", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 06755);
    if (fd >= 0) unlink("/home/agent/boundary-created");
    return fd;
}
/* Runs the copy; what it says: '0' when its user is 0, 'c' when it holds a capability. */
static long run_copy(const char *path, char wanted) {
    int pair[2];
    if (pipe(pair) < 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        /* Without any of its own: what it has then, the file gave. */
        struct { uint32_t version; int pid; } head = {0x20080522, 0};
        uint32_t none[6] = {0};
        syscall(SYS_prctl, 47 /* PR_CAP_AMBIENT */, 4 /* CLEAR_ALL */, 0, 0, 0);
        syscall(SYS_capset, &head, none);
        dup2(pair[1], 1);
        execl(path, path, (char *)0);
        _exit(1);
    }
    int status;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return refuse(EPERM);
    char said = 0;
    if (read(pair[0], &said, 1) != 1) return refuse(EPERM);
    return said == wanted ? 0 : refuse(EPERM);
}
static long copy_of_planted(const char *path) {
    char buffer[65536];
    int from = open("/home/agent/probes/planted_setuid", O_RDONLY | O_CLOEXEC);
    unlink(path);
    int to = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
    if (from < 0 || to < 0) return -1;
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0) if (write(to, buffer, (size_t)count) != count) return -1;
    close(from);
    close(to);
    return count;
}
static long remove_after(const char *path, long result) {
    int error = errno;
    unlink(path);
    errno = error;
    return result;
}
static long made_setuid(void) {
    static const char path[] = "/home/agent/boundary-made";
    if (copy_of_planted(path) < 0) return -1;
    if (chown(path, 0, 0) < 0 || chmod(path, 04755) < 0) return remove_after(path, -1);
    return remove_after(path, run_copy(path, '0'));
}
static long file_capability(void) {
    static const char path[] = "/tmp/boundary-capable";
    /* struct vfs_cap_data, revision 2, every capability permitted, effective */
    static const uint32_t capability[5] = {0x02000001, 0xffffffff, 0, 0xffffffff, 0};
    if (copy_of_planted(path) < 0) return -1;
    return remove_after(path, setxattr(path, "security.capability", capability, sizeof capability, 0));
}
static long has(const char *field) {
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return -1;
    long through = -1;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0 && strtoull(line + strlen(field) + 1, NULL, 16) != 0) through = 0;
    fclose(file);
    return through < 0 ? refuse(EPERM) : 0;
}
static long effective(void) { return has("CapEff"); }
static long bounding(void) { return has("CapBnd"); }
static long become_root(void) { return setuid(0); }

ATTEMPTS({"planted-setuid", planted}, {"chmod-setuid", made}, {"create-setuid", created}, {"made-setuid", made_setuid}, {"file-capability", file_capability},
         {"CapEff", effective}, {"CapBnd", bounding}, {"setuid-0", become_root})
