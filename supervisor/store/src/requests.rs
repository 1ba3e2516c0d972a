//! Requests that made an agent and carried a key of their client's: asked again they make no second one.

use aether_protocol::AgentId;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::{Change, Store, StoreError, row};

/// So many agents later a request is forgotten. It is no time, as clocks jump.
const REMEMBERED: i64 = 10_000;

/// A request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    owner: String,
    key: String,
    digest: String,
}

/// What a request did when it was asked for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The agent it made, which may be gone.
    pub agent: AgentId,
    /// Was it asked with the same body?
    pub same: bool,
}

impl Request {
    /// `owner`: who asks; everybody has keys of their own. `body`: what is asked, byte by byte, of which a digest is kept.
    pub fn new(owner: impl Into<String>, key: impl Into<String>, body: &[u8]) -> Self {
        let digest = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { owner: owner.into(), key: key.into(), digest }
    }

    /// Who asks, and the key: what makes it the same request.
    pub fn name(&self) -> (&str, &str) {
        (&self.owner, &self.key)
    }
}

impl Store {
    /// What this request did before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request(&self, request: Request) -> Result<Option<RequestRecord>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached("SELECT agent_id, digest FROM requests WHERE owner = ?1 AND key = ?2")?;
            let found =
                statement.query_row(request.name(), |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))).optional()?;
            let Some((agent, digest)) = found else { return Ok(None) };
            Ok(Some(RequestRecord { agent: row::parse("agent id", &agent)?, same: digest == request.digest }))
        })
        .await
    }
}

impl Change {
    /// Records the request that an agent, recorded before in this change, is made for.
    #[must_use]
    pub fn made_for(self, agent: &AgentId, request: Request) -> Self {
        let agent = agent.clone();
        self.with(move |db, _| insert(db, &agent, &request))
    }

    /// Forgets a request: what it did was undone.
    #[must_use]
    pub fn forget_request(self, request: Request) -> Self {
        self.with(move |db, _| {
            db.prepare_cached("DELETE FROM requests WHERE owner = ?1 AND key = ?2")?.execute(request.name())?;
            Ok(())
        })
    }
}

fn insert(db: &Connection, agent: &AgentId, request: &Request) -> Result<(), StoreError> {
    let inserted = db
        .prepare_cached(
            "INSERT INTO requests (owner, key, digest, agent_id, number) SELECT ?1, ?2, ?3, id, number FROM agents WHERE id = ?4",
        )?
        .execute((&request.owner, &request.key, &request.digest, agent.as_str()))?;
    if inserted != 1 {
        return Err(StoreError::NoAgent(agent.clone()));
    }
    db.prepare_cached("DELETE FROM requests WHERE number <= (SELECT number FROM agents WHERE id = ?1) - ?2")?
        .execute((agent.as_str(), REMEMBERED))?;
    Ok(())
}
