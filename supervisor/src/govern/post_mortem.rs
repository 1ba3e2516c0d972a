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
    PostMortem {
        at: Timestamp::now(),
        why: why.to_owned(),
        spent,
        last_steps: steps.iter().rev().take(STEPS).rev().map(line_of).collect(),
        by_model: by_model(core, id).await,
        by_tool: by_tool(&steps),
        files: files(&steps),
    }
}

/// What each model was asked so far: by the service, and through the gateway.
pub(super) async fn by_model(core: &Core, id: &AgentId) -> Vec<ModelSpend> {
    let asked = core.store.model_spent(id.clone()).await.unwrap_or_default();
    let through_gateway = core.store.model_usage(id.clone()).await.unwrap_or_default().into_iter().map(|usage| ModelSpend {
        model: format!("{}/{}", usage.provider.name(), usage.model),
        answers: usage.calls,
        tokens: usage.input_tokens.saturating_add(usage.output_tokens),
        cost_microusd: usage.cost_microusd.unwrap_or(0),
    });
    let mut models: BTreeMap<String, ModelSpend> = BTreeMap::new();
    for more in asked.into_iter().chain(through_gateway) {
        match models.get_mut(&more.model) {
            None => drop(models.insert(more.model.clone(), more)),
            Some(one) => {
                one.answers += more.answers;
                one.tokens = one.tokens.saturating_add(more.tokens);
                one.cost_microusd = one.cost_microusd.saturating_add(more.cost_microusd);
            }
        }
    }
    models.into_values().collect()
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
