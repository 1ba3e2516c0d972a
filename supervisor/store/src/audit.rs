//! Who did what: append-only (the database refuses changes).

use aether_protocol::Timestamp;
use rusqlite::Connection;
use serde_json::Value;

use crate::{Store, StoreError, row};

/// An entry to append.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Who: an owner, or `service`.
    pub who: String,
    /// What, for example `agent.kill`, `session.signin`, `agent.launch.reduced`.
    pub action: String,
    /// On what: an agent id, an address.
    pub subject: String,
    /// How it ended; free form.
    pub outcome: Value,
}

/// An entry as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Number of the entry, from 1.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// The entry.
    pub entry: AuditEntry,
}

impl Store {
    /// The newest entries, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(move |db| {
            let mut statement =
                db.prepare_cached("SELECT id, at_ms, who, action, subject, outcome FROM audit ORDER BY id DESC LIMIT ?1")?;
            let mut rows = statement.query([limit])?;
            let mut records = Vec::new();
            while let Some(r) = rows.next()? {
                let outcome = row::from_json("audit outcome", &r.get::<_, String>(5)?)?;
                records.push(AuditRecord {
                    id: row::uint(r.get(0)?),
                    at: Timestamp::from_unix_millis(r.get(1)?),
                    entry: AuditEntry { who: r.get(2)?, action: r.get(3)?, subject: r.get(4)?, outcome },
                });
            }
            Ok(records)
        })
        .await
    }
}

pub(crate) fn append(db: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    let outcome = row::to_json("audit outcome", &entry.outcome)?;
    db.prepare_cached("INSERT INTO audit (at_ms, who, action, subject, outcome) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        Timestamp::now().unix_millis().unwrap_or(0),
        &entry.who,
        &entry.action,
        &entry.subject,
        outcome,
    ))?;
    Ok(())
}
