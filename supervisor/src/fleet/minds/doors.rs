//! What people ask and do about memories, plans, feedback and letters.

use aether_protocol::{
    AgentId, AgentProfile, AgentSpec, ApiError, Feedback, GoalSpec, Letter, Memory, MindInfo, NewFeedback, NewMemory, Plan,
    Program, Reflection, Template,
    event::{FeedbackSubmitted, MemoryForgotten, MemoryStored},
    memory::MAX_TAGS,
};
use aether_store::{Change, MindKey, Recall, StoreError};
use serde_json::json;

use super::{Identity, identity, mind_of};
use crate::fleet::{
    Fleet, audit,
    core::{Core, store_error},
};

/// What is left of the importance of a memory that is shared.
const SHARED: f64 = 0.8;

fn failed(error: &StoreError) -> ApiError {
    match error {
        StoreError::TooLight(held) => ApiError::conflict(
            format!("the layer holds {held} memories, and all of them weigh more"),
            "forget some, or give it a higher importance",
        ),
        StoreError::Outdated(what) => ApiError::not_found(format!("there is no such {what}"), "aether memory ls A lists them"),
        other => store_error(other),
    }
}

async fn keep(core: &Core, who: &Identity, new: NewMemory) -> Result<Memory, ApiError> {
    new.check()?;
    let (own, pid) = (who.clone(), who.number);
    let change = Change::new().remember(who.mind.clone(), new, move |memory| {
        vec![own.event(MemoryStored { pid, memory_id: memory.id, layer: memory.layer })]
    });
    let (change, recorded) = audit::attach(change);
    let done = core.store.commit(change).await;
    audit::settle(recorded, done.is_ok());
    let mut done = done.map_err(|error| failed(&error))?;
    done.memories.pop().ok_or_else(|| ApiError::internal("the memory was not stored"))
}

/// Runs what reads the disk where it holds nobody up.
async fn read<T: Send + 'static>(work: impl FnOnce() -> Result<T, ApiError> + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal("the templates could not be read"))?
}

async fn find(core: &Core, id: &str) -> Result<Template, ApiError> {
    let (templates, id) = (core.templates.clone(), id.to_owned());
    read(move || templates.find(&id)).await
}

/// Fills in what the template of a goal brings.
pub(crate) async fn fill(core: &Core, spec: &mut AgentSpec) -> Result<(), ApiError> {
    let Program::Goal(GoalSpec { template: Some(id), .. }) = &spec.program else { return Ok(()) };
    let template = find(core, id).await?;
    crate::templates::fill(spec, &template);
    Ok(())
}

/// What the template of an agent tells it, as it is now; nothing when it is gone.
pub(super) async fn instructions(core: &Core, spec: &AgentSpec) -> Option<String> {
    let Program::Goal(GoalSpec { template: Some(id), .. }) = &spec.program else { return None };
    let told = find(core, id).await.ok()?.instructions;
    (!told.trim().is_empty()).then_some(told)
}

impl Fleet {
    /// Every mind: named ones, and those of agents that keep something.
    pub async fn minds(&self) -> Result<Vec<MindInfo>, ApiError> {
        self.core.store.minds().await.map_err(|error| failed(&error))
    }

    fn mind(&self, id: &AgentId) -> Result<MindKey, ApiError> {
        Ok(mind_of(&self.core.info(id)?))
    }

    /// What an agent remembers, the most fitting first. Looking does not make it weigh more.
    pub async fn recall(&self, id: &AgentId, what: Recall) -> Result<Vec<Memory>, ApiError> {
        let mind = self.mind(id)?;
        let near = aether_memory::near(self.core.providers.embedder().as_ref(), what.query.as_deref()).await;
        self.core.store.recall(mind, Recall { near, ..what }).await.map_err(|error| failed(&error))
    }

    /// Has an agent remember something.
    pub async fn remember(&self, id: &AgentId, new: NewMemory) -> Result<Memory, ApiError> {
        let (core, who) = (self.core.clone(), identity(&self.core, &self.core.info(id)?));
        let work = async move { keep(&core, &who, new).await };
        self.act("memory.store", id.as_str(), json!({}), work).await
    }

    /// Has an agent forget something.
    pub async fn forget(&self, id: &AgentId, memory: u64) -> Result<(), ApiError> {
        let (core, who) = (self.core.clone(), identity(&self.core, &self.core.info(id)?));
        let work = async move {
            let told = who.event(MemoryForgotten { pid: who.number, memory_id: memory });
            let (change, recorded) = audit::attach(Change::new().forget(who.mind.clone(), memory).event(told));
            let done = core.store.commit(change).await;
            audit::settle(recorded, done.is_ok());
            done.map(drop).map_err(|error| failed(&error))
        };
        self.act("memory.forget", id.as_str(), json!({ "memory": memory }), work).await
    }

    /// Gives a copy of a memory to another agent of the same owner; it weighs less there, and says where it comes from.
    pub async fn share(&self, from: &AgentId, memory: u64, to: &AgentId) -> Result<Memory, ApiError> {
        let (source, target) = (self.core.info(from)?, self.core.info(to)?);
        if source.owner != target.owner {
            let message = format!("{} belongs to {}, {} to {}", source.name, source.owner, target.name, target.owner);
            return Err(ApiError::new(
                aether_protocol::ErrorCode::Denied,
                message,
                "memories are shared among agents of one owner",
            ));
        }
        let what = Recall { limit: usize::MAX >> 1, ..Recall::default() };
        let all = self.core.store.recall(mind_of(&source), what).await.map_err(|error| failed(&error))?;
        let found = all.into_iter().find(|found| found.id == memory);
        let found = found.ok_or_else(|| failed(&StoreError::Outdated("memory")))?;
        let mut tags = vec![format!("shared_from:{}", source.name).chars().take(64).collect::<String>()];
        tags.extend(found.tags);
        tags.truncate(MAX_TAGS);
        let new = NewMemory {
            layer: found.layer,
            content: found.content,
            tags,
            importance: Some(found.importance * SHARED),
            expires_in_seconds: None,
        };
        let (core, who) = (self.core.clone(), identity(&self.core, &target));
        let what = json!({ "memory": memory, "to": to });
        self.act("memory.share", from.as_str(), what, async move { keep(&core, &who, new).await }).await
    }

    /// The newest plan of an agent.
    pub async fn plan(&self, id: &AgentId) -> Result<Plan, ApiError> {
        let name = self.core.info(id)?.name;
        let plan = self.core.store.plan(id.clone()).await.map_err(|error| failed(&error))?;
        plan.ok_or_else(|| ApiError::not_found(format!("{name} has no plan"), "agents make one with the tool create_plan"))
    }

    /// What an agent is known for.
    pub async fn profile(&self, id: &AgentId) -> Result<AgentProfile, ApiError> {
        self.core.store.profile(self.mind(id)?).await.map_err(|error| failed(&error))
    }

    /// What was thought of its runs, newest first.
    pub async fn reflections(&self, id: &AgentId) -> Result<Vec<Reflection>, ApiError> {
        self.core.store.reflections(self.mind(id)?, 100).await.map_err(|error| failed(&error))
    }

    /// What people thought of its steps, newest first.
    pub async fn feedback(&self, id: &AgentId) -> Result<Vec<Feedback>, ApiError> {
        self.core.info(id)?;
        self.core.store.feedback(id.clone(), 1000).await.map_err(|error| failed(&error))
    }

    /// Rates a step that was taken.
    pub async fn rate(&self, id: &AgentId, new: NewFeedback) -> Result<Feedback, ApiError> {
        new.check()?;
        let info = self.core.info(id)?;
        let (core, agent, by) = (self.core.clone(), id.clone(), audit::who());
        let at = aether_protocol::Timestamp::now();
        let given = Feedback { step: new.step, rating: new.rating, comment: new.comment.clone(), by: by.clone(), at };
        let told = identity(&self.core, &info).event(FeedbackSubmitted { pid: info.number, feedback: given.clone() });
        let what = json!({ "step": new.step, "rating": new.rating });
        let work = async move {
            let (change, recorded) = audit::attach(Change::new().feedback(&agent, &by, new).event(told));
            let done = core.store.commit(change).await;
            audit::settle(recorded, done.is_ok());
            done.map_err(|error| match error {
                StoreError::Outdated(_) => {
                    ApiError::not_found(format!("{} took no step {}", info.name, given.step), "aether events shows its steps")
                }
                other => store_error(&other),
            })?;
            Ok(given)
        };
        self.act("agent.feedback", id.as_str(), what, work).await
    }

    /// Every template.
    pub async fn templates(&self) -> Result<Vec<Template>, ApiError> {
        let templates = self.core.templates.clone();
        read(move || Ok(templates.all())).await
    }

    /// One template.
    pub async fn template(&self, id: &str) -> Result<Template, ApiError> {
        find(&self.core, id).await
    }

    /// Letters to and from an agent, newest first.
    pub async fn letters(&self, id: &AgentId) -> Result<Vec<Letter>, ApiError> {
        self.core.info(id)?;
        self.core.store.letters(id.clone(), 500).await.map_err(|error| failed(&error))
    }
}
