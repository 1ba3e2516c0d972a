//! Visits: the sandbox of an ended agent, launched again without a program, for as long as somebody looks at its files.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aether_protocol::{AgentId, ApiError, ErrorCode};
use aether_store::Change;

use super::{
    FsSession,
    core::{Core, lock},
    end, launch,
};
use crate::links::init::InitLink;

/// A visit without use ends after this time.
const IDLE: Duration = Duration::from_secs(20);

/// A sandbox that is up for its files only.
pub(crate) struct Visit {
    init: InitLink,
}

/// Every visit.
#[derive(Default)]
pub(crate) struct Visits {
    open: Mutex<HashMap<AgentId, Arc<Visit>>>,
}

impl Visits {
    /// Ends the visit of an agent whose gate is held.
    pub(crate) async fn leave(&self, core: &Arc<Core>, id: &AgentId) -> Result<(), ApiError> {
        if lock(&self.open).remove(id).is_none() && core.entry(id)?.slot.is_none() {
            return Ok(());
        }
        end::take_down(core, id).await;
        if let Some(slot) = core.entry(id)?.slot {
            core.write(Change::new().release_slot(id, slot)).await?;
            core.registry().modify(id, |entry| entry.slot = None);
        }
        Ok(())
    }

    /// Ends every visit, at the end of the service.
    pub(crate) async fn leave_all(&self, core: &Arc<Core>) {
        let ids: Vec<_> = lock(&self.open).keys().cloned().collect();
        for id in ids {
            if let Ok(entry) = core.entry(&id) {
                let _gate = entry.gate.lock().await;
                if let Err(error) = self.leave(core, &id).await {
                    tracing::warn!(agent = %id, error = %error.message, "a visit did not end");
                }
            }
        }
    }
}

/// The files of an agent, live or ended.
pub(crate) async fn files(core: &Arc<Core>, id: &AgentId) -> Result<FsSession, ApiError> {
    let announce = Some((core.clone(), id.clone()));
    let entry = core.entry(id)?;
    if !entry.info.state.is_dead() {
        return Ok(FsSession { init: core.running(id)?.init.clone(), _visit: None, announce });
    }
    if entry.departed || (entry.info.started_at.is_none() && entry.info.enforcement.is_none()) {
        return Err(ApiError::not_found(format!("{} has no files", entry.info.name), "it never ran, or was removed"));
    }
    let _gate = entry.gate.lock().await;
    let open = lock(&core.visits.open).get(id).cloned();
    let visit = match open {
        Some(visit) => visit,
        None => open_visit(core, id).await?,
    };
    Ok(FsSession { init: visit.init.clone(), _visit: Some(visit), announce })
}

async fn open_visit(core: &Arc<Core>, id: &AgentId) -> Result<Arc<Visit>, ApiError> {
    let entry = core.entry(id)?;
    if entry.departed {
        return Err(ApiError::not_found(format!("{} was removed", entry.info.name), "its files are gone"));
    }
    if entry.slot.is_some() {
        let hint = "try again in a moment, when the disk that holds the state works again";
        return Err(ApiError::new(ErrorCode::Unavailable, format!("the end of {} is not recorded yet", entry.info.name), hint));
    }
    let mut spec = entry.info.spec.clone();
    spec.mounts.clear();
    let init = match launch::build(core, id, &spec, Vec::new()).await {
        Ok((_, _, init)) => init,
        Err(error) => {
            core.visits.leave(core, id).await?;
            return Err(error);
        }
    };
    let visit = Arc::new(Visit { init });
    lock(&core.visits.open).insert(id.clone(), visit.clone());
    tokio::spawn(watch(core.clone(), id.clone(), Arc::downgrade(&visit)));
    Ok(visit)
}

/// Ends a visit that nobody has used for a while.
async fn watch(core: Arc<Core>, id: AgentId, visit: std::sync::Weak<Visit>) {
    let mut unused = 0;
    let mut ticks = tokio::time::interval(IDLE / 4);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Ok(entry) = core.entry(&id) else { return };
        let _gate = entry.gate.lock().await;
        // One is the list of open visits itself.
        unused = if visit.strong_count() > 1 { 0 } else { unused + 1 };
        if visit.strong_count() == 0 {
            return;
        }
        if unused >= 4 {
            if let Err(error) = core.visits.leave(&core, &id).await {
                tracing::warn!(agent = %id, error = %error.message, "a visit did not end");
            }
            return;
        }
    }
}
