//! A program in a live sandbox.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use aether_sandbox::wire::init::{FromInit, InitReply, InitRequest, StartProcess, Stdio as Given, ToInit};
use aether_tests::{
    Daemon,
    terminal::{Said, Terminal},
};
use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    api::Api,
    cold::{Contestant, interleave},
    peers,
    report::Report,
};

const HOST: &str = "host: vfork + exec until it runs";
const INIT: &str = "init alone: exec until it runs";

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "A command in a live agent",
        "`true`: `POST …/exec` until its answer says that it runs; the same until its end is heard on the byte channel (a WebSocket of \
         its own each time); the init of the sandbox asked directly, without the service, for that and for a list of what runs; a process on the host beside it, until \
         `posix_spawn` has returned (the new program has replaced its parent's memory) and until it has been waited for.",
    );
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "standing"], "exec sleep 3600");
    let mut api = Api::connect(&daemon.socket())?;
    let mut started = Api::connect(&daemon.socket())?;
    let mut looked = Api::connect(&daemon.socket())?;
    let (mut init, mut asked) = (Init::connect(&daemon.run_dir())?, Init::connect(&daemon.run_dir())?);
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("host: spawn and wait", Box::new(|_| peers::run(&mut Command::new("true")))),
        (HOST, Box::new(|_| spawned())),
        (INIT, Box::new(move |_| init.start())),
        ("init alone: a question", Box::new(move |_| asked.question())),
        (
            "a request that starts nothing",
            Box::new(move |_| {
                let start = Instant::now();
                looked.data("GET", "/api/v1/agents/standing", "")?;
                Ok(start.elapsed())
            }),
        ),
        (
            "exec until it runs",
            Box::new(move |_| {
                let start = Instant::now();
                exec(&mut started, "true", false)?;
                Ok(start.elapsed())
            }),
        ),
        (
            "exec until its end is heard",
            Box::new(|_| {
                let start = Instant::now();
                let id = exec(&mut api, "true", false)?;
                ensure!(end(&daemon, &id)? == 0, "it did not end with 0");
                Ok(start.elapsed())
            }),
        ),
    ];
    let samples = interleave(&mut contestants, if quick { 100 } else { 500 })?;
    let names: Vec<&str> = contestants.iter().map(|(name, _)| *name).collect();
    drop(contestants);
    let (mut host, mut alone) = (f64::NAN, f64::NAN);
    for (name, sample) in names.into_iter().zip(samples) {
        let p50 = report.times(name, sample);
        match name {
            HOST => host = p50,
            INIT => alone = p50,
            "exec until it runs" => {
                report.at_most("exec in a live agent through the API, p50", p50, 0.5, "ms");
            }
            _ => {}
        }
    }
    report.at_most("exec by init alone / vfork + exec on the host, p50", alone / host, 2.0, "×");
    agent.remove();
    Ok(())
}

/// Starts a shell command in the agent `standing`; the id of the process or terminal.
///
/// # Errors
/// When it is refused.
pub(crate) fn exec(api: &mut Api, script: &str, tty: bool) -> Result<String> {
    exec_in(api, "standing", script, tty)
}

/// The same in any agent.
///
/// # Errors
/// When it is refused.
pub(crate) fn exec_in(api: &mut Api, agent: &str, script: &str, tty: bool) -> Result<String> {
    let argv: Vec<&str> = if script.contains(' ') { vec!["sh", "-c", script] } else { vec![script] };
    let body = serde_json::json!({ "argv": argv, "tty": tty });
    let started = api.data("POST", &format!("/api/v1/agents/{agent}/exec"), &body.to_string())?;
    let id = started.as_object().and_then(|fields| fields.values().find_map(|value| value.as_str())).context("no id")?;
    ensure!(!id.is_empty(), "no id in {started}");
    Ok(id.to_owned())
}

/// Hears a process to its end; its exit status.
///
/// # Errors
/// When its channel ends before that.
pub(crate) fn end(daemon: &Daemon, process: &str) -> Result<u8> {
    let mut channel = Terminal::attach(daemon, process, "?from=0");
    loop {
        match channel.hear() {
            Said::End(status, _) => return Ok(status),
            Said::Closed | Said::Error(_) => bail!("the channel of {process} ended before its process"),
            _ => {}
        }
    }
}

/// A program on the host until it has replaced its parent's memory: `posix_spawn` of the C library, which is vfork and exec.
fn spawned() -> Result<Duration> {
    let mut command = Command::new("/usr/bin/true");
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let taken = start.elapsed();
    child.wait()?;
    Ok(taken)
}

/// A connection to the init of a sandbox, past the service.
struct Init {
    stream: UnixStream,
    tag: u64,
}

impl Init {
    /// To the only sandbox there is.
    fn connect(run_dir: &Path) -> Result<Self> {
        let sockets = std::fs::read_dir(run_dir.join("agents"))?.next().context("no sandbox lives")??;
        Ok(Self { stream: UnixStream::connect(sockets.path())?, tag: 0 })
    }

    /// Until `true` runs; then its end is waited for and it is forgotten.
    fn start(&mut self) -> Result<Duration> {
        let program = StartProcess {
            argv: vec![b"/usr/bin/true".to_vec()],
            env: Vec::new(),
            workdir: "/".to_owned(),
            stdio: Given::Pipes { stdin: false },
            label: "exec".to_owned(),
            hold: false,
        };
        let start = Instant::now();
        let reply = self.ask(InitRequest::Start(program))?;
        let taken = start.elapsed();
        let InitReply::Started { process, .. } = reply else { bail!("{reply:?}") };
        self.ask(InitRequest::Wait { process })?;
        self.ask(InitRequest::Forget { process })?;
        Ok(taken)
    }

    /// Until what runs is listed.
    fn question(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let reply = self.ask(InitRequest::List)?;
        ensure!(matches!(reply, InitReply::Processes(_)), "{reply:?}");
        Ok(start.elapsed())
    }

    fn ask(&mut self, body: InitRequest) -> Result<InitReply> {
        self.tag += 1;
        let request = postcard::to_stdvec(&ToInit { tag: self.tag, body })?;
        self.stream.write_all(&[&u32::try_from(request.len())?.to_le_bytes()[..], &request].concat())?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut reply = vec![0; u32::from_le_bytes(length) as usize];
        self.stream.read_exact(&mut reply)?;
        let FromInit { body, .. } = postcard::from_bytes(&reply)?;
        Ok(body)
    }
}
