//! Who did what: append-only (the database refuses changes), each record chained to the one before by its hash.
//!
//! `hash = SHA-256(hash of the record before || fields)`, both hashes as raw bytes, 32 zero bytes before the first record.
//! The fields are number, milliseconds since 1970, who, action, subject and outcome (canonical JSON), in this order, as decimal
//! numbers or UTF-8 text, each after its length in bytes as 8 bytes little-endian.

use aether_protocol::{Timestamp, canonical_json};
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

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
    /// Number of the entry, from 1, without gaps.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// The entry.
    pub entry: AuditEntry,
    /// Its place in the chain: SHA-256 in lower-case hexadecimal digits.
    pub hash: String,
}

/// A chain that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSummary {
    /// How many records there are.
    pub records: u64,
    /// Hash of the last one; 64 zeros when there is none.
    pub head: String,
}

/// What checking the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every record is there and as it was written.
    Whole(AuditSummary),
    /// The first record that is not.
    Broken {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        cause: String,
    },
}

const COLUMNS: &str = "id, at_ms, who, action, subject, outcome, hash";
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Store {
    /// Records after number `since`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self, since: u64, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2"))?;
            let mut rows = statement.query((row::int(since), limit))?;
            let mut records = Vec::new();
            while let Some(r) = rows.next()? {
                let raw = Raw::read(r)?;
                let outcome = row::from_json("audit outcome", &raw.outcome)?;
                records.push(AuditRecord {
                    id: row::uint(raw.id),
                    at: Timestamp::from_unix_millis(raw.at_ms),
                    entry: AuditEntry { who: raw.who, action: raw.action, subject: raw.subject, outcome },
                    hash: raw.hash,
                });
            }
            Ok(records)
        })
        .await
    }

    /// How many records there are, and the hash of the last one. Checks nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_head(&self) -> Result<AuditSummary, StoreError> {
        self.read(|db| head(db).map(|(records, head)| AuditSummary { records: row::uint(records), head })).await
    }

    /// Recomputes the whole chain: finds a record that was changed, removed or put in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        self.read(verify).await
    }
}

/// A row as it is stored.
struct Raw {
    id: i64,
    at_ms: i64,
    who: String,
    action: String,
    subject: String,
    outcome: String,
    hash: String,
}

impl Raw {
    fn read(r: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: r.get(0)?,
            at_ms: r.get(1)?,
            who: r.get(2)?,
            action: r.get(3)?,
            subject: r.get(4)?,
            outcome: r.get(5)?,
            hash: r.get(6)?,
        })
    }

    /// What its hash has to be after `previous`.
    fn chained(&self, previous: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(bytes_of(previous));
        let (id, at_ms) = (self.id.to_string(), self.at_ms.to_string());
        for field in [&id, &at_ms, &self.who, &self.action, &self.subject, &self.outcome] {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The bytes of a stored hash. Text that is none has no bytes, and so no record fits behind it.
fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

pub(crate) fn append(db: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    let (last, previous) = head(db)?;
    let mut raw = Raw {
        id: last + 1,
        at_ms: Timestamp::now().unix_millis().unwrap_or(0),
        who: entry.who.clone(),
        action: entry.action.clone(),
        subject: entry.subject.clone(),
        outcome: canonical_json(&entry.outcome),
        hash: String::new(),
    };
    raw.hash = raw.chained(&previous);
    insert(db, &raw)?;
    Ok(())
}

fn insert(db: &Connection, raw: &Raw) -> rusqlite::Result<()> {
    let place = format!("INSERT INTO audit ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    db.prepare_cached(&place)?.execute((raw.id, raw.at_ms, &raw.who, &raw.action, &raw.subject, &raw.outcome, &raw.hash))?;
    db.prepare_cached("UPDATE audit_head SET number = ?1, hash = ?2")?.execute((raw.id, &raw.hash))?;
    Ok(())
}

fn head(db: &Connection) -> Result<(i64, String), StoreError> {
    Ok(db.prepare_cached("SELECT number, hash FROM audit_head")?.query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

fn verify(db: &Connection) -> Result<AuditVerdict, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM audit ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let (mut records, mut previous) = (0_i64, START.to_owned());
    let broken = |number: i64, cause: &str| Ok(AuditVerdict::Broken { number: row::uint(number), cause: cause.to_owned() });
    while let Some(r) = rows.next()? {
        let raw = Raw::read(r)?;
        records += 1;
        if raw.id != records {
            return broken(records, "it is missing");
        }
        if raw.hash != raw.chained(&previous) {
            return broken(records, "its hash does not fit: it, or the record before it, is not the one that was written");
        }
        previous = raw.hash;
    }
    let (last, head) = head(db)?;
    if last > records {
        return broken(records + 1, "it is missing");
    }
    if last < records || head != previous {
        return broken(records, "it is not the last record that was written");
    }
    Ok(AuditVerdict::Whole(AuditSummary { records: row::uint(records), head }))
}

/// The hook of migration 2: chains the records of before, under new numbers where there were gaps.
pub(crate) fn chain_old_records(db: &rusqlite::Transaction<'_>) -> rusqlite_migration::HookResult {
    let mut statement = db.prepare("SELECT id, at_ms, who, action, subject, outcome, '' FROM audit_unchained ORDER BY id")?;
    let old = statement.query_map([], Raw::read)?.collect::<Result<Vec<_>, _>>()?;
    drop(statement);
    let mut previous = START.to_owned();
    for (raw, id) in old.into_iter().zip(1..) {
        let mut raw = Raw { id, ..raw };
        raw.hash = raw.chained(&previous);
        insert(db, &raw)?;
        previous = raw.hash;
    }
    db.execute_batch("DROP TABLE audit_unchained")?;
    Ok(())
}
