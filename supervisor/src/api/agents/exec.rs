//! Start a program beside an agent's own.

use std::collections::BTreeMap;

use aether_protocol::{ApiError, CommandSpec, ErrorBody, TtyId, spec};
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer},
    fleet::ExecRequest,
};

/// The program.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecBody {
    /// Program and arguments.
    argv: Vec<String>,
    /// Environment added to the agent's.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Absolute directory inside to start in.
    #[serde(default)]
    workdir: Option<String>,
    /// Give it a terminal.
    #[serde(default)]
    tty: bool,
    /// Keep its standard input open.
    #[serde(default)]
    stdin: bool,
    /// Columns of the terminal (default 120).
    #[serde(default)]
    cols: Option<u16>,
    /// Rows of the terminal (default 36).
    #[serde(default)]
    rows: Option<u16>,
}

/// What was started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Started {
    /// Its id for `/api/v1/attach/{id}`, also when it has no terminal.
    tty_id: TtyId,
}

/// Starts a program in a live agent's sandbox.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/exec", tag = "agents", params(("ref" = String, Path)), request_body = ExecBody,
    responses((status = 201, body = Data<Started>), (status = "default", body = ErrorBody)))]
pub(crate) async fn exec(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(body): Body<ExecBody>,
) -> Answer<(StatusCode, Data<Started>)> {
    let request = checked(body)?;
    let handle = state.fleet().exec(&id, request).await?;
    Ok((StatusCode::CREATED, Data { data: Started { tty_id: handle.tty_id() } }))
}

fn checked(body: ExecBody) -> Result<ExecRequest, ApiError> {
    let ExecBody { argv, env, workdir, tty, stdin, cols, rows } = body;
    let command = CommandSpec { argv, tty, stdin, cols, rows };
    spec::check_command(&command)?;
    spec::check_env(&env)?;
    if let Some(dir) = &workdir {
        spec::check_guest_path("workdir", dir)?;
    }
    let CommandSpec { argv, .. } = command;
    Ok(ExecRequest { argv, env, workdir, tty, stdin, cols, rows })
}
