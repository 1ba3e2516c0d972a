//! `fs.*`: files of an agent.

use aether_protocol::{
    ApiError, ErrorCode,
    command::{Command, FsRead},
};
use serde_json::{Value, json};

use super::{
    commands::{agent, data},
    lanes::subject,
};
use crate::{
    api::ApiState,
    fleet::{Depth, FsSession},
};

/// Longest text that travels in a command's answer.
const MAX_TEXT: u64 = 1 << 20;

/// Runs a command about files; any other one is given back.
pub(crate) async fn run(state: &ApiState, command: Command) -> Result<Result<Value, ApiError>, Command> {
    let Some(reference) = subject(&command).filter(|_| command.name().starts_with("fs.")) else { return Err(command) };
    Ok(match session(state, reference).await {
        Ok(fs) => act(&fs, command).await,
        Err(error) => Err(error),
    })
}

async fn session(state: &ApiState, reference: &aether_protocol::command::AgentRef) -> Result<FsSession, ApiError> {
    state.fleet().fs(&agent(state, reference)?).await
}

async fn act(fs: &FsSession, command: Command) -> Result<Value, ApiError> {
    match command {
        Command::FsRead(c) => read(fs, &c).await,
        Command::FsWrite(c) => fs.replace(&c.path, c.content.as_bytes()).await.map(|()| Value::Null),
        Command::FsMkdir(c) => fs.mkdir(&c.path, depth(c.recursive)).await.map(|()| Value::Null),
        Command::FsRm(c) => fs.remove(&c.path, depth(c.recursive)).await.map(|()| Value::Null),
        Command::FsLs(c) => list(fs, &c.path).await,
        Command::FsStat(c) => data(&fs.stat(&c.path).await?),
        Command::FsMv(c) => fs.rename(&c.from, &c.to).await.map(|()| Value::Null),
        Command::FsCp(c) => fs.copy(&c.from, &c.to).await.map(|()| Value::Null),
        other => Err(ApiError::internal(format!("{} is not about files", other.name()))),
    }
}

/// A whole directory: a command's answer has no place to say that there is more.
async fn list(fs: &FsSession, path: &str) -> Result<Value, ApiError> {
    let page = fs.list(path, None).await?;
    if page.next.is_some() {
        let cause = format!("{path} has {} entries, and one answer takes {}", page.total, page.entries.len());
        return Err(ApiError::new(
            ErrorCode::TooLarge,
            cause,
            "list it by pages: GET /api/v1/agents/{ref}/entries, or aether ls",
        ));
    }
    data(&page.entries)
}

async fn read(fs: &FsSession, command: &FsRead) -> Result<Value, ApiError> {
    let bytes = fs.read(&command.path, MAX_TEXT).await?;
    let size = bytes.len();
    let content = String::from_utf8(bytes).map_err(|_| {
        let cause = format!("{} is not a text file", command.path);
        ApiError::new(ErrorCode::WrongKind, cause, "download it: GET /api/v1/agents/{ref}/files, or aether cp")
    })?;
    Ok(json!({ "content": content, "size": size }))
}

const fn depth(recursive: bool) -> Depth {
    if recursive { Depth::Recursive } else { Depth::One }
}
