//! What a sandbox's first process gives up before it becomes `aether-init`: identity, capabilities, privileges, paths and
//! system calls. Everything later started inside inherits it.

use std::io;

use caps::{CapSet, CapsHashSet};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use nix::{
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::{Gid, Uid, setgroups, setresgid, setresuid},
};
use seccompiler::BpfProgram;

use super::{
    failure::{at, refused},
    weaken::{Part, Weakened},
};
use crate::{
    plan::{AGENT_HOME, AGENT_ID, LentMount, PlanLayer, SandboxPlan},
    sys::task::{join_new_session_keyring, set_no_new_privs, set_securebits},
    wire::spawner::SpawnFailure,
};

/// Prepared once: the filter, and the Landlock version to require.
pub(super) struct Confinement {
    pub(super) filter: BpfProgram,
    pub(super) landlock_abi: u32,
}

/// NOROOT, NO_CAP_AMBIENT_RAISE and the locks of all four bits, capabilities(7): uid 0 inside means nothing, for good.
const SECUREBITS: u32 = 1 | 2 | 8 | 32 | 64 | 128;

/// Limit of open files; the kernel's classic hard default is 4096, toolchains want more.
const OPEN_FILES: u64 = 65_536;

/// Applies everything, in the only order that works: each step takes away what the one before still needed.
pub(super) fn apply(confinement: &Confinement, plan: &SandboxPlan, weakened: &Weakened) -> Result<(), SpawnFailure> {
    let capabilities = |step: &str| at(PlanLayer::Capabilities, step);
    if weakened.keeps(Part::Keyring) {
        join_new_session_keyring().map_err(capabilities("join a new session keyring"))?;
    }
    limits().map_err(capabilities("set resource limits"))?;
    let empty = weakened.keeps(Part::Capabilities);
    if empty {
        empty_bounding_set()?;
    }
    #[cfg(feature = "weaken")]
    if !empty {
        keep_capabilities()?;
    }
    let (uid, gid) = (Uid::from_raw(AGENT_ID), Gid::from_raw(AGENT_ID));
    let identity = |error: nix::errno::Errno| at(PlanLayer::Capabilities, "become the agent's user")(error.into());
    setgroups(&[gid]).map_err(identity)?;
    setresgid(gid, gid, gid).map_err(identity)?;
    setresuid(uid, uid, uid).map_err(identity)?;
    if empty {
        empty_sets()?;
        check_no_capabilities()?;
    }
    #[cfg(feature = "weaken")]
    if !empty {
        hand_on_capabilities()?;
    }
    if weakened.keeps(Part::NoNewPrivs) {
        set_no_new_privs().map_err(capabilities("set no_new_privs"))?;
    }
    if confinement.landlock_abi > 0 && weakened.keeps(Part::Landlock) {
        landlock(confinement.landlock_abi, plan)?;
    }
    if !confinement.filter.is_empty() && weakened.keeps(Part::Seccomp) {
        seccompiler::apply_filter(&confinement.filter)
            .map_err(|e| at(PlanLayer::Seccomp, "install the filter")(io::Error::other(e.to_string())))?;
    }
    Ok(())
}

fn empty_bounding_set() -> Result<(), SpawnFailure> {
    for capability in caps::runtime::thread_all_supported() {
        caps::drop(None, CapSet::Bounding, capability).map_err(|e| cap_failure("empty the bounding set", &e))?;
    }
    set_securebits(SECUREBITS).map_err(at(PlanLayer::Capabilities, "lock the securebits"))
}

fn empty_sets() -> Result<(), SpawnFailure> {
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient] {
        caps::set(None, set, &CapsHashSet::new()).map_err(|e| cap_failure("empty the capability sets", &e))?;
    }
    Ok(())
}

/// Gives every capability up as a sandbox does.
#[cfg(feature = "weaken")]
pub(super) fn drop_capabilities() -> Result<(), SpawnFailure> {
    empty_bounding_set()?;
    empty_sets()?;
    check_no_capabilities()
}

/// Capabilities that survive the change to the agent's user (`SECBIT_KEEP_CAPS`).
#[cfg(feature = "weaken")]
fn keep_capabilities() -> Result<(), SpawnFailure> {
    const KEEP_CAPS: u32 = 16;
    set_securebits(KEEP_CAPS).map_err(at(PlanLayer::Capabilities, "keep the capabilities"))
}

/// Capabilities that survive an exec.
#[cfg(feature = "weaken")]
fn hand_on_capabilities() -> Result<(), SpawnFailure> {
    let all = caps::read(None, CapSet::Permitted).map_err(|e| cap_failure("read the capability sets", &e))?;
    for set in [CapSet::Effective, CapSet::Inheritable, CapSet::Ambient] {
        caps::set(None, set, &all).map_err(|e| cap_failure("keep the capabilities", &e))?;
    }
    Ok(())
}

fn cap_failure(step: &str, error: &caps::errors::CapsError) -> SpawnFailure {
    refused(Some(PlanLayer::Capabilities), step, error.to_string(), "")
}

/// Believes nothing: reads the sets back.
fn check_no_capabilities() -> Result<(), SpawnFailure> {
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient, CapSet::Bounding] {
        let left = caps::read(None, set).map_err(|e| cap_failure("read the capability sets", &e))?;
        if !left.is_empty() {
            let cause = format!("{set:?} still holds {left:?}");
            return Err(refused(Some(PlanLayer::Capabilities), "check the capability sets", cause, ""));
        }
    }
    Ok(())
}

fn limits() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let files = hard.min(OPEN_FILES);
    setrlimit(Resource::RLIMIT_NOFILE, files, files)?;
    setrlimit(Resource::RLIMIT_MSGQUEUE, 819_200, 819_200)?;
    Ok(())
}

fn landlock(abi: u32, plan: &SandboxPlan) -> Result<(), SpawnFailure> {
    let fail = |step: &str, error: &dyn std::fmt::Display| {
        let hint = "this is a defect of the profile or a Landlock older than ABI 1; report it with `aether doctor`";
        refused(Some(PlanLayer::Landlock), step, error.to_string(), hint)
    };
    let (abi, all) = (version(abi), AccessFs::from_all(version(abi)));
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(all)
        .and_then(|ruleset| if abi < ABI::V6 { Ok(ruleset) } else { ruleset.scope(Scope::from_all(abi)) })
        .and_then(Ruleset::create)
        .map_err(|e| fail("make the ruleset", &e))?;
    let mut ruleset = ruleset;
    for (path, access) in rules(abi, &plan.mounts) {
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
fn rules(abi: ABI, mounts: &[LentMount]) -> Vec<(&str, BitFlags<AccessFs>)> {
    let all = AccessFs::from_all(abi);
    let read = AccessFs::from_read(abi);
    let files = AccessFs::from_file(abi);
    let mut rules: Vec<(&str, BitFlags<AccessFs>)> = vec![
        ("/", read),
        (AGENT_HOME, all),
        ("/tmp", all),
        ("/run", all),
        ("/dev/shm", all),
        ("/dev", read | (files & !AccessFs::Execute)),
        ("/proc", read | (files & (AccessFs::WriteFile | AccessFs::Truncate))),
    ];
    rules.extend(mounts.iter().map(|mount| (mount.target.as_str(), if mount.read_only { read } else { all })));
    rules
}

/// The rules as text: the version, then a path and its access bits on each line. Empty without Landlock.
pub(super) fn ruleset_text(abi: u32, mounts: &[LentMount]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    if abi > 0 {
        let _ = writeln!(text, "abi {:?}", version(abi));
        for (path, access) in rules(version(abi), mounts) {
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
        _ => ABI::V6,
    }
}
