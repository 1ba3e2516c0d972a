//! Calls of loops that are counted: asked of the spawner, which alone makes cgroups.

use aether_protocol::ApiError;
use aether_sandbox::{
    plan::SandboxId,
    wire::spawner::{CallEnd, Left, SpawnerReply, SpawnerRequest},
};

use super::spawner::{SpawnerLink, unexpected};

impl SpawnerLink {
    /// Makes a cgroup for one call and hands it to the sandbox's init; the number of the call.
    ///
    /// # Errors
    /// When the sandbox is gone, frozen or of an older version, or too much of earlier calls still runs.
    pub async fn begin_call(&self, id: SandboxId, left: Left) -> Result<u32, ApiError> {
        match self.ask(SpawnerRequest::BeginCall { id, left }, Vec::new()).await? {
            (SpawnerReply::Call(call), _) => Ok(call),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Kills what a call has left, and counts it.
    ///
    /// # Errors
    /// When there is no such call, or something of it still runs.
    pub async fn end_call(&self, id: SandboxId, call: u32) -> Result<CallEnd, ApiError> {
        self.counted(SpawnerRequest::EndCall { id, call }).await
    }

    /// Counts a call and lets what it has left go on.
    ///
    /// # Errors
    /// When there is no such call.
    pub async fn release_call(&self, id: SandboxId, call: u32) -> Result<CallEnd, ApiError> {
        self.counted(SpawnerRequest::ReleaseCall { id, call }).await
    }

    /// Kills what calls of a sandbox have left that an earlier run of the service waited for.
    ///
    /// # Errors
    /// When that cannot be done.
    pub async fn end_calls(&self, id: SandboxId) -> Result<(), ApiError> {
        self.done(SpawnerRequest::EndCalls(id)).await
    }

    async fn counted(&self, request: SpawnerRequest) -> Result<CallEnd, ApiError> {
        match self.ask(request, Vec::new()).await? {
            (SpawnerReply::CallEnded(end), _) => Ok(end),
            (other, _) => Err(unexpected(&other)),
        }
    }
}
