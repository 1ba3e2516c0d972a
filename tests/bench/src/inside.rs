//! A program in a live sandbox.

use std::{process::Command, time::Instant};

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

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "A command in a live agent",
        "`true`: `POST …/exec` until its answer says that it runs; the same until its end is heard on the byte channel (a WebSocket of \
         its own each time); a process on the host beside it.",
    );
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "standing"], "exec sleep 3600");
    let mut api = Api::connect(&daemon.socket())?;
    let mut started = Api::connect(&daemon.socket())?;
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("host: spawn and wait", Box::new(|_| peers::run(&mut Command::new("true")))),
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
                let mut channel = Terminal::attach(&daemon, &id, "?from=0");
                loop {
                    match channel.hear() {
                        Said::End(0, _) => return Ok(start.elapsed()),
                        Said::End(..) | Said::Closed | Said::Error(_) => bail!("it did not end with 0"),
                        _ => {}
                    }
                }
            }),
        ),
    ];
    let samples = interleave(&mut contestants, if quick { 100 } else { 500 })?;
    let names: Vec<&str> = contestants.iter().map(|(name, _)| *name).collect();
    drop(contestants);
    for (name, sample) in names.into_iter().zip(samples) {
        let p50 = report.times(name, sample);
        if name == "exec until it runs" {
            report.at_most("exec in a live agent through the API, p50", p50, 0.5, "ms");
        }
    }
    agent.remove();
    Ok(())
}

/// Starts a shell command in the agent `standing`; the id of the process or terminal.
///
/// # Errors
/// When it is refused.
pub(crate) fn exec(api: &mut Api, script: &str, tty: bool) -> Result<String> {
    let argv: Vec<&str> = if script.contains(' ') { vec!["sh", "-c", script] } else { vec![script] };
    let body = serde_json::json!({ "argv": argv, "tty": tty });
    let started = api.data("POST", "/api/v1/agents/standing/exec", &body.to_string())?;
    let id = started.as_object().and_then(|fields| fields.values().find_map(|value| value.as_str())).context("no id")?;
    ensure!(!id.is_empty(), "no id in {started}");
    Ok(id.to_owned())
}
