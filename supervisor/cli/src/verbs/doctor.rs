//! `aether doctor`

use std::io::Write as _;

use aether_protocol::{DoctorReport, FindingStatus};
use clap::Args;

use super::Context;
use crate::{
    failure::Failure,
    show::{
        style::{Style, Tone},
        text::one_line,
    },
};

/// Check what this host can do, and say how to fix what is missing
///
/// Exit status 1 when agents cannot run in full isolation.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let answer = context.client.get("/api/v1/doctor").await?;
        let report: DoctorReport = answer.data()?;
        let mut out = std::io::stdout().lock();
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
        } else {
            let style = Style::stdout();
            let wide = report.findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
            for finding in &report.findings {
                let (tone, word) = match finding.status {
                    FindingStatus::Ok => (Tone::Good, "ok     "),
                    FindingStatus::Warning => (Tone::Warning, "warning"),
                    FindingStatus::Failure => (Tone::Bad, "FAILURE"),
                };
                writeln!(out, "{}  {:<wide$}  {}", style.paint(tone, word), one_line(&finding.name), one_line(&finding.detail))?;
                if !finding.fix.is_empty() {
                    writeln!(out, "{:9}{:wide$}  {} {}", "", "", style.paint(Tone::Accent, "fix:"), one_line(&finding.fix))?;
                }
            }
        }
        Ok(u8::from(report.findings.iter().any(|finding| finding.status == FindingStatus::Failure)))
    }
}
