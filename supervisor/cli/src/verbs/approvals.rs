//! `aether approvals`

use std::io::Write as _;

use aether_protocol::{Approval, Decision, Timestamp};
use clap::{Args, Subcommand};

use super::Context;
use crate::{
    failure::Failure,
    show::{
        events::{lower, wish},
        style::{Style, Tone},
        table::{Cell, Table},
        units,
    },
    terminal,
};

/// List what agents wait for, or decide about it
///
/// Examples:
///   aether approvals
///   aether approvals allow 3
///   aether approvals allow 3 --always
///   aether approvals deny 3
///
/// A word counts for one minute, or with --always as long as the agent lives. Without a word
/// the answer is no.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    word: Option<Word>,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Allow it, for one minute or always
    Allow {
        /// Its number
        id: u64,
        /// Add it to the agent's policy
        #[arg(long)]
        always: bool,
    },
    /// Deny it, for one minute
    Deny {
        /// Its number
        id: u64,
    },
}

impl Approvals {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let mut out = std::io::stdout().lock();
        let (id, decision) = match self.word {
            None => {
                let answer = context.client.get("/api/v1/approvals").await?;
                if context.json {
                    writeln!(out, "{}", answer.raw()?)?;
                } else {
                    let waiting: Vec<Approval> = answer.data()?;
                    out.write_all(table(&waiting).render(Style::stdout(), terminal::output_columns()).as_bytes())?;
                }
                return Ok(0);
            }
            Some(Word::Allow { id, always: true }) => (id, Decision::Always),
            Some(Word::Allow { id, always: false }) => (id, Decision::Once),
            Some(Word::Deny { id }) => (id, Decision::Deny),
        };
        let body = serde_json::json!({ "decision": decision });
        let answer = context.client.post(&format!("/api/v1/approvals/{id}"), &body).await?;
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
        } else {
            let approval: Approval = answer.data()?;
            writeln!(out, "{}: {} ({})", approval.agent, wish(&approval.wish), lower(&decision))?;
        }
        Ok(0)
    }
}

fn table(waiting: &[Approval]) -> Table {
    let mut table = Table::new(&["ID", "AGENT", ">STEP", ">LEFT", "WANTS"]);
    let now = Timestamp::now();
    for approval in waiting {
        let left = units::between(&now, &approval.expires_at).map_or_else(|| "-".to_owned(), units::span);
        table.row(vec![
            Cell::new(Tone::Strong, approval.id.to_string()),
            approval.agent.as_str().into(),
            approval.step.map_or_else(|| "-".to_owned(), |step| step.to_string()).into(),
            left.into(),
            wish(&approval.wish).into(),
        ]);
    }
    table
}
