//! Old entries of the journal become one: a mind that worked on hundreds of goals keeps what came of them, in few words.

use aether_protocol::Timestamp;
use rusqlite::{Connection, Row};

use crate::{StoreError, row};

/// Entries of runs that a mind keeps as they are, at most.
const WHOLE: i64 = 64;
/// Entries that become one.
const FOLDED: usize = 32;
/// Minds that are looked after in one change.
const MINDS: i64 = 50;
/// Characters of a goal and of an outcome that are kept, and of the whole.
const SHORT: usize = 120;
const LONGEST: usize = 6000;
/// The entry of a run, and nothing that somebody else gave the same tag.
const ENTRY: &str = "m.layer = 'episodic' AND (m.content GLOB 'Goal, reached: *' OR m.content GLOB 'Goal, not reached: *')
    AND EXISTS (SELECT 1 FROM json_each(m.tags) AS tag WHERE tag.value = 'run')";

/// The entry of one run.
struct Entry {
    id: i64,
    content: String,
    tags: Vec<String>,
    importance: f64,
    standing: f64,
    created_ms: i64,
    accessed_ms: i64,
}

/// Folds the oldest entries of every mind that has more of them than it keeps; how many are gone.
pub(crate) fn fold(db: &Connection) -> Result<u64, StoreError> {
    let sql = format!("SELECT m.mind FROM memories m WHERE {ENTRY} GROUP BY m.mind HAVING count(*) > ?1 LIMIT ?2");
    let minds: Vec<i64> = db.prepare_cached(&sql)?.query_map((WHOLE, MINDS), |r| r.get(0))?.collect::<Result<_, _>>()?;
    let mut gone = 0;
    for mind in minds {
        let entries = oldest(db, mind)?;
        for entry in &entries {
            db.prepare_cached("DELETE FROM memories WHERE id = ?1")?.execute([entry.id])?;
        }
        gone += entries.len() as u64;
        keep(db, mind, &entries)?;
    }
    Ok(gone)
}

fn oldest(db: &Connection, mind: i64) -> Result<Vec<Entry>, StoreError> {
    let sql = format!(
        "SELECT m.id, m.content, m.tags, m.importance, m.standing, m.created_ms, m.accessed_ms FROM memories m
         WHERE m.mind = ?1 AND {ENTRY} ORDER BY m.created_ms, m.id LIMIT ?2"
    );
    let read = |r: &Row<'_>| -> rusqlite::Result<_> {
        let entry = Entry {
            id: r.get(0)?,
            content: r.get(1)?,
            tags: Vec::new(),
            importance: r.get(3)?,
            standing: r.get(4)?,
            created_ms: r.get(5)?,
            accessed_ms: r.get(6)?,
        };
        Ok((entry, r.get::<_, String>(2)?))
    };
    let mut statement = db.prepare_cached(&sql)?;
    let mut entries = Vec::new();
    for found in statement.query_map((mind, FOLDED as i64), read)? {
        let (entry, tags) = found?;
        entries.push(Entry { tags: row::from_json("tags", &tags)?, ..entry });
    }
    Ok(entries)
}

/// One memory in their place: as old as the newest of them, and as heavy as the heaviest.
fn keep(db: &Connection, mind: i64, entries: &[Entry]) -> Result<(), StoreError> {
    let Some(newest) = entries.last() else { return Ok(()) };
    let heaviest = entries.iter().fold(newest, |best, entry| if entry.standing > best.standing { entry } else { best });
    let mut tags = vec!["runs".to_owned()];
    // What one of them may have from outside, the whole may have.
    tags.extend(entries.iter().any(|entry| entry.tags.iter().any(|tag| tag == "outside")).then(|| "outside".to_owned()));
    db.prepare_cached(
        "INSERT INTO memories (mind, layer, content, tags, importance, standing, created_ms, accessed_ms, expires_ms)
         VALUES (?1, 'episodic', ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
    )?
    .execute((
        mind,
        summary(entries),
        row::to_json("tags", &tags)?,
        heaviest.importance,
        heaviest.standing,
        newest.created_ms,
        heaviest.accessed_ms,
    ))?;
    Ok(())
}

/// Days, counts, what was not reached and why, and the goals that were.
fn summary(entries: &[Entry]) -> String {
    let (mut reached, mut missed) = (Vec::new(), Vec::new());
    for entry in entries {
        let (first, rest) = entry.content.split_once('\n').unwrap_or((&entry.content, ""));
        let outcome = rest.lines().find_map(|line| line.strip_prefix("Outcome: ")).unwrap_or_default();
        match first.strip_prefix("Goal, reached: ") {
            Some(goal) => reached.push(short(goal)),
            None => missed.push(format!("{} ({})", short(first.trim_start_matches("Goal, not reached: ")), short(outcome))),
        }
    }
    let day = |entry: Option<&Entry>| {
        entry.map_or_else(String::new, |entry| Timestamp::from_unix_millis(entry.created_ms).0.chars().take(10).collect())
    };
    let mut text = format!(
        "{} runs from {} to {}: {} reached their goal, {} did not.",
        entries.len(),
        day(entries.first()),
        day(entries.last()),
        reached.len(),
        missed.len()
    );
    for (title, mut goals) in [("Not reached", missed), ("Reached", reached)] {
        goals.dedup();
        if !goals.is_empty() {
            text.push_str(&format!("\n{title}: {}", goals.join("; ")));
        }
    }
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
