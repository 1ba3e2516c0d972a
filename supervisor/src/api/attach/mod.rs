//! WebSocket `/api/v1/attach/{target}`: the byte channel of one process.

mod channel;
mod frame;

use aether_protocol::{ApiError, ErrorBody, TtyId};
use axum::{
    Extension,
    extract::{Path, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) use channel::WINDOW;

use super::{ApiState, caller::until, error::Answer, metrics::OpenSocket, query::Query};
use crate::{
    auth::Session,
    fleet::{Caller, Pace, ProcessHandle, StartAt, Streams, on_behalf},
};

const MAX_FRAME: usize = 1 << 20;

/// How to attach.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AttachQuery {
    /// First byte of standard output wanted; the oldest one held when absent.
    from: Option<u64>,
    /// This connection writes to standard input.
    stdin: bool,
}

/// The bytes of one process. Binary frames; the first byte is the channel.
///
/// Client: 0 input, 1 end of input, 2 resize (u16 LE columns, u16 LE rows), 3 acknowledge (u64 LE bytes consumed in all),
/// 4 signal (i32 LE). Service: 0 output and 1 error output (u64 LE offset, bytes), 2 end (exit status, signal name),
/// 3 error (JSON), 4 hello (JSON `tty`, `offset`, `oldest`). At most 1 MiB is unacknowledged.
#[utoipa::path(get, path = "/api/v1/attach/{target}", tag = "streams",
    params(("target" = String, Path, description = "Terminal or process id, or an agent for its main program"), AttachQuery),
    responses((status = 101, description = "WebSocket"), (status = "default", body = ErrorBody)))]
pub(crate) async fn attach(
    State(state): State<ApiState>,
    caller: Caller,
    signed_in: Option<Extension<Session>>,
    Path(target): Path<String>,
    Query(query): Query<AttachQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgraded(upgrade)?.max_message_size(MAX_FRAME).max_frame_size(MAX_FRAME);
    let handle = process(&state, &target).await?;
    let from = StartAt { stdout: query.from, stderr: None };
    let reader = state.fleet().attach(&handle, Streams::All, from, Pace::Hold).await?;
    let tracked = state.0.sessions.token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _open = (tracked, OpenSocket::new("/api/v1/attach"));
        let opened = channel::Opened { handle, reader, takes_input: query.stdin };
        on_behalf(&caller.owner, channel::run(state, socket, opened, until(signed_in))).await;
    }))
}

/// The handshake, or the error of a request that is none.
pub(crate) fn upgraded(upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Result<WebSocketUpgrade, ApiError> {
    upgrade.map_err(|rejection| ApiError::invalid(rejection.body_text(), "open this path as a WebSocket"))
}

async fn process(state: &ApiState, target: &str) -> Result<ProcessHandle, ApiError> {
    if let Ok(tty) = target.parse::<TtyId>() {
        let (agent, number) = tty.parts();
        let agent = state.fleet().resolve(agent.as_str())?;
        return state.fleet().process(&agent, number).await;
    }
    let agent = state.fleet().resolve(target)?;
    state.fleet().main_process(&agent).await
}
