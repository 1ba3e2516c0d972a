//! `aether doctor`

use std::{io::Write as _, path::PathBuf};

use aether_doctor::{Host, Measured, Service, Subject, examine, merge};
use aether_protocol::{DoctorReport, Finding, FindingGroup, FindingStatus};
use aether_sandbox::spawner;
use clap::Args;

use super::Context;
use crate::{
    failure::{Failure, plain},
    show::{
        style::{Style, Tone},
        text::{one_line, width},
    },
};

/// Check what this host can do for agents, and say how to fix what is missing
///
/// Works before the daemon runs: then it tries the host out by itself, as root in
/// full, as an ordinary user as far as that user may. When the daemon runs, it
/// shows what the daemon measured. Nothing of the host is changed.
///
/// Examples:
///   sudo aether doctor
///   sudo aether doctor --state /srv/aether
///   aether doctor --json | jq '.findings[] | select(.status != "ok")'
///
/// Exit status: 0 everything is ok or a warning, 1 at least one failure: agents
/// cannot run in full isolation.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Doctor {
    /// State directory, when no daemon runs that would know.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/aether")]
    state: PathBuf,
    /// Show the checks that are ok as well.
    #[arg(short, long)]
    all: bool,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let asked = match context.client.get("/api/v1/doctor").await {
            Ok(answer) => answer.data::<DoctorReport>(),
            Err(failure) => Err(failure),
        };
        let report = match asked {
            Ok(report) => merge(report, self.look(Measured::default(), absent(None))),
            Err(failure) => self.alone(&failure)?,
        };
        let mut out = std::io::stdout().lock();
        if context.json {
            let json = serde_json::to_string(&report).map_err(|error| Failure::local(error.to_string(), ""))?;
            writeln!(out, "{json}")?;
        } else {
            out.write_all(text(&report, self.all, Style::stdout()).as_bytes())?;
        }
        Ok(u8::from(!report.passes()))
    }

    /// Without a daemon: everything is tried from here.
    fn alone(&self, why: &Failure) -> Result<DoctorReport, Failure> {
        let state = std::path::absolute(&self.state).unwrap_or_else(|_| self.state.clone());
        let survey = spawner::survey(&state).map_err(|error| {
            Failure::local(format!("cannot try this host out: {}", plain(&error)), "run it where /proc is mounted")
        })?;
        Ok(self.look(Measured::from(survey), absent(Some(why))))
    }

    fn look(&self, measured: Measured, service: Service) -> DoctorReport {
        examine(&Subject { host: Host::here(), state: &self.state, measured, service })
    }
}

/// The daemon that was not there, in the words of the failed call.
fn absent(why: Option<&Failure>) -> Service {
    let (cause, hint) = why.and_then(Failure::lines).unwrap_or(("", ""));
    Service::Absent { cause: cause.to_owned(), hint: hint.to_owned() }
}

/// Groups of lines; what is ok is counted, or shown with `all`.
fn text(report: &DoctorReport, all: bool, style: Style) -> String {
    let shown: Vec<&Finding> = report.findings.iter().filter(|f| all || f.status != FindingStatus::Ok).collect();
    let wide = shown.iter().map(|finding| width(&finding.name)).max().unwrap_or(0);
    let indent = " ".repeat(wide + 13);
    let mut text = String::new();
    let mut group = None;
    for finding in shown {
        if group != Some(finding.group) {
            let gap = if group.is_some() { "\n" } else { "" };
            text.push_str(&format!("{gap}{}\n", style.paint(Tone::Strong, title(finding.group))));
            group = Some(finding.group);
        }
        let (tone, word) = word(finding.status);
        let name = one_line(&finding.name);
        let pad = " ".repeat(wide - width(&name).min(wide));
        text.push_str(&format!("  {}  {name}{pad}  {}\n", style.paint(tone, word), one_line(&finding.detail)));
        if finding.status != FindingStatus::Ok {
            for (what, said) in [("for:", &finding.meaning), ("fix:", &finding.fix)] {
                if !said.is_empty() {
                    text.push_str(&format!("{indent}{} {}\n", style.paint(Tone::Accent, what), one_line(said)));
                }
            }
        }
    }
    if group.is_some() {
        text.push('\n');
    }
    text.push_str(&summary(report, all));
    text
}

fn summary(report: &DoctorReport, all: bool) -> String {
    let count = |status| report.findings.iter().filter(|finding| finding.status == status).count();
    let [ok, skipped, warnings, failures] =
        [FindingStatus::Ok, FindingStatus::Skipped, FindingStatus::Warning, FindingStatus::Failure].map(count);
    let verdict = if failures == 0 { "Agents can run." } else { "Agents cannot run in full isolation." };
    let more = if all || ok == 0 { "" } else { " (--all shows them)" };
    let mut text = format!("{verdict} {ok} ok{more}, {warnings} warnings, {failures} failures, {skipped} not checked\n");
    if report.findings.iter().any(|finding| finding.fix.starts_with("sysctl -w")) {
        text.push_str("Settings of sysctl last until a restart: write them to /etc/sysctl.d/60-aether.conf to keep them.\n");
    }
    text
}

fn word(status: FindingStatus) -> (Tone, &'static str) {
    match status {
        FindingStatus::Ok => (Tone::Good, "ok      "),
        FindingStatus::Skipped => (Tone::Faint, "skipped "),
        FindingStatus::Warning => (Tone::Warning, "warning "),
        FindingStatus::Failure => (Tone::Bad, "FAILURE "),
    }
}

fn title(group: FindingGroup) -> &'static str {
    match group {
        FindingGroup::Service => "Service",
        FindingGroup::Kernel => "Kernel",
        FindingGroup::Cgroup => "Cgroups",
        FindingGroup::Settings => "Settings",
        FindingGroup::Modules => "Modules",
        FindingGroup::Storage => "Storage",
        FindingGroup::Limits => "Limits",
        FindingGroup::Optional => "Optional",
    }
}
