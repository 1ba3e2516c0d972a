//! What people change about a built-in agent between its steps: its tools and its model.

use std::sync::Arc;

use aether_protocol::{AgentId, AgentInfo, AgentSpec, ApiError, Program, event::AgentSteered, spec::check_tools};
use aether_store::{AgentField, Change};
use serde_json::json;
use tokio::sync::broadcast;

use super::{Fleet, children::narrow, core::Core};

/// What to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steering {
    /// Only these tools from now on, or (within) every tool there is.
    pub tools: Option<Option<Vec<String>>>,
    /// `PROVIDER/MODEL` from now on.
    pub model: Option<String>,
}

impl Steering {
    /// As people ask for it: these tools, or every tool there is.
    ///
    /// # Errors
    /// When both are asked for.
    pub fn wished(tools: Option<Vec<String>>, all: bool, model: Option<String>) -> Result<Self, ApiError> {
        let tools = match (tools, all) {
            (Some(_), true) => {
                return Err(ApiError::invalid("tools and allTools exclude each other", "give one of them"));
            }
            (Some(tools), false) => Some(Some(tools)),
            (None, true) => Some(None),
            (None, false) => None,
        };
        Ok(Self { tools, model })
    }
}

impl Fleet {
    /// Changes tools and model of a built-in agent from its next step on, for good.
    ///
    /// # Errors
    /// When it has no goal or has ended, or there is no such tool or model.
    pub async fn steer(&self, id: &AgentId, steering: Steering) -> Result<AgentInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let outcome = json!({ "tools": steering.tools, "model": steering.model });
        let work = async move { steer(&core, &agent, steering).await };
        self.act("agent.steer", id.as_str(), outcome, work).await
    }

    /// Answers while models write them, as texts of frames.
    pub fn drafts(&self) -> broadcast::Receiver<Arc<str>> {
        self.core.drafts.watch()
    }
}

async fn steer(core: &Arc<Core>, id: &AgentId, steering: Steering) -> Result<AgentInfo, ApiError> {
    if steering == Steering::default() {
        return Err(ApiError::invalid("nothing is to be changed", "give tools, allTools or model"));
    }
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let info = core.info(id)?;
    let mut spec = info.spec;
    let Program::Goal(goal) = &mut spec.program else {
        let hint = "only agents with a goal have tools and a model of ours";
        return Err(ApiError::conflict(format!("{} runs a program", info.name), hint));
    };
    if info.state.is_dead() {
        let hint = format!("aether inspect {} shows its state", info.name);
        return Err(ApiError::conflict(format!("cannot steer {}: it has ended", info.name), hint));
    }
    let mut loses = false;
    if let Some(tools) = steering.tools {
        let names = tools.as_deref().unwrap_or_default();
        check_tools(names)?;
        super::goal::check_tools(names)?;
        let before = std::mem::replace(&mut goal.tools, tools);
        loses =
            goal.tools.as_ref().is_some_and(|above| before.is_none_or(|before| before.iter().any(|tool| !above.contains(tool))));
    }
    let given = steering.model.is_some();
    goal.model = steering.model.or(goal.model.take());
    let (tools, above) = (goal.tools.clone(), goal.model.clone().filter(|_| given));
    let model = core.providers.model_of(&spec)?;
    let mut lower = Vec::new();
    if loses || given {
        let narrowed = |spec: &mut AgentSpec| {
            let lost = tools.as_ref().is_some_and(|tools| loses && narrow::tools(spec, tools));
            let other = above.as_ref().is_some_and(|model| narrow::model(spec, model));
            lost || other
        };
        lower = narrow::below(core, id, &narrowed).await;
    }
    let event = AgentSteered { pid: info.number, tools: tools.clone(), model: model.clone() };
    let fields = vec![AgentField::Spec(Box::new(spec)), AgentField::Model(model.clone())];
    let mut change = core.with_events(id, Change::new().update_agent(id, fields.clone()), vec![event.into()]);
    for one in &lower {
        let event = AgentSteered { pid: one.info.number, tools: tools_of(&one.spec), model: one.model(core) };
        change = one.record(core, change, event.into());
    }
    core.write(change).await?;
    core.registry().apply(id, &fields);
    if let Some(control) = core.sandbox(id).as_ref().and_then(|live| live.control.get()) {
        control.give_tools(tools);
        control.use_model(model);
    }
    for one in &lower {
        one.apply(core);
        if let Some(control) = core.sandbox(&one.info.id).as_ref().and_then(|live| live.control.get()) {
            control.give_tools(tools_of(&one.spec));
            control.use_model(one.model(core));
        }
    }
    core.info(id)
}

/// The tools of a built-in agent; every tool where nobody said which.
pub(super) fn tools_of(spec: &AgentSpec) -> Option<Vec<String>> {
    if let Program::Goal(goal) = &spec.program { goal.tools.clone() } else { None }
}
