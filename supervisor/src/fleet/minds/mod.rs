//! What built-in agents remember, plan, and write to each other, tied to the fleet.

mod doors;
mod ended;
pub(crate) mod vectors;

use std::{fmt, sync::Arc, time::Duration};

use aether_llm::{Embedded, Embedder, LlmError};
use aether_memory::{Identity, Letters, Memories, Neighbour, Neighbours, Plans};
use aether_protocol::{AgentId, AgentInfo, Program};
use aether_runtime::{CallOutcome, Goal, HandsError, Offered, Site, Toolset};
use aether_store::{Change, MindKey};
use async_trait::async_trait;
use serde_json::Value;

use super::{ListFilter, core::Core};
use crate::govern::apart;

pub(crate) use doors::fill;
pub(crate) use ended::ended;

/// How often what has faded or ended is forgotten.
const TIDY: Duration = Duration::from_secs(3600);

/// Who an agent is to its memory. The owner comes from whoever started it and is never taken from the agent.
pub(crate) fn mind_of(info: &AgentInfo) -> MindKey {
    let name = match &info.spec.program {
        Program::Goal(goal) => goal.memory.clone(),
        Program::Command(_) => None,
    };
    MindKey { owner: info.owner.clone(), agent: info.id.clone(), name }
}

fn identity(core: &Arc<Core>, info: &AgentInfo) -> Identity {
    let counted = |embedder| -> Arc<dyn Embedder> { Arc::new(Counted { embedder, core: core.clone(), id: info.id.clone() }) };
    Identity {
        store: core.store.clone(),
        agent: info.id.clone(),
        number: info.number,
        mind: mind_of(info),
        // What a named memory keeps outlives its agent, also an ephemeral one.
        ephemeral: info.spec.ephemeral && mind_of(info).name.is_none(),
        embedder: core.providers.embedder().map(counted),
    }
}

/// Makes vectors for one agent, which pays for them.
struct Counted {
    embedder: Arc<dyn Embedder>,
    core: Arc<Core>,
    id: AgentId,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counted").field(&self.embedder).field(&self.id).finish()
    }
}

#[async_trait]
impl Embedder for Counted {
    fn name(&self) -> &str {
        self.embedder.name()
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, LlmError> {
        let embedded = self.embedder.embed(texts).await?;
        apart::embedded(&self.core, &self.id, self.name(), embedded.tokens).await;
        Ok(embedded)
    }
}

/// The tools of memory, plans and letters for the loop of an agent.
pub(crate) async fn toolsets(core: &Arc<Core>, id: &AgentId, goal: &Goal) -> Vec<Arc<dyn Toolset>> {
    let Ok(info) = core.info(id) else { return Vec::new() };
    let who = identity(core, &info);
    let others = Owned { core: core.clone(), owner: info.owner.clone() };
    let told = doors::instructions(core, &info.spec).await;
    vec![
        Arc::new(Brief(told.map(|told| format!("How you work: {told}")))),
        Arc::new(Memories::new(who.clone(), &goal.goal)),
        Arc::new(Plans::new(who.clone())),
        Arc::new(Letters::new(who, Arc::new(others))),
    ]
}

/// What a template tells its agents.
struct Brief(Option<String>);

#[async_trait]
impl Toolset for Brief {
    fn offered(&self) -> Vec<Offered> {
        Vec::new()
    }

    async fn call(&self, tool: &str, _: &Value, _: &Site<'_>) -> Result<CallOutcome, HandsError> {
        Ok(CallOutcome::failed(format!("there is no tool {tool:?}")))
    }

    async fn pinned(&self, _: u32) -> Option<String> {
        self.0.clone()
    }
}

/// Built-in agents of one owner.
struct Owned {
    core: Arc<Core>,
    owner: String,
}

impl Owned {
    fn neighbour(&self, info: &AgentInfo) -> Option<Neighbour> {
        let Program::Goal(goal) = &info.spec.program else { return None };
        (info.owner == self.owner && !info.state.is_dead()).then(|| Neighbour {
            id: info.id.clone(),
            number: info.number,
            name: info.name.to_string(),
            role: goal.role.clone(),
            state: info.state,
            phase: info.phase,
        })
    }
}

impl Neighbours for Owned {
    fn all(&self) -> Vec<Neighbour> {
        let (all, _) = self.core.registry().list(&ListFilter::default());
        all.iter().filter_map(|info| self.neighbour(info)).collect()
    }

    fn find(&self, number: u64) -> Option<Neighbour> {
        let registry = self.core.registry();
        self.neighbour(&registry.numbered(number)?.info)
    }

    fn number(&self, id: &AgentId) -> Option<u64> {
        let registry = self.core.registry();
        let info = &registry.get(id)?.info;
        (info.owner == self.owner).then_some(info.number)
    }
}

/// Forgets what has faded or ended, as long as the service lasts.
pub(crate) async fn tidy(core: Arc<Core>) {
    loop {
        tokio::select! {
            () = core.stopping.cancelled() => return,
            () = tokio::time::sleep(TIDY) => {}
        }
        match core.store.commit(Change::new().consolidate_memories().relaxed(true)).await {
            Ok(done) if done.removed > 0 => tracing::info!(forgotten = done.removed, "memories that had faded or ended are gone"),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "memories could not be tidied up"),
        }
    }
}
