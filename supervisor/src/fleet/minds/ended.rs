//! When a run has ended: its counts and its entry in the journal before the agent is gone, what a model thinks of it after.

use std::{sync::Arc, time::Duration};

use aether_llm::Provider;
use aether_memory::ending;
use aether_protocol::{
    AgentId, Reflection, Timestamp,
    event::{MemoryStored, ReflectionStored},
};
use aether_runtime::{Models, Wish};
use aether_store::{Change, StepRecord};

use super::{Identity, identity};
use crate::{
    fleet::{core::Core, secret_use::asking},
    govern::apart,
};

/// Name of the built-in rules among the providers.
const HEURISTIC: &str = "heuristic";
/// How long a model may look back at a run.
const LOOK_BACK: Duration = Duration::from_secs(15);

/// Keeps what is to be kept of a run that reached its goal or did not. A person's word that ended an agent is no verdict on it.
pub(crate) async fn ended(core: &Arc<Core>, id: &AgentId, goal: &str, completed: bool, said: &str) {
    let Ok(info) = core.info(id) else { return };
    let who = identity(core, &info);
    if who.ephemeral {
        return;
    }
    let steps = match core.store.steps(id.clone()).await {
        Ok(steps) => steps,
        Err(error) => {
            tracing::warn!(agent = %id, %error, "nothing is kept of a run");
            return;
        }
    };
    let outcome = if completed { "completed" } else { "failed" }.to_owned();
    let seen = Reflection {
        agent: id.clone(),
        at: Timestamp::now(),
        outcome,
        rating: None,
        summary: "no model rated this run".to_owned(),
    };
    let told = who.event(ReflectionStored { pid: info.number, reflection: seen.clone() });
    let change = Change::new().run_ended(who.mind.clone(), ending::counts(&steps, completed), seen.clone()).event(told);
    let entry = ending::entry(goal, said, &steps, completed);
    let (own, pid) = (who.clone(), info.number);
    let note = Change::new().remember(who.mind.clone(), entry, move |memory| {
        vec![own.event(MemoryStored { pid, memory_id: memory.id, layer: memory.layer })]
    });
    // The entry may be lighter than everything its layer holds, and the counts are kept nevertheless.
    for (change, what) in [(change, "the counts"), (note, "the entry")] {
        if let Err(error) = core.store.commit(change.relaxed(true)).await {
            tracing::warn!(agent = %id, %error, what, "not kept of a run");
        }
    }
    let core = core.clone();
    let (goal, said) = (goal.to_owned(), said.to_owned());
    tokio::spawn(async move {
        let Some((provider, model)) = judge(&core, info.model.as_deref()) else { return };
        if !apart::may_ask(&core, &who.agent).await {
            tracing::info!(agent = %who.agent, "nothing is left of a budget to look back at a run; it stays without a rating");
            return;
        }
        let look = look_back(&core, &who, provider, model, (&goal, &said, completed), &steps, seen);
        let look = asking(&core, &who.agent, look);
        tokio::select! {
            () = core.stopping.cancelled() => {}
            done = tokio::time::timeout(LOOK_BACK, look) => {
                if done.is_err() {
                    tracing::info!(agent = %who.agent, "a model took too long to look back at a run; it stays without a rating");
                }
            }
        }
    });
}

/// The model that judges; the built-in rules judge nothing.
fn judge<'a>(core: &'a Core, model: Option<&str>) -> Option<(Arc<dyn Provider + 'a>, Option<String>)> {
    let wish = Wish { model, step: 1, tools: &[], tokens: 1000, last_failed: false, role: None };
    let choice = core.providers.choose(&wish).ok()?;
    (choice.provider.name() != HEURISTIC).then_some((choice.provider, choice.model))
}

async fn look_back(
    core: &Arc<Core>,
    who: &Identity,
    provider: Arc<dyn Provider + '_>,
    model: Option<String>,
    (goal, said, completed): (&str, &str, bool),
    steps: &[StepRecord],
    seen: Reflection,
) {
    let mut question = ending::question(goal, said, steps, completed);
    question.model = model;
    let answer = match provider.complete(question, &mut |_| {}).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::info!(agent = %who.agent, %error, "no model looked back at a run; it stays without a rating");
            return;
        }
    };
    apart::looked_back(core, &who.agent, &who.mind.owner, provider.name(), &answer).await;
    let Some(verdict) = ending::verdict(&answer.text) else {
        tracing::info!(agent = %who.agent, "a model looked back at a run and gave no rating");
        return;
    };
    let pid = who.number;
    let reflection = Reflection { rating: Some(verdict.rating), summary: verdict.summary.clone(), ..seen };
    let told = who.event(ReflectionStored { pid, reflection });
    let mut change = Change::new().run_rated(who.mind.clone(), &who.agent, verdict.rating, verdict.summary).event(told);
    if let Some(lesson) = ending::lesson(&verdict.lesson, ending::tainted(steps)) {
        let own = who.clone();
        change = change.remember(who.mind.clone(), lesson, move |memory| {
            vec![own.event(MemoryStored { pid, memory_id: memory.id, layer: memory.layer })]
        });
    }
    if let Err(error) = who.store.commit(change).await {
        tracing::info!(agent = %who.agent, %error, "the rating of a run was not kept");
    }
}
