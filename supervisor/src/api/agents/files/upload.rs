//! Write a file.

use std::{sync::Arc, time::Duration};

use aether_protocol::{ApiError, ErrorBody, ErrorCode, FileKind};
use axum::{
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::{fs::File, io::AsyncWriteExt};
use utoipa::IntoParams;

use super::check_path;
use crate::{
    api::{ApiState, Failure, body, error::Answer, query::Query},
    fleet::{FsSession, OpenHow, inherited},
};

/// A client that sends nothing for so long has gone.
const IDLE: Duration = Duration::from_secs(60);

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// Path inside; relative ones start at the home.
    path: String,
    /// Permission bits in octal; those of the file that is replaced, else 0644.
    #[serde(default)]
    mode: Option<String>,
}

/// Writes a file as a whole: the body goes to a temporary file beside it, which then takes its place. A broken upload leaves
/// what was there before.
#[utoipa::path(put, path = "/api/v1/agents/{ref}/files", tag = "files", params(("ref" = String, Path), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "Written"), (status = "default", body = ErrorBody)))]
pub(crate) async fn upload(
    State(state): State<ApiState>,
    Path(reference): Path<String>,
    Query(query): Query<UploadQuery>,
    mut body: Body,
) -> Answer<StatusCode> {
    // On a task of its own: when the client goes away its request is dropped, and the temporary file must still be removed.
    let task = tokio::spawn(inherited(async move {
        let result = store(&state, &reference, &query, &mut body).await;
        if result.is_err() {
            body::drain(&mut body).await;
        }
        result
    }));
    task.await.map_err(Failure::internal)??;
    Ok(StatusCode::NO_CONTENT)
}

async fn store(state: &ApiState, reference: &str, query: &UploadQuery, body: &mut Body) -> Result<(), ApiError> {
    check_path(&query.path)?;
    let mode = query.mode.as_deref().map(parse_mode).transpose()?;
    let id = state.fleet().resolve(reference)?;
    let fs = Arc::new(state.fleet().fs(&id).await?);
    let mode = replaced_mode(&fs, &query.path).await?.map_or(mode, |old| Some(mode.unwrap_or(old))).unwrap_or(0o644);
    let beside = temporary_name(&query.path)?;
    let opened = fs.open(&beside, OpenHow::CreateNew { mode }).await?;
    let mut written = write(File::from_std(std::fs::File::from(opened.fd)), body).await;
    if written.is_ok() {
        written = fs.rename(&beside, &query.path).await;
    }
    if written.is_err()
        && let Err(error) = fs.remove(&beside, crate::fleet::Depth::One).await
    {
        tracing::warn!(agent = %id, path = beside, %error, "a broken upload left its temporary file");
    }
    written
}

/// Permission bits of the file that will be replaced.
async fn replaced_mode(fs: &FsSession, path: &str) -> Result<Option<u32>, ApiError> {
    match fs.stat(path).await {
        Ok(entry) if entry.kind == FileKind::Directory => {
            Err(ApiError::new(ErrorCode::WrongKind, format!("{path} is a directory"), "name the file inside it"))
        }
        Ok(entry) if entry.kind == FileKind::File => Ok(Some(entry.mode & 0o777)),
        Ok(_) => Ok(None),
        Err(error) if error.code == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn write(mut file: File, body: &mut Body) -> Result<(), ApiError> {
    loop {
        let frame = tokio::time::timeout(IDLE, body.frame()).await;
        let frame =
            frame.map_err(|_| ApiError::invalid("the upload stopped half-way", "check the connection, then send it again"))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| ApiError::invalid(format!("the upload broke off: {error}"), "send it again"))?;
        if let Ok(data) = frame.into_data() {
            file.write_all(&data).await.map_err(failed)?;
        }
    }
    file.flush().await.map_err(failed)?;
    // Acknowledged means on the disk.
    file.sync_all().await.map_err(failed)
}

fn failed(error: std::io::Error) -> ApiError {
    let quota = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    if quota {
        return ApiError::new(ErrorCode::NoSpace, "the agent's disk is full", "remove files of this agent, or of others");
    }
    tracing::error!(%error, "upload");
    ApiError::internal("the file could not be written")
}

fn parse_mode(text: &str) -> Result<u32, ApiError> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| {
        ApiError::invalid(format!("mode {text:?} is not a set of permission bits"), "give octal digits, for example 0644")
    })
}

/// A name in the same directory, so that the rename stays within one file system.
fn temporary_name(path: &str) -> Result<String, ApiError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| ApiError::internal(format!("no randomness: {error}")))?;
    let directory = match path.rsplit_once('/') {
        Some((_, "" | "." | "..")) => {
            return Err(ApiError::new(ErrorCode::WrongKind, format!("{path} names no file"), "add the file's name"));
        }
        Some((directory, _)) => format!("{directory}/"),
        None => String::new(),
    };
    Ok(format!("{directory}.aether-upload-{:016x}", u64::from_le_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_bits_are_octal() {
        assert_eq!(parse_mode("0644").unwrap(), 0o644);
        assert_eq!(parse_mode("755").unwrap(), 0o755);
        for bad in ["", "9", "4755", "-1", "0x1ff", "rw"] {
            assert!(parse_mode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn temporary_files_lie_beside_the_target() {
        assert!(temporary_name("/home/agent/a.txt").unwrap().starts_with("/home/agent/.aether-upload-"));
        assert!(temporary_name("a.txt").unwrap().starts_with(".aether-upload-"));
        assert!(temporary_name("/a").unwrap().starts_with("/.aether-upload-"));
        assert!(temporary_name("dir/").is_err());
        assert!(temporary_name("dir/..").is_err());
    }

    #[tokio::test]
    async fn writes_everything() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut body = Body::from("content");
        write(File::create(&path).await.unwrap(), &mut body).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"content");
    }
}
