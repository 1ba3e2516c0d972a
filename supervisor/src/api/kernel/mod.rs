//! WebSocket `/kernel`: commands in, answers, events and terminal output back.

mod commands;
mod connection;
mod control;
mod figures;
mod files;
mod lanes;
mod minds;
mod outgoing;
mod request;
mod terminals;
mod text;

pub(crate) use figures::Figures;

use aether_protocol::ErrorBody;
use axum::{
    Extension,
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::Response,
};

use super::{ApiState, MAX_BODY, attach::upgraded, caller::until, error::Answer, metrics::OpenSocket};
use crate::{
    auth::Session,
    fleet::{Caller, on_behalf},
};

/// Commands and events as JSON text frames; a frame may be an array of several. The first frame is `kernel.ready`; durable
/// events follow after `events.resume`, terminal output after `tty.open` and `tty.attach`.
#[utoipa::path(get, path = "/kernel", tag = "streams",
    responses((status = 101, description = "WebSocket"), (status = "default", body = ErrorBody)))]
pub(crate) async fn kernel(
    State(state): State<ApiState>,
    caller: Caller,
    signed_in: Option<Extension<Session>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgraded(upgrade)?.max_message_size(MAX_BODY).max_frame_size(MAX_BODY);
    let tracked = state.0.sessions.token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _open = (tracked, OpenSocket::new("/kernel"));
        let owner = caller.owner.clone();
        on_behalf(&owner, connection::run(state, socket, caller, until(signed_in))).await;
    }))
}
