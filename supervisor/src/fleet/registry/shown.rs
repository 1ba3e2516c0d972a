//! An agent as clients see it, beside its JSON: a list is asked for often, and few of its agents have changed since the last one.

use std::{
    ops::{Deref, DerefMut},
    sync::OnceLock,
};

use aether_protocol::AgentInfo;

/// Bytes to begin with: most agents take a little less.
const USUAL: usize = 2560;

/// An agent, and its JSON once somebody has asked for it.
#[derive(Debug)]
pub struct Shown {
    info: AgentInfo,
    /// Empty again as soon as the agent may have changed.
    json: OnceLock<Box<str>>,
}

impl Shown {
    /// Its JSON.
    pub(crate) fn json(&self) -> &str {
        self.json.get_or_init(|| {
            let mut text = Vec::with_capacity(USUAL);
            let written = serde_json::to_writer(&mut text, &self.info).map_err(|error| error.to_string());
            let written = written.and_then(|()| String::from_utf8(text).map_err(|error| error.to_string()));
            written.map_or_else(
                |error| {
                    tracing::error!(agent = %self.info.id, error, "an agent has no JSON form");
                    "{}".into()
                },
                String::into_boxed_str,
            )
        })
    }
}

impl From<AgentInfo> for Shown {
    fn from(info: AgentInfo) -> Self {
        Self { info, json: OnceLock::new() }
    }
}

/// A copy is made to be changed.
impl Clone for Shown {
    fn clone(&self) -> Self {
        self.info.clone().into()
    }
}

impl Deref for Shown {
    type Target = AgentInfo;

    fn deref(&self) -> &AgentInfo {
        &self.info
    }
}

impl DerefMut for Shown {
    fn deref_mut(&mut self) -> &mut AgentInfo {
        self.json.take();
        &mut self.info
    }
}

#[cfg(test)]
impl Shown {
    /// Some agent.
    pub(crate) fn numbered(number: u64) -> Self {
        let info = serde_json::json!({
            "id": format!("agent{number:07}"), "number": number, "uid": format!("agent_{number}"), "name": format!("a-{number}"),
            "owner": "root", "state": "running", "phase": "executing", "step": 0, "home": "/home/agent",
            "spec": { "program": { "type": "command", "argv": ["sleep", "\"1\"", "ä".repeat(1000)] } },
            "createdAt": "2026-01-01T00:00:00Z",
        });
        serde_json::from_value::<AgentInfo>(info).expect("an agent").into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aether_protocol::AgentState;

    use super::*;

    #[test]
    fn its_json_is_made_once_and_again_after_a_change() {
        let mut agent = Arc::new(Shown::numbered(1));
        let said = agent.json().as_ptr();
        assert_eq!(serde_json::from_str::<AgentInfo>(agent.json()).expect("json"), **agent);
        assert_eq!(agent.json().as_ptr(), said, "made once");
        let listed = agent.clone();
        Arc::<Shown>::make_mut(&mut agent).state = AgentState::Paused;
        assert!(listed.json().contains(r#""state":"running""#), "a list on its way out stays as it was");
        drop(listed);
        assert!(agent.json().contains(r#""state":"paused""#), "{}", agent.json());
        Arc::<Shown>::make_mut(&mut agent).state = AgentState::Dead;
        assert!(agent.json().contains(r#""state":"dead""#), "nobody else holds it: changed where it is");
    }
}
