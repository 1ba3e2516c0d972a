//! `read_file`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done, failed};
use crate::{CallOutcome, HandsError, images, text};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// File to read; ~ is the home directory.
    path: String,
    /// First byte to read (default 0).
    #[serde(default)]
    offset: u64,
    /// First line to read, from 1, instead of an offset.
    #[serde(default)]
    line: Option<u64>,
    /// At most so many lines.
    #[serde(default)]
    lines: Option<u64>,
}

/// Bytes looked through at a time for a line, and in all.
const CHUNK: usize = 256 << 10;
const SEARCHED: u64 = 64 << 20;

pub(super) struct ReadFile;

#[async_trait]
impl Tool for ReadFile {
    type Args = Args;
    const NAME: &'static str = "read_file";
    const DESCRIPTION: &'static str = "Reads a text file, or shows a picture (PNG, JPEG, GIF, WebP). Long files come in parts of about 3900 \
        characters: go on with offset, or begin at a line.";
    const EFFECT: Effect = Effect::None;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let path = site.path(&args.path);
        let offset = match args.line {
            None => args.offset,
            Some(_) if args.offset > 0 => return Ok(failed("give offset or line, not both")),
            Some(line) => match start_of(line, &path, site).await? {
                Ok(offset) => offset,
                Err(why) => return Ok(failed(format!("{}: {why}", args.path))),
            },
        };
        // Four bytes are the longest character: enough bytes for a full part, plus one to know whether there is more.
        let limit = text::OBSERVATION * 4;
        let bytes = site.hands.read_file(&path, offset, limit + 1).await?;
        if offset == 0 && images::media_type(&bytes).is_some() {
            return images::read(&args.path, site).await;
        }
        if bytes.contains(&0) {
            return Ok(failed(format!("{} is not a text file (it has NUL bytes)", args.path)));
        }
        let content = String::from_utf8_lossy(&bytes);
        let part: String = content.chars().take(text::OBSERVATION - 100).collect();
        let part = match args.lines.and_then(|lines| usize::try_from(lines).ok()) {
            Some(lines) => part.split_inclusive('\n').take(lines).collect(),
            None => part,
        };
        if part.len() == content.len() {
            return Ok(done(part));
        }
        let next = offset + part.len() as u64;
        Ok(done(format!("{part}\n[... there is more: read_file with offset {next} ...]")))
    }
}

/// Offset of a line, from 1; or why there is none.
async fn start_of(line: u64, path: &str, site: &Site<'_>) -> Result<Result<u64, String>, HandsError> {
    let (mut offset, mut left) = (0, line.saturating_sub(1));
    while left > 0 {
        let bytes = site.hands.read_file(path, offset, CHUNK).await?;
        if bytes.is_empty() {
            return Ok(Err(format!("it has no line {line}")));
        }
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            left -= 1;
            if left == 0 {
                return Ok(Ok(offset + at as u64 + 1));
            }
        }
        offset += bytes.len() as u64;
        if offset > SEARCHED {
            return Ok(Err(format!("line {line} lies beyond {} MiB; use sed with run_command", SEARCHED >> 20)));
        }
    }
    Ok(Ok(offset))
}
