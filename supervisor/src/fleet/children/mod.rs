//! Agents that are started under others: they get no more than those have, and end with them.

mod bounds;
pub(crate) mod narrow;
mod tools;
mod view;

use std::sync::Arc;

use aether_protocol::{
    AgentId, AgentInfo, AgentSpec, AgentState, ApiError, ErrorCode, ExitInfo, LetterKind, event::ChildSpawned, event::LetterSent,
    letter::MAX_LETTER_BYTES,
};
use aether_store::{Change, NewEvent, NewLetter, StoreError};
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::OwnedMutexGuard;

use super::{
    Caller,
    core::{Core, store_error},
    end, exit,
};
use crate::govern::budget;

pub(crate) use tools::{Children, OFFERED};

/// The owners who may start agents under those of others.
const EVERYBODYS: &[&str] = &["root", "operator"];

/// Held while a child is recorded: its parent neither ends meanwhile nor lends the same twice.
pub(crate) struct Bond {
    parent: AgentInfo,
    outlives: bool,
    _gate: OwnedMutexGuard<()>,
}

/// Limits a spec that names a parent by what that one has.
///
/// # Errors
/// There is no such parent, it has ended, it has too many children or generations below it, or less than is asked for.
pub(crate) async fn bind(core: &Core, spec: &mut AgentSpec, caller: &Caller) -> Result<Option<Bond>, ApiError> {
    let Some(parent) = &spec.parent else {
        return if spec.outlives {
            Err(ApiError::invalid("there is no parent that it could outlive", "name one with parent, or leave outlives out"))
        } else {
            Ok(None)
        };
    };
    let id = core.registry().resolve(parent)?;
    let gate = core.entry(&id)?.gate.lock_owned().await;
    let parent = core.info(&id)?;
    if caller.owner != parent.owner && !EVERYBODYS.contains(&caller.owner.as_str()) {
        let message = format!("{} belongs to {}", parent.name, parent.owner);
        return Err(ApiError::new(ErrorCode::Denied, message, "start it under an agent of your own"));
    }
    if parent.state.is_dead() || parent.state == AgentState::Queued {
        let hint = "start it under an agent that runs, or without a parent";
        return Err(ApiError::conflict(format!("{} does not run", parent.name), hint));
    }
    room(core, &parent)?;
    bounds::bind(spec, &parent, &budget::left(core, &id))?;
    spec.parent = Some(id.to_string());
    Ok(Some(Bond { parent, outlives: spec.outlives, _gate: gate }))
}

/// Why there is no room for one more child.
fn room(core: &Core, parent: &AgentInfo) -> Result<(), ApiError> {
    let config = core.config.get().agents.clone();
    let (above, children) = {
        let registry = core.registry();
        (registry.above(&parent.id).len(), registry.children(&parent.id))
    };
    if above >= config.max_depth as usize {
        let message = format!("{} has {above} generations above it, and {} are allowed in all", parent.name, config.max_depth);
        return Err(ApiError::new(ErrorCode::Denied, message, "do it yourself, or raise agents.max_depth"));
    }
    let live = children.iter().filter(|child| !child.state.is_dead()).count();
    if live >= config.max_children as usize {
        let message = format!("{} has {live} children that have not ended", parent.name);
        return Err(ApiError::new(ErrorCode::Busy, message, "wait until one has ended, or raise agents.max_children"));
    }
    Ok(())
}

impl Bond {
    /// The agent above the child.
    pub(crate) const fn parent(&self) -> &AgentInfo {
        &self.parent
    }

    /// Who owns the child.
    pub(crate) fn owner(&self) -> &str {
        &self.parent.owner
    }

    /// Records the child in the change that makes it.
    pub(crate) fn record(&self, child: &AgentId, change: Change) -> Change {
        let (owner, pid, parent, id) = (self.parent.owner.clone(), self.parent.number, self.parent.id.clone(), child.clone());
        change.adopt_child(child, &self.parent.id, self.outlives, move |child_pid| {
            let body = ChildSpawned { pid, child: id, child_pid }.into();
            vec![NewEvent { agent: Some(parent), owner, body }]
        })
    }
}

/// Ends the children of an agent that ends, and theirs, but for those that outlive it.
pub(crate) fn end_below<'a>(core: &'a Arc<Core>, id: &'a AgentId) -> BoxFuture<'a, ()> {
    let children = core.registry().children(id);
    Box::pin(async move {
        let going = children.iter().filter(|child| !child.state.is_dead() && !child.spec.outlives);
        join_all(going.map(|child| end::end(core, &child.id, with_parent()))).await;
    })
}

fn with_parent() -> ExitInfo {
    exit::of_signal(nix::libc::SIGKILL, Some("killed: its parent has ended"))
}

/// Removes the ended children of an agent that leaves nothing behind.
pub(crate) fn remove_below<'a>(core: &'a Arc<Core>, id: &'a AgentId) -> BoxFuture<'a, ()> {
    let children = core.registry().children(id);
    Box::pin(async move {
        for child in children.into_iter().filter(|child| !child.spec.outlives) {
            remove_below(core, &child.id).await;
            if let Err(error) = end::remove(core, &child.id).await {
                tracing::error!(agent = %child.id, error = %error.message, "a child could not be removed with its parent");
            }
        }
    })
}

/// After a restart: ends those whose parent ended without them.
pub(crate) async fn sweep(core: &Arc<Core>) -> Result<(), ApiError> {
    for (child, parent, outlives) in core.store.children().await.map_err(|error| store_error(&error))? {
        let ended = |id| core.info(id).map_or(true, |info| info.state.is_dead());
        if !outlives && ended(&parent) && !ended(&child) {
            end::end(core, &child, with_parent()).await;
        }
    }
    Ok(())
}

/// Writes to the parent of an agent what came of its goal, once.
pub(crate) async fn report(core: &Core, id: &AgentId, completed: bool, said: &str) {
    let Ok(info) = core.info(id) else { return };
    let Some(parent) = info.parent.and_then(|id| core.info(&id).ok()).filter(|parent| !parent.state.is_dead()) else { return };
    match told(core, id, &parent.id).await {
        Ok(None) => {}
        Ok(Some(_)) => return,
        Err(error) => tracing::warn!(agent = %id, %error, "whether its parent knows of its end is not known"),
    }
    let word = if completed { "reached its goal" } else { "did not reach its goal" };
    let mut content = format!("{} ({}) {word}: {said}", info.name, info.number);
    let most = (0..=MAX_LETTER_BYTES).rev().find(|at| content.is_char_boundary(*at)).unwrap_or(0);
    content.truncate(most);
    let (owner, pid) = (parent.owner, parent.number);
    let letter = NewLetter { from: id.clone(), to: parent.id, kind: LetterKind::TaskCompleted, about: None, content };
    let change = Change::new().send_letter(letter, move |letter| {
        let body = LetterSent { pid, message: letter.clone() }.into();
        vec![NewEvent { agent: Some(letter.to.clone()), owner, body }]
    });
    if let Err(error) = core.store.commit(change).await {
        tracing::warn!(agent = %id, %error, "its parent was not told how it ended");
    }
}

/// What a child told its parent at its end.
async fn told(core: &Core, child: &AgentId, parent: &AgentId) -> Result<Option<String>, StoreError> {
    let letters = core.store.letters(child.clone(), u32::MAX >> 1).await?;
    let last = letters.into_iter().find(|letter| {
        letter.from == *child && letter.to == *parent && letter.kind == LetterKind::TaskCompleted && letter.about.is_none()
    });
    Ok(last.map(|letter| letter.content))
}
