//! Wait for an agent's end.

use aether_protocol::{ErrorBody, ExitInfo};
use axum::extract::State;

use crate::{
    api::{ApiState, answer::Data, caller::Target, error::Answer},
    fleet::away,
};

/// Answers when the main program has ended and its output is kept, with how; at once if it has already. Its record follows.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/wait", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<ExitInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn wait(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<ExitInfo>> {
    tokio::select! {
        exit = state.fleet().wait(&id) => Ok(Data { data: exit? }),
        () = state.stopping().cancelled() => {
            Err(away().into())
        }
    }
}
