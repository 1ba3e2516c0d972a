//! Memories: kept by importance, found by words, forgotten with time.
//!
//! What a memory weighs now is its importance times 0.99 for each day since it was last used. As time passes all of them lose weight at
//! one rate, so their order stays: it is kept as a number beside each, and the lightest one of a layer is found by an index.

use aether_protocol::{Memory, MemoryLayer, NewMemory, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{
    Change, NewEvent, Store, StoreError, events, folding,
    minds::{self, MindKey, now},
    row,
    vectors::{self, Near},
};

/// Memories of one layer of one mind; the lightest go first.
pub const PER_LAYER: u64 = 1000;
/// What is left of the weight after a day.
const DAILY: f64 = 0.99;
const DAY_MS: f64 = 86_400_000.0;
/// Most words of a question that are looked for.
const WORDS: usize = 32;
/// Memories that a question may match before they are weighed.
const MATCHES: usize = 200;
/// Softens the difference between the first places of two orders that are joined (Cormack and others, "Reciprocal rank fusion").
const SOFT: f64 = 60.0;
/// Weight below which a memory that was not used for [`FADED_DAYS`] is forgotten.
const FADED: f64 = 0.05;
const FADED_DAYS: f64 = 30.0;

/// What to recall.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recall {
    /// Words to look for; the weightiest memories when there are none.
    pub query: Option<String>,
    /// The same question as a vector: what is near it is found beside what has its words.
    pub near: Option<Near>,
    /// Only of this layer.
    pub layer: Option<MemoryLayer>,
    /// Only with all of these tags.
    pub tags: Vec<String>,
    /// At most so many.
    pub limit: usize,
}

impl Change {
    /// Keeps a memory in a mind, and the events that follow from it.
    #[must_use]
    pub fn remember(self, key: MindKey, new: NewMemory, then: impl FnOnce(&Memory) -> Vec<NewEvent> + Send + 'static) -> Self {
        self.with(move |db, done| {
            let memory = store(db, &key, &new)?;
            for event in then(&memory) {
                done.events.push(events::append(db, event)?);
            }
            done.memories.push(memory);
            Ok(())
        })
    }

    /// Notes that memories of a mind were used.
    #[must_use]
    pub fn touch_memories(self, key: MindKey, ids: Vec<u64>) -> Self {
        self.with(move |db, _| touch(db, &key, &ids))
    }

    /// Forgets a memory of a mind.
    #[must_use]
    pub fn forget(self, key: MindKey, id: u64) -> Self {
        self.with(move |db, _| forget(db, &key, id))
    }

    /// Forgets what has ended or faded, in every mind.
    #[must_use]
    pub fn consolidate_memories(self) -> Self {
        self.with(|db, done| {
            done.removed += consolidate(db)?;
            Ok(())
        })
    }
}

impl Store {
    /// Memories of a mind, the most fitting first. Using them is recorded by [`Change::touch_memories`](crate::Change::touch_memories).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recall(&self, key: MindKey, what: Recall) -> Result<Vec<Memory>, StoreError> {
        self.read(move |db| match minds::find(db, &key)? {
            Some(mind) => recall(db, mind, &what),
            None => Ok(Vec::new()),
        })
        .await
    }
}

/// The weight of a memory at a point in time, milliseconds since the epoch.
fn weight(importance: f64, accessed_ms: i64, at_ms: i64) -> f64 {
    importance * DAILY.powf(((at_ms - accessed_ms).max(0) as f64) / DAY_MS)
}

/// Larger for what weighs more, at every point in time.
fn standing(importance: f64, accessed_ms: i64) -> f64 {
    importance.max(1e-9).ln() - accessed_ms as f64 / DAY_MS * DAILY.ln()
}

/// A question as FTS5 takes it: each word quoted, so that nothing in it is syntax; `None` when there is no word.
fn question(query: &str) -> Option<String> {
    let words: Vec<String> = query
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .map(|word| word.chars().take(64).collect::<String>())
        .map(|word| if word.chars().count() > 2 { format!("\"{word}\"*") } else { format!("\"{word}\"") })
        .collect();
    (!words.is_empty()).then(|| format!("{{content tags}} : ({})", words.join(" OR ")))
}

const COLUMNS: &str = "m.id, m.layer, m.content, m.tags, m.importance, m.created_ms, m.accessed_ms, m.accesses, m.expires_ms";
/// What of a mind is meant: its number, layer, now, tags.
pub(crate) const WHICH: &str = "m.mind = ?1 AND (?2 IS NULL OR m.layer = ?2) AND (m.expires_ms IS NULL OR m.expires_ms > ?3)
    AND NOT EXISTS (SELECT 1 FROM json_each(?4) AS want WHERE want.value NOT IN (SELECT value FROM json_each(m.tags)))";

fn recall(db: &Connection, mind: u64, what: &Recall) -> Result<Vec<Memory>, StoreError> {
    let (mind, layer, at) = (row::int(mind), what.layer.map(MemoryLayer::name), now());
    let tags = row::to_json("tags", &what.tags)?;
    let Some(question) = what.query.as_deref().and_then(question) else {
        let sql = format!("SELECT {COLUMNS} FROM memories m WHERE {WHICH} ORDER BY m.standing DESC, m.id DESC LIMIT ?5");
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query((mind, layer, at, tags, what.limit as i64))?;
        let mut found = Vec::new();
        while let Some(r) = rows.next()? {
            found.push(read(r, at)?);
        }
        return Ok(found);
    };
    // The mind is a word of each of its memories, so that no other mind's are looked through.
    let question = format!("mind : \"{mind}\" AND {question}");
    let sql = format!(
        "SELECT {COLUMNS}, bm25(memories_found, 0, 1, 2) AS fits FROM memories_found JOIN memories m ON m.id = memories_found.rowid
         WHERE memories_found MATCH ?5 AND {WHICH} ORDER BY fits LIMIT ?6"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query((mind, layer, at, tags, question, MATCHES as i64))?;
    let mut found = Vec::new();
    while let Some(r) = rows.next()? {
        let memory = read(r, at)?;
        // bm25 is the smaller the better it fits, and below 0.
        let fits: f64 = r.get(9)?;
        found.push((weighed(-fits, memory.importance, r.get(6)?, at), memory));
    }
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let by_words: Vec<Memory> = found.into_iter().map(|(_, memory)| memory).collect();
    let near = match &what.near {
        Some(near) => vectors::nearest(db, mind, what, near, MATCHES)?,
        None => Vec::new(),
    };
    joined(db, by_words, &near, what.limit, at)
}

/// How well a memory fits, with its weight at this time.
pub(crate) fn weighed(fits: f64, importance: f64, accessed_ms: i64, at_ms: i64) -> f64 {
    fits * (0.2 + weight(importance, accessed_ms, at_ms))
}

/// Two orders as one: a place near the front of either counts, of both more.
fn joined(db: &Connection, by_words: Vec<Memory>, near: &[i64], limit: usize, at: i64) -> Result<Vec<Memory>, StoreError> {
    let place = |at: usize| 1.0 / (SOFT + at as f64);
    let mut all: Vec<(f64, Memory)> = by_words.into_iter().enumerate().map(|(i, memory)| (place(i), memory)).collect();
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM memories m WHERE m.id = ?1"))?;
    for (i, id) in near.iter().enumerate() {
        match all.iter_mut().find(|(_, memory)| memory.id == row::uint(*id)) {
            Some((score, _)) => *score += place(i),
            None => {
                if let Some(memory) = statement.query_row([id], |r| Ok(read(r, at))).optional()? {
                    all.push((place(i), memory?));
                }
            }
        }
    }
    all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    Ok(all.into_iter().map(|(_, memory)| memory).take(limit).collect())
}

fn read(r: &Row<'_>, at: i64) -> Result<Memory, StoreError> {
    let (importance, accessed) = (r.get(4)?, r.get(6)?);
    Ok(Memory {
        id: row::uint(r.get(0)?),
        layer: row::from_word("layer", &r.get::<_, String>(1)?)?,
        content: r.get(2)?,
        tags: row::from_json("tags", &r.get::<_, String>(3)?)?,
        importance,
        strength: weight(importance, accessed, at),
        created_at: Timestamp::from_unix_millis(r.get(5)?),
        accessed_at: Timestamp::from_unix_millis(accessed),
        accesses: r.get(7)?,
        expires_at: r.get::<_, Option<i64>>(8)?.map(Timestamp::from_unix_millis),
    })
}

/// Keeps a memory. The same words in the same layer are one memory: the weightier, with the tags of both.
fn store(db: &Connection, key: &MindKey, new: &NewMemory) -> Result<Memory, StoreError> {
    let mind = row::int(minds::need(db, key)?);
    let (at, layer, importance) = (now(), new.layer.name(), new.weight());
    let expires = new.expires_in_seconds.map(|s| at.saturating_add(row::int(s.saturating_mul(1000))));
    let twin: Option<(i64, String, f64)> = db
        .prepare_cached("SELECT id, tags, importance FROM memories WHERE mind = ?1 AND layer = ?2 AND content = ?3")?
        .query_row((mind, layer, &new.content), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let id =
        match twin {
            Some((id, tags, before)) => {
                let mut tags: Vec<String> = row::from_json("tags", &tags)?;
                tags.extend(new.tags.clone());
                let importance = importance.max(before);
                db.prepare_cached(
                "UPDATE memories SET tags = ?2, importance = ?3, standing = ?4, accessed_ms = ?5, expires_ms = ?6 WHERE id = ?1",
            )?
            .execute((id, row::to_json("tags", &distinct(tags))?, importance, standing(importance, at), at, expires))?;
                id
            }
            None => {
                db.prepare_cached(
                    "INSERT INTO memories (mind, layer, content, tags, importance, standing, created_ms, accessed_ms, expires_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
                )?
                .execute((
                    mind,
                    layer,
                    &new.content,
                    row::to_json("tags", &distinct(new.tags.clone()))?,
                    importance,
                    standing(importance, at),
                    at,
                    expires,
                ))?;
                let id = db.last_insert_rowid();
                evict(db, mind, layer)?;
                id
            }
        };
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM memories m WHERE m.id = ?1"))?;
    let stored = statement.query_row([id], |r| Ok(read(r, at))).optional()?.transpose()?;
    stored.ok_or(StoreError::TooLight(PER_LAYER))
}

fn distinct(tags: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        if kept.len() < aether_protocol::memory::MAX_TAGS && !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    kept
}

/// Makes the layer as small as it may be. What has ended goes first, then the lightest.
fn evict(db: &Connection, mind: i64, layer: &str) -> Result<(), StoreError> {
    let held: i64 = db
        .prepare_cached("SELECT count(*) FROM memories WHERE mind = ?1 AND layer = ?2")?
        .query_row((mind, layer), |r| r.get(0))?;
    let over = row::uint(held).saturating_sub(PER_LAYER);
    if over > 0 {
        db.prepare_cached(
            "DELETE FROM memories WHERE id IN (SELECT id FROM memories WHERE mind = ?1 AND layer = ?2
               ORDER BY (expires_ms IS NOT NULL AND expires_ms <= ?3) DESC, standing, id LIMIT ?4)",
        )?
        .execute((mind, layer, now(), row::int(over)))?;
    }
    Ok(())
}

/// Notes that memories were used: they weigh as much as at first again.
fn touch(db: &Connection, key: &MindKey, ids: &[u64]) -> Result<(), StoreError> {
    let Some(mind) = minds::find(db, key)? else { return Ok(()) };
    let at = now();
    let mut statement = db.prepare_cached(
        "UPDATE memories SET accessed_ms = ?3, accesses = accesses + 1, standing = standing + (?3 - accessed_ms) * ?4
         WHERE id = ?1 AND mind = ?2 AND accessed_ms <= ?3",
    )?;
    for id in ids {
        statement.execute((row::int(*id), row::int(mind), at, -DAILY.ln() / DAY_MS))?;
    }
    Ok(())
}

/// Forgets a memory of this mind; one of another is none.
fn forget(db: &Connection, key: &MindKey, id: u64) -> Result<(), StoreError> {
    let mind = minds::find(db, key)?.unwrap_or(0);
    let gone = db.prepare_cached("DELETE FROM memories WHERE id = ?1 AND mind = ?2")?.execute((row::int(id), row::int(mind)))?;
    if gone == 1 { Ok(()) } else { Err(StoreError::Outdated("memory")) }
}

/// Forgets what has ended or faded and folds old entries of runs, in every mind; how many went.
fn consolidate(db: &Connection) -> Result<u64, StoreError> {
    let at = now();
    let ended = db.prepare_cached("DELETE FROM memories WHERE expires_ms IS NOT NULL AND expires_ms <= ?1")?.execute([at])?;
    // A weight of FADED now has this standing.
    let faded = standing(FADED, at);
    let unused = at - (FADED_DAYS * DAY_MS) as i64;
    let gone = db.prepare_cached("DELETE FROM memories WHERE standing < ?1 AND accessed_ms < ?2")?.execute((faded, unused))?;
    Ok((ended + gone) as u64 + folding::fold(db)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_falls_by_a_hundredth_a_day_and_order_stays() {
        let day = DAY_MS as i64;
        assert!((weight(0.5, 0, 0) - 0.5).abs() < 1e-9);
        assert!((weight(0.5, 0, day) - 0.495).abs() < 1e-9);
        assert!((weight(1.0, 0, 100 * day) - 0.366).abs() < 1e-3);
        for (a, b) in [((0.9, 0), (0.5, 10 * day)), ((0.5, 0), (0.5, 1000)), ((0.1, 300 * day), (1.0, 0)), ((0.0, 0), (0.01, 0))]
        {
            let by_standing = standing(a.0, a.1).total_cmp(&standing(b.0, b.1));
            let by_weight = weight(a.0, a.1, 400 * day).total_cmp(&weight(b.0, b.1, 400 * day));
            assert_eq!(by_standing, by_weight, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_question_has_no_syntax() {
        assert_eq!(question("tide turns"), Some("{content tags} : (\"tide\"* OR \"turns\"*)".into()));
        assert_eq!(question(r#"a" OR content:* NEAR(x) -b ^c"#).unwrap_or_default().matches('*').count(), 2, "content and NEAR");
        assert_eq!(question("\" ( ) * : ^ - +"), None);
        assert_eq!(question(&"w ".repeat(500)).unwrap_or_default().matches("OR").count(), WORDS - 1);
    }
}
