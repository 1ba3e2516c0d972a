/* Each with the least that is valid, or with something the kernel refuses only after it has allowed the call. */
#include "probe.h"
#include <linux/bpf.h>

static long bpf_map(void) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 8;
    attributes.max_entries = 1;
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}
static long perf(void) {
    uint32_t attributes[32] = {1, sizeof attributes}; /* PERF_TYPE_SOFTWARE, its size; config 0: cpu clock, of all tasks */
    return syscall(SYS_perf_event_open, attributes, -1, 0, -1, 0);
}
static long uffd(void) { return syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */); }
static long uring(void) { char parameters[120] = {0}; return syscall(SYS_io_uring_setup, 1, parameters); }
static long kexec(void) { return absent(reached(syscall(SYS_kexec_load, 0, 1000, 0, 0), EINVAL)); }
static long init_module(void) { return absent(reached(syscall(SYS_init_module, "", 0, ""), ENOEXEC)); }
static long finit_module(void) { return absent(reached(syscall(SYS_finit_module, -1, "", 0), EBADF)); }
static long delete_module(void) { return absent(reached(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK), ENOENT)); }
static long swapon_call(void) { return reached(syscall(SYS_swapon, "/nowhere", 0), ENOENT); }
static long acct_call(void) { return reached(syscall(SYS_acct, "/nowhere"), ENOENT); }
static long quota(void) { return reached(syscall(SYS_quotactl, 0x80000100 /* Q_SYNC */, "/nowhere", 0, 0), ENOENT); }
static long reboot_call(void) { return reached(syscall(SYS_reboot, 0, 0, 0, 0), EINVAL); }

ATTEMPTS({"bpf", bpf_map}, {"perf_event_open", perf}, {"userfaultfd", uffd}, {"io_uring", uring}, {"kexec_load", kexec},
         {"init_module", init_module}, {"finit_module", finit_module}, {"delete_module", delete_module}, {"swapon", swapon_call},
         {"acct", acct_call}, {"quotactl", quota}, {"reboot", reboot_call})
