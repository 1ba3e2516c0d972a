//! `aether audit`

use std::io::Write as _;

use aether_protocol::{AuditCheck, AuditRecord, canonical_json};
use clap::{Args, Subcommand};
use serde_json::{Value, value::RawValue};

use super::Context;
use crate::{
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
    },
    terminal,
};

/// Records per page.
const PAGE: usize = 1000;

/// Show who did what, oldest first
///
/// `aether audit verify` checks that no record was changed, removed or put in.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    /// Only records after this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    since: u64,
    #[command(subcommand)]
    verb: Option<AuditVerb>,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// Check the chain of records; exit status 1 names the first one that is not as it was written
    Verify,
}

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        match self.verb {
            Some(AuditVerb::Verify) => verify(context).await,
            None => self.list(context).await,
        }
    }

    async fn list(self, context: &Context) -> Result<u8, Failure> {
        let mut table = Table::new(&[">NO", "TIME", "WHO", "ACTION", "ON", "OUTCOME"]);
        let mut since = self.since;
        loop {
            let answer = context.client.get(&format!("/api/v1/audit?since={since}&limit={PAGE}")).await?;
            let page: Vec<Box<RawValue>> = answer.data()?;
            let mut out = std::io::stdout().lock();
            for raw in &page {
                let record: AuditRecord =
                    serde_json::from_str(raw.get()).map_err(|error| Failure::garbled(&error.to_string()))?;
                since = record.number;
                if context.json {
                    writeln!(out, "{}", raw.get())?;
                } else {
                    table.row(row(&record));
                }
            }
            if page.len() < PAGE {
                if !context.json {
                    write!(out, "{}", table.render(Style::stdout(), terminal::output_columns()))?;
                }
                return Ok(0);
            }
        }
    }
}

fn row(record: &AuditRecord) -> Vec<Cell> {
    let tone = match record.outcome.get("ok") {
        Some(Value::Bool(false)) => Tone::Warning,
        _ if record.action == "agent.launch.reduced" || record.action == "request.denied" => Tone::Bad,
        _ => Tone::Plain,
    };
    vec![
        Cell::from(record.number.to_string()),
        Cell::new(Tone::Faint, record.at.0.clone()),
        Cell::from(one_line(&record.who)),
        Cell::new(tone, one_line(&record.action)),
        Cell::from(one_line(&record.subject)),
        Cell::new(Tone::Faint, one_line(&canonical_json(&record.outcome))),
    ]
}

async fn verify(context: &Context) -> Result<u8, Failure> {
    let answer = context.client.get("/api/v1/audit/verify").await?;
    let check: AuditCheck = answer.data()?;
    let mut out = std::io::stdout().lock();
    let style = Style::stdout();
    if context.json {
        writeln!(out, "{}", answer.raw()?)?;
    } else if check.whole {
        let head = check.head.as_deref().unwrap_or_default();
        writeln!(out, "{} {} records, last hash {}", style.paint(Tone::Good, "whole:"), check.records, one_line(head))?;
    } else {
        let number = check.broken_at.unwrap_or(check.records + 1);
        writeln!(out, "{} record {number}: {}", style.paint(Tone::Bad, "BROKEN:"), one_line(&check.cause))?;
    }
    Ok(u8::from(!check.whole))
}
