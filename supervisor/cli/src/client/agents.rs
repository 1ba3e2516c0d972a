//! Calls about agents.

use std::os::fd::OwnedFd;

use aether_protocol::{AgentInfo, AgentSpec, AgentState, ExitInfo, TtyId};
use serde_json::value::RawValue;

use super::{Answer, Client, encode, events::Events};
use crate::failure::Failure;

/// Agents per page of a list.
const PAGE: usize = 500;

/// Address of an agent, or of something below it.
pub(crate) fn uri(agent: &str, below: &str) -> String {
    format!("/api/v1/agents/{}{below}", encode(agent))
}

/// What `exec` starts.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecRequest {
    pub(crate) argv: Vec<String>,
    pub(crate) env: std::collections::BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workdir: Option<String>,
    pub(crate) tty: bool,
    pub(crate) stdin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cols: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u16>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecStarted {
    tty_id: TtyId,
}

impl Client {
    /// Deploys an agent, lending it the directories behind `descriptors`. However often it has to be asked, with one [`key`] it is one agent.
    ///
    /// [`key`]: super::again::key
    pub(crate) async fn deploy(&self, spec: &AgentSpec, descriptors: Vec<OwnedFd>, key: &str) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(spec).map_err(|error| Failure::garbled(&error.to_string()))?;
        if descriptors.is_empty() {
            return self.post_once("/api/v1/agents", body, key).await;
        }
        self.post_with_descriptors("/api/v1/agents", body, descriptors, key).await
    }

    /// One agent.
    pub(crate) async fn agent(&self, agent: &str) -> Result<AgentInfo, Failure> {
        self.get(&uri(agent, "")).await?.data()
    }

    /// All agents, each as the supervisor wrote it.
    pub(crate) async fn agents(&self, ended_too: bool) -> Result<Vec<Box<RawValue>>, Failure> {
        let mut all: Vec<Box<RawValue>> = Vec::new();
        loop {
            let answer = self.get(&format!("/api/v1/agents?all={ended_too}&limit={PAGE}&offset={}", all.len())).await?;
            let page: Vec<Box<RawValue>> = answer.data()?;
            let got = page.len() as u64;
            all.extend(page);
            if got == 0 || answer.total()?.is_none_or(|total| all.len() as u64 >= total) {
                return Ok(all);
            }
        }
    }

    /// Starts a program beside the main one; the id names its byte channel.
    pub(crate) async fn exec(&self, agent: &str, request: &ExecRequest) -> Result<TtyId, Failure> {
        Ok(self.post(&uri(agent, "/exec"), request).await?.data::<ExecStarted>()?.tty_id)
    }

    /// Ends everything of it at once.
    pub(crate) async fn kill(&self, agent: &str) -> Result<Answer, Failure> {
        self.post(&uri(agent, "/kill"), &serde_json::json!({})).await
    }

    /// SIGTERM, then after the grace time everything.
    pub(crate) async fn stop(&self, agent: &str, grace: Option<u32>) -> Result<Answer, Failure> {
        let body = grace.map_or_else(|| serde_json::json!({}), |seconds| serde_json::json!({ "graceSeconds": seconds }));
        self.post(&uri(agent, "/stop"), &body).await
    }

    /// Removes an ended agent.
    pub(crate) async fn remove(&self, agent: &str) -> Result<Answer, Failure> {
        self.delete(&uri(agent, "")).await
    }

    /// Waits until its end is recorded and nothing of it runs.
    pub(crate) async fn wait(&self, agent: &str) -> Result<ExitInfo, Failure> {
        self.get(&uri(agent, "/wait")).await?.data()
    }

    /// Waits until it has left the queue.
    pub(crate) async fn wait_started(&self, agent: &str) -> Result<AgentInfo, Failure> {
        // The stream is opened before the state is read, so that no change falls between the two.
        let mut events = Events::live(self).await?;
        loop {
            let info = self.agent(agent).await?;
            if info.state != AgentState::Queued {
                return Ok(info);
            }
            events.next_about(info.id.as_str()).await?;
        }
    }
}
