//! What an agent did before it was frozen.

use std::{collections::BTreeMap, sync::Arc};

use aether_protocol::{
    AgentEvent, AgentId, BudgetLine, PostMortem, Spent, Timestamp,
    budget::{ModelSpend, ToolSpend},
    event::{AgentRunaway, PostMortemWritten, ResourceExceeded},
};
use aether_runtime::{
    CallOutcome,
    policy::facts::{self, Act},
    tools,
};
use aether_sandbox::plan::AGENT_HOME;
use aether_store::{BudgetField, Change, StepRecord};

use crate::fleet::Core;

/// Steps and files that are shown.
const STEPS: usize = 10;
const FILES: usize = 200;

/// Writes down and tells why an agent was frozen: a limit, or else that it goes in circles.
pub(super) async fn write(core: &Arc<Core>, id: &AgentId, why: &str, line: Option<BudgetLine>) {
    let Some(pid) = core.registry().get(id).map(|entry| entry.info.number) else { return };
    let spent = core.meter.of(id).map(|(spent, _)| spent).unwrap_or_default();
    let found = find(core, id, why, spent).await;
    let told: AgentEvent = match line {
        Some(line) => ResourceExceeded { pid, line }.into(),
        None => AgentRunaway { pid, why: why.to_owned() }.into(),
    };
    let fields = [BudgetField::Frozen(line.map(|_| why.to_owned())), BudgetField::PostMortem(Box::new(found.clone()))];
    let events = vec![told, PostMortemWritten { pid, post_mortem: found }.into()];
    if let Err(error) = core.write(core.with_events(id, Change::new().update_budget(id, fields), events)).await {
        tracing::error!(agent = %id, error = %error.message, "why an agent was frozen could not be recorded");
    }
}

async fn find(core: &Core, id: &AgentId, why: &str, spent: Spent) -> PostMortem {
    let steps = core.store.steps(id.clone()).await.unwrap_or_default();
    let asked = core.store.model_usage(id.clone()).await.unwrap_or_default();
    let mut models: BTreeMap<String, ModelSpend> = BTreeMap::new();
    let mut add = |model: String, answers: u64, tokens: u64, cost: u64| {
        let one = models.entry(model.clone()).or_insert(ModelSpend { model, answers: 0, tokens: 0, cost_microusd: 0 });
        one.answers += answers;
        one.tokens = one.tokens.saturating_add(tokens);
        one.cost_microusd = one.cost_microusd.saturating_add(cost);
    };
    let mut through_gateway = 0_u64;
    for usage in &asked {
        let cost = usage.cost_microusd.unwrap_or(0);
        through_gateway = through_gateway.saturating_add(cost);
        let model = format!("{}/{}", usage.provider.name(), usage.model);
        add(model, usage.calls, usage.input_tokens.saturating_add(usage.output_tokens), cost);
    }
    let answered: Vec<_> = steps.iter().filter_map(|step| step.usage.as_ref()).collect();
    if !answered.is_empty() {
        let number = |usage: &serde_json::Value, key: &str| usage.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let tokens = answered.iter().map(|usage| number(usage, "input").saturating_add(number(usage, "output"))).sum();
        add("(loop)".to_owned(), answered.len() as u64, tokens, spent.cost_microusd.saturating_sub(through_gateway));
    }
    PostMortem {
        at: Timestamp::now(),
        why: why.to_owned(),
        spent,
        last_steps: steps.iter().rev().take(STEPS).rev().map(line_of).collect(),
        by_model: models.into_values().collect(),
        by_tool: by_tool(&steps),
        files: files(&steps),
    }
}

fn line_of(step: &StepRecord) -> String {
    let calls: Vec<String> = step
        .calls
        .iter()
        .map(|call| {
            let ok = outcome(call.outcome.as_ref()).map_or("open", |outcome| if outcome.ok { "ok" } else { "failed" });
            format!("{} {} ({ok})", call.call.tool, cut(&call.call.args.to_string()))
        })
        .collect();
    let did = if calls.is_empty() { cut(&step.thought) } else { calls.join("; ") };
    format!("{}: {did}", step.step)
}

fn cut(text: &str) -> String {
    let short: String = text.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

fn outcome(value: Option<&serde_json::Value>) -> Option<CallOutcome> {
    serde_json::from_value(value?.clone()).ok()
}

fn by_tool(steps: &[StepRecord]) -> Vec<ToolSpend> {
    let mut tools: BTreeMap<&str, ToolSpend> = BTreeMap::new();
    for call in steps.iter().flat_map(|step| &step.calls) {
        let name = tools::canonical(&call.call.tool);
        let one = tools.entry(name).or_insert_with(|| ToolSpend { tool: name.to_owned(), calls: 0, failed: 0 });
        one.calls += 1;
        one.failed += u64::from(outcome(call.outcome.as_ref()).is_some_and(|outcome| !outcome.ok));
    }
    tools.into_values().collect()
}

fn files(steps: &[StepRecord]) -> Vec<String> {
    let home = |path: &str| match path.strip_prefix('~') {
        Some(rest) => format!("{AGENT_HOME}{rest}"),
        None if path.starts_with('/') => path.to_owned(),
        None => format!("{AGENT_HOME}/{path}"),
    };
    let mut found = std::collections::BTreeSet::new();
    for call in steps.iter().flat_map(|step| &step.calls) {
        if outcome(call.outcome.as_ref()).is_some_and(|outcome| outcome.ok) {
            let touched = facts::touches(tools::canonical(&call.call.tool), &call.call.args, &home);
            found.extend(touched.into_iter().filter(|touch| touch.act != Act::Read).map(|touch| touch.path));
        }
    }
    found.into_iter().take(FILES).collect()
}
