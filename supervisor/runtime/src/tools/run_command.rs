//! `run_command`

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, failed};
use crate::{CallOutcome, CommandOutput, HandsError, Left, RunCommand};

const DEFAULT_TIMEOUT: f64 = 120.0;
const MAX_TIMEOUT: f64 = 600.0;

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Command line for /bin/sh; it starts in the working directory and has no terminal and no input.
    command: String,
    /// Seconds after which it is killed (default 120, at most 600).
    #[serde(default)]
    timeout: Option<f64>,
    /// Let processes that it leaves in the background go on, for example a server; otherwise they are killed when it ends.
    #[serde(default)]
    keep_running: bool,
}

pub(super) struct RunCommandTool;

#[async_trait]
impl Tool for RunCommandTool {
    type Args = Args;
    const NAME: &'static str = "run_command";
    const DESCRIPTION: &'static str =
        "Runs a shell command line to its end; answers with exit status and output. Long output is kept whole in a file.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let seconds = args.timeout.unwrap_or(DEFAULT_TIMEOUT);
        if !(seconds > 0.0 && seconds <= MAX_TIMEOUT) {
            return Ok(failed(format!("timeout {seconds} is out of range: give seconds above 0, at most {MAX_TIMEOUT}")));
        }
        if args.command.trim().is_empty() {
            return Ok(failed("the command is empty"));
        }
        let timeout = Duration::from_secs_f64(seconds);
        let left = if args.keep_running { Left::GoesOn } else { Left::Killed };
        let command = RunCommand { command: args.command, workdir: site.goal.workdir.clone(), timeout, left };
        let output = site.hands.run_command(command).await?;
        let text = report(&output, seconds);
        Ok(CallOutcome { ok: output.exit == 0 && !output.timed_out, used: output.used.map(Box::new), ..CallOutcome::done(text) })
    }
}

fn report(output: &CommandOutput, seconds: f64) -> String {
    let mut text = format!("exit status {}", output.exit);
    if output.timed_out {
        text.push_str(&format!(" (killed after {seconds} s)"));
    }
    for (name, bytes, cut) in
        [("stdout", &output.stdout, output.stdout_truncated), ("stderr", &output.stderr, output.stderr_truncated)]
    {
        if !bytes.is_empty() {
            let more = if cut { ", cut after 1 MiB" } else { "" };
            text.push_str(&format!("\n{name}{more}:\n{}", String::from_utf8_lossy(bytes).trim_end_matches('\n')));
        }
    }
    if let Some(used) = output.used.as_ref().filter(|used| used.left > 0 && !output.timed_out) {
        let (count, processes) = (used.left, if used.left == 1 { "process" } else { "processes" });
        text.push_str(&match used.left_running {
            true => format!("\n({count} {processes} in the background go on)"),
            false => format!("\n({count} {processes} in the background were killed; keep_running lets them go on)"),
        });
    }
    text
}
