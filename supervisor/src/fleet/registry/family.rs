//! Who started whom.

use aether_protocol::{AgentId, AgentInfo, Budget};

use super::Registry;

impl Registry {
    /// The agents above one, its parent first.
    pub(crate) fn above(&self, id: &AgentId) -> Vec<AgentId> {
        let parent = |id: &AgentId| self.entries.get(id)?.info.parent.clone();
        std::iter::successors(parent(id), parent).collect()
    }

    /// Its children, also ended ones, oldest first.
    pub(crate) fn children(&self, id: &AgentId) -> Vec<AgentInfo> {
        let ids = self.children.get(id).into_iter().flatten();
        let mut infos: Vec<_> = ids.filter_map(|id| Some(self.shown(self.entries.get(id)?))).collect();
        infos.sort_by_key(|info| info.number);
        infos
    }

    /// The nearest agents below one that have not ended, with their budgets. One that outlives its parent stays below those above.
    pub(crate) fn below(&self, id: &AgentId) -> Vec<(AgentId, Budget)> {
        let mut found = Vec::new();
        for child in self.children.get(id).into_iter().flatten() {
            match self.entries.get(child) {
                Some(entry) if !entry.info.state.is_dead() => found.push((child.clone(), entry.info.spec.budget)),
                _ => found.extend(self.below(child)),
            }
        }
        found
    }

    pub(super) fn adopt(&mut self, child: &AgentInfo) {
        if let Some(parent) = &child.parent {
            self.children.entry(parent.clone()).or_default().insert(child.id.clone());
        }
    }

    pub(super) fn disown(&mut self, child: &AgentInfo) {
        let Some(parent) = &child.parent else { return };
        if self.children.get_mut(parent).is_some_and(|children| children.remove(&child.id) && children.is_empty()) {
            self.children.remove(parent);
        }
    }
}
