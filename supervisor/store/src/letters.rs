//! Letters between agents, and who started whom.

use aether_protocol::{AgentId, Letter, LetterKind, Timestamp};
use rusqlite::{Connection, Row};

use crate::{Change, NewEvent, Store, StoreError, events, minds::now, row};

/// Letters that may wait for one agent.
pub const WAITING: i64 = 100;
/// Letters of one sender that may wait for one agent: nobody fills another's box alone.
pub const WAITING_OF_ONE: i64 = 20;
/// Letters given to one call.
const TAKEN: i64 = 20;
/// Letters of one agent that stay after they were read.
const KEPT: i64 = 500;

/// A letter to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLetter {
    /// Who writes.
    pub from: AgentId,
    /// To whom.
    pub to: AgentId,
    /// What it is for.
    pub kind: LetterKind,
    /// The letter it answers.
    pub about: Option<u64>,
    /// What it says.
    pub content: String,
}

impl Change {
    /// Sends a letter, and the events that follow from it; refused while too many wait.
    #[must_use]
    pub fn send_letter(self, new: NewLetter, then: impl FnOnce(&Letter) -> Vec<NewEvent> + Send + 'static) -> Self {
        self.with(move |db, done| {
            let letter = send(db, &new)?;
            for event in then(&letter) {
                done.events.push(events::append(db, event)?);
            }
            done.letters.push(letter);
            Ok(())
        })
        .posting()
    }

    /// Gives the letters that wait to a call, and the events that follow from it. The same call gets the same ones again.
    #[must_use]
    pub fn take_letters(
        self,
        to: &AgentId,
        call: String,
        then: impl FnOnce(&[Letter]) -> Vec<NewEvent> + Send + 'static,
    ) -> Self {
        let to = to.clone();
        self.with(move |db, done| {
            let again = given(db, &to, &call)?;
            let letters = if again.is_empty() { take(db, &to, &call)? } else { again.clone() };
            // What was told once is not told again.
            for event in if again.is_empty() { then(&letters) } else { Vec::new() } {
                done.events.push(events::append(db, event)?);
            }
            done.letters.extend(letters);
            Ok(())
        })
    }

    /// Records who started an agent that is recorded before or in this change, and the events that follow: they may need its number.
    #[must_use]
    pub fn adopt_child(
        self,
        child: &AgentId,
        parent: &AgentId,
        kept: bool,
        then: impl FnOnce(u64) -> Vec<NewEvent> + Send + 'static,
    ) -> Self {
        let (child, parent) = (child.clone(), parent.clone());
        self.with(move |db, done| {
            for event in then(adopt(db, &child, &parent, kept)?) {
                done.events.push(events::append(db, event)?);
            }
            Ok(())
        })
    }
}

impl Store {
    /// Letters to and from an agent, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn letters(&self, agent: AgentId, limit: u32) -> Result<Vec<Letter>, StoreError> {
        self.read(move |db| {
            let sql = format!("{SELECT} WHERE to_id = ?1 OR from_id = ?1 ORDER BY id DESC LIMIT ?2");
            collect(db, &sql, (agent.as_str(), limit))
        })
        .await
    }

    /// One letter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn letter(&self, id: u64) -> Result<Option<Letter>, StoreError> {
        self.read(move |db| Ok(collect(db, &format!("{SELECT} WHERE id = ?1"), [row::int(id)])?.pop())).await
    }

    /// How many letters wait for an agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn letters_waiting(&self, agent: AgentId) -> Result<u64, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached("SELECT count(*) FROM letters WHERE to_id = ?1 AND read_ms IS NULL")?;
            Ok(row::uint(statement.query_row([agent.as_str()], |r| r.get(0))?))
        })
        .await
    }

    /// Every child with its parent, and whether it outlives it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn children(&self) -> Result<Vec<(AgentId, AgentId, bool)>, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT child, parent, kept FROM children")?;
            let mut rows = statement.query([])?;
            let mut children = Vec::new();
            while let Some(r) = rows.next()? {
                let id = |i: usize| row::parse("agent id", &r.get::<_, String>(i)?);
                children.push((id(0)?, id(1)?, r.get(2)?));
            }
            Ok(children)
        })
        .await
    }
}

const SELECT: &str = "SELECT id, from_id, to_id, kind, about, content, sent_ms, read_ms FROM letters";

fn collect(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Letter>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut letters = Vec::new();
    while let Some(r) = rows.next()? {
        letters.push(read(r)?);
    }
    Ok(letters)
}

fn read(r: &Row<'_>) -> Result<Letter, StoreError> {
    Ok(Letter {
        id: row::uint(r.get(0)?),
        from: row::parse("agent id", &r.get::<_, String>(1)?)?,
        to: row::parse("agent id", &r.get::<_, String>(2)?)?,
        kind: row::from_word("kind", &r.get::<_, String>(3)?)?,
        about: r.get::<_, Option<i64>>(4)?.map(row::uint),
        content: r.get(5)?,
        sent_at: Timestamp::from_unix_millis(r.get(6)?),
        read_at: r.get::<_, Option<i64>>(7)?.map(Timestamp::from_unix_millis),
    })
}

/// Sends a letter; refused while too many wait. Nothing that waits is dropped for it.
fn send(db: &Connection, new: &NewLetter) -> Result<Letter, StoreError> {
    let (all, of_one): (i64, i64) = db
        .prepare_cached(
            "SELECT count(*), count(CASE WHEN from_id = ?2 THEN 1 END) FROM letters WHERE to_id = ?1 AND read_ms IS NULL",
        )?
        .query_row((new.to.as_str(), new.from.as_str()), |r| Ok((r.get(0)?, r.get(1)?)))?;
    if all >= WAITING || of_one >= WAITING_OF_ONE {
        return Err(StoreError::TooManyLetters(new.to.clone()));
    }
    let kind = row::to_word("kind", &new.kind)?;
    db.prepare_cached("INSERT INTO letters (from_id, to_id, kind, about, content, sent_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((new.from.as_str(), new.to.as_str(), kind, new.about.map(row::int), &new.content, now()))
        .map_err(|error| match error.sqlite_extended_error_code() {
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::NoAgent(new.to.clone()),
            _ => error.into(),
        })?;
    let id = db.last_insert_rowid();
    db.prepare_cached(
        "DELETE FROM letters WHERE to_id = ?1 AND read_ms IS NOT NULL AND id NOT IN
           (SELECT id FROM letters WHERE to_id = ?1 ORDER BY id DESC LIMIT ?2)",
    )?
    .execute((new.to.as_str(), KEPT))?;
    let mut letters = collect(db, &format!("{SELECT} WHERE id = ?1"), [id])?;
    letters.pop().ok_or(StoreError::Outdated("letter"))
}

/// What was given to a call before.
fn given(db: &Connection, to: &AgentId, call: &str) -> Result<Vec<Letter>, StoreError> {
    collect(db, &format!("{SELECT} WHERE to_id = ?1 AND read_call = ?2 ORDER BY id"), (to.as_str(), call))
}

/// Gives what waits to a call, oldest first.
fn take(db: &Connection, to: &AgentId, call: &str) -> Result<Vec<Letter>, StoreError> {
    db.prepare_cached(
        "UPDATE letters SET read_ms = ?2, read_call = ?3 WHERE id IN
           (SELECT id FROM letters WHERE to_id = ?1 AND read_ms IS NULL ORDER BY id LIMIT ?4)",
    )?
    .execute((to.as_str(), now(), call, TAKEN))?;
    given(db, to, call)
}

/// Records who started whom; the number of the child.
fn adopt(db: &Connection, child: &AgentId, parent: &AgentId, kept: bool) -> Result<u64, StoreError> {
    db.prepare_cached("INSERT INTO children (child, parent, kept) VALUES (?1, ?2, ?3)")?.execute((
        child.as_str(),
        parent.as_str(),
        kept,
    ))?;
    let mut statement = db.prepare_cached("SELECT number FROM agents WHERE id = ?1")?;
    Ok(row::uint(statement.query_row([child.as_str()], |r| r.get(0))?))
}
