//! `aether plan`

use std::io::Write as _;

use aether_protocol::{NodeStatus, Plan, PlanNode, PlanStatus};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        style::{Style, Tone},
        text::one_line,
    },
};

/// Show the plan of a built-in agent
#[derive(Debug, Args)]
pub(crate) struct PlanVerb {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
}

impl PlanVerb {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let answer = context.client.get(&uri(&self.agent, "/plan")).await?;
        let mut out = std::io::stdout().lock();
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
            return Ok(0);
        }
        let plan: Plan = answer.data()?;
        let style = Style::stdout();
        let (tone, word) = match plan.status {
            PlanStatus::Active => (Tone::Accent, "active"),
            PlanStatus::Completed => (Tone::Good, "completed"),
            PlanStatus::Failed => (Tone::Bad, "failed"),
            PlanStatus::Abandoned => (Tone::Faint, "abandoned"),
        };
        writeln!(out, "{} ({})", style.paint(Tone::Strong, &one_line(&plan.goal)), style.paint(tone, word))?;
        for node in &plan.nodes {
            writeln!(out, "{}", line(style, node, ""))?;
            for child in &node.children {
                writeln!(out, "{}", line(style, child, "  "))?;
            }
        }
        Ok(0)
    }
}

fn line(style: Style, node: &PlanNode, indent: &str) -> String {
    let (tone, word) = match node.status {
        NodeStatus::Pending => (Tone::Faint, "pending"),
        NodeStatus::Active => (Tone::Accent, "active"),
        NodeStatus::Completed => (Tone::Good, "completed"),
        NodeStatus::Failed => (Tone::Bad, "failed"),
        NodeStatus::Skipped => (Tone::Faint, "skipped"),
    };
    let took = node.actual_steps.map(|steps| format!(" ({steps} steps)")).unwrap_or_default();
    let id = format!("{indent}{}", one_line(&node.id));
    format!("{id:<6}{}  {}{took}", style.paint(tone, &format!("{word:<9}")), one_line(&node.title))
}
