//! Ports of agents: the list, links to previews, and connections.

use std::io;

use aether_protocol::{AgentPort, ApiError, ErrorBody, ErrorCode, PreviewLink, Timestamp};
use axum::{
    Extension,
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiState, Failure,
    answer::Data,
    attach::upgraded,
    caller::{Target, until},
    error::Answer,
    metrics::OpenSocket,
    previews::PARAMETER,
};
use crate::{
    auth::Session,
    fleet::{Caller, Dialled},
    previews::{LINK_TIME, Place, label},
};

/// Largest message of a connection, bytes.
const MAX_MESSAGE: usize = 1 << 20;
/// Bytes read from a program at a time.
const CHUNK: usize = 64 << 10;

/// Every route about ports.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(link)).routes(routes!(connect))
}

/// The TCP ports that something inside the sandbox listens on.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/ports", tag = "network", params(("ref" = String, Path)),
    responses((status = 200, body = Data<Vec<AgentPort>>), (status = "default", body = ErrorBody)))]
pub(crate) async fn list(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<Vec<AgentPort>>> {
    let mut ports = state.fleet().ports(&id).await?;
    let info = state.fleet().get(id.as_str()).await?;
    if let Some(hosts) = state.0.hosts.get() {
        for port in ports.iter_mut().filter(|port| port.reachable) {
            port.origin = Some(hosts.preview_origin(&label(port.port, &id, &info.name)));
        }
    }
    Ok(Data { data: ports })
}

/// Makes a link that opens what an agent serves on a port, once, within five minutes, in a browser on the machine of the service.
///
/// The page has an origin of its own and cannot use this API. What was opened ends after twelve hours, with the agent, and with the
/// session of whoever made the link.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/ports/{port}/links", tag = "network",
    params(("ref" = String, Path), ("port" = u16, Path)),
    responses((status = 201, body = Data<PreviewLink>), (status = "default", body = ErrorBody)))]
pub(crate) async fn link(
    State(state): State<ApiState>,
    caller: Caller,
    signed_in: Option<Extension<Session>>,
    Path((reference, port)): Path<(String, String)>,
) -> Answer<(StatusCode, Data<PreviewLink>)> {
    let (id, port) = (state.fleet().resolve(&reference)?, number(&port)?);
    let info = state.fleet().get(id.as_str()).await?;
    if info.state.is_dead() {
        return Err(ApiError::conflict(format!("{} has ended", info.name), "start a new agent").into());
    }
    let hosts = state.0.hosts.get().ok_or_else(|| {
        ApiError::new(ErrorCode::Unsupported, "the service does not listen on TCP", "start aetherd with --listen 127.0.0.1:3001")
    })?;
    let origin = hosts.preview_origin(&label(port, &id, &info.name));
    let place = Place { agent: id.clone(), port };
    let code = state.0.previews.tickets.link(place, signed_in.map(|Extension(session)| session)).map_err(Failure::internal)?;
    state.fleet().audit(&caller.owner, "preview.link", id.as_str(), serde_json::json!({ "port": port })).await;
    let expires = Timestamp::now().unix_millis().unwrap_or(0) + i64::try_from(LINK_TIME.as_millis()).unwrap_or(0);
    let link = PreviewLink { url: format!("{origin}/?{PARAMETER}={code}"), expires_at: Timestamp::from_unix_millis(expires) };
    Ok((StatusCode::CREATED, Data { data: link }))
}

/// A connection to a port inside the sandbox, as a WebSocket. Binary messages are the bytes; an empty one ends its direction.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/ports/{port}/connect", tag = "network",
    params(("ref" = String, Path), ("port" = u16, Path)),
    responses((status = 101, description = "WebSocket"), (status = "default", body = ErrorBody)))]
pub(crate) async fn connect(
    State(state): State<ApiState>,
    signed_in: Option<Extension<Session>>,
    Path((reference, port)): Path<(String, String)>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgraded(upgrade)?.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    let (id, port) = (state.fleet().resolve(&reference)?, number(&port)?);
    let dialled = state.fleet().dial(&id, port).await.map_err(ApiError::from)?;
    let tracked = state.0.sessions.token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _open = (tracked, OpenSocket::new("/api/v1/agents/ports/connect"));
        let Dialled { stream, over } = dialled;
        tokio::select! {
            outcome = carry(socket, stream) => if let Err(error) = outcome {
                tracing::debug!(%error, "a forwarded connection ended");
            },
            () = over.cancelled() => {}
            () = until(signed_in) => {}
            () = state.stopping().cancelled() => {}
        }
    }))
}

fn number(port: &str) -> Result<u16, ApiError> {
    let number = port.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| ApiError::invalid(format!("{port:?} is not a port"), "give a number from 1 to 65535"))
}

/// Carries bytes both ways until the client leaves. Each side is as fast as the other.
async fn carry(socket: WebSocket, stream: tokio::net::TcpStream) -> io::Result<()> {
    let (mut sink, mut source) = socket.split();
    let (mut from, mut to) = stream.into_split();
    let inward = async {
        while let Some(message) = source.next().await {
            match message.map_err(io::Error::other)? {
                Message::Binary(bytes) if bytes.is_empty() => to.shutdown().await?,
                Message::Binary(bytes) => to.write_all(&bytes).await?,
                Message::Close(_) => break,
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
            }
        }
        Ok(())
    };
    let outward = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK);
            let count = from.read_buf(&mut buffer).await?;
            sink.send(Message::Binary(buffer.split().freeze())).await.map_err(io::Error::other)?;
            if count == 0 {
                // The client ends the connection when its own side is done.
                return std::future::pending::<io::Result<()>>().await;
            }
        }
    };
    tokio::select! {
        outcome = inward => outcome,
        outcome = outward => outcome,
    }
}
