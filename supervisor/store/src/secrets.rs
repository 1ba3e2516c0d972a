//! Sealed secrets and what they may be used for. Nothing here can open one.

use aether_protocol::{AgentId, Grant, SecretName, SecretPlace, Timestamp, secret::SecretUsed};
use rusqlite::Connection;

use crate::{Change, Store, StoreError, row};

/// Agents remembered as users of one secret; who used it longest ago is forgotten first.
pub const MAX_USERS: u32 = 32;

/// A secret as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its name.
    pub name: SecretName,
    /// How often it was set.
    pub version: u64,
    /// Its value, sealed.
    pub sealed: Vec<u8>,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When it was set last.
    pub updated_at: Timestamp,
}

impl std::fmt::Debug for SecretRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretRecord").field("name", &self.name).field("version", &self.version).finish_non_exhaustive()
    }
}

/// A grant to be recorded; its number is given by the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The secret.
    pub secret: SecretName,
    /// Whose requests.
    pub agent: AgentId,
    /// To which host.
    pub host: String,
    /// Only with this method.
    pub method: Option<String>,
    /// Only below this path.
    pub path: Option<String>,
    /// Where it goes.
    pub place: SecretPlace,
}

impl Store {
    /// Every secret, sealed, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secrets(&self) -> Result<Vec<SecretRecord>, StoreError> {
        self.read(|db| {
            let mut statement =
                db.prepare_cached("SELECT name, version, sealed, created_ms, updated_ms FROM secrets ORDER BY name")?;
            let mut rows = statement.query([])?;
            let mut secrets = Vec::new();
            while let Some(r) = rows.next()? {
                secrets.push(SecretRecord {
                    name: row::parse("secret name", &r.get::<_, String>(0)?)?,
                    version: row::uint(r.get(1)?),
                    sealed: r.get(2)?,
                    created_at: Timestamp::from_unix_millis(r.get(3)?),
                    updated_at: Timestamp::from_unix_millis(r.get(4)?),
                });
            }
            Ok(secrets)
        })
        .await
    }

    /// How often each secret that was ever used was used in all, and by which agents, last used first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secret_uses(&self) -> Result<Vec<(SecretName, u64, Vec<SecretUsed>)>, StoreError> {
        self.read(|db| {
            let mut names = db.prepare_cached("SELECT name, times_used FROM secrets WHERE times_used > 0 ORDER BY name")?;
            let mut users = db.prepare_cached(
                "SELECT agent_id, agent, times, last_ms FROM secret_uses WHERE secret = ?1 ORDER BY last_ms DESC",
            )?;
            let mut rows = names.query([])?;
            let mut uses = Vec::new();
            while let Some(r) = rows.next()? {
                let name: String = r.get(0)?;
                let mut used = users.query([&name])?;
                let mut by = Vec::new();
                while let Some(u) = used.next()? {
                    by.push(SecretUsed {
                        agent: row::parse("agent id", &u.get::<_, String>(0)?)?,
                        name: u.get(1)?,
                        times: row::uint(u.get(2)?),
                        last_at: Timestamp::from_unix_millis(u.get(3)?),
                    });
                }
                uses.push((row::parse("secret name", &name)?, row::uint(r.get(1)?), by));
            }
            Ok(uses)
        })
        .await
    }

    /// Every grant, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        self.read(|db| {
            let mut statement =
                db.prepare_cached("SELECT id, secret, agent_id, host, method, path, place, created_ms FROM grants ORDER BY id")?;
            let mut rows = statement.query([])?;
            let mut grants = Vec::new();
            while let Some(r) = rows.next()? {
                grants.push(Grant {
                    id: row::uint(r.get(0)?),
                    secret: row::parse("secret name", &r.get::<_, String>(1)?)?,
                    agent: row::parse("agent id", &r.get::<_, String>(2)?)?,
                    host: r.get(3)?,
                    method: r.get(4)?,
                    path: r.get(5)?,
                    place: row::from_json("place", &r.get::<_, String>(6)?)?,
                    created_at: Timestamp::from_unix_millis(r.get(7)?),
                });
            }
            Ok(grants)
        })
        .await
    }
}

/// Sets a secret to its next version. Versions rise by one, so that two who set it at once do not both believe it.
pub(crate) fn set(db: &Connection, name: &SecretName, version: u64, sealed: &[u8]) -> Result<(), StoreError> {
    let now = Timestamp::now().unix_millis().unwrap_or(0);
    let changed = match version {
        1 => db
            .prepare_cached("INSERT INTO secrets (name, version, sealed, created_ms, updated_ms) VALUES (?1, 1, ?2, ?3, ?3) ON CONFLICT DO NOTHING")?
            .execute((name.as_str(), sealed, now))?,
        _ => db
            .prepare_cached("UPDATE secrets SET version = ?2, sealed = ?3, updated_ms = ?4 WHERE name = ?1 AND version = ?2 - 1")?
            .execute((name.as_str(), row::int(version), sealed, now))?,
    };
    if changed == 1 { Ok(()) } else { Err(StoreError::Outdated("secret")) }
}

/// Deletes a secret with its grants.
pub(crate) fn delete(db: &Connection, name: &SecretName) -> Result<(), StoreError> {
    let deleted = db.prepare_cached("DELETE FROM secrets WHERE name = ?1")?.execute([name.as_str()])?;
    if deleted == 1 { Ok(()) } else { Err(StoreError::Outdated("secret")) }
}

pub(crate) fn grant(db: &Connection, new: &NewGrant) -> Result<Grant, StoreError> {
    let now = Timestamp::now().unix_millis().unwrap_or(0);
    let mut statement = db.prepare_cached(
        "INSERT INTO grants (secret, agent_id, host, method, path, place, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
    )?;
    let place = row::to_json("place", &new.place)?;
    let values = (new.secret.as_str(), new.agent.as_str(), &new.host, &new.method, &new.path, place, now);
    let id: i64 = statement.query_row(values, |r| r.get(0)).map_err(|error| match error.sqlite_extended_error_code() {
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::Outdated("secret or agent"),
        _ => error.into(),
    })?;
    let NewGrant { secret, agent, host, method, path, place } = new.clone();
    Ok(Grant { id: row::uint(id), secret, agent, host, method, path, place, created_at: Timestamp::from_unix_millis(now) })
}

pub(crate) fn revoke(db: &Connection, id: u64) -> Result<(), StoreError> {
    let deleted = db.prepare_cached("DELETE FROM grants WHERE id = ?1")?.execute([row::int(id)])?;
    if deleted == 1 { Ok(()) } else { Err(StoreError::Outdated("grant")) }
}

/// Uses of a secret that was removed meanwhile are dropped with it.
fn used(db: &Connection, name: &SecretName, by: &SecretUsed) -> Result<(), StoreError> {
    let more = row::int(by.times);
    let known =
        db.prepare_cached("UPDATE secrets SET times_used = times_used + ?2 WHERE name = ?1")?.execute((name.as_str(), more))?;
    if known == 0 {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO secret_uses (secret, agent_id, agent, times, last_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (secret, agent_id) DO UPDATE SET agent = ?3, times = times + ?4, last_ms = ?5",
    )?
    .execute((name.as_str(), by.agent.as_str(), &by.name, more, by.last_at.unix_millis().unwrap_or(0)))?;
    db.prepare_cached(
        "DELETE FROM secret_uses WHERE secret = ?1 AND agent_id IN
         (SELECT agent_id FROM secret_uses WHERE secret = ?1 ORDER BY last_ms DESC, agent_id LIMIT -1 OFFSET ?2)",
    )?
    .execute((name.as_str(), MAX_USERS))?;
    Ok(())
}

impl Change {
    /// Counts a use of a secret by the service itself.
    #[must_use]
    pub fn used_secret_itself(self, name: &SecretName) -> Self {
        let name = name.clone();
        self.with(move |db, _| {
            db.prepare_cached("UPDATE secrets SET times_used = times_used + 1 WHERE name = ?1")?.execute([name.as_str()])?;
            Ok(())
        })
    }

    /// Counts uses of a secret by an agent.
    #[must_use]
    pub fn used_secret(self, name: &SecretName, by: SecretUsed) -> Self {
        let name = name.clone();
        self.with(move |db, _| used(db, &name, &by))
    }
}
