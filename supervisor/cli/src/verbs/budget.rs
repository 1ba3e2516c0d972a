//! `aether budget`

use std::io::Write as _;

use aether_protocol::{AgentBudget, AgentInfo, Budget, BudgetKind, BudgetLine, PostMortem, budget::ModelSpend};
use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
        units::parse_size,
    },
    terminal,
};

/// Show what an agent may use up and what it used, or change its limits
///
/// Examples:
///   aether budget coder
///   aether budget coder set tokens=200000,cost=1.50
///   aether budget coder set steps=none
///
/// An agent that has used up a limit is frozen, not ended. Raising the limit lets it go on.
/// The kinds are tokens, cost (US dollars), steps, wall (time), cpu (CPU time) and
/// bytes (sent out). Times are given in s, m, h or d, sizes in K, M or G.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BudgetVerb {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Set limits; those that are not named stay, and `none` takes one away
    Set {
        /// For example tokens=200000,cost=1.50,wall=2h
        #[arg(value_name = "KIND=LIMIT", required = true, value_delimiter = ',', value_parser = parse_limit)]
        limits: Vec<Limit>,
    },
}

/// One limit as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    kind: BudgetKind,
    value: Option<u64>,
}

/// These limits on top of others.
pub(crate) fn with(mut budget: Budget, limits: &[Limit]) -> Budget {
    for limit in limits {
        let place = match limit.kind {
            BudgetKind::Tokens => &mut budget.tokens,
            BudgetKind::Cost => &mut budget.cost_microusd,
            BudgetKind::Steps => &mut budget.steps,
            BudgetKind::Wall => &mut budget.wall_secs,
            BudgetKind::Cpu => &mut budget.cpu_secs,
            BudgetKind::BytesOut => &mut budget.bytes_out,
        };
        *place = limit.value;
    }
    budget
}

/// `tokens=200000`, `cost=1.50`, `wall=2h`, `bytes=1G`, `steps=none`.
pub(crate) fn parse_limit(text: &str) -> Result<Limit, String> {
    let (name, value) = text.split_once('=').ok_or("a limit is given as KIND=LIMIT, for example tokens=200000")?;
    let kind = match name {
        "tokens" => BudgetKind::Tokens,
        "cost" => BudgetKind::Cost,
        "steps" => BudgetKind::Steps,
        "wall" | "time" => BudgetKind::Wall,
        "cpu" => BudgetKind::Cpu,
        "bytes" => BudgetKind::BytesOut,
        _ => return Err(format!("{name:?} is no kind of budget; there are tokens, cost, steps, wall, cpu and bytes")),
    };
    if value == "none" {
        return Ok(Limit { kind, value: None });
    }
    let value = match kind {
        BudgetKind::Tokens | BudgetKind::Steps => value.replace('_', "").parse().ok(),
        BudgetKind::Cost => value
            .trim_start_matches('$')
            .parse::<f64>()
            .ok()
            .filter(|usd| (0.0..1e9).contains(usd))
            .map(|usd| (usd * 1e6).round() as u64),
        BudgetKind::Wall | BudgetKind::Cpu => seconds(value),
        BudgetKind::BytesOut => parse_size(value).ok(),
    };
    match value {
        Some(value) if value > 0 => Ok(Limit { kind, value: Some(value) }),
        _ => Err(format!("{text:?} is no limit: give a number above 0, or none")),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

impl BudgetVerb {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let path = uri(&self.agent, "/budget");
        let answer = match &self.what {
            None => context.client.get(&path).await?,
            Some(What::Set { limits }) => {
                let info: AgentInfo = context.client.get(&uri(&self.agent, "")).await?.data()?;
                context.client.put_json(&path, &with(info.spec.budget, limits)).await?
            }
        };
        let mut out = std::io::stdout().lock();
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
            return Ok(0);
        }
        let budget: AgentBudget = answer.data()?;
        write!(out, "{}", text(&budget, Style::stdout(), terminal::output_columns()))?;
        Ok(0)
    }
}

fn text(budget: &AgentBudget, style: Style, columns: Option<usize>) -> String {
    let mut table = Table::new(&["KIND", ">USED", ">LIMIT", ">LEFT", "OF"]);
    for line in &budget.lines {
        table.row(row(line));
    }
    for kind in BudgetKind::ALL {
        let limited = budget.lines.iter().any(|line| line.kind == kind);
        if !limited && budget.spent.of(kind) > 0 {
            let used = kind.amount(budget.spent.of(kind));
            table.row(vec![kind.words().into(), used.into(), "-".into(), "-".into(), "this agent".into()]);
        }
    }
    let mut text = table.render(style, columns);
    for kind in BudgetKind::ALL {
        let (below, lent) = (budget.below.of(kind), budget.lent.of(kind));
        if below > 0 || lent > 0 {
            let (below, lent) = (kind.amount(below), kind.amount(lent));
            text.push_str(&format!("of its {} its children used {below} and may still use {lent}\n", kind.words()));
        }
    }
    if !budget.by_model.is_empty() {
        text.push_str(&format!("{}\n", style.paint(Tone::Faint, "models")));
        models(&budget.by_model).iter().for_each(|line| text.push_str(&format!("  {}\n", one_line(line))));
    }
    if let Some(why) = &budget.frozen {
        text.push_str(&format!("{}\n", style.paint(Tone::Bad, &format!("frozen: {}", one_line(why)))));
    }
    if let Some(found) = &budget.post_mortem {
        text.push_str(&post_mortem(found, style));
    }
    text
}

fn row(line: &BudgetLine) -> Vec<Cell> {
    let tone = match (line.is_used_up(), line.is_near()) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Warning,
        _ => Tone::Good,
    };
    let left = line.kind.amount(line.limit.saturating_sub(line.used));
    vec![
        line.kind.words().into(),
        Cell::new(tone, line.kind.amount(line.used)),
        line.kind.amount(line.limit).into(),
        Cell::new(tone, left),
        line.scope.words().into(),
    ]
}

fn models(all: &[ModelSpend]) -> Vec<String> {
    let line = |one: &ModelSpend| {
        let (answers, cost) = (count(one.answers, "answer"), BudgetKind::Cost.amount(one.cost_microusd));
        format!("{}: {answers}, {} tokens, {cost}", one.model, BudgetKind::Tokens.amount(one.tokens))
    };
    all.iter().map(line).collect()
}

fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn post_mortem(found: &PostMortem, style: Style) -> String {
    let mut text =
        format!("\n{}\n", style.paint(Tone::Strong, &format!("When it was frozen ({}): {}", found.at.0, one_line(&found.why))));
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("{}\n", style.paint(Tone::Faint, title)));
            lines.iter().for_each(|line| text.push_str(&format!("  {}\n", one_line(line))));
        }
    };
    part("last steps", found.last_steps.clone());
    part("models", models(&found.by_model));
    part("tools", found.by_tool.iter().map(|t| format!("{}: {} calls, {} failed", t.tool, t.calls, t.failed)).collect());
    part("files changed by its tools (what commands changed is not known)", found.files.clone());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_typed_as_people_say_them() {
        let read = |text: &str| parse_limit(text).map(|limit| with(Budget::default(), &[limit]));
        assert_eq!(read("tokens=200_000").unwrap().tokens, Some(200_000));
        assert_eq!(read("cost=$1.50").unwrap().cost_microusd, Some(1_500_000));
        assert_eq!(read("wall=2h").unwrap().wall_secs, Some(7200));
        assert_eq!(read("bytes=1M").unwrap().bytes_out, Some(1 << 20));
        let budget = Budget { steps: Some(3), ..Budget::default() };
        assert_eq!(with(budget, &[parse_limit("steps=none").unwrap()]), Budget::default());
        for wrong in ["tokens", "tokens=0", "tokens=-1", "cost=free", "wall=2w", "beer=1", "cpu="] {
            assert!(parse_limit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_found_is_shown() {
        let value = serde_json::json!({"budget": {"tokens": 10}, "spent": {"tokens": 10, "steps": 2}, "frozen": "its budget is used up",
            "lines": [{"scope": "agent", "kind": "tokens", "used": 10, "limit": 10}],
            "byModel": [{"model": "lab/m (looking back)", "answers": 1, "tokens": 13, "costMicrousd": 20000}],
            "postMortem": {"at": "2026-01-02T03:04:05.000Z", "why": "w", "spent": {}, "lastSteps": ["1: a\u{1b}[2J"], "byModel": [],
                "byTool": [{"tool": "rm", "calls": 2, "failed": 1}], "files": ["/home/agent/a"]}});
        let budget: AgentBudget = serde_json::from_value(value).unwrap();
        let text = text(&budget, Style::off(), None);
        for part in [
            "tokens",
            "frozen: its budget is used up",
            "lab/m (looking back): 1 answer, 13 tokens, $0.02",
            "rm: 2 calls, 1 failed",
            "/home/agent/a",
            "steps",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\u{1b}'), "nothing of an agent's reaches the terminal as it is");
    }
}
