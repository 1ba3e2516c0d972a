//! What the other profiles change in the rules of the standard one, each change with its reason.

use std::collections::BTreeMap;

use libc as c;
use seccompiler::{
    BackendError, BpfProgram, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Cond, SeccompRule, sock_filter,
};

use super::policy::NEW_NAMESPACE;
use crate::plan::Profile;

/// Rules by the number of the call; none for an unconditional one.
pub(super) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// `CLONE_NEWUSER`, `CLONE_NEWPID`, `CLONE_NEWNET`: what Chromium's sandbox is made of (sandbox/linux/services/namespace_sandbox.cc).
const BROWSER_NAMESPACES: u64 = 0x7000_0000;
/// `CLONE_FS`, `CLONE_FILES`, `CLONE_SYSVSEM`: parts of unshare(2) that are no namespaces.
const NO_NAMESPACES: u64 = 0x4_0600;
/// Calls that can give a file a set-id bit, which the standard rules judge by their mode.
const WITH_A_MODE: [c::c_long; 9] = [
    c::SYS_chmod,
    c::SYS_fchmod,
    c::SYS_fchmodat,
    452, // fchmodat2
    c::SYS_creat,
    c::SYS_mknod,
    c::SYS_mknodat,
    c::SYS_open,
    c::SYS_openat,
];

/// Changes the standard rules into those of `profile`.
pub(super) fn adjust(rules: &mut Rules, profile: Profile, may_set_id: bool) -> Result<(), BackendError> {
    match profile {
        Profile::Standard => Ok(()),
        Profile::Packages => {
            // Packages carry set-id files (passwd, crontab); a package manager that may not make them installs nothing of it.
            if may_set_id {
                rules.extend(WITH_A_MODE.map(|number| (number, Vec::new())));
            }
            Ok(())
        }
        Profile::Browser => browser(rules),
    }
}

fn browser(rules: &mut Rules) -> Result<(), BackendError> {
    let is = |argument, value| Cond::new(argument, Len::Dword, Op::Eq, value);
    let not = |argument, value| Cond::new(argument, Len::Dword, Op::Ne, value);
    let below = |argument, value| Cond::new(argument, Len::Dword, Op::Lt, value);
    let above = |argument, value| Cond::new(argument, Len::Dword, Op::Gt, value);
    let none_of = |argument, mask| Cond::new(argument, Len::Qword, Op::MaskedEq(mask), 0);
    let rule = SeccompRule::new;
    let number = |n: c::c_int| u64::from(n.unsigned_abs());

    rules.insert(c::SYS_clone, vec![rule(vec![none_of(0, NEW_NAMESPACE & !BROWSER_NAMESPACES)?])?]);
    rules.insert(c::SYS_unshare, vec![rule(vec![none_of(0, !(BROWSER_NAMESPACES | NO_NAMESPACES))?])?]);
    // The renderers' last step: into an empty directory. The capability for it exists in a namespace made inside only.
    rules.insert(c::SYS_chroot, Vec::new());
    // Whoever makes a user and a network namespace is its administrator: queueing disciplines, interfaces and packet filters of
    // the kernel would be within reach, where its holes have been. So no netlink at all, not even for getifaddrs(3).
    let (unix, v4, v6) = (number(c::AF_UNIX), number(c::AF_INET), number(c::AF_INET6));
    let of_type = |kind: c::c_int| Cond::new(1, Len::Dword, Op::MaskedEq(0xf), number(kind));
    let mut sockets = vec![rule(vec![is(0, unix)?])?];
    for family in [v4, v6] {
        for kind in [c::SOCK_STREAM, c::SOCK_DGRAM] {
            sockets.push(rule(vec![is(0, family)?, of_type(kind)?])?);
        }
    }
    rules.insert(c::SYS_socket, sockets);
    // ip_tables, arp_tables, ebtables and ip_vs are asked by options of any socket from 64 on (CVE-2021-22555), multicast
    // routing from 200 on; TCP_REPAIR (19) forges connections. IPv6 has options of its own beyond 65.
    let (ip, ipv6, tcp) = (number(c::SOL_IP), number(c::SOL_IPV6), number(c::SOL_TCP));
    rules.insert(
        c::SYS_setsockopt,
        vec![
            rule(vec![not(1, ip)?, not(1, ipv6)?, not(1, tcp)?])?,
            rule(vec![is(1, ip)?, below(2, 64)?])?,
            rule(vec![is(1, ipv6)?, below(2, 64)?])?,
            rule(vec![is(1, ipv6)?, above(2, 65)?, below(2, 200)?])?,
            rule(vec![is(1, tcp)?, not(2, 19)?])?,
        ],
    );
    rules.insert(
        c::SYS_getsockopt,
        vec![
            rule(vec![not(1, ip)?, not(1, ipv6)?])?,
            rule(vec![is(1, ip)?, below(2, 64)?])?,
            rule(vec![is(1, ipv6)?, below(2, 64)?])?,
            // 64, 65, 68 and 69 are ip6_tables'.
            rule(vec![is(1, ipv6)?, is(2, 66)?])?,
            rule(vec![is(1, ipv6)?, is(2, 67)?])?,
            rule(vec![is(1, ipv6)?, above(2, 69)?, below(2, 200)?])?,
        ],
    );
    // Requests of sockets and interfaces are 0x8900 to 0x8bff: of these only the ones that read. Beside them what the standard
    // rules refuse (TIOCSTI, TIOCLINUX).
    let mut requests = vec![rule(vec![below(1, 0x8900)?, not(1, 0x5412)?, not(1, 0x541c)?])?, rule(vec![above(1, 0x8bff)?])?];
    // FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, SIOCATMARK, SIOCGSTAMP(NS); SIOCGIFNAME, CONF, FLAGS, ADDR, DSTADDR, BRDADDR,
    // NETMASK, METRIC, MTU, HWADDR, INDEX, COUNT.
    for request in [
        0x8901, 0x8902, 0x8903, 0x8904, 0x8905, 0x8906, 0x8907, 0x8910, 0x8912, 0x8913, 0x8915, 0x8917, 0x8919, 0x891b, 0x891d,
        0x8921, 0x8927, 0x8933, 0x8938,
    ] {
        requests.push(rule(vec![is(1, request)?])?);
    }
    rules.insert(c::SYS_ioctl, requests);
    Ok(())
}

/// Runs before the rules of the profile `packages`: a socket for the kernel's audit log looks as if the kernel had none. useradd(8)
/// and its like give up on any other refusal (`audit_help_open` of shadow).
pub(super) fn without_audit(profile: Profile) -> BpfProgram {
    const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    // struct seccomp_data: the number at 0, the low words of the first and third argument at 16 and 32.
    const ARGUMENTS: [u32; 2] = [16, 32];
    if profile != Profile::Packages {
        return Vec::new();
    }
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let absent = 0x0005_0000 | c::EPROTONOSUPPORT.unsigned_abs(); // SECCOMP_RET_ERRNO
    vec![
        instruction(LOAD_WORD, 0, 0, 0),
        instruction(JUMP_EQUAL, 0, 5, u32::try_from(c::SYS_socket).unwrap_or(u32::MAX)),
        instruction(LOAD_WORD, 0, 0, ARGUMENTS[0]),
        instruction(JUMP_EQUAL, 0, 3, c::AF_NETLINK.unsigned_abs()),
        instruction(LOAD_WORD, 0, 0, ARGUMENTS[1]),
        instruction(JUMP_EQUAL, 0, 1, c::NETLINK_AUDIT.unsigned_abs()),
        instruction(RETURN, 0, 0, absent),
    ]
}
