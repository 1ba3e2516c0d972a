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

#[cfg(test)]
mod tests {
    use super::{
        super::{compile_for, emulate},
        *,
    };

    fn answer(program: &BpfProgram, number: c::c_long, arguments: [u64; 6]) -> u32 {
        emulate::run(program, 0xc000_003e, u32::try_from(number).expect("a number"), arguments).expect("an answer")
    }

    const ALLOW: u32 = 0x7fff_0000;
    const REFUSED: u32 = 0x0005_0000 | c::EPERM as u32;

    fn first(value: u64) -> [u64; 6] {
        [value, 0, 0, 0, 0, 0]
    }

    #[test]
    fn only_the_browser_makes_namespaces_and_only_three_kinds() {
        let browser = compile_for(Profile::Browser, false).expect("policy compiles");
        let packages = compile_for(Profile::Packages, true).expect("policy compiles");
        for flag in [0x80_u64, 0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            let wanted = if flag & BROWSER_NAMESPACES == flag { ALLOW } else { REFUSED };
            for (number, flags) in [(c::SYS_unshare, flag), (c::SYS_clone, flag), (c::SYS_clone, flag | 0x1000_0000)] {
                assert_eq!(answer(&browser, number, first(flags)), wanted, "{number} {flags:#x}");
                assert_eq!(answer(&packages, number, first(flags)), REFUSED, "{number} {flags:#x}");
            }
        }
        assert_eq!(answer(&packages, c::SYS_chroot, first(0)), REFUSED);
        for number in [c::SYS_mount, c::SYS_fsopen, c::SYS_open_tree, c::SYS_setns, c::SYS_ptrace, c::SYS_bpf, c::SYS_keyctl] {
            assert_eq!(answer(&browser, number, first(0)), REFUSED, "{number}");
        }
    }

    #[test]
    fn the_browser_has_no_netlink_packet_filters_or_interface_requests() {
        let browser = compile_for(Profile::Browser, false).expect("policy compiles");
        let standard = compile_for(Profile::Standard, false).expect("policy compiles");
        let option = |level: u64, name: u64| [0, level, name, 0, 0, 0];
        let request = |request: u64| [0, request, 0, 0, 0, 0];
        for (number, arguments) in [
            (c::SYS_socket, [16, 3, 0, 0, 0, 0]),
            (c::SYS_setsockopt, option(0, 64)),
            (c::SYS_setsockopt, option(0, 96)),
            (c::SYS_setsockopt, option(0, 1152)),
            (c::SYS_setsockopt, option(41, 65)),
            (c::SYS_setsockopt, option(41, 200)),
            (c::SYS_setsockopt, option(6, 19)),
            (c::SYS_getsockopt, option(0, 65)),
            (c::SYS_getsockopt, option(41, 68)),
            (c::SYS_ioctl, request(0x8914)),
            (c::SYS_ioctl, request(0x8946)),
            (c::SYS_ioctl, request(0x89a0)),
            (c::SYS_ioctl, request(0xffff_ffff_0000_8914)),
        ] {
            assert_eq!(answer(&browser, number, arguments), REFUSED, "{number} {arguments:?}");
            assert_eq!(answer(&standard, number, arguments), ALLOW, "{number} {arguments:?}: left to the capabilities");
        }
        for request_number in [0x5412, 0x541c, 0xffff_ffff_0000_5412] {
            assert_eq!(answer(&browser, c::SYS_ioctl, request(request_number)), REFUSED, "{request_number:#x}");
        }
        for (number, arguments) in [
            (c::SYS_socket, [2, 1, 0, 0, 0, 0]),
            (c::SYS_setsockopt, option(1, 2)),
            (c::SYS_setsockopt, option(0, 1)),
            (c::SYS_setsockopt, option(41, 67)),
            (c::SYS_setsockopt, option(6, 1)),
            (c::SYS_ioctl, request(0x5401)),
            (c::SYS_ioctl, request(0x8912)),
            (c::SYS_ioctl, request(0x8004_5430)),
        ] {
            assert_eq!(answer(&browser, number, arguments), ALLOW, "{number} {arguments:?}");
        }
    }

    #[test]
    fn set_id_bits_are_for_packages_and_the_audit_socket_is_absent() {
        let [with, without] = [true, false].map(|may| compile_for(Profile::Packages, may).expect("policy compiles"));
        let chmod = [0, 0o4755, 0, 0, 0, 0];
        assert_eq!((answer(&with, c::SYS_chmod, chmod), answer(&without, c::SYS_chmod, chmod)), (ALLOW, REFUSED));
        let audit = [16, 3, 9, 0, 0, 0];
        assert_eq!(answer(&with, c::SYS_socket, audit), 0x0005_0000 | c::EPROTONOSUPPORT.unsigned_abs());
        assert_eq!(answer(&with, c::SYS_socket, [16, 3, 0, 0, 0, 0]), ALLOW);
        assert_eq!(answer(&with, c::SYS_socket, [16, 3, 12, 0, 0, 0]), REFUSED);
        assert_eq!(answer(&with, c::SYS_getpid, first(16)), ALLOW);
    }
}
