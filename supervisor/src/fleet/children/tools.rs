//! `spawn_agent`, `wait_for_agents` and `stop_agent`.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use aether_protocol::{
    AgentId, AgentInfo, AgentName, AgentSpec, ApiError, Budget, BudgetKind, ErrorCode, GoalSpec, Limits, NetworkMode, Profile,
    Program,
};
use aether_runtime::{CallOutcome, Effect, HandsError, Offered, Site, Toolset, toolset::arguments};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{bounds, told};
use crate::{
    fleet::{Caller, Fleet, audit, core::Core, processes},
    govern::budget,
};

/// Arguments of `spawn_agent`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Spawn {
    /// What it is, in a word or two, for example Tester.
    role: String,
    /// What it has to do, with everything that it needs to know: it has a sandbox of its own and sees none of your files.
    goal: String,
    /// Only these of your tools; all of yours when absent.
    #[serde(default)]
    tools: Option<Vec<String>>,
    /// PROVIDER/MODEL, where you are free to choose.
    #[serde(default)]
    model: Option<String>,
    /// Steps it may take.
    #[serde(default)]
    max_steps: Option<u32>,
    /// It reaches what your network reaches; nothing otherwise.
    #[serde(default)]
    network: bool,
    /// Percent of what is left of your budget (default 50). What it does not use comes back to you.
    #[serde(default)]
    budget_percent: Option<u64>,
}

/// Arguments of `wait_for_agents`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitFor {
    /// Numbers of agents that you started; all of them when absent.
    #[serde(default)]
    pids: Option<Vec<u64>>,
    /// Seconds to wait (default 120, at most 600).
    #[serde(default)]
    timeout: Option<f64>,
}

/// Arguments of `stop_agent`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stop {
    /// Number of an agent that you started.
    pid: u64,
}

const SPAWN: &str = "spawn_agent";
const WAIT: &str = "wait_for_agents";
const STOP: &str = "stop_agent";

pub(crate) static OFFERED: LazyLock<Vec<Offered>> = LazyLock::new(|| {
    let spawn = "Starts an agent that works for you, beside you. It gets no more than you have, a part of your budget, and ends with \
        you. Its result comes as a message; wait_for_agents waits for it.";
    vec![
        // It is named after the call, so that the same call finds it.
        Offered::new::<Spawn>(SPAWN, spawn, Effect::Once),
        Offered::new::<WaitFor>(
            WAIT,
            "Waits until agents that you started have ended, and tells what came of them.",
            Effect::None,
        ),
        Offered::new::<Stop>(STOP, "Ends an agent that you started, at once.", Effect::Once),
    ]
});

/// The children of one agent.
pub(crate) struct Children {
    core: Arc<Core>,
    id: AgentId,
}

impl Children {
    /// Of this agent.
    pub(crate) fn new(core: &Arc<Core>, id: &AgentId) -> Self {
        Self { core: core.clone(), id: id.clone() }
    }

    fn children(&self) -> Vec<AgentInfo> {
        self.core.registry().children(&self.id)
    }

    async fn spawn(&self, args: Spawn, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let info = self.core.info(&self.id).map_err(lost)?;
        let name = match name(&args.role, info.number, site) {
            Ok(name) => name,
            Err(error) => return Ok(CallOutcome::failed(error.message)),
        };
        if let Some(child) = self.children().into_iter().find(|child| child.name == name) {
            return Ok(CallOutcome::done(started(&child)));
        }
        let spec = match self.spec(args, name, &info, site) {
            Ok(spec) => spec,
            Err(why) => return Ok(CallOutcome::failed(why)),
        };
        let fleet = Fleet { core: self.core.clone() };
        let caller = Caller { owner: info.owner, peer: None };
        match audit::on_behalf(audit::AGENT, fleet.create(spec, &caller, Vec::new())).await {
            Ok(child) => Ok(CallOutcome::done(started(&child))),
            Err(error) if matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal) => Err(lost(error)),
            Err(error) => Ok(CallOutcome::failed(format!("{} ({})", error.message, error.hint))),
        }
    }

    fn spec(&self, args: Spawn, name: AgentName, parent: &AgentInfo, site: &Site<'_>) -> Result<AgentSpec, String> {
        let percent = args.budget_percent.unwrap_or(bounds::SHARE);
        if !(1..=100).contains(&percent) {
            return Err(format!("budget_percent {percent} is out of range: give 1 to 100"));
        }
        let left = budget::left(&self.core, &self.id);
        let part = |sum: Budget, kind| left.of(kind).map_or(sum, |left| sum.with(kind, bounds::share(left, percent)));
        let goal = GoalSpec {
            goal: args.goal,
            role: Some(args.role),
            model: args.model,
            max_steps: args.max_steps,
            tools: args.tools,
            memory: None,
            template: None,
            // Whoever told the parent what to do may stand behind what it asks for.
            outside: (!site.taint.is_empty()).then(|| site.taint.join(", ").chars().take(500).collect()),
        };
        Ok(AgentSpec {
            name: Some(name),
            parent: Some(self.id.to_string()),
            outlives: false,
            program: Program::Goal(goal),
            env: parent.spec.env.clone(),
            workdir: None,
            network: if args.network { parent.spec.network.clone() } else { NetworkMode::default() },
            models: Vec::new(),
            secrets: Vec::new(),
            limits: Limits::default(),
            budget: BudgetKind::ALL.into_iter().fold(Budget::default(), part),
            rules: Vec::new(),
            profile: Profile::Standard,
            mounts: Vec::new(),
            priority: parent.spec.priority,
            ephemeral: false,
            allow_reduced: parent.spec.allow_reduced.clone(),
        })
    }

    async fn wait(&self, args: &WaitFor) -> Result<CallOutcome, HandsError> {
        let seconds = args.timeout.unwrap_or(120.0);
        if !(seconds > 0.0 && seconds <= 600.0) {
            return Ok(CallOutcome::failed(format!("timeout {seconds} is out of range: give seconds above 0, at most 600")));
        }
        let children = self.children();
        let numbers = args.pids.clone().unwrap_or_else(|| children.iter().map(|child| child.number).collect());
        if let Some(odd) = numbers.iter().find(|number| children.iter().all(|child| child.number != **number)) {
            return Ok(CallOutcome::failed(format!("you started no agent {odd}")));
        }
        if numbers.is_empty() {
            return Ok(CallOutcome::failed("you started no agent"));
        }
        let named = || children.iter().filter(|child| numbers.contains(&child.number));
        let ends = async {
            for child in named() {
                // An error means that it is gone.
                let _ = processes::wait_agent(&self.core, &child.id).await;
            }
        };
        let all = tokio::time::timeout(Duration::from_secs_f64(seconds), ends).await.is_ok();
        let mut lines = Vec::new();
        for child in named() {
            lines.push(self.result(child).await?);
        }
        if !all {
            lines.push(format!("not all of them have ended within {seconds} s"));
        }
        let from = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        Ok(CallOutcome::done(lines.join("\n\n")).from_outside(format!("agents {from}")))
    }

    async fn result(&self, child: &AgentInfo) -> Result<String, HandsError> {
        let of = format!("{} ({})", child.name, child.number);
        let Ok(now) = self.core.info(&child.id) else { return Ok(format!("{of} was removed")) };
        if !now.state.is_dead() {
            return Ok(format!("{of} works: step {}, {}", now.step, now.last_action.unwrap_or_default()));
        }
        let told = told(&self.core, &child.id, &self.id).await.map_err(|error| HandsError::Lost(error.to_string()))?;
        let ended = || now.exit.and_then(|exit| exit.reason).unwrap_or_else(|| "no reason is known".to_owned());
        Ok(told.unwrap_or_else(|| format!("{of} ended: {}", ended())))
    }

    async fn stop(&self, number: u64) -> Result<CallOutcome, HandsError> {
        let Some(child) = self.children().into_iter().find(|child| child.number == number) else {
            return Ok(CallOutcome::failed(format!("you started no agent {number}")));
        };
        let fleet = Fleet { core: self.core.clone() };
        match audit::on_behalf(audit::AGENT, fleet.kill(&child.id)).await {
            Ok(_) => Ok(CallOutcome::done(format!("{} ({number}) has ended", child.name))),
            Err(error) => Ok(CallOutcome::failed(error.message)),
        }
    }
}

fn lost(error: ApiError) -> HandsError {
    HandsError::Lost(error.message)
}

fn started(child: &AgentInfo) -> String {
    format!(
        "agent {} ({}) works on it; its result comes as a message, and wait_for_agents waits for it",
        child.number, child.name
    )
}

/// Its role and the call that starts it: agent 7 in its third step starts tester-7-3.
fn name(role: &str, parent: u64, site: &Site<'_>) -> Result<AgentName, ApiError> {
    let place = if site.position == 0 { String::new() } else { format!("-{}", site.position) };
    super::super::create::plain_name(role, &format!("{parent}-{}{place}", site.step))
}

#[async_trait]
impl Toolset for Children {
    fn offered(&self) -> Vec<Offered> {
        let config = self.core.config.get();
        let above = self.core.registry().above(&self.id).len();
        if config.agents.max_children == 0 || above >= config.agents.max_depth as usize {
            return Vec::new();
        }
        OFFERED.clone()
    }

    async fn call(&self, tool: &str, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        macro_rules! read {
            ($args:ty) => {
                match arguments::<$args>(tool, args) {
                    Ok(args) => args,
                    Err(wrong) => return Ok(wrong),
                }
            };
        }
        match tool {
            SPAWN => self.spawn(read!(Spawn), site).await,
            WAIT => self.wait(&read!(WaitFor)).await,
            _ => self.stop(read!(Stop).pid).await,
        }
    }
}
