/* The floor: what the kernel alone costs for a sandbox with the layers that aether-spawner builds, in raw system calls and
 * without anything a product needs around them. Prints one line per round: microseconds from the request until the program
 * inside says that it is ready, and from the kill until it is reaped and its cgroups are gone.
 *
 *   floor DIR ROUNDS LIVE [PROGRAM]
 *
 * DIR: an empty directory on the file system that homes lie on. ROUNDS: how many; 0: one for each line on standard input. LIVE: sandboxes that stay alive meanwhile. PROGRAM: what is
 * started inside (it must write a byte to descriptor 3 and wait); this program itself by default.
 *
 * Steps: user, pid, mount, ipc, uts, cgroup and network namespaces; a range of 65536 ids; read-only id-mapped /usr and /etc;
 * prepared /dev; overlay home (id-mapped layers); private /tmp, /run, /dev/shm, devpts, /proc with masks; read-only root;
 * loopback up; cgroup with memory, pids and cpu limits on whatever hierarchy the host has them; new keyring, rlimits, empty
 * capability sets, no_new_privs, Landlock, a seccomp allowlist; close_range; execveat.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OK(call)                                                                                                            \
  ({                                                                                                                        \
    long result_ = (long)(call);                                                                                            \
    if (result_ < 0) {                                                                                                      \
      fprintf(stderr, "floor: line %d: %s: %s\n", __LINE__, #call, strerror(errno));                                        \
      _exit(1);                                                                                                             \
    }                                                                                                                       \
    result_;                                                                                                                \
  })

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif

struct clone_args_ {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static int open_tree_(int dir, const char *path) {
  return (int)OK(syscall(SYS_open_tree, dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
}
static void attach(int mount, int dir, const char *at) {
  OK(syscall(SYS_move_mount, mount, "", dir, at, MOVE_MOUNT_F_EMPTY_PATH));
}
static void attributes(int mount, uint64_t set, int userns) {
  struct mount_attr attr = {.attr_set = set | (userns >= 0 ? MOUNT_ATTR_IDMAP : 0), .userns_fd = userns >= 0 ? (uint64_t)userns : 0};
  OK(syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attr, sizeof attr));
}
static int make(const char *type, const char *const *options, unsigned flags) {
  int context = (int)OK(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
  for (; options && *options; options += 2) OK(syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, options[0], options[1], 0));
  OK(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
  int mount = (int)OK(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, flags));
  close(context);
  return mount;
}
static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t done = write(fd, text, strlen(text));
  close(fd);
  return done < 0 ? -1 : 0;
}
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* -- cgroups: our own place on each hierarchy that has a controller we need, else cgroup2. -- */
static struct { const char *controller; char dir[400]; int v2; } groups[4];
static int group_count;

/* Is `word` one of the words of a list separated by commas or spaces? */
static int names(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += length) {
    char before = at == list ? ',' : at[-1], after = at[length];
    if ((before == ',' || before == ' ') && (after == ',' || after == 0 || after == '\n')) return 1;
  }
  return 0;
}
static void find_groups(void) {
  const char *wanted[] = {"memory", "pids", "cpu"};
  char line[600], mounts[64][600];
  int mount_count = 0;
  FILE *file = fopen("/proc/self/mountinfo", "r");
  while (file && mount_count < 64 && fgets(line, sizeof line, file))
    if (strstr(line, " - cgroup")) snprintf(mounts[mount_count++], sizeof mounts[0], "%s", line);
  if (file) fclose(file);
  file = fopen("/proc/self/cgroup", "r");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':') + 1, *path = strchr(controllers, ':');
    *path++ = 0;
    int v2 = controllers[0] == 0;
    for (int m = 0; m < mount_count; m++) {
      char point[400] = "";
      sscanf(mounts[m], "%*s %*s %*s %*s %399s", point);
      int here = v2 ? strstr(mounts[m], " - cgroup2") != NULL : 0;
      for (int w = 0; w < 3 && !v2; w++)
        if (names(controllers, wanted[w]) && names(mounts[m], wanted[w])) here = 1, groups[group_count].controller = wanted[w];
      if (!here) continue;
      groups[group_count].v2 = v2;
      snprintf(groups[group_count].dir, sizeof groups[0].dir, "%s%s/floor.%d", point, strcmp(path, "/") ? path : "", getpid());
      if (mkdir(groups[group_count].dir, 0755) == 0 || errno == EEXIST) group_count++;
      break;
    }
  }
  if (file) fclose(file);
}
static void limit(const char *dir, const char *name, const char *value) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  put(path, value);
}
static int make_groups(int number) {
  char dir[480];
  int v2 = -1;
  for (int g = 0; g < group_count; g++) {
    snprintf(dir, sizeof dir, "%s/%d", groups[g].dir, number);
    OK(mkdir(dir, 0755));
    if (groups[g].v2) {
      v2 = (int)OK(open(dir, O_DIRECTORY | O_CLOEXEC));
      limit(dir, "memory.max", "1073741824"), limit(dir, "pids.max", "2048"), limit(dir, "cpu.max", "100000 100000");
    } else if (!strcmp(groups[g].controller, "memory")) {
      limit(dir, "memory.limit_in_bytes", "1073741824"), limit(dir, "memory.memsw.limit_in_bytes", "1073741824");
    } else if (!strcmp(groups[g].controller, "pids")) {
      limit(dir, "pids.max", "2048");
    } else {
      limit(dir, "cpu.cfs_quota_us", "100000");
    }
  }
  return v2;
}
static void enter_groups(int number) {
  char path[520];
  for (int g = 0; g < group_count; g++)
    if (!groups[g].v2) snprintf(path, sizeof path, "%s/%d/tasks", groups[g].dir, number), OK(put(path, "0"));
}
static void remove_groups(int number) {
  char dir[480];
  for (int g = 0; g < group_count; g++) {
    snprintf(dir, sizeof dir, "%s/%d", groups[g].dir, number);
    for (int tries = 0; rmdir(dir) < 0 && errno == EBUSY && tries < 2000; tries++) usleep(50);
  }
}

/* -- what the child gives up -- */
static void landlock(void) {
  struct landlock_ruleset_attr attr = {.handled_access_fs = (1ULL << 13) - 1};
  int ruleset = (int)OK(syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0));
  const struct { const char *path; uint64_t access; } rules[] = {
      {"/", 0xd}, {"/home/agent", (1ULL << 13) - 1}, {"/tmp", (1ULL << 13) - 1}, {"/run", (1ULL << 13) - 1},
      {"/dev/shm", (1ULL << 13) - 1}, {"/dev", 0xe}, {"/proc", 0xf}};
  for (size_t n = 0; n < sizeof rules / sizeof *rules; n++) {
    int dir = (int)OK(open(rules[n].path, O_PATH | O_CLOEXEC));
    struct landlock_path_beneath_attr rule = {.allowed_access = rules[n].access, .parent_fd = dir};
    OK(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
    close(dir);
  }
  OK(syscall(SYS_landlock_restrict_self, ruleset, 0));
  close(ruleset);
}
static void seccomp(void) {
  enum { ENTRIES = 280 };
  static struct sock_filter code[ENTRIES + 8];
  int n = 0;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  /* As many comparisons as an allowlist has, each one that fails; then everything is allowed. */
  for (int k = 0; k < ENTRIES; k++) code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2000 + k, 0, 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
  OK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}
static void give_up(void) {
  syscall(SYS_keyctl, 1, NULL);
  OK(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
  for (int cap = 0; cap <= 40; cap++) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  OK(syscall(SYS_setgroups, 0, NULL));
  OK(syscall(SYS_setresgid, 1000, 1000, 1000));
  OK(syscall(SYS_setresuid, 1000, 1000, 1000));
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}};
  OK(syscall(SYS_capset, &header, none));
  OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  landlock();
  seccomp();
}
static void loopback(void) {
  int fd = (int)OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  OK(ioctl(fd, SIOCSIFFLAGS, &request));
  close(fd);
}

enum { USR, ETC, DEV, HOME, MOUNTS };
static int program_fd;

static void __attribute__((noreturn)) child(int number, int sync, int ready) {
  char byte;
  int mounts[MOUNTS];
  enter_groups(number);
  char control[CMSG_SPACE(sizeof mounts)];
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  OK(recvmsg(sync, &message, MSG_CMSG_CLOEXEC));
  memcpy(mounts, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof mounts);
  OK(syscall(SYS_setresgid, 0, 0, 0));
  OK(syscall(SYS_setresuid, 0, 0, 0));
  OK(unshare(CLONE_NEWCGROUP));
  const char *small[] = {"size", "1m", "mode", "0755", NULL}, *open_[] = {"size", "64m", "mode", "1777", NULL};
  const unsigned safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  int root = make("tmpfs", small, safe);
  attach(root, AT_FDCWD, "/new");
  OK(fchdir(root));
  const char *dirs[] = {"usr", "etc", "proc", "sys", "dev", "tmp", "run", "home", "home/agent"};
  for (size_t n = 0; n < sizeof dirs / sizeof *dirs; n++) OK(mkdirat(root, dirs[n], 0755));
  const char *links[] = {"bin", "lib", "lib64", "sbin"};
  for (size_t n = 0; n < 4; n++) {
    char target[16];
    snprintf(target, sizeof target, "usr/%s", links[n]);
    OK(symlinkat(target, root, links[n]));
  }
  const char *places[MOUNTS] = {"usr", "etc", "dev", "home/agent"};
  for (int n = 0; n < MOUNTS; n++) attach(mounts[n], root, places[n]);
  const char *pts[] = {"mode", "0620", "ptmxmode", "0666", NULL};
  attach(make("devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), root, "dev/pts");
  attach(make("tmpfs", open_, safe), root, "dev/shm");
  attach(make("tmpfs", open_, safe), root, "tmp");
  attach(make("tmpfs", small, safe), root, "run");
  attach(make("proc", NULL, safe | MOUNT_ATTR_NOEXEC), root, "proc");
  attributes(root, MOUNT_ATTR_RDONLY, -1);
  OK(syscall(SYS_pivot_root, ".", "."));
  OK(syscall(SYS_umount2, ".", 2 /* MNT_DETACH */));
  OK(chdir("/"));
  OK(sethostname("floor", 5));
  loopback();
  put("/proc/sys/user/max_user_namespaces", "0");
  const char *fixed[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys"};
  for (size_t n = 0; n < 4; n++) {
    int copy = open_tree_(AT_FDCWD, fixed[n]);
    attributes(copy, MOUNT_ATTR_RDONLY, -1);
    attach(copy, AT_FDCWD, fixed[n]);
  }
  const char *masked[] = {"proc/keys", "proc/key-users", "proc/kallsyms", "proc/timer_list", "proc/interrupts", "proc/iomem",
                          "proc/ioports", "proc/slabinfo", "proc/vmallocinfo", "proc/kpagecount", "proc/kpageflags"};
  for (size_t n = 0; n < sizeof masked / sizeof *masked; n++)
    if (access(masked[n], F_OK) == 0) attach(open_tree_(AT_FDCWD, "dev/null"), AT_FDCWD, masked[n]);
  OK(chdir("/home/agent"));
  give_up();
  OK(dup2(ready, 3));
  OK(syscall(SYS_close_range, 4, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */));
  char *argv[] = {"init", NULL}, *envp[] = {NULL};
  OK(syscall(SYS_execveat, program_fd, "", argv, envp, AT_EMPTY_PATH));
  _exit(1);
}

static const char *state = "/stage";
static int dev_tree;

struct sandbox { int pid, pidfd, ready, number; };

static struct sandbox start(int number) {
  char path[800], upper[64], work[64], map[64];
  snprintf(upper, sizeof upper, "homes/%d/upper", number), snprintf(work, sizeof work, "homes/%d/work", number);
  snprintf(path, sizeof path, "%s/homes/%d", state, number), OK(mkdir(path, 0700));
  snprintf(path, sizeof path, "%s/%s", state, upper), OK(mkdir(path, 0750)), OK(chown(path, 1000, 1000));
  snprintf(path, sizeof path, "%s/%s", state, work), OK(mkdir(path, 0700));
  int v2 = make_groups(number), sync[2], ready[2], pidfd = -1;
  OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync));
  OK(pipe2(ready, O_CLOEXEC));
  struct clone_args_ args = {.flags = CLONE_PIDFD | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
                             .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
  if (v2 >= 0) args.flags |= 0x200000000ULL /* CLONE_INTO_CGROUP */, args.cgroup = (uint64_t)v2;
  int pid = (int)OK(syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) close(sync[0]), child(number, sync[1], ready[1]);
  close(sync[1]), close(ready[1]);
  if (v2 >= 0) close(v2);
  unsigned first = 0x30000000U + 65536U * (unsigned)(number % 4096);
  snprintf(map, sizeof map, "0 %u 65536", first);
  snprintf(path, sizeof path, "/proc/%d/uid_map", pid), OK(put(path, map));
  snprintf(path, sizeof path, "/proc/%d/gid_map", pid), OK(put(path, map));
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  int userns = (int)OK(open(path, O_RDONLY | O_CLOEXEC)), mounts[MOUNTS];
  const uint64_t locked = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  attributes(mounts[USR] = open_tree_(AT_FDCWD, "/usr"), locked, userns);
  snprintf(path, sizeof path, "%s/etc", state);
  attributes(mounts[ETC] = open_tree_(AT_FDCWD, path), locked, userns);
  mounts[DEV] = open_tree_(dev_tree, ""), attributes(mounts[DEV], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, -1);
  int layers = open_tree_(AT_FDCWD, state);
  attributes(layers, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, userns);
  attach(layers, AT_FDCWD, "/layers");
  OK(fchdir(layers));
  syscall(SYS_setfsgid, first), syscall(SYS_setfsuid, first);
  const char *options[] = {"lowerdir", "skel", "upperdir", upper, "workdir", work, "redirect_dir", "off", "metacopy", "off", NULL};
  mounts[HOME] = make("overlay", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  syscall(SYS_setfsuid, 0), syscall(SYS_setfsgid, 0);
  OK(chdir("/"));
  OK(syscall(SYS_umount2, "/layers", 2));
  close(layers), close(userns);
  char control[CMSG_SPACE(sizeof mounts)] = {0};
  struct iovec data = {"g", 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof mounts)};
  memcpy(CMSG_DATA(header), mounts, sizeof mounts);
  OK(sendmsg(sync[0], &message, 0));
  for (int n = 0; n < MOUNTS; n++) close(mounts[n]);
  char byte;
  if (OK(read(ready[0], &byte, 1)) != 1) fprintf(stderr, "floor: the sandbox ended early\n"), exit(1);
  close(sync[0]);
  return (struct sandbox){pid, pidfd, ready[0], number};
}
static void end(struct sandbox box) {
  OK(syscall(SYS_pidfd_send_signal, box.pidfd, SIGKILL, NULL, 0));
  OK(waitpid(box.pid, NULL, __WALL));
  remove_groups(box.number);
  close(box.pidfd), close(box.ready);
}

/* Started again inside a sandbox: the init of the floor. */
static int init(void) {
  if (write(3, "r", 1) != 1) return 1;
  for (;;) pause();
}

static void prepare(const char *dir, const char *self) {
  OK(unshare(CLONE_NEWNS));
  OK(syscall(SYS_mount, NULL, "/", NULL, 0x4000 | 0x40000 /* MS_REC | MS_PRIVATE */, NULL));
  /* From memory, as Landlock does not know a place for it: nothing of the host's tree is in the sandbox. */
  int file = (int)OK(open(self, O_RDONLY | O_CLOEXEC));
  program_fd = (int)OK(memfd_create("init", MFD_CLOEXEC));
  while (OK(sendfile(program_fd, file, NULL, 1 << 20)) > 0) continue;
  close(file);
  const char *dirs[] = {"homes", "etc", "skel"};
  char path[400];
  for (int n = 0; n < 3; n++) snprintf(path, sizeof path, "%s/%s", dir, dirs[n]), mkdir(path, 0755);
  int usr = open_tree_(AT_FDCWD, "/usr"), proc = open_tree_(AT_FDCWD, "/proc"), own = open_tree_(AT_FDCWD, dir);
  int cgroup = (int)OK(syscall(SYS_open_tree, AT_FDCWD, "/sys/fs/cgroup", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  const char *options[] = {"mode", "0755", NULL};
  int root = make("tmpfs", options, 0);
  attach(root, AT_FDCWD, dir);
  OK(fchdir(root));
  const char *tops[] = {"usr", "proc", "stage", "dev", "layers", "new", "sys", "sys/fs", "sys/fs/cgroup"};
  for (size_t n = 0; n < sizeof tops / sizeof *tops; n++) OK(mkdirat(root, tops[n], 0755));
  attach(usr, root, "usr"), attach(proc, root, "proc"), attach(own, root, "stage"), attach(cgroup, root, "sys/fs/cgroup");
  dev_tree = make("tmpfs", options, MOUNT_ATTR_NOSUID);
  const struct { const char *name; int major, minor; } nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  for (size_t n = 0; n < 6; n++) OK(mknodat(dev_tree, nodes[n].name, S_IFCHR | 0666, makedev(nodes[n].major, nodes[n].minor)));
  OK(mkdirat(dev_tree, "pts", 0755)), OK(mkdirat(dev_tree, "shm", 0755));
  OK(syscall(SYS_pivot_root, ".", "."));
  OK(syscall(SYS_umount2, ".", 2));
  OK(chdir("/"));
  attach(dev_tree, AT_FDCWD, "/dev");
  dev_tree = (int)OK(open("/dev", O_PATH | O_CLOEXEC));
}

int main(int argc, char **argv) {
  if (argc > 0 && !strcmp(argv[0], "init")) return init();
  if (argc < 4) return fprintf(stderr, "usage: floor DIR ROUNDS LIVE [PROGRAM]\n"), 2;
  int rounds = atoi(argv[2]), live = atoi(argv[3]);
  char self[400];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  self[OK(length)] = 0;
  find_groups();
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){20000, 20000});
  umask(0);
  /* File-system ids change without a change of capabilities (SECBIT_NO_SETUID_FIXUP), as the overlay's layers need it. */
  OK(prctl(PR_SET_SECUREBITS, 4, 0, 0, 0));
  prepare(argv[1], argc > 4 ? argv[4] : self);
  struct sandbox *standing = calloc((size_t)live + 1, sizeof *standing);
  int number = 0;
  for (int n = 0; n < live; n++) standing[n] = start(number++);
  char line[8];
  for (int n = 0; rounds > 0 ? n < rounds : fgets(line, sizeof line, stdin) != NULL; n++) {
    double begun = now();
    struct sandbox box = start(number++);
    double up = now();
    end(box);
    double gone = now();
    printf("%.1f %.1f\n", up - begun, gone - up);
    fflush(stdout);
  }
  for (int n = 0; n < live; n++) end(standing[n]);
  for (int g = 0; g < group_count; g++) rmdir(groups[g].dir);
  return 0;
}
