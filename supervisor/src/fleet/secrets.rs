//! Secrets: sealed in the store, mirrored sealed in memory, open only while a request takes one out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aether_protocol::{
    AgentId, AgentInfo, AgentModels, ApiError, ErrorCode, Grant, GrantSpec, SecretInfo, SecretName, SecretSet, SecretUse,
};
use aether_secrets::{Value, Vault};
use aether_store::{Change, NewGrant, SecretRecord, Store};
use serde_json::json;

use super::{
    Fleet,
    core::{Core, lock, store_error},
    secret_use::SecretUses,
};

/// Grants of one secret at most.
const MAX_GRANTS: usize = 256;

/// Every secret of this service.
pub(crate) struct Secrets {
    vault: Vault,
    kept: Mutex<Kept>,
    pub(super) uses: SecretUses,
    /// Held while one is changed, so that versions and the mirror keep their order.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    sealed: BTreeMap<SecretName, SecretRecord>,
    grants: Vec<Grant>,
}

impl Secrets {
    /// What seals them.
    pub(super) const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// As the store has them.
    pub(super) async fn open(vault: Vault, store: &Store) -> Result<Self, ApiError> {
        let failed = |error| store_error(&error);
        let sealed = store.secrets().await.map_err(failed)?.into_iter().map(|record| (record.name.clone(), record)).collect();
        let kept = Kept { sealed, grants: store.grants().await.map_err(failed)? };
        let uses = SecretUses::open(store).await.map_err(failed)?;
        Ok(Self { vault, kept: Mutex::new(kept), uses, changing: tokio::sync::Mutex::default() })
    }

    /// The value of a secret, for a request that is about to go out. `None` when there is no such secret.
    pub(crate) fn value(&self, name: &SecretName) -> Option<Result<Value, aether_secrets::Unsealable>> {
        let record = lock(&self.kept).sealed.get(name).cloned()?;
        Some(self.vault.unseal(&record.name, record.version, &record.sealed))
    }

    /// Is there such a secret?
    pub(crate) fn has(&self, name: &SecretName) -> bool {
        lock(&self.kept).sealed.contains_key(name)
    }

    /// The grant that fits a request; the most exact path first.
    pub(crate) fn granted(&self, agent: &AgentId, host: &str, method: &str, path: &str) -> Option<Grant> {
        let kept = lock(&self.kept);
        let fitting = kept.grants.iter().filter(|grant| fits(grant, agent, host, method, path));
        fitting.max_by_key(|grant| (grant.path.as_ref().map_or(0, String::len), grant.method.is_some())).cloned()
    }

    /// Names of the secrets that an agent was granted.
    pub(crate) fn names_of(&self, agent: &AgentId) -> Vec<SecretName> {
        let kept = lock(&self.kept);
        kept.grants.iter().filter(|grant| grant.agent == *agent).map(|grant| grant.secret.clone()).collect()
    }

    /// What an agent was granted.
    pub(crate) fn grants_of(&self, agent: &AgentId) -> Vec<Grant> {
        lock(&self.kept).grants.iter().filter(|grant| grant.agent == *agent).cloned().collect()
    }

    /// Names of the secrets that may be added to an agent's requests to a host.
    pub(crate) fn names_for(&self, agent: &AgentId, host: &str) -> Vec<SecretName> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let kept = lock(&self.kept);
        kept.grants.iter().filter(|grant| grant.agent == *agent && grant.host == host).map(|grant| grant.secret.clone()).collect()
    }

    /// May a child of this agent have these secrets? Only what was granted to the agent itself and was not taken back since.
    ///
    /// # Errors
    /// `Denied`, with the one that it has not.
    pub(super) fn lends(&self, parent: &AgentInfo, uses: &[SecretUse]) -> Result<(), ApiError> {
        let own = with_shapes(uses, &parent.id)?;
        let kept = lock(&self.kept);
        match own.into_iter().find(|new| !kept.grants.iter().any(|grant| same(grant, new))) {
            None => Ok(()),
            Some(new) => {
                let message = format!("the secret {} for {} was taken back from {}", new.secret, new.host, parent.name);
                let hint =
                    format!("grant it again: aether secret grant {} --agent {} --host {}", new.secret, parent.name, new.host);
                Err(ApiError::new(ErrorCode::Denied, message, hint))
            }
        }
    }

    /// A grant, and those of the same kind that agents below its own have: what is taken from an agent is taken from them as well.
    fn with_lower(&self, core: &Core, name: &SecretName, id: u64) -> Vec<u64> {
        let grants = lock(&self.kept).grants.clone();
        let Some(taken) = grants.iter().find(|grant| grant.id == id && grant.secret == *name) else { return Vec::new() };
        let registry = core.registry();
        let lower = grants.iter().filter(|grant| same_kind(grant, taken) && registry.above(&grant.agent).contains(&taken.agent));
        std::iter::once(id).chain(lower.map(|grant| grant.id)).collect()
    }

    /// What an agent has in the place of every secret.
    pub(crate) fn placeholder(&self, agent: &AgentId) -> String {
        self.vault.placeholder(agent)
    }

    /// An agent was removed; in the store its grants went with it.
    pub(crate) fn forget(&self, agent: &AgentId) {
        lock(&self.kept).grants.retain(|grant| grant.agent != *agent);
    }

    /// Room for the grants of an agent that is about to be recorded. While it is held, no secret comes or goes, so that what is
    /// recorded and what is remembered agree.
    ///
    /// # Errors
    /// `NotFound` for a secret that does not exist.
    pub(super) async fn grants_for(&self, uses: &[SecretUse]) -> Result<Option<Granting<'_>>, ApiError> {
        if uses.is_empty() {
            return Ok(None);
        }
        let held = self.changing.lock().await;
        let kept = lock(&self.kept);
        uses.iter().try_for_each(|one| kept.room(&one.name))?;
        Ok(Some(Granting { secrets: self, _held: held }))
    }

    fn info(&self, record: &SecretRecord) -> SecretInfo {
        let kept = lock(&self.kept);
        let of_this = kept.grants.iter().filter(|grant| grant.secret == record.name);
        let (times_used, used_by) = self.uses.of(&record.name);
        SecretInfo {
            name: record.name.clone(),
            version: record.version,
            created_at: record.created_at.clone(),
            updated_at: record.updated_at.clone(),
            grants: of_this.cloned().collect(),
            times_used,
            used_by,
        }
    }
}

/// Grants that are being recorded with their agent.
pub(super) struct Granting<'a> {
    secrets: &'a Secrets,
    _held: tokio::sync::MutexGuard<'a, ()>,
}

impl Granting<'_> {
    /// They are recorded.
    pub(super) fn made(self, grants: &[Grant]) {
        lock(&self.secrets.kept).grants.extend_from_slice(grants);
    }
}

/// Adds the grants of an agent to the change that records it.
pub(super) fn with_grants(change: Change, agent: &AgentId, uses: &[SecretUse]) -> Result<Change, ApiError> {
    Ok(with_shapes(uses, agent)?.into_iter().fold(change, Change::grant))
}

/// The grants that an agent would have for these.
fn with_shapes(uses: &[SecretUse], agent: &AgentId) -> Result<Vec<NewGrant>, ApiError> {
    let shape = |one: &SecretUse| {
        let GrantSpec { host, method, path, place, .. } = one.grant(agent.as_str())?;
        Ok(NewGrant { secret: one.name.clone(), agent: agent.clone(), host, method, path, place })
    };
    uses.iter().map(shape).collect()
}

fn same(grant: &Grant, new: &NewGrant) -> bool {
    let NewGrant { secret, agent, host, method, path, place } = new;
    (&grant.secret, &grant.agent, &grant.host) == (secret, agent, host)
        && (&grant.method, &grant.path, &grant.place) == (method, path, place)
}

fn same_kind(grant: &Grant, taken: &Grant) -> bool {
    (&grant.secret, &grant.host, &grant.method) == (&taken.secret, &taken.host, &taken.method)
        && (&grant.path, &grant.place) == (&taken.path, &taken.place)
}

impl Kept {
    /// May one more grant of this secret be made?
    fn room(&self, name: &SecretName) -> Result<(), ApiError> {
        if !self.sealed.contains_key(name) {
            return Err(no_secret(name));
        }
        if self.grants.iter().filter(|grant| grant.secret == *name).count() >= MAX_GRANTS {
            let hint = "revoke some: aether secret revoke";
            return Err(ApiError::new(ErrorCode::Busy, format!("{name} has {MAX_GRANTS} grants already"), hint));
        }
        Ok(())
    }
}

/// Does a grant allow such a request? A path that can be read in two ways fits no grant that names one.
fn fits(grant: &Grant, agent: &AgentId, host: &str, method: &str, path: &str) -> bool {
    let below = |prefix: &str| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
    };
    grant.agent == *agent
        && grant.host == host.trim_end_matches('.').to_ascii_lowercase()
        && grant.method.as_ref().is_none_or(|only| only == method)
        && grant.path.as_ref().is_none_or(|prefix| is_plain(path) && below(prefix))
}

fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2e", "%2f", "%5c", "%25", "%00"].iter().any(|code| lower.contains(code));
    !hidden && !path.contains(['\\', ';']) && !path.contains("//") && !path.split('/').any(|part| matches!(part, "." | ".."))
}

fn no_secret(name: &SecretName) -> ApiError {
    ApiError::not_found(
        format!("there is no secret {name}"),
        format!("aether secret ls lists them; aether secret set {name} makes it"),
    )
}

impl Fleet {
    /// Every secret with its grants, by name; never a value.
    pub fn secrets(&self) -> Vec<SecretInfo> {
        let records: Vec<SecretRecord> = lock(&self.core.secrets.kept).sealed.values().cloned().collect();
        records.iter().map(|record| self.core.secrets.info(record)).collect()
    }

    /// Sets a secret, or replaces its value.
    pub async fn set_secret(&self, set: SecretSet) -> Result<SecretInfo, ApiError> {
        let SecretSet { name, value } = set;
        let value = Value::new(value)
            .map_err(|refused| ApiError::invalid(refused.to_string(), "check what was given on standard input"))?;
        let (core, subject) = (self.core.clone(), name.to_string());
        self.act("secret.set", &subject, json!({}), async move { set_secret(&core, &name, &value).await }).await
    }

    /// Removes a secret with its grants.
    pub async fn remove_secret(&self, name: &SecretName) -> Result<(), ApiError> {
        let (core, name) = (self.core.clone(), name.clone());
        let subject = name.to_string();
        let work = async move {
            let _changing = core.secrets.changing.lock().await;
            if !lock(&core.secrets.kept).sealed.contains_key(&name) {
                return Err(no_secret(&name));
            }
            core.write(Change::new().delete_secret(&name)).await?;
            let mut kept = lock(&core.secrets.kept);
            kept.sealed.remove(&name);
            kept.grants.retain(|grant| grant.secret != name);
            core.secrets.uses.forget(&name);
            Ok(())
        };
        self.act("secret.remove", &subject, json!({}), work).await
    }

    /// Lets an agent have a secret added to its requests to one host.
    pub async fn grant(&self, name: &SecretName, spec: GrantSpec) -> Result<Grant, ApiError> {
        let spec = spec.checked()?;
        let agent = self.resolve(&spec.agent)?;
        let (core, name) = (self.core.clone(), name.clone());
        let (subject, what) =
            (name.to_string(), json!({ "agent": agent, "host": spec.host, "method": spec.method, "path": spec.path }));
        let work = async move {
            let _changing = core.secrets.changing.lock().await;
            lock(&core.secrets.kept).room(&name)?;
            let GrantSpec { host, method, path, place, .. } = spec;
            let new = NewGrant { secret: name, agent, host, method, path, place };
            let made = core.write(Change::new().grant(new)).await?.grants.pop();
            let made = made.ok_or_else(|| ApiError::internal("no grant was made"))?;
            lock(&core.secrets.kept).grants.push(made.clone());
            Ok(made)
        };
        self.act("secret.grant", &subject, what, work).await
    }

    /// Takes a grant back; the next request goes without.
    pub async fn revoke(&self, name: &SecretName, id: u64) -> Result<(), ApiError> {
        let (core, name) = (self.core.clone(), name.clone());
        let subject = name.to_string();
        let work = async move {
            let _changing = core.secrets.changing.lock().await;
            let taken = core.secrets.with_lower(&core, &name, id);
            if taken.is_empty() {
                let hint = "aether secret ls shows the grants with their numbers";
                return Err(ApiError::not_found(format!("{name} has no grant {id}"), hint));
            }
            core.write(taken.iter().fold(Change::new(), |change, id| change.revoke(*id))).await?;
            lock(&core.secrets.kept).grants.retain(|grant| !taken.contains(&grant.id));
            Ok(())
        };
        self.act("secret.revoke", &subject, json!({ "grant": id }), work).await
    }

    /// What an agent asked models, and what it may.
    pub async fn models(&self, id: &AgentId) -> Result<AgentModels, ApiError> {
        let spec = self.core.info(id)?.spec;
        let usage = self.core.store.model_usage(id.clone()).await.map_err(|error| store_error(&error))?;
        let tokens_used = usage.iter().map(|one| one.input_tokens.saturating_add(one.output_tokens)).sum();
        Ok(AgentModels { providers: spec.models, token_budget: spec.limits.model_tokens, tokens_used, usage })
    }
}

async fn set_secret(core: &Arc<Core>, name: &SecretName, value: &Value) -> Result<SecretInfo, ApiError> {
    let secrets = &core.secrets;
    let _changing = secrets.changing.lock().await;
    let before = lock(&secrets.kept).sealed.get(name).cloned();
    let version = before.as_ref().map_or(0, |record| record.version) + 1;
    let sealed = secrets.vault.seal(name, version, value).map_err(|error| ApiError::internal(error.to_string()))?;
    core.write(Change::new().set_secret(name, version, sealed.clone())).await?;
    let now = aether_protocol::Timestamp::now();
    let created_at = before.map_or_else(|| now.clone(), |record| record.created_at);
    let record = SecretRecord { name: name.clone(), version, sealed, created_at, updated_at: now };
    lock(&secrets.kept).sealed.insert(name.clone(), record.clone());
    Ok(secrets.info(&record))
}

#[cfg(test)]
mod tests {
    use aether_protocol::{SecretPlace, Timestamp};

    use super::*;

    fn grant(method: Option<&str>, path: Option<&str>) -> Grant {
        Grant {
            id: 1,
            secret: "A".parse().expect("name"),
            agent: AgentId::from_random([1; 12]),
            host: "api.test".into(),
            method: method.map(str::to_owned),
            path: path.map(str::to_owned),
            place: SecretPlace::Bearer {},
            created_at: Timestamp::now(),
        }
    }

    #[test]
    fn a_grant_fits_its_request_and_no_other() {
        let (own, other) = (AgentId::from_random([1; 12]), AgentId::from_random([2; 12]));
        let one = grant(Some("GET"), Some("/repos/me"));
        assert!(fits(&one, &own, "API.test.", "GET", "/repos/me") && fits(&one, &own, "api.test", "GET", "/repos/me/x"));
        for (agent, host, method, path) in [
            (&other, "api.test", "GET", "/repos/me"),
            (&own, "api.test.evil.test", "GET", "/repos/me"),
            (&own, "x.api.test", "GET", "/repos/me"),
            (&own, "api.test", "POST", "/repos/me"),
            (&own, "api.test", "get", "/repos/me"),
            (&own, "api.test", "GET", "/repos/me2"),
            (&own, "api.test", "GET", "/repos/me/../you"),
            (&own, "api.test", "GET", "/repos/me/%2e%2e/you"),
            (&own, "api.test", "GET", "/repos/me/..%2fyou"),
            (&own, "api.test", "GET", "//repos/me"),
        ] {
            assert!(!fits(&one, agent, host, method, path), "{host} {method} {path}");
        }
        assert!(fits(&grant(None, None), &own, "api.test", "DELETE", "/anything"));
        assert!(fits(&grant(None, Some("/a/")), &own, "api.test", "GET", "/a/b"));
    }
}
