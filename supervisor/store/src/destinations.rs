//! What the network of each agent asked for: a row per destination, as long as the agent's record is there.

use aether_protocol::{AgentId, Timestamp, network::NetworkDestination};
use rusqlite::Connection;

use crate::{Change, Store, StoreError, row};

/// Rows kept of one agent; those used longest ago go first.
pub const MAX_DESTINATIONS: u32 = 1024;

impl Store {
    /// What the network of an agent asked for, last used first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destinations(&self, agent: AgentId) -> Result<Vec<NetworkDestination>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT host, port, verdict, reason, allowed, denied, bytes_sent, bytes_received, program, last_ms
                 FROM destinations WHERE agent_id = ?1 ORDER BY last_ms DESC, host, port",
            )?;
            let mut rows = statement.query([agent.as_str()])?;
            let mut found = Vec::new();
            while let Some(r) = rows.next()? {
                found.push(NetworkDestination {
                    host: r.get(0)?,
                    port: r.get(1)?,
                    verdict: row::from_word("verdict", &r.get::<_, String>(2)?)?,
                    reason: r.get(3)?,
                    allowed: row::uint(r.get(4)?),
                    denied: row::uint(r.get(5)?),
                    bytes_sent: row::uint(r.get(6)?),
                    bytes_received: row::uint(r.get(7)?),
                    program: r.get(8)?,
                    last_at: Timestamp::from_unix_millis(r.get(9)?),
                });
            }
            Ok(found)
        })
        .await
    }
}

/// Those of an agent that was removed meanwhile are dropped with it.
fn keep(db: &Connection, agent: &AgentId, all: &[NetworkDestination]) -> Result<(), StoreError> {
    for one in all {
        db.prepare_cached(
            "INSERT INTO destinations (agent_id, host, port, verdict, reason, allowed, denied, bytes_sent, bytes_received, program, last_ms)
             SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM agents WHERE id = ?1
             ON CONFLICT (agent_id, host, port) DO UPDATE SET verdict = ?4, reason = ?5, allowed = ?6, denied = ?7, bytes_sent = ?8,
               bytes_received = ?9, program = ?10, last_ms = ?11",
        )?
        .execute((
            agent.as_str(),
            &one.host,
            one.port,
            row::to_word("verdict", &one.verdict)?,
            &one.reason,
            row::int(one.allowed),
            row::int(one.denied),
            row::int(one.bytes_sent),
            row::int(one.bytes_received),
            &one.program,
            one.last_at.unix_millis().unwrap_or(0),
        ))?;
    }
    db.prepare_cached(
        "DELETE FROM destinations WHERE agent_id = ?1 AND (host, port) IN
         (SELECT host, port FROM destinations WHERE agent_id = ?1 ORDER BY last_ms DESC, host, port LIMIT -1 OFFSET ?2)",
    )?
    .execute((agent.as_str(), MAX_DESTINATIONS))?;
    Ok(())
}

impl Change {
    /// Keeps rows of an agent's destinations, in the place of those for the same host and port.
    #[must_use]
    pub fn keep_destinations(self, agent: &AgentId, all: Vec<NetworkDestination>) -> Self {
        let agent = agent.clone();
        self.with(move |db, _| keep(db, &agent, &all))
    }
}
