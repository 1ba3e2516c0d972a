//! `aether models`

use std::io::Write as _;

use aether_protocol::{AgentModels, ModelUsage};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
    },
    terminal,
};

/// Show what an agent asked models through the gateway: calls, tokens, cost and time
#[derive(Debug, Args)]
pub(crate) struct Models {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
}

impl Models {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let answer = context.client.get(&uri(&self.agent, "/models")).await?;
        let mut out = std::io::stdout().lock();
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
            return Ok(0);
        }
        let models: AgentModels = answer.data()?;
        let mut table =
            Table::new(&[">STEP", "PROVIDER", ">CALLS", ">FAILED", ">READ", ">WRITTEN", ">SECONDS", ">COST", "MODEL"]);
        for usage in &models.usage {
            table.row(row(usage));
        }
        write!(out, "{}", table.render(Style::stdout(), terminal::output_columns()))?;
        let providers: Vec<_> = models.providers.iter().map(|provider| provider.name()).collect();
        let may = if providers.is_empty() { "nobody".to_owned() } else { providers.join(", ") };
        let budget = models.token_budget.map_or_else(|| "no budget".to_owned(), |budget| format!("budget {budget}"));
        writeln!(out, "may ask {may}; {} tokens used, {budget}", models.tokens_used)?;
        Ok(0)
    }
}

fn row(usage: &ModelUsage) -> Vec<Cell> {
    let failed = if usage.failed > 0 { Tone::Warning } else { Tone::Faint };
    // Whole millionths: exact in a double far beyond any bill.
    let cost = usage.cost_microusd.map_or_else(|| "-".to_owned(), |cost| format!("${:.4}", cost as f64 / 1e6));
    vec![
        usage.step.to_string().into(),
        usage.provider.name().into(),
        usage.calls.to_string().into(),
        Cell::new(failed, usage.failed.to_string()),
        usage.input_tokens.to_string().into(),
        usage.output_tokens.to_string().into(),
        format!("{:.1}", usage.latency_ms as f64 / 1000.0).into(),
        cost.into(),
        one_line(&usage.model).into(),
    ]
}
