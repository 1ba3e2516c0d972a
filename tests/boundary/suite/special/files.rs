//! FS: names that an agent chose, followed from outside through `aether-init`.

use std::{
    io::Read as _,
    time::{Duration, Instant},
};

use aether_sandbox::wire::{
    init::{InitReply, InitRequest, OpenHow},
    spawner::{SpawnerReply, SpawnerRequest},
};
use anyhow::{Context as _, Result, ensure};

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, Sandbox},
    report::Report,
};

const PROMISE: &str = "a name that an agent chose leads nowhere but inside, and never hangs";

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut sandbox = bench.launch("names", 63, &[])?;
    let canary = bench.directory.join("canary");
    let canary = canary.to_string_lossy();
    let script = format!(
        "cd /home/agent; ln -s {canary} to-canary; ln -s /proc/1/root{canary} by-init; ln -s /proc/self/root{canary} by-self; \
         ln -s /etc/shadow to-shadow; ln -s /proc/1/fd/3 to-socket; mkfifo fifo; ln -s loop loop; ln -s /dev/zero zero; \
         ln -s /proc/self/mem to-mem; echo inside > file; ln -s file to-file; ln -s / top; truncate -s 8E sparse 2>/dev/null; true"
    );
    sandbox.client.run(&["/usr/bin/sh", "-c", &script], PIPES)?;
    let control_holds = read(&mut sandbox, "/home/agent/to-file")? == "inside\n";
    let through_top = format!("top{canary}");
    let cases: [(&str, &str, &str); 9] = [
        ("FS-01", "to-canary", "a link to a file of the host"),
        ("FS-01", &through_top, "a link to / and a path of the host below it"),
        ("FS-01", "to-shadow", "a link to the host's shadow file"),
        ("FS-02", "by-init", "a magic link through PID 1"),
        ("FS-02", "by-self", "a magic link through the reader"),
        ("FS-02", "to-socket", "a magic link to the control socket"),
        ("FS-04", "fifo", "a FIFO instead of a file"),
        ("FS-04", "zero", "an endless device instead of a file"),
        ("FS-04", "loop", "a link to itself"),
    ];
    for (id, name, attempt) in cases {
        let outcome = Outcome {
            id,
            promise: PROMISE,
            attempt,
            answer: read(&mut sandbox, &format!("/home/agent/{name}"))?,
            refused: &["errno"],
            by: &[if id == "FS-04" { Layer::Init } else { Layer::Namespaces }],
            control: "a link to a file of its own",
            control_holds,
            note: "opened by aether-init, inside",
        };
        report.add(outcome.judge());
    }
    report.add(overlay_attributes(bench)?.judge());
    report.check("FS-13", "a removed tree takes nothing outside along", removal(bench, &mut sandbox));
    Ok(())
}

/// Attributes that would steer an overlay mounted with `userxattr`: they are kept as they are, and the next launch heeds none of them.
fn overlay_attributes(bench: &Bench) -> Result<Outcome<'static>> {
    const PLANT: &str = "import os
os.chdir('/home/agent')
os.mkdir('d')
open('f', 'w').write('own')
for name, value in [('redirect', b'/probes'), ('opaque', b'y'), ('origin', b'x')]:
    os.setxattr('d', 'user.overlay.' + name, value)
for name, value in [('redirect', b'/probes/probe.h'), ('metacopy', b'')]:
    os.setxattr('f', 'user.overlay.' + name, value)";
    const LOOK: &str = "import os
os.chdir('/home/agent')
print(*sorted(os.listxattr('d') + os.listxattr('f')))
print(open('f').read(), os.listdir('d'), len(os.listdir('probes')) > 9)";
    let python = |program: &'static str| ["/usr/bin/python3", "-c", program];
    let mut before = bench.launch("redirect", 64, &[])?;
    before.client.run(&python(PLANT), PIPES)?;
    let reply = bench.ask(&SpawnerRequest::Kill(before.id.clone()))?;
    ensure!(reply == SpawnerReply::Done, "{reply:?}");
    let mut again = bench.launch("redirect", 64, &[])?;
    let seen = again.client.run(&python(LOOK), PIPES)?;
    let (kept, found) = seen.split_once('\n').context("two lines")?;
    Ok(Outcome {
        id: "FS-06",
        promise: "no attribute of an agent's file steers the overlay of its next launch",
        attempt: "redirect, opaque, origin and metacopy",
        answer: found.trim().to_owned(),
        refused: &["own [] True"],
        by: &[Layer::Mounts],
        control: "the attributes are still there",
        control_holds: kept.matches("user.overlay.").count() == 5,
        note: "mounted without userxattr, and with redirect_dir and metacopy off; those of trusted.overlay ask for a capability of the host",
    })
}

/// The content of a file as the service reads it; `errno N` when it is refused.
fn read(sandbox: &mut Sandbox<'_>, path: &str) -> Result<String> {
    let start = Instant::now();
    let reply = sandbox.client.call(InitRequest::Open { path: path.to_owned(), how: OpenHow::Read })?;
    ensure!(start.elapsed() < Duration::from_secs(5), "{path} holds the service up");
    match reply {
        InitReply::Opened { .. } => {
            let file = sandbox.client.descriptor().context("a descriptor")?;
            let mut text = String::new();
            file.take(256).read_to_string(&mut text)?;
            Ok(text)
        }
        InitReply::Failed { errno, .. } => Ok(format!("errno {errno}")),
        other => Ok(format!("{other:?}")),
    }
}

fn removal(bench: &Bench, sandbox: &mut Sandbox<'_>) -> Result<()> {
    let remove = InitRequest::Remove { path: "/home/agent/top".to_owned(), recursive: true };
    let reply = sandbox.client.call(remove)?;
    ensure!(reply == InitReply::Done, "{reply:?}");
    let deep =
        "cd /home/agent; i=0; while [ $i -lt 200 ]; do mkdir d && cd d && ln -s / up; i=$((i+1)); done; chmod 000 ../d; true";
    sandbox.client.run(&["/usr/bin/sh", "-c", deep], PIPES)?;
    sandbox.end()?;
    ensure!(!bench.state.join("homes/names").exists(), "the home is still there");
    ensure!(std::fs::read_to_string(bench.directory.join("canary"))? == "untouched", "the canary is gone");
    Ok(())
}
