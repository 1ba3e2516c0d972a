#include "probe.h"
#include <asm/ldt.h>
#include <sys/personality.h>

static long executable_data(void) { return personality(READ_IMPLIES_EXEC); }
static long no_randomisation(void) { return personality(ADDR_NO_RANDOMIZE); }
static long ldt(void) {
    struct user_desc entry = {.entry_number = 0, .limit = 1, .seg_32bit = 1, .useable = 1};
    return syscall(SYS_modify_ldt, 1, &entry, sizeof entry);
}
static long iopl_call(void) { return absent(syscall(SYS_iopl, 3)); }
static long ioperm_call(void) { return absent(syscall(SYS_ioperm, 0x80, 1, 1)); }

ATTEMPTS({"READ_IMPLIES_EXEC", executable_data}, {"ADDR_NO_RANDOMIZE", no_randomisation}, {"modify_ldt", ldt}, {"iopl", iopl_call},
         {"ioperm", ioperm_call})
