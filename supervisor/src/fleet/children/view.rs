//! An agent and those below it, as people see them.

use aether_protocol::{AgentId, AgentInfo, AgentTree, ApiError, Spent, TreeNode};

use super::super::{Fleet, core::Core, store_error};
use crate::govern::meter;

impl Fleet {
    /// An agent and everybody below it, each before its children.
    pub async fn tree(&self, id: &AgentId) -> Result<AgentTree, ApiError> {
        let root = self.core.info(id)?;
        let mut open = vec![(0, root)];
        let mut nodes = Vec::new();
        while let Some((depth, agent)) = open.pop() {
            let children = self.core.registry().children(&agent.id);
            open.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
            nodes.push(node(&self.core, depth, agent).await?);
        }
        Ok(AgentTree { nodes })
    }
}

async fn node(core: &Core, depth: u32, agent: AgentInfo) -> Result<TreeNode, ApiError> {
    let spent: Spent = match core.meter.of(&agent.id) {
        Some((spent, _)) => spent,
        None => core.store.spent(agent.id.clone()).await.map_err(|error| store_error(&error))?.spent,
    };
    let lent = meter::lent_by(core, &agent.id);
    Ok(TreeNode { depth, agent, spent, lent })
}
