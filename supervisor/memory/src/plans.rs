//! `create_plan`, `update_plan`, `get_plan`.

use std::sync::LazyLock;

use aether_protocol::{
    NodeStatus, Plan, PlanStatus,
    event::{PlanCreated, PlanUpdated},
};
use aether_runtime::{CallOutcome, Effect, HandsError, Offered, Site, Toolset, toolset::arguments};
use aether_store::Change;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    Identity,
    identity::refusal,
    tree::{self, Draft},
};

/// Arguments of `create_plan`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// What the plan is for.
    goal: String,
    /// What is to be done, in order.
    nodes: Vec<Node>,
}

/// A part of a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Node {
    /// What is to be done, one line.
    title: String,
    /// Its parts, one line each, where it has some.
    #[serde(default)]
    children: Vec<String>,
}

/// Arguments of `update_plan`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Update {
    /// The node, for example `2` or `2.1`.
    node_id: String,
    /// Where it stands now.
    status: Status,
    /// Steps it took.
    #[serde(default)]
    actual_steps: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Active,
    Completed,
    Failed,
    Skipped,
}

impl From<Status> for NodeStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Active => Self::Active,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Skipped => Self::Skipped,
        }
    }
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

// Each leaves the same plan when it is made again after a restart, but two of them must not run side by side.
pub(crate) static OFFERED: LazyLock<Vec<Offered>> = LazyLock::new(|| {
    let create = "Makes a plan for the goal, in the place of the one before. You see it at every step; keep it up to date.";
    vec![
        Offered::new::<Create>("create_plan", create, Effect::Changes),
        Offered::new::<Update>("update_plan", "Says where a node of your plan stands.", Effect::Changes),
        Offered::new::<Nothing>("get_plan", "Shows your plan.", Effect::None),
    ]
});

/// The plan of one agent.
#[derive(Debug)]
pub struct Plans {
    who: Identity,
    /// As stored; nobody else writes it while the agent runs.
    plan: Mutex<Option<Option<Plan>>>,
}

impl Plans {
    /// Of this agent.
    pub const fn new(who: Identity) -> Self {
        Self { who, plan: Mutex::const_new(None) }
    }

    async fn now(&self) -> Result<Option<Plan>, HandsError> {
        let mut known = self.plan.lock().await;
        if let Some(plan) = &*known {
            return Ok(plan.clone());
        }
        let plan = self.who.store.plan(self.who.agent.clone()).await.map_err(|error| refusal(&error))?;
        *known = Some(plan.clone());
        Ok(plan)
    }

    async fn set(&self, plan: Plan) -> Result<Plan, HandsError> {
        let (who, pid, new) = (self.who.clone(), self.who.number, plan.id == 0);
        let change = Change::new().set_plan(&self.who.agent, plan, move |plan| {
            let plan = plan.clone();
            vec![if new { who.event(PlanCreated { pid, plan }) } else { who.event(PlanUpdated { pid, plan }) }]
        });
        let mut known = self.plan.lock().await;
        // Asked for again where the commit fails: it may have happened.
        *known = None;
        let mut done = self.who.commit(change).await?;
        let stored = done.plans.pop().ok_or_else(|| HandsError::Lost("the plan was not stored".to_owned()))?;
        *known = Some(Some(stored.clone()));
        Ok(stored)
    }

    async fn create(&self, args: Create) -> Result<CallOutcome, HandsError> {
        let drafts = args.nodes.into_iter().map(|node| Draft { title: node.title, parts: node.children }).collect();
        match tree::begin(&args.goal, drafts) {
            Ok(plan) => Ok(CallOutcome::done(tree::show(&self.set(plan).await?))),
            Err(why) => Ok(CallOutcome::failed(why)),
        }
    }

    async fn update(&self, args: Update) -> Result<CallOutcome, HandsError> {
        let Some(mut plan) = self.now().await? else {
            return Ok(CallOutcome::failed("you have no plan; make one with create_plan"));
        };
        match tree::update(&mut plan, &args.node_id, args.status.into(), args.actual_steps) {
            Ok(()) => Ok(CallOutcome::done(tree::show(&self.set(plan).await?))),
            Err(why) => Ok(CallOutcome::failed(why)),
        }
    }
}

#[async_trait]
impl Toolset for Plans {
    fn offered(&self) -> Vec<Offered> {
        OFFERED.clone()
    }

    async fn call(&self, tool: &str, args: &Value, _: &Site<'_>) -> Result<CallOutcome, HandsError> {
        match tool {
            "create_plan" => match arguments::<Create>(tool, args) {
                Ok(args) => self.create(args).await,
                Err(wrong) => Ok(wrong),
            },
            "update_plan" => match arguments::<Update>(tool, args) {
                Ok(args) => self.update(args).await,
                Err(wrong) => Ok(wrong),
            },
            _ => match arguments::<Nothing>(tool, args) {
                Ok(Nothing {}) => Ok(match self.now().await? {
                    Some(plan) => CallOutcome::done(tree::show(&plan)),
                    None => CallOutcome::done("you have no plan"),
                }),
                Err(wrong) => Ok(wrong),
            },
        }
    }

    async fn pinned(&self, _: u32) -> Option<String> {
        let plan = self.now().await.ok()??;
        let state = match plan.status {
            PlanStatus::Active => "keep it up to date with update_plan",
            PlanStatus::Completed | PlanStatus::Failed | PlanStatus::Abandoned => "every node is settled",
        };
        Some(format!("Your plan ({state}):\n{}", tree::show(&plan)))
    }
}
