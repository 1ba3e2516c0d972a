//! Filters and rulesets by their digests: the kernel shows nobody what a process was given, so what the spawner gave is kept.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use aether_protocol::{ApiError, PolicyDigest};
use aether_sandbox::wire::spawner::Filter;

use super::key::sha256;
use crate::{fleet::core::lock, links::spawner::SpawnerLink};

/// The sandbox's own filter of system calls.
pub(super) const FILTER: &str = "filter";
/// The spawner's, which it inherits.
pub(super) const SPAWNER_FILTER: &str = "spawner-filter";
/// The one of set-id bits, where a directory is lent for writing.
pub(super) const SET_ID_FILTER: &str = "set-id-filter";
/// Its Landlock rules.
pub(super) const RULESET: &str = "ruleset";

/// Digests of the spawner's filters, each asked for once: they stay as they are while it runs.
#[derive(Debug, Default)]
pub(crate) struct Policies(Mutex<HashMap<Filter, PolicyDigest>>);

impl Policies {
    /// What the spawner gave (or gives) a sandbox, by name.
    pub(crate) async fn digests(
        &self,
        spawner: &SpawnerLink,
        filters: &[Filter],
        ruleset: &str,
    ) -> Result<BTreeMap<String, PolicyDigest>, ApiError> {
        let mut found = BTreeMap::new();
        for filter in filters {
            let name = match filter {
                Filter::Spawner => SPAWNER_FILTER,
                Filter::SetId => SET_ID_FILTER,
                Filter::Standard | Filter::Packages | Filter::PackagesSetId | Filter::Browser => FILTER,
            };
            found.insert(name.to_owned(), self.filter(spawner, *filter).await?);
        }
        if !ruleset.is_empty() {
            let digest = PolicyDigest { size: size(ruleset.lines().count()), sha256: sha256(ruleset.as_bytes()) };
            found.insert(RULESET.to_owned(), digest);
        }
        Ok(found)
    }

    async fn filter(&self, spawner: &SpawnerLink, filter: Filter) -> Result<PolicyDigest, ApiError> {
        if let Some(known) = lock(&self.0).get(&filter) {
            return Ok(known.clone());
        }
        let program = spawner.filter(filter).await?;
        let digest = PolicyDigest { size: size(program.len() / 8), sha256: sha256(&program) };
        lock(&self.0).insert(filter, digest.clone());
        Ok(digest)
    }
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
