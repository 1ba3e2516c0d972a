//! ESC-09: between fork and exec a program of the product runs as the agent; nobody may write it then (CVE-2019-5736).

use std::{fs::OpenOptions, io};

use aether_sandbox::wire::init::{InitReply, InitRequest};
use anyhow::{Result, ensure};

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, Sandbox},
    report::Report,
};

const EXECS: usize = 200;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut sandbox = bench.launch("execrace", 72, &[])?;
    // What is started is a script whose interpreter is whoever starts it.
    let script = "printf '#!/proc/self/exe\\n' >/tmp/target; chmod 755 /tmp/target";
    sandbox.client.run(&["/usr/bin/sh", "-c", script], PIPES)?;
    let attacker = sandbox.client.start(&["/home/agent/probes/esc_exec_race", "5"], PIPES, "/tmp")?;
    sandbox.client.output(attacker, Some("racing"))?;
    for _ in 0..EXECS {
        for target in ["/tmp/target", "/usr/bin/true"] {
            exec(&mut sandbox, target)?;
        }
    }
    let said = sandbox.client.output(attacker, None)?;
    let figure = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u32>().ok()).unwrap_or(0);
    let outcome = Outcome {
        id: "ESC-09",
        promise: "no program of the product or of the base can be written through a process",
        attempt: "any-exe-while-programs-start",
        answer: if said.contains("\nrefused\n") { "EACCES".to_owned() } else { said.clone() },
        refused: &["EACCES"],
        by: &[Layer::Namespaces, Layer::Sealed],
        control: "a file of its own that runs nowhere",
        control_holds: said.contains("control through") && figure("seen") > 3,
        note: "5 s against 400 starts; not even root of the host can open the sealed copy",
    };
    report.add(outcome.judge());
    report.check("ESC-09", "root of the host cannot write aether-init either", sealed(sandbox.launched.pid));
    Ok(())
}

fn exec(sandbox: &mut Sandbox<'_>, target: &str) -> Result<()> {
    let process = sandbox.client.start(&[target], PIPES, "/tmp")?;
    sandbox.client.call(InitRequest::Wait { process })?;
    let forgotten = sandbox.client.call(InitRequest::Forget { process })?;
    ensure!(!matches!(forgotten, InitReply::Failed { .. }), "{forgotten:?}");
    Ok(())
}

fn sealed(pid: u32) -> Result<()> {
    let error = OpenOptions::new().write(true).open(format!("/proc/{pid}/exe")).err();
    let errno = error.as_ref().and_then(io::Error::raw_os_error);
    ensure!([Some(libc::ETXTBSY), Some(libc::EPERM)].contains(&errno), "{error:?}");
    let copy = nix::fcntl::open(format!("/proc/{pid}/exe").as_str(), nix::fcntl::OFlag::O_RDONLY, nix::sys::stat::Mode::empty())?;
    let seals = nix::fcntl::fcntl(&copy, nix::fcntl::FcntlArg::F_GET_SEALS)?;
    let all = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    ensure!(seals & all == all, "seals {seals:#x}");
    Ok(())
}
