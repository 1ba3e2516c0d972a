/* Calls on no list, called with nothing: whatever answers otherwise than EPERM or ENOSYS was let through to the kernel. */
#include "probe.h"

static const int denied[] = {
    SYS_acct, SYS_add_key, SYS_bpf, SYS_chroot, SYS_clock_settime, SYS_create_module, SYS_delete_module, SYS_fanotify_init,
    SYS_finit_module, SYS_fsconfig, SYS_fsmount, SYS_fsopen, SYS_fspick, SYS_get_mempolicy, SYS_init_module, SYS_io_uring_setup,
    SYS_io_uring_enter, SYS_io_uring_register, SYS_ioperm, SYS_iopl, SYS_kcmp, SYS_kexec_load, SYS_kexec_file_load, SYS_keyctl,
    SYS_lookup_dcookie, SYS_mbind, SYS_migrate_pages, SYS_mount, SYS_mount_setattr, SYS_move_mount, SYS_move_pages,
    SYS_nfsservctl, SYS_open_by_handle_at, SYS_open_tree, SYS_perf_event_open, SYS_pidfd_getfd, SYS_pivot_root,
    SYS_process_madvise, SYS_quotactl, SYS_reboot, SYS_request_key, SYS_set_mempolicy, SYS_setdomainname, SYS_sethostname,
    SYS_setns, SYS_settimeofday, SYS_swapoff, SYS_swapon, SYS_sysfs, SYS_syslog, SYS_umount2, SYS_unshare, SYS_uselib,
    SYS_userfaultfd, SYS_ustat, SYS_vhangup, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_name_to_handle_at,
    SYS_modify_ldt, SYS_memfd_secret, SYS_vmsplice,
};

static long on_no_list(void) {
    long through = -1;
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        errno = 0;
        if (syscall(denied[i], 0, 0, 0, 0, 0, 0) >= 0 || (errno != EPERM && errno != ENOSYS)) {
            fprintf(stderr, "call %d: %s\n", denied[i], strerrorname_np(errno));
            through = 0;
        }
    }
    return through < 0 ? refuse(EPERM) : 0;
}

static long unknown_newer(void) {
    for (int number = 463; number < 1024; number++)
        if (syscall(number, -1, 0, 0, 0, 0, 0) >= 0 || errno != ENOSYS) return 0;
    return refuse(ENOSYS);
}

static long clone3_call(void) { return reached(syscall(SYS_clone3, 0, 0), EINVAL); }
static long openat2_call(void) { return reached(syscall(SYS_openat2, AT_FDCWD, "/", 0, 0), EINVAL); }

ATTEMPTS({"on-no-list", on_no_list}, {"unknown-newer", unknown_newer}, {"clone3", clone3_call}, {"openat2", openat2_call})
