/* Each line is one thing the kernel offers to ordinary programs: its name and what came of it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static void say(const char *name, long answer) {
  printf("%s: %s\n", name, answer < 0 ? strerrorname_np(errno) : "ok");
}
#define SAY(call) say(#call, (long)(call))

static int file(const char *name) { return open(name, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0644); }

static void files(void) {
  int one = file("one"), two = file("two");
  struct statx facts;
  struct iovec vector = {"text", 4};
  struct flock lock = {.l_type = F_WRLCK};
  SAY(pwritev2(one, &vector, 1, 0, RWF_DSYNC));
  SAY(fallocate(one, 0, 0, 1 << 20));
  SAY(fallocate(one, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
  SAY(lseek(one, 0, SEEK_HOLE));
  SAY(copy_file_range(one, NULL, two, NULL, 4096, 0));
  SAY(sendfile(two, one, NULL, 4096));
  SAY(fcntl(one, F_OFD_SETLK, &lock));
  SAY(fcntl(one, F_SETLK, &lock));
  SAY(flock(two, LOCK_EX | LOCK_NB));
  SAY(fcntl(one, F_DUPFD_CLOEXEC, 100));
  SAY(statx(AT_FDCWD, "one", 0, STATX_BTIME, &facts));
  SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE));
  SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE));
  SAY(link("one", "hard"));
  SAY(mkfifo("fifo", 0600));
  SAY(setxattr("one", "user.corpus", "1", 1, 0));
  SAY(setxattr("one", "security.corpus", "1", 1, 0));
  SAY(getxattr("one", "user.corpus", NULL, 0));
  int unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
  SAY(unnamed);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", unnamed);
  SAY(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
  SAY(open("/tmp", O_TMPFILE | O_RDWR, 0600));
  SAY(posix_fadvise(one, 0, 0, POSIX_FADV_DONTNEED));
  SAY(sync_file_range(one, 0, 0, SYNC_FILE_RANGE_WRITE));
  SAY(syncfs(one));
  void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, one, 0);
  SAY(msync(mapped, 4096, MS_SYNC));
  SAY(utimensat(AT_FDCWD, "one", (struct timespec[]){{1, 0}, {2, 0}}, 0));
  SAY(futimens(two, NULL));
  struct statvfs room;
  SAY(statvfs(".", &room));
  SAY(open("one", O_RDONLY | O_NOATIME));
  SAY(open("direct", O_CREAT | O_RDWR | O_DIRECT, 0600));
  SAY(chmod("one", 01755));
  SAY(fchmodat(AT_FDCWD, "one", 0755, AT_SYMLINK_NOFOLLOW));
  SAY(fcntl(one, F_SETLEASE, F_RDLCK));
  SAY(fcntl(open(".", O_RDONLY), F_NOTIFY, DN_CREATE));
}

static void waiting(void) {
  int epoll = epoll_create1(EPOLL_CLOEXEC), event = eventfd(1, EFD_NONBLOCK), watch = inotify_init1(IN_NONBLOCK);
  struct epoll_event ready = {.events = EPOLLIN | EPOLLET};
  SAY(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &ready));
  SAY(epoll_wait(epoll, &ready, 1, 1000));
  SAY(inotify_add_watch(watch, ".", IN_ALL_EVENTS));
  close(file("seen"));
  SAY(poll(&(struct pollfd){watch, POLLIN, 0}, 1, 1000) - 1);
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec soon = {.it_value.tv_nsec = 1000000};
  SAY(timerfd_settime(timer, 0, &soon, NULL));
  SAY(read(timer, &(uint64_t){0}, 8));
  timer_t clock;
  SAY(timer_create(CLOCK_REALTIME, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &clock));
  SAY(timer_settime(clock, 0, &soon, NULL));
  SAY(timer_create(CLOCK_PROCESS_CPUTIME_ID, NULL, &clock));
  SAY(timerfd_create(CLOCK_BOOTTIME_ALARM, 0));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int signals = signalfd(-1, &set, 0);
  SAY(raise(SIGUSR2));
  struct signalfd_siginfo info;
  SAY(read(signals, &info, sizeof info));
  SAY(sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 1}));
  SAY(sigtimedwait(&set, NULL, &(struct timespec){1, 0}));
  aio_context_t context = 0;
  SAY(syscall(SYS_io_setup, 8, &context));
  SAY(syscall(SYS_io_destroy, context));
  struct io_uring_params ring = {0};
  SAY(syscall(SYS_io_uring_setup, 8, &ring));
}

static void memory(void) {
  int sealed = memfd_create("corpus", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  SAY(ftruncate(sealed, 4096));
  SAY(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL));
  SAY(write(sealed, "x", 1));
  int pipes[2];
  SAY(pipe2(pipes, O_CLOEXEC));
  SAY(fcntl(pipes[1], F_SETPIPE_SZ, 1 << 18));
  SAY(vmsplice(pipes[1], &(struct iovec){"vmspliced", 9}, 1, 0));
  SAY(write(pipes[1], "spliced", 7));
  SAY(splice(pipes[0], NULL, file("spliced"), NULL, 1, 0));
  char *page = mmap(NULL, 1 << 21, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  SAY(mprotect(page, 4096, PROT_READ | PROT_EXEC));
  SAY(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
  SAY(madvise(page, 1 << 21, MADV_HUGEPAGE));
  SAY(madvise(page, 4096, MADV_DONTNEED));
  SAY(mlock(page, 4096));
  SAY(mremap(page, 1 << 21, 1 << 22, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
  SAY(syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0));
  SAY(syscall(SYS_set_mempolicy, 0, NULL, 0));
  SAY(syscall(SYS_mbind, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096, 0, NULL, 0, 0));
  SAY(syscall(SYS_membarrier, 0, 0, 0));
  SAY(syscall(SYS_rseq, NULL, 0, 0, 0));
  SAY(syscall(SYS_userfaultfd, O_CLOEXEC | 1));
  SAY(syscall(SYS_memfd_secret, 0));
  SAY(syscall(SYS_process_madvise, -1, NULL, 0, 0, 0));
}

static void processes(void) {
  int child = fork();
  if (child == 0) { pause(); _exit(0); }
  int process = syscall(SYS_pidfd_open, child, 0);
  SAY(process);
  SAY(syscall(SYS_pidfd_getfd, process, 0, 0));
  char byte;
  SAY(syscall(SYS_process_vm_readv, child, &(struct iovec){&byte, 1}, 1, &(struct iovec){&byte, 1}, 1, 0));
  SAY(syscall(SYS_kcmp, getpid(), child, 0, 0, 0));
  SAY(syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0));
  SAY(waitid(P_PIDFD, process, &(siginfo_t){0}, WEXITED));
  SAY(prctl(PR_SET_NAME, "corpus"));
  SAY(prctl(PR_SET_PDEATHSIG, SIGKILL));
  SAY(prctl(PR_SET_CHILD_SUBREAPER, 1));
  SAY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  SAY(prctl(PR_SET_TIMERSLACK, 1000));
  SAY(prctl(PR_SET_DUMPABLE, 1));
  SAY(prctl(PR_SET_DUMPABLE, 1));
  cpu_set_t cpus;
  SAY(sched_getaffinity(0, sizeof cpus, &cpus));
  SAY(sched_setaffinity(0, sizeof cpus, &cpus));
  SAY(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}));
  SAY(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}));
  SAY(setpriority(PRIO_PROCESS, 0, 1));
  struct rlimit limit;
  SAY(getrlimit(RLIMIT_NOFILE, &limit));
  SAY(setrlimit(RLIMIT_NOFILE, &limit));
  SAY(setsid());
  int clock = clock_settime(CLOCK_REALTIME, &(struct timespec){0});
  SAY(clock);
  SAY(syscall(SYS_clock_adjtime, CLOCK_REALTIME, (char[512]){0}));
  SAY(syscall(SYS_clone3, NULL, 0));
  SAY(syscall(SYS_openat2, AT_FDCWD, ".", (uint64_t[3]){0}, 24));
  SAY(syscall(SYS_name_to_handle_at, AT_FDCWD, ".", (char[512]){120}, (int[1]){0}, 0));
  SAY(syscall(SYS_fanotify_init, 0x200, O_RDONLY));
  SAY(syscall(SYS_add_key, "user", "corpus", "x", 1, -3));
  SAY(syscall(SYS_perf_event_open, (uint32_t[32]){1, 128}, 0, -1, -1, 0));
  SAY(syscall(SYS_bpf, 0, NULL, 0));
  SAY(syscall(SYS_ioprio_set, 1, 0, (2 << 13) | 4));
  SAY(syscall(SYS_ustat, 0, (char[64]){0}));
  SAY(syscall(SYS_quotactl, 0, NULL, 0, NULL));
  SAY(syscall(SYS_lookup_dcookie, 0, NULL, 0));
  SAY(syscall(SYS_sysfs, 3));
  SAY(syscall(SYS_modify_ldt, 0, (char[64]){0}, 64));
}

static void sockets(void) {
  int pair[2], on = 1;
  SAY(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &(struct iovec){(char[1]){0}, 1}, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(header), &(int){0}, sizeof(int));
  SAY(sendmsg(pair[0], &message, 0));
  SAY(recvmsg(pair[1], &message, 0));
  struct ucred credentials;
  SAY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &credentials, &(socklen_t){sizeof credentials}));
  struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0corpus"};
  SAY(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&abstract, 9));
  int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SAY(setsockopt(tcp, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on));
  SAY(setsockopt(tcp, 6, 1, &on, sizeof on));
  SAY(bind(tcp, (void *)&(struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, sizeof(struct sockaddr_in)));
  SAY(listen(tcp, 5));
  SAY(socket(AF_INET6, SOCK_DGRAM, 0));
  SAY(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
  SAY(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  SAY(socket(AF_PACKET, SOCK_RAW, 0));
  SAY(socket(AF_NETLINK, SOCK_RAW, 0));
  SAY(socket(AF_NETLINK, SOCK_RAW, 15));
  SAY(socket(AF_ALG, SOCK_SEQPACKET, 0));
  SAY(socket(AF_VSOCK, SOCK_STREAM, 0));
  struct ifaddrs *list;
  SAY(getifaddrs(&list));
  int main, other;
  SAY(openpty(&main, &other, NULL, NULL, NULL));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGIO, SIG_IGN);
  files();
  waiting();
  memory();
  processes();
  sockets();
  return 0;
}
