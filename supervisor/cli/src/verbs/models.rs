//! `aether models`

use std::io::Write as _;

use aether_protocol::{AgentModels, ModelUsage, ModelsReport, ProviderReport, ProviderState};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::{one_line, width, wrapped},
    },
    terminal,
};

/// Show which models can be used and why others cannot, or what an agent asked through the gateway
///
/// Without an agent every provider is asked for its models, which shows whether it is there and takes the key. With one: calls,
/// tokens, cost and time by step and model.
#[derive(Debug, Args)]
pub(crate) struct Models {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: Option<String>,
    /// List the models of each provider as well
    #[arg(long, short, conflicts_with = "agent")]
    all: bool,
}

impl Models {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        match &self.agent {
            Some(agent) => used(agent, context).await,
            None => self.available(context).await,
        }
    }

    async fn available(&self, context: &Context) -> Result<u8, Failure> {
        let answer = context.client.get("/api/v1/models").await?;
        let mut out = std::io::stdout().lock();
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
            return Ok(0);
        }
        let report: ModelsReport = answer.data()?;
        write!(out, "{}", providers(&report.providers, Style::stdout(), terminal::output_columns()))?;
        writeln!(out, "a goal without --model gets {}", one_line(&report.default_model))?;
        if !report.fallback.is_empty() {
            writeln!(out, "when a model cannot answer: {}", one_line(&report.fallback.join(", ")))?;
        }
        for tier in &report.tiers {
            writeln!(out, "auto, {}: {}", one_line(&tier.tier), one_line(&tier.model))?;
        }
        for provider in report.providers.iter().filter(|provider| self.all && !provider.models.is_empty()) {
            writeln!(out, "\n{}:", one_line(&provider.name))?;
            for model in &provider.models {
                writeln!(out, "  {}/{}", one_line(&provider.name), one_line(model))?;
            }
        }
        Ok(0)
    }
}

/// The table; where the reasons do not fit beside the rest, each stands whole below its provider.
fn providers(all: &[ProviderReport], style: Style, columns: Option<usize>) -> String {
    let mut wide = Table::new(&["PROVIDER", "STATE", "DEFAULT MODEL", ">MODELS", "IMAGES", "DETAIL"]);
    let mut narrow = Table::new(&["PROVIDER", "STATE", "DEFAULT MODEL", ">MODELS", "IMAGES"]);
    for provider in all {
        let mut cells = found(provider);
        narrow.row(found(provider));
        cells.push(one_line(&provider.detail).into());
        wide.row(cells);
    }
    let fits = |columns: usize| wide.render(Style::off(), None).lines().all(|line| width(line) <= columns);
    let Some(columns) = columns.filter(|columns| !fits(*columns)) else { return wide.render(style, None) };
    let table = narrow.render(style, Some(columns));
    let mut lines = table.lines();
    let mut out = String::new();
    out.extend(lines.next().into_iter().flat_map(|header| [header, "\n"]));
    for (line, provider) in lines.zip(all) {
        out.extend([line, "\n"]);
        for part in wrapped(&one_line(&provider.detail), columns.saturating_sub(2)) {
            out.extend(["  ", &style.paint(Tone::Faint, &part), "\n"]);
        }
    }
    out
}

fn found(provider: &ProviderReport) -> Vec<Cell> {
    let tone = match provider.state {
        ProviderState::Available => Tone::Good,
        ProviderState::NoKey | ProviderState::NotSetUp => Tone::Faint,
        ProviderState::Limited | ProviderState::Resting => Tone::Warning,
        ProviderState::Refused | ProviderState::Unreachable | ProviderState::Failing | ProviderState::Unusable => Tone::Bad,
    };
    let count = if provider.models.is_empty() { "-".to_owned() } else { provider.models.len().to_string() };
    vec![
        one_line(&provider.name).into(),
        Cell::new(tone, provider.state.words().to_owned()),
        one_line(&provider.default_model).into(),
        count.into(),
        (if provider.images { "yes" } else { "no" }).to_owned().into(),
    ]
}

async fn used(agent: &str, context: &Context) -> Result<u8, Failure> {
    let answer = context.client.get(&uri(agent, "/models")).await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        writeln!(out, "{}", answer.raw()?)?;
        return Ok(0);
    }
    let models: AgentModels = answer.data()?;
    let mut table = Table::new(&[">STEP", "PROVIDER", ">CALLS", ">FAILED", ">READ", ">WRITTEN", ">SECONDS", ">COST", "MODEL"]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_whole_at_any_width() {
        let one = |name: &str, state, detail: &str| ProviderReport {
            name: name.into(),
            interface: "chat".into(),
            state,
            detail: detail.into(),
            default_model: "gpt-5.2".into(),
            images: true,
            models: Vec::new(),
        };
        let why = "aether secret set OPENAI_API_KEY, or set OPENAI_API_KEY for the service, or [llm.openai] api_key_file";
        let all = [one("openai", ProviderState::NoKey, why), one("heuristic", ProviderState::Available, "")];
        let narrow = providers(&all, Style::off(), Some(80));
        assert!(narrow.lines().all(|line| width(line) <= 80), "{narrow}");
        assert!(narrow.split_whitespace().collect::<Vec<_>>().join(" ").contains(why), "{narrow}");
        assert_eq!(narrow.lines().count(), 5, "{narrow}");
        assert_eq!(providers(&all, Style::off(), Some(200)).lines().count(), 3);
        assert_eq!(providers(&all, Style::off(), None), providers(&all, Style::off(), Some(200)));
    }
}
