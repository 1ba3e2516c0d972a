//! `run_command`

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, failed};
use crate::{CallOutcome, CommandOutput, HandsError, RunCommand};

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
        let command = RunCommand { command: args.command, workdir: site.goal.workdir.clone(), timeout };
        let output = site.hands.run_command(command).await?;
        let text = report(&output, seconds);
        Ok(CallOutcome { ok: output.exit == 0 && !output.timed_out, text, outside: None })
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
    text
}
