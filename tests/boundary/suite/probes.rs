//! The probes: small C programs, linked statically, put in the home that every sandbox of the suite starts with.

use std::{
    env, fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command},
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

const CANARY_KEY: &str = "AETHER_BOUNDARY_CANARY_KEY";
/// Names a directory of compiled probes: where they run there need not be a compiler.
const PREBUILT: &str = "AETHER_BOUNDARY_PROBES";
const AGENT: u32 = aether_sandbox::plan::AGENT_ID;

/// Compiles every probe to `to` (or copies those of [`PREBUILT`]), and plants beside it what only the host can make: a device node
/// and a set-user-id program.
pub(crate) fn build(to: &Path) -> Result<PathBuf> {
    fs::create_dir(to)?;
    match env::var_os(PREBUILT) {
        Some(from) => copy(Path::new(&from), to)?,
        None => compile(to)?,
    }
    let home = to.parent().context("the home")?;
    let setuid = home.join("planted-setuid");
    fs::copy(to.join("planted_setuid"), &setuid)?;
    chown(&setuid, Some(0), Some(0))?;
    fs::set_permissions(&setuid, fs::Permissions::from_mode(0o4755))?;
    // /dev/full by another name.
    mknod(&home.join("planted-device"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 7))?;
    fs::set_permissions(home.join("planted-device"), fs::Permissions::from_mode(0o666))?;
    chown(to, Some(AGENT), Some(AGENT))?;
    let etc = home.parent().context("the base")?.join("root/etc/boundary-empty");
    fs::write(etc, "")?;
    Ok(to.to_owned())
}

/// Compiles every probe.
pub(crate) fn compile(to: &Path) -> Result<()> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("probes");
    let mut running: Vec<(String, Child)> = Vec::new();
    for entry in fs::read_dir(&sources)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a probe's name")?.to_owned();
        let mut gcc = Command::new("gcc");
        gcc.args(["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-variable", "-pthread"]);
        running.push((name.clone(), gcc.arg("-o").arg(to.join(&name)).arg(&path).spawn().context("gcc (package gcc)")?));
        if running.len() == 4 {
            finish(running.remove(0))?;
        }
    }
    running.into_iter().try_for_each(finish)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("the probes in {}", from.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn finish((name, mut gcc): (String, Child)) -> Result<()> {
    ensure!(gcc.wait()?.success(), "gcc does not compile {name}.c statically (package libc6-dev)");
    Ok(())
}

/// Does this process have the canary in its session keyring, as the spawner will?
pub(crate) fn has_canary_key() -> bool {
    env::var_os(CANARY_KEY).is_some()
}

/// The suite again, with the canary.
pub(crate) fn again_with_canary_key(programs: &Path) -> Result<bool> {
    let program = programs.join("with_canary_key");
    let mut suite = Command::new(program);
    let status = suite.arg(env::current_exe()?).args(env::args_os().skip(1)).env(CANARY_KEY, "1").status()?;
    match status.signal() {
        Some(signal) => bail!("ended by signal {signal}"),
        None => Ok(status.success()),
    }
}
