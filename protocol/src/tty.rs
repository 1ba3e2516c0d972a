//! Terminals of an agent.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, TtyId};

/// A terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TtyInfo {
    /// Its id.
    pub tty_id: TtyId,
    /// Number of its agent.
    #[ts(type = "number")]
    pub pid: u64,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// The program, for people.
    pub title: String,
    /// Opened at.
    pub opened_at: Timestamp,
    /// Bytes printed so far: the offset the next output has.
    #[ts(type = "number")]
    pub offset: u64,
    /// Offset of the oldest byte still held for scrollback.
    #[ts(type = "number")]
    pub oldest: u64,
    /// Its program has ended.
    pub closed: bool,
}

/// A small true picture of an agent's screen: the text cells of its terminal, or its last lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Screen {
    /// Columns of the terminal.
    pub cols: u16,
    /// Rows of the terminal.
    pub rows: u16,
    /// Text of each row from the top, trailing blanks removed.
    pub lines: Vec<String>,
    /// Changes with every change of the picture.
    #[ts(type = "number")]
    pub version: u64,
}
