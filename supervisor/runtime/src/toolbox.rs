//! The tools of one agent: built-in ones and those of its toolsets, as far as its list allows.

use std::{collections::HashSet, sync::Arc};

use aether_llm::ToolSpec;
use serde_json::Value;

use crate::{
    CallOutcome, Effect, HandsError, Offered, Site, Toolset, text,
    tools::{self, BuiltIn},
};

/// What is on offer for one step.
pub(crate) struct Toolbox<'a> {
    tools: Vec<Entry<'a>>,
    /// Exist, but are not in the agent's list.
    withheld: HashSet<String>,
    /// Are in the list, but do not exist.
    unknown: Vec<String>,
}

struct Entry<'a> {
    offered: Offered,
    room: Room<'a>,
}

enum Room<'a> {
    BuiltIn(&'static BuiltIn),
    Set(&'a dyn Toolset),
}

impl<'a> Toolbox<'a> {
    /// Every tool that `allowed` names, or every tool there is; `complete` is always among them.
    pub(crate) fn new(toolsets: &'a [Arc<dyn Toolset>], allowed: Option<&[String]>) -> Self {
        let built_in = tools::table().iter().map(|t| Entry { offered: t.offered.clone(), room: Room::BuiltIn(t) });
        let others = toolsets
            .iter()
            .flat_map(|set| set.offered().into_iter().map(|offered| Entry { offered, room: Room::Set(set.as_ref()) }));
        let (mut seen, mut withheld) = (HashSet::new(), HashSet::new());
        let mut entries: Vec<Entry<'a>> = built_in.chain(others).filter(|e| seen.insert(e.offered.spec.name.clone())).collect();
        entries.retain(|entry| {
            let name = &entry.offered.spec.name;
            let kept = name == tools::COMPLETE
                || allowed.is_none_or(|list| list.iter().any(|allowed| tools::canonical(allowed) == name));
            if !kept {
                withheld.insert(name.clone());
            }
            kept
        });
        let exists = |name: &&String| !seen.contains(*name) && !seen.contains(tools::canonical(name));
        let unknown = allowed.unwrap_or_default().iter().filter(exists).cloned().collect();
        Self { tools: entries, withheld, unknown }
    }

    pub(crate) fn specs(&self) -> Vec<Arc<ToolSpec>> {
        self.tools.iter().map(|entry| entry.offered.spec.clone()).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.tools.iter().map(|entry| entry.offered.spec.name.clone()).collect()
    }

    pub(crate) fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Nothing, for a tool that is not there: its call changes nothing.
    pub(crate) fn effect(&self, name: &str) -> Effect {
        self.find(name).map_or(Effect::None, |entry| entry.offered.effect)
    }

    /// Why a call of this tool cannot be made.
    pub(crate) fn refusal(&self, name: &str) -> Option<String> {
        if self.find(name).is_some() {
            return None;
        }
        let names = self.names().join(", ");
        Some(if self.withheld.contains(tools::canonical(name)) {
            format!("you were not given the tool {name:?}; your tools are {names}")
        } else {
            format!("there is no tool {name:?}; the tools are {names}")
        })
    }

    /// Makes a call. What the agent did wrong is an outcome; only a lost sandbox is an error.
    pub(crate) async fn call(&self, name: &str, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let Some(entry) = self.find(name) else {
            return Ok(CallOutcome::failed(self.refusal(name).unwrap_or_default()));
        };
        let called = match &entry.room {
            Room::BuiltIn(tool) => tool.call(args, site).await,
            Room::Set(set) => set.call(&entry.offered.spec.name, args, site).await,
        };
        match called {
            Err(HandsError::Refused(why)) => Ok(CallOutcome::failed(text::ends(&why, text::OBSERVATION, ""))),
            Ok(outcome) if outcome.text.chars().count() > text::OBSERVATION => {
                let text = tools::keep(&outcome.text, site).await?;
                Ok(CallOutcome { text, ..outcome })
            }
            other => other,
        }
    }

    fn find(&self, name: &str) -> Option<&Entry<'a>> {
        // A toolset may have a tool that is called what models call another one.
        let of = |name: &str| self.tools.iter().find(|entry| entry.offered.spec.name == name);
        of(name).or_else(|| of(tools::canonical(name)).filter(|_| !self.withheld.contains(name)))
    }
}
