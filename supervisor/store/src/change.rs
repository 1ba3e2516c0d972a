//! Several writes that are committed together or not at all.

use std::fmt;

use aether_protocol::{AgentEvent, AgentId, Event, Grant, Letter, Memory, ModelUsage, Plan, SecretName};
use rusqlite::Connection;
use serde_json::Value;

use crate::{
    AgentField, AgentRecord, AuditEntry, MessageRecord, NewAgent, NewEvent, NewGrant, NewStep, StoreError, agents, audit, events,
    leases, messages, models, secrets, settings, steps,
};

/// A write that its table's own file knows.
type Own = Box<dyn FnOnce(&Connection, &mut Committed) -> Result<(), StoreError> + Send>;
type EventsOf = Box<dyn FnOnce(&AgentRecord) -> Vec<AgentEvent> + Send>;

enum Write {
    InsertAgent(Box<NewAgent>, EventsOf),
    UpdateAgent(AgentId, Vec<AgentField>),
    DeleteAgent(AgentId),
    TakeSlot(AgentId),
    ReleaseSlot(AgentId, u32),
    Prepare(AgentId),
    TakePrepared(AgentId),
    DropPrepared(AgentId),
    Event(Box<NewEvent>),
    BeginStep(AgentId, NewStep),
    FinishCall(AgentId, u32, u32, Value),
    AddMessage(AgentId, String),
    TakeMessages(AgentId, u32),
    Setting(String, Option<String>),
    Audit(AuditEntry),
    PruneEvents(u64),
    SetSecret(SecretName, u64, Vec<u8>),
    DeleteSecret(SecretName),
    Grant(Box<NewGrant>),
    Revoke(u64),
    ModelUsage(AgentId, Box<ModelUsage>),
    Own(Own),
}

/// A list of writes; built by value, committed by [`Store::commit`](crate::Store::commit).
#[derive(Default)]
pub struct Change {
    writes: Vec<Write>,
    relaxed: bool,
    posts: bool,
}

/// What a committed change brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The agents inserted, as they are after the whole change.
    pub agents: Vec<AgentRecord>,
    /// The slots taken, in order.
    pub slots: Vec<u32>,
    /// The events with their numbers, in order.
    pub events: Vec<Event>,
    /// The messages taken, in order.
    pub messages: Vec<MessageRecord>,
    /// The grants made, in order.
    pub grants: Vec<Grant>,
    /// The memories kept, in order.
    pub memories: Vec<Memory>,
    /// The plans stored, in order.
    pub plans: Vec<Plan>,
    /// The letters sent and taken, in order.
    pub letters: Vec<Letter>,
    /// How many memories were forgotten by consolidation.
    pub removed: u64,
}

impl Change {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Need not wait for the disk: once committed it survives the end of this process, also by SIGKILL, and reaches the disk
    /// within a second; a power cut before that takes it back. Changes committed later never survive without it.
    #[must_use]
    pub const fn relaxed(mut self, relaxed: bool) -> Self {
        self.relaxed = relaxed;
        self
    }

    pub(crate) const fn is_relaxed(&self) -> bool {
        self.relaxed
    }

    /// It leaves a message or a letter for somebody.
    #[must_use]
    pub(crate) const fn posting(mut self) -> Self {
        self.posts = true;
        self
    }

    pub(crate) const fn is_posting(&self) -> bool {
        self.posts
    }

    /// Records a new agent, and the events that follow from it: they may need the number it gets.
    #[must_use]
    pub fn insert_agent(mut self, new: NewAgent, events: impl FnOnce(&AgentRecord) -> Vec<AgentEvent> + Send + 'static) -> Self {
        self.writes.push(Write::InsertAgent(Box::new(new), Box::new(events)));
        self
    }

    /// Changes values of an agent.
    #[must_use]
    pub fn update_agent(mut self, id: &AgentId, fields: impl IntoIterator<Item = AgentField>) -> Self {
        self.writes.push(Write::UpdateAgent(id.clone(), fields.into_iter().collect()));
        self
    }

    /// Deletes an agent with its steps and messages; its events stay. Refused while it holds a slot.
    #[must_use]
    pub fn delete_agent(mut self, id: &AgentId) -> Self {
        self.writes.push(Write::DeleteAgent(id.clone()));
        self
    }

    /// Lends a uid slot to an agent.
    #[must_use]
    pub fn take_slot(mut self, agent: &AgentId) -> Self {
        self.writes.push(Write::TakeSlot(agent.clone()));
        self
    }

    /// Takes a uid slot back: only when nothing carries its uids any more.
    #[must_use]
    pub fn release_slot(mut self, agent: &AgentId, slot: u32) -> Self {
        self.writes.push(Write::ReleaseSlot(agent.clone(), slot));
        self
    }

    /// Sets a uid slot aside for a sandbox that is built ahead, for an agent that will have this id.
    #[must_use]
    pub fn prepare(mut self, agent: &AgentId) -> Self {
        self.writes.push(Write::Prepare(agent.clone()));
        self
    }

    /// Lends an agent, recorded before or in this change, the slot that was set aside for it.
    #[must_use]
    pub fn take_prepared(mut self, agent: &AgentId) -> Self {
        self.writes.push(Write::TakePrepared(agent.clone()));
        self
    }

    /// Takes back the slot that was set aside: only when nothing carries its uids any more.
    #[must_use]
    pub fn drop_prepared(mut self, agent: &AgentId) -> Self {
        self.writes.push(Write::DropPrepared(agent.clone()));
        self
    }

    /// Appends an event.
    #[must_use]
    pub fn event(mut self, event: NewEvent) -> Self {
        self.writes.push(Write::Event(Box::new(event)));
        self
    }

    /// Records a step of the built-in agent before it acts.
    #[must_use]
    pub fn begin_step(mut self, agent: &AgentId, step: NewStep) -> Self {
        self.writes.push(Write::BeginStep(agent.clone(), step));
        self
    }

    /// Records how a call of a step ended; once.
    #[must_use]
    pub fn finish_call(mut self, agent: &AgentId, step: u32, position: u32, outcome: Value) -> Self {
        self.writes.push(Write::FinishCall(agent.clone(), step, position, outcome));
        self
    }

    /// Leaves a message for the built-in agent.
    #[must_use]
    pub fn add_message(mut self, agent: &AgentId, content: impl Into<String>) -> Self {
        self.writes.push(Write::AddMessage(agent.clone(), content.into()));
        self.posting()
    }

    /// Gives the pending messages to a step.
    #[must_use]
    pub fn take_messages(mut self, agent: &AgentId, step: u32) -> Self {
        self.writes.push(Write::TakeMessages(agent.clone(), step));
        self
    }

    /// Sets a setting, or removes it with `None`.
    #[must_use]
    pub fn setting(mut self, key: impl Into<String>, value: Option<String>) -> Self {
        self.writes.push(Write::Setting(key.into(), value));
        self
    }

    /// Appends to the audit.
    #[must_use]
    pub fn audit(mut self, entry: AuditEntry) -> Self {
        self.writes.push(Write::Audit(entry));
        self
    }

    /// Deletes all but the newest `keep` events.
    #[must_use]
    pub fn prune_events(mut self, keep: u64) -> Self {
        self.writes.push(Write::PruneEvents(keep));
        self
    }

    /// Sets a secret, sealed for this version: one more than it has, 1 for a new one.
    #[must_use]
    pub fn set_secret(mut self, name: &SecretName, version: u64, sealed: Vec<u8>) -> Self {
        self.writes.push(Write::SetSecret(name.clone(), version, sealed));
        self
    }

    /// Deletes a secret with its grants.
    #[must_use]
    pub fn delete_secret(mut self, name: &SecretName) -> Self {
        self.writes.push(Write::DeleteSecret(name.clone()));
        self
    }

    /// Lets a secret be used.
    #[must_use]
    pub fn grant(mut self, new: NewGrant) -> Self {
        self.writes.push(Write::Grant(Box::new(new)));
        self
    }

    /// Takes a grant back.
    #[must_use]
    pub fn revoke(mut self, grant: u64) -> Self {
        self.writes.push(Write::Revoke(grant));
        self
    }

    /// Counts calls to a model.
    #[must_use]
    pub fn model_usage(mut self, agent: &AgentId, more: ModelUsage) -> Self {
        self.writes.push(Write::ModelUsage(agent.clone(), Box::new(more)));
        self
    }

    /// Adds a write that its table's own file knows.
    pub(crate) fn with(
        mut self,
        own: impl FnOnce(&Connection, &mut Committed) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        self.writes.push(Write::Own(Box::new(own)));
        self
    }

    pub(crate) fn apply(self, db: &Connection, slots: u32) -> Result<Committed, StoreError> {
        let mut done = Committed::default();
        let mut inserted = Vec::new();
        for write in self.writes {
            match write {
                Write::InsertAgent(new, events_of) => {
                    agents::insert(db, &new)?;
                    let record = agents::get(db, &new.id)?.ok_or_else(|| StoreError::NoAgent(new.id.clone()))?;
                    for body in events_of(&record) {
                        let event = NewEvent { agent: Some(new.id.clone()), owner: new.owner.clone(), body };
                        done.events.push(events::append(db, event)?);
                    }
                    inserted.push(new.id);
                }
                Write::UpdateAgent(id, fields) => agents::update(db, &id, &fields)?,
                Write::DeleteAgent(id) => agents::delete(db, &id)?,
                Write::TakeSlot(agent) => done.slots.push(leases::take(db, &agent, slots)?),
                Write::ReleaseSlot(agent, slot) => leases::release(db, &agent, slot)?,
                Write::Prepare(agent) => done.slots.push(leases::prepare(db, &agent, slots)?),
                Write::TakePrepared(agent) => done.slots.push(leases::take_prepared(db, &agent)?),
                Write::DropPrepared(agent) => leases::drop_prepared(db, &agent)?,
                Write::Event(event) => done.events.push(events::append(db, *event)?),
                Write::BeginStep(agent, step) => steps::begin(db, &agent, &step)?,
                Write::FinishCall(agent, step, position, outcome) => steps::finish(db, &agent, step, position, &outcome)?,
                Write::AddMessage(agent, content) => messages::insert(db, &agent, &content)?,
                Write::TakeMessages(agent, step) => done.messages.extend(messages::take(db, &agent, step)?),
                Write::Setting(key, value) => settings::set(db, &key, value.as_deref())?,
                Write::Audit(entry) => audit::append(db, &entry)?,
                Write::PruneEvents(keep) => {
                    events::prune(db, keep)?;
                }
                Write::SetSecret(name, version, sealed) => secrets::set(db, &name, version, &sealed)?,
                Write::DeleteSecret(name) => secrets::delete(db, &name)?,
                Write::Grant(new) => done.grants.push(secrets::grant(db, &new)?),
                Write::Revoke(id) => secrets::revoke(db, id)?,
                Write::ModelUsage(agent, more) => models::add(db, &agent, &more)?,
                Write::Own(own) => own(db, &mut done)?,
            }
        }
        for id in &inserted {
            done.agents.extend(agents::get(db, id)?);
        }
        Ok(done)
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("writes", &self.writes.len()).finish()
    }
}
