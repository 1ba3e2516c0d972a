//! What a sandbox's first process gives up before it becomes `aether-init`: identity, capabilities, privileges, paths and
//! system calls. Everything later started inside inherits it.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use nix::{
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::{Gid, Uid, setgroups, setresgid, setresuid},
};

use super::{
    failure::{at, refused},
    filters::Filters,
    syscalls,
    weaken::{Part, Weakened},
};
use crate::{
    plan::{AGENT_HOME, AGENT_ID, INIT_ID, LentMount, PlanLayer, Profile, SandboxPlan},
    sys::task::{install_filter, join_new_session_keyring, set_no_new_privs, set_securebits},
    wire::spawner::{Filter, SpawnFailure},
};

/// Prepared once: the filters, and the Landlock version to require.
pub(super) struct Confinement {
    pub(super) filters: Filters,
    pub(super) landlock_abi: u32,
}

/// What a sandbox is given, in words that can be compared.
pub(super) struct Policies {
    pub(super) filters: Vec<Filter>,
    pub(super) ruleset: String,
}

impl Confinement {
    /// What [`apply`] gives a sandbox, its inheritance included.
    pub(super) fn policies(&self, profile: Profile, mounts: &[LentMount], weakened: &Weakened) -> Result<Policies, SpawnFailure> {
        let own = self.filters.of(profile, mounts)?.map(|(filter, _)| filter);
        let inherited = own.filter(|_| weakened.keeps(Part::SpawnerFilter)).map(|_| Filter::Spawner);
        let set_id = own.filter(|_| lends_for_writing(mounts) && weakened.keeps(Part::SetIdFilter)).map(|_| Filter::SetId);
        let own = own.filter(|_| weakened.keeps(Part::Seccomp));
        let filters = inherited.into_iter().chain(set_id).chain(own).collect();
        let landlocked = weakened.keeps(Part::Landlock) && weakened.keeps(Part::HostLandlock);
        let ruleset = if landlocked { ruleset_text(self.landlock_abi, profile, mounts) } else { String::new() };
        Ok(Policies { filters, ruleset })
    }
}

/// NOROOT, NO_CAP_AMBIENT_RAISE and the locks of all four bits, capabilities(7): uid 0 inside means nothing, for good.
const SECUREBITS: u32 = 1 | 2 | 8 | 32 | 64 | 128;

/// As [`SECUREBITS`] without NOROOT and without the lock of KEEP_CAPS: the agent is uid 0, and what it starts keeps what the
/// bounding set leaves of it.
const ROOT_SECUREBITS: u32 = 2 | 8 | 64 | 128;

/// Keeps the permitted set when the user changes (`SECBIT_KEEP_CAPS`).
const KEEP_CAPS: u32 = 16;

/// What `aether-init` takes its ids with, before it gives them up: see `init/identity.rs`. Inside its user namespace only.
const INIT_NEEDS: [Capability; 2] = [Capability::CAP_SETUID, Capability::CAP_SETGID];

/// Limit of open files; the kernel's classic hard default is 4096, toolchains want more.
const OPEN_FILES: u64 = 65_536;

/// Applies everything, in the only order that works: each step takes away what the one before still needed.
pub(super) fn apply(confinement: &Confinement, plan: &SandboxPlan, weakened: &Weakened) -> Result<(), SpawnFailure> {
    let capabilities = |step: &str| at(PlanLayer::Capabilities, step);
    if weakened.keeps(Part::Keyring) {
        join_new_session_keyring().map_err(capabilities("join a new session keyring"))?;
    }
    limits().map_err(capabilities("set resource limits"))?;
    #[cfg(feature = "weaken")]
    if !super::weaken::spawner_filters_itself() && weakened.keeps(Part::SpawnerFilter) {
        super::service::filter_spawner().map_err(at(PlanLayer::Seccomp, "install the spawner's filter"))?;
    }
    let id = if weakened.keeps(Part::InitUser) { INIT_ID } else { AGENT_ID };
    match (weakened.keeps(Part::Capabilities), weakened.keeps(Part::InitUser)) {
        (true, true) => trade_capabilities(&INIT_NEEDS.into_iter().collect(), id, plan.profile)?,
        (true, false) => trade_capabilities(&CapsHashSet::new(), id, plan.profile)?,
        #[cfg(feature = "weaken")]
        (false, _) => hand_on_capabilities(id)?,
        #[cfg(not(feature = "weaken"))]
        (false, _) => {
            return Err(refused(Some(PlanLayer::Capabilities), "empty the capability sets", "nothing may keep them", ""));
        }
    }
    if weakened.keeps(Part::NoNewPrivs) {
        set_no_new_privs().map_err(capabilities("set no_new_privs"))?;
    }
    if confinement.landlock_abi > 0 && weakened.keeps(Part::Landlock) && weakened.keeps(Part::HostLandlock) {
        landlock(confinement.landlock_abi, plan)?;
    }
    if confinement.filters.works() && lends_for_writing(&plan.mounts) && weakened.keeps(Part::SetIdFilter) {
        install_filter(&syscalls::set_id::program()).map_err(at(PlanLayer::Seccomp, "install the filter of set-id bits"))?;
    }
    if let Some((_, filter)) = confinement.filters.of(plan.profile, &plan.mounts)?.filter(|_| weakened.keeps(Part::Seccomp)) {
        seccompiler::apply_filter(filter)
            .map_err(|e| at(PlanLayer::Seccomp, "install the filter")(io::Error::other(e.to_string())))?;
    }
    Ok(())
}

/// Can files made inside lie on the host with a person's id? See [`syscalls::set_id`].
fn lends_for_writing(mounts: &[LentMount]) -> bool {
    mounts.iter().any(|mount| !mount.read_only)
}

/// Becomes the user `id` with exactly the capabilities `kept` and those of the profile, which survive the exec as ambient ones;
/// no exec can add to them.
fn trade_capabilities(kept: &CapsHashSet, id: u32, profile: Profile) -> Result<(), SpawnFailure> {
    let of_profile = capabilities_of(profile);
    let kept = &kept.union(&of_profile).copied().collect::<CapsHashSet>();
    let failed = |step: &'static str| move |e: caps::errors::CapsError| cap_failure(step, &e);
    let securebits = |bits| set_securebits(bits).map_err(at(PlanLayer::Capabilities, "set the securebits"));
    // While the bounding set still allows it.
    caps::set(None, CapSet::Inheritable, kept).map_err(failed("set the inheritable set"))?;
    for capability in caps::runtime::thread_all_supported().difference(&of_profile) {
        caps::drop(None, CapSet::Bounding, *capability).map_err(failed("empty the bounding set"))?;
    }
    securebits(KEEP_CAPS)?;
    become_user(id, profile)?;
    // The change of user has emptied the effective and the ambient set; the permitted one is whole until below.
    let all = caps::read(None, CapSet::Permitted).map_err(failed("read the permitted set"))?;
    caps::set(None, CapSet::Effective, &all).map_err(failed("set the effective set"))?;
    caps::clear(None, CapSet::Ambient).map_err(failed("empty the ambient set"))?;
    for capability in kept {
        caps::raise(None, CapSet::Ambient, *capability).map_err(failed("set the ambient set"))?;
    }
    securebits(if profile == Profile::Packages { ROOT_SECUREBITS } else { SECUREBITS })?;
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, kept).map_err(failed("empty the capability sets"))?;
    }
    check_capabilities(kept, &of_profile)
}

/// The capabilities of a profile as the crate names them.
fn capabilities_of(profile: Profile) -> CapsHashSet {
    let bits = profile.capabilities();
    caps::all().into_iter().filter(|capability| bits & capability.bitmask() != 0).collect()
}

fn become_user(id: u32, profile: Profile) -> Result<(), SpawnFailure> {
    let failed = |error: nix::errno::Errno| at(PlanLayer::Capabilities, "become the user of aether-init")(error.into());
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    // The agent's group is all that init needs to be let where the agent is.
    setgroups(&[Gid::from_raw(profile.agent_id())]).map_err(failed)?;
    setresgid(gid, gid, gid).map_err(failed)?;
    setresuid(uid, uid, uid).map_err(failed)
}

/// Gives every capability up as a sandbox does.
#[cfg(feature = "weaken")]
pub(super) fn drop_capabilities() -> Result<(), SpawnFailure> {
    for capability in caps::runtime::thread_all_supported() {
        caps::drop(None, CapSet::Bounding, capability).map_err(|e| cap_failure("empty the bounding set", &e))?;
    }
    set_securebits(SECUREBITS).map_err(at(PlanLayer::Capabilities, "set the securebits"))?;
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient] {
        caps::set(None, set, &CapsHashSet::new()).map_err(|e| cap_failure("empty the capability sets", &e))?;
    }
    check_capabilities(&CapsHashSet::new(), &CapsHashSet::new())
}

/// Becomes the user `id` with all capabilities, which survive an exec.
#[cfg(feature = "weaken")]
fn hand_on_capabilities(id: u32) -> Result<(), SpawnFailure> {
    set_securebits(KEEP_CAPS).map_err(at(PlanLayer::Capabilities, "keep the capabilities"))?;
    become_user(id, Profile::Standard)?;
    let all = caps::read(None, CapSet::Permitted).map_err(|e| cap_failure("read the capability sets", &e))?;
    for set in [CapSet::Effective, CapSet::Inheritable, CapSet::Ambient] {
        caps::set(None, set, &all).map_err(|e| cap_failure("keep the capabilities", &e))?;
    }
    Ok(())
}

fn cap_failure(step: &str, error: &caps::errors::CapsError) -> SpawnFailure {
    refused(Some(PlanLayer::Capabilities), step, error.to_string(), "")
}

/// Believes nothing: reads the sets back. The bounding one holds what the profile has, whatever is kept.
fn check_capabilities(kept: &CapsHashSet, bounding: &CapsHashSet) -> Result<(), SpawnFailure> {
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient, CapSet::Bounding] {
        let wanted = if matches!(set, CapSet::Bounding) { bounding } else { kept };
        let held = caps::read(None, set).map_err(|e| cap_failure("read the capability sets", &e))?;
        if held != *wanted {
            let cause = format!("{set:?} holds {held:?}");
            return Err(refused(Some(PlanLayer::Capabilities), "check the capability sets", cause, ""));
        }
    }
    Ok(())
}

/// Looks at process 1 once it says that it is what it has to be: its ids, and no capability in any set.
pub(super) fn check_init(pid: u32, plan: &SandboxPlan, weakened: &Weakened) -> Result<(), SpawnFailure> {
    let wrong = |cause: String| refused(Some(PlanLayer::Capabilities), "check aether-init", cause, "");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| wrong(format!("it ended while it started ({error})")))?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default();
    if weakened.keeps(Part::InitUser) {
        let (own, agent) = (plan.ids.init(), plan.agent());
        for name in ["Uid", "Gid"] {
            // Real, effective, saved, file system (proc_pid_status(5)).
            let held: Vec<u32> = field(name).split_whitespace().filter_map(|id| id.parse().ok()).collect();
            if held != [own, own, agent, agent] {
                return Err(wrong(format!("its {name} is {held:?}")));
            }
        }
    }
    if weakened.keeps(Part::Capabilities) {
        // Init keeps what it hands on to an agent that is uid 0 inside: see `init/identity.rs`.
        let most = plan.profile.capabilities();
        for (set, allowed) in [("CapInh", 0), ("CapPrm", most), ("CapEff", most), ("CapBnd", most), ("CapAmb", 0)] {
            let held = field(set).trim();
            if u64::from_str_radix(held, 16).map_or(true, |bits| bits & !allowed != 0) {
                return Err(wrong(format!("its {set} is {held:?}")));
            }
        }
    }
    Ok(())
}

/// No crash starts a program of the host or leaves a file: see [`syscalls::core_limit`]. Under the spawner's filter nothing is
/// changed any more, so it is read back.
pub(super) fn keep_core_limit() -> io::Result<()> {
    let limit = syscalls::core_limit::LIMIT;
    setrlimit(Resource::RLIMIT_CORE, limit, limit)?;
    match getrlimit(Resource::RLIMIT_CORE)? {
        held if held == (limit, limit) => Ok(()),
        (soft, hard) => Err(io::Error::other(format!("the limit of core files is {soft} and {hard}, not {limit}"))),
    }
}

fn limits() -> io::Result<()> {
    keep_core_limit()?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let files = hard.min(OPEN_FILES);
    setrlimit(Resource::RLIMIT_NOFILE, files, files)?;
    setrlimit(Resource::RLIMIT_MSGQUEUE, 819_200, 819_200)?;
    Ok(())
}

fn landlock(abi: u32, plan: &SandboxPlan) -> Result<(), SpawnFailure> {
    let abi = version(abi);
    restrict(abi, rules(abi, plan.profile, &plan.mounts))
}

/// The ruleset of a standard sandbox for a process outside any, which lacks some of its directories.
#[cfg(feature = "weaken")]
pub(super) fn landlock_outside() -> Result<(), SpawnFailure> {
    let abi = crate::sys::task::landlock_abi().map_err(at(PlanLayer::Landlock, "ask for the version"))?;
    let mut rules = rules(version(abi), Profile::Standard, &[]);
    rules.retain(|(path, _)| std::path::Path::new(path).exists());
    restrict(version(abi), rules)
}

fn restrict(abi: ABI, rules: Vec<(&str, BitFlags<AccessFs>)>) -> Result<(), SpawnFailure> {
    let fail = |step: &str, error: &dyn std::fmt::Display| {
        let hint = "this is a defect of the profile or a Landlock older than ABI 1; report it with `aether doctor`";
        refused(Some(PlanLayer::Landlock), step, error.to_string(), hint)
    };
    let all = AccessFs::from_all(abi);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(all)
        .and_then(|ruleset| if abi < ABI::V6 { Ok(ruleset) } else { ruleset.scope(Scope::from_all(abi)) })
        .and_then(Ruleset::create)
        .map_err(|e| fail("make the ruleset", &e))?;
    let mut ruleset = ruleset;
    for (path, access) in rules {
        let dir = PathFd::new(path).map_err(|e| fail(&format!("open {path}"), &e))?;
        ruleset = ruleset.add_rule(PathBeneath::new(dir, access)).map_err(|e| fail(&format!("allow {path}"), &e))?;
    }
    let status = ruleset.restrict_self().map_err(|e| fail("enforce the ruleset", &e))?;
    if status.ruleset == RulesetStatus::FullyEnforced {
        Ok(())
    } else {
        Err(fail("enforce the ruleset", &format!("the kernel enforces it only in part: {:?}", status.ruleset)))
    }
}

/// What may be done below which directory; everything else is denied.
fn rules(abi: ABI, profile: Profile, mounts: &[LentMount]) -> Vec<(&str, BitFlags<AccessFs>)> {
    // Sockets made inside are reached without it; those that somebody else made below a lent directory are not (ABI 9).
    let all = AccessFs::from_all(abi) & !AccessFs::ResolveUnix;
    let read = AccessFs::from_read(abi);
    let files = AccessFs::from_file(abi) & !AccessFs::ResolveUnix;
    let mut rules: Vec<(&str, BitFlags<AccessFs>)> = vec![
        ("/", read),
        (AGENT_HOME, all),
        ("/tmp", all),
        ("/run", all),
        ("/dev/shm", all),
        ("/dev/mqueue", read | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile),
        ("/dev", read | (files & !AccessFs::Execute)),
        ("/proc", read | (files & (AccessFs::WriteFile | AccessFs::Truncate))),
    ];
    if profile == Profile::Packages {
        rules.extend(["/usr", "/etc", "/var", "/opt", "/root", "/srv"].map(|path| (path, all)));
    }
    rules.extend(mounts.iter().map(|mount| (mount.target.as_str(), if mount.read_only { read } else { all })));
    rules
}

/// The rules as text: the version, then a path and its access bits on each line. Empty without Landlock.
fn ruleset_text(abi: u32, profile: Profile, mounts: &[LentMount]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    if abi > 0 {
        let _ = writeln!(text, "abi {:?}", version(abi));
        for (path, access) in rules(version(abi), profile, mounts) {
            let _ = writeln!(text, "{path} {:#x}", access.bits());
        }
    }
    text
}

/// The newest version that both the kernel and the crate know.
pub(super) fn version(abi: u32) -> ABI {
    match abi {
        0 => ABI::Unsupported,
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        // Only what is logged.
        7 => ABI::V7,
        // Only restricting all threads at once; init has one.
        8 => ABI::V8,
        _ => ABI::V9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_kernel_can_deny_is_asked_for() {
        let known = [ABI::Unsupported, ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6, ABI::V7, ABI::V8, ABI::V9];
        for (number, abi) in (0..).zip(known) {
            assert_eq!(version(number), abi);
        }
        assert_eq!(version(10), ABI::V9);
        assert_eq!(version(u32::MAX), ABI::V9);
        assert!(AccessFs::from_all(version(5)).contains(AccessFs::IoctlDev));
        assert_eq!(Scope::from_all(version(7)), Scope::AbstractUnixSocket | Scope::Signal);
        assert!(AccessFs::from_all(version(9)).contains(AccessFs::ResolveUnix));
    }

    #[test]
    fn no_rule_gives_back_what_is_for_nobody() {
        let lent =
            [true, false].map(|read_only| LentMount { target: "/mnt/lent".into(), read_only, lender_uid: 0, lender_gid: 0 });
        for abi in 1..=9 {
            for profile in [Profile::Standard, Profile::Packages, Profile::Browser] {
                for (path, access) in rules(version(abi), profile, &lent) {
                    assert!(!access.contains(AccessFs::ResolveUnix), "{path}");
                    assert!(path != "/" || access == AccessFs::from_read(version(abi)), "{access:?}");
                }
            }
        }
        let of =
            |path: &str| rules(ABI::V9, Profile::Standard, &lent).into_iter().filter(|(at, _)| *at == path).collect::<Vec<_>>();
        assert_eq!(of("/"), [("/", AccessFs::from_read(ABI::V9))]);
        assert_eq!(of("/mnt/lent")[0].1, AccessFs::from_read(ABI::V9));
    }
}
