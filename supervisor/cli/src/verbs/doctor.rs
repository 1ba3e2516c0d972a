//! `aether doctor`

use std::{io::Write as _, path::PathBuf};

use aether_doctor::{Host, Measured, Service, Subject, examine, merge};
use aether_protocol::{DoctorReport, Finding, FindingGroup, FindingStatus};
use clap::Args;

use super::Context;
use crate::{
    failure::{Failure, plain},
    show::{
        style::{Style, Tone},
        text::{one_line, width, wrapped},
    },
    terminal,
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
    /// Show what was found also by the checks that are ok.
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
            Ok(report) => {
                let mut report = merge(report, self.look(Measured::default(), absent(None)));
                if let Some(daemon) = report.findings.iter_mut().find(|finding| finding.name == "daemon") {
                    daemon.detail.push_str(&format!(" on {}", context.client.socket().display()));
                }
                report
            }
            Err(failure) => self.alone(&failure)?,
        };
        let mut out = std::io::stdout().lock();
        if context.json {
            let json = serde_json::to_string(&report).map_err(|error| Failure::local(error.to_string(), ""))?;
            writeln!(out, "{json}")?;
        } else {
            out.write_all(text(&report, self.all, Style::stdout(), terminal::output_columns()).as_bytes())?;
        }
        Ok(u8::from(!report.passes()))
    }

    /// Without a daemon: everything is tried from here.
    fn alone(&self, why: &Failure) -> Result<DoctorReport, Failure> {
        let state = std::path::absolute(&self.state).unwrap_or_else(|_| self.state.clone());
        let measured = Measured::now(&state).map_err(|error| {
            Failure::local(format!("cannot try this host out: {}", plain(&error)), "run it where /proc is mounted")
        })?;
        Ok(self.look(measured, absent(Some(why))))
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

/// Groups of lines. What is ok is one line of names, or with `all` a line each.
fn text(report: &DoctorReport, all: bool, style: Style, columns: Option<usize>) -> String {
    let alone = |finding: &&Finding| all || finding.status != FindingStatus::Ok;
    let wide = report.findings.iter().filter(alone).map(|finding| width(&finding.name)).max().unwrap_or(0);
    let mut text = String::new();
    for group in report.findings.chunk_by(|one, next| one.group == next.group) {
        text.push_str(&format!("{}\n", style.paint(Tone::Strong, title(group[0].group))));
        let fine: Vec<String> = group.iter().filter(|finding| !alone(finding)).map(|finding| one_line(&finding.name)).collect();
        let (tone, ok) = word(FindingStatus::Ok);
        for (at, names) in listed(&fine, columns.unwrap_or(USUAL)).iter().enumerate() {
            let first = if at == 0 { style.paint(tone, ok) } else { " ".repeat(ok.len()) };
            text.push_str(&format!("  {first}  {names}\n"));
        }
        for finding in group.iter().filter(alone) {
            let (tone, word) = word(finding.status);
            let name = one_line(&finding.name);
            let pad = " ".repeat(wide - width(&name).min(wide));
            text.push_str(&format!("  {}  {name}{pad}  {}\n", style.paint(tone, word), one_line(&finding.detail)));
            if finding.status != FindingStatus::Ok {
                let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(INDENT.len() + 5));
                for (at, line) in wrapped(&one_line(&finding.meaning), room).iter().enumerate() {
                    let what = if at == 0 { style.paint(Tone::Accent, "for:") } else { "    ".to_owned() };
                    text.push_str(&format!("{INDENT}{what} {line}\n"));
                }
                // A command stays whole, so that it can be copied.
                if !finding.fix.is_empty() {
                    text.push_str(&format!("{INDENT}{} {}\n", style.paint(Tone::Accent, "fix:"), one_line(&finding.fix)));
                }
            }
        }
    }
    text.push_str(&summary(report));
    text
}

/// Below the names.
const INDENT: &str = "           ";

/// Columns where no terminal says how many there are.
const USUAL: usize = 100;

/// Names in lines of at most so many columns.
fn listed(names: &[String], columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if width(line) + width(name) + INDENT.len() + 3 <= columns => line.push_str(&format!(", {name}")),
            _ => lines.push(name.clone()),
        }
    }
    lines
}

fn summary(report: &DoctorReport) -> String {
    let count = |status, one: &str, many: &str| {
        let count = report.findings.iter().filter(|finding| finding.status == status).count();
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let verdict = if report.passes() { "Agents can run" } else { "Agents cannot run in full isolation" };
    let mut text = format!(
        "\n{verdict}: {}, {}, {}, {}\n",
        count(FindingStatus::Failure, "failure", "failures"),
        count(FindingStatus::Warning, "warning", "warnings"),
        count(FindingStatus::Skipped, "not checked", "not checked"),
        count(FindingStatus::Ok, "ok", "ok"),
    );
    if report.findings.iter().any(|finding| finding.fix.starts_with("sysctl -w")) {
        text.push_str("sysctl -w lasts until a restart; a line NAME=VALUE in /etc/sysctl.d/60-aether.conf stays.\n");
    }
    text
}

fn word(status: FindingStatus) -> (Tone, &'static str) {
    match status {
        FindingStatus::Ok => (Tone::Good, "ok     "),
        FindingStatus::Skipped => (Tone::Faint, "skipped"),
        FindingStatus::Warning => (Tone::Warning, "warning"),
        FindingStatus::Failure => (Tone::Bad, "FAILURE"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(name: &str, group: FindingGroup, status: FindingStatus) -> Finding {
        let fix = if status == FindingStatus::Ok { "" } else { "sysctl -w x=1" };
        let text = |text: &str| text.to_owned();
        Finding { name: text(name), group, status, detail: text("0"), meaning: text("homes"), fix: text(fix) }
    }

    #[test]
    fn what_is_fine_is_one_line_and_what_is_not_has_a_fix() {
        use FindingStatus::{Failure, Ok, Skipped, Warning};
        let mut report = DoctorReport {
            findings: vec![
                finding("kernel", FindingGroup::Kernel, Ok),
                finding("landlock", FindingGroup::Kernel, Ok),
                finding("overlay", FindingGroup::Kernel, Failure),
                finding("fs.x", FindingGroup::Settings, Warning),
                finding("space", FindingGroup::Storage, Skipped),
            ],
        };
        let fix = "           for: homes\n           fix: sysctl -w x=1\n";
        let keep = "sysctl -w lasts until a restart; a line NAME=VALUE in /etc/sysctl.d/60-aether.conf stays.\n";
        assert_eq!(
            text(&report, false, Style::off(), None),
            format!(
                "Kernel\n  ok       kernel, landlock\n  FAILURE  overlay  0\n{fix}Settings\n  warning  fs.x     0\n{fix}\
                 Storage\n  skipped  space    0\n{fix}\n\
                 Agents cannot run in full isolation: 1 failure, 1 warning, 1 not checked, 2 ok\n{keep}"
            )
        );
        report.findings.truncate(2);
        assert_eq!(
            text(&report, true, Style::off(), None),
            "Kernel\n  ok       kernel    0\n  ok       landlock  0\n\n\
             Agents can run: 0 failures, 0 warnings, 0 not checked, 2 ok\n"
        );
    }

    #[test]
    fn long_lists_of_names_are_wrapped() {
        let names: Vec<String> = (0..20).map(|n| format!("fs.protected_{n}")).collect();
        for columns in [60, USUAL] {
            let lines = listed(&names, columns);
            assert!(lines.len() > 2);
            assert!(lines.iter().all(|line| width(line) + INDENT.len() <= columns), "{lines:?}");
        }
        assert!(listed(&[], USUAL).is_empty());
    }
}
