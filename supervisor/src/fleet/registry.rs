//! Every agent in memory: what the store holds, ready to be listed, found and queued. Pure: no I/O, no clock.

mod family;
mod record;
mod shown;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use aether_protocol::{AgentId, AgentInfo, AgentName, AgentState, ApiError, UidRange};
use aether_sandbox::plan::{IdRange, RANGE_SIZE};
use aether_store::{AgentField, AgentRecord};
use tokio::sync::{Mutex, watch};

pub(crate) use self::record::info;
use self::record::set;
pub use self::shown::Shown;
use super::ListFilter;

/// One agent.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// As clients see it. Shared with lists that are being written out: changed by [`Arc::make_mut`].
    pub(crate) info: Arc<Shown>,
    /// Name of its home on the host.
    pub(crate) home: String,
    /// Uid slot it holds.
    pub(crate) slot: Option<u32>,
    /// Its record is gone already; only who knows its id still sees how it ended.
    pub(crate) departed: bool,
    /// It has ended, but its sandbox may still be there: it keeps its place.
    pub(crate) ending: bool,
    /// Held by whoever changes its state.
    pub(crate) gate: Arc<Mutex<()>>,
    /// Becomes true when it has ended.
    pub(crate) ended: Arc<watch::Sender<bool>>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: BTreeMap<AgentId, Entry>,
    names: BTreeMap<AgentName, AgentId>,
    numbers: BTreeMap<u64, AgentId>,
    queued: BTreeSet<(u8, u64)>,
    /// Children of agents, until they are forgotten.
    children: BTreeMap<AgentId, BTreeSet<AgentId>>,
    live: usize,
    newest: u64,
}

impl Registry {
    /// Adds an agent.
    pub(crate) fn insert(&mut self, record: AgentRecord) {
        let (home, slot) = (record.home.clone(), record.slot);
        let info = Arc::new(Shown::from(info(record)));
        self.names.insert(info.name.clone(), info.id.clone());
        self.numbers.insert(info.number, info.id.clone());
        self.newest = self.newest.max(info.number);
        let ended = Arc::new(watch::Sender::new(info.state.is_dead()));
        self.count(&info, 1);
        self.adopt(&info);
        self.entries
            .insert(info.id.clone(), Entry { info, home, slot, departed: false, ending: false, gate: Arc::default(), ended });
    }

    /// One agent, also one that departed.
    pub(crate) fn get(&self, id: &AgentId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The agent with this number.
    pub(crate) fn numbered(&self, number: u64) -> Option<&Entry> {
        self.entries.get(self.numbers.get(&number)?)
    }

    /// Is the name in use?
    pub(crate) fn has_name(&self, name: &AgentName) -> bool {
        self.names.contains_key(name)
    }

    /// The gate of an ephemeral agent that has ended and still has this name: held until its record is gone.
    pub(crate) fn leaving(&self, name: &AgentName) -> Option<Arc<Mutex<()>>> {
        let entry = self.entries.get(self.names.get(name)?)?;
        (entry.info.state.is_dead() && entry.info.spec.ephemeral).then(|| entry.gate.clone())
    }

    /// Number that the next agent gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.newest + 1
    }

    /// Numbers up to this one were given.
    pub(crate) fn saw_number(&mut self, number: u64) {
        self.newest = self.newest.max(number);
    }

    /// Agents with a sandbox, or about to get one.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Agents that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queued.len()
    }

    /// Agents ended and not removed.
    pub(crate) fn ended(&self) -> usize {
        self.numbers.len() - self.live - self.queued.len()
    }

    /// The agent to start next.
    pub(crate) fn first_waiting(&self) -> Option<AgentId> {
        self.queued.first().and_then(|(_, number)| self.numbers.get(number)).cloned()
    }

    /// The queue in order.
    pub(crate) fn queue(&self) -> Vec<AgentInfo> {
        let waiting = self.queued.iter().zip(1..).filter_map(|((_, number), at)| Some((self.numbered(*number)?, at)));
        waiting.map(|(entry, at)| AgentInfo { queue_position: Some(at), ..AgentInfo::clone(&entry.info) }).collect()
    }

    /// Applies what was committed.
    pub(crate) fn apply(&mut self, id: &AgentId, fields: &[AgentField]) {
        let Some(mut entry) = self.entries.remove(id) else { return };
        self.count(&entry.info, -1);
        for field in fields {
            set(Arc::<Shown>::make_mut(&mut entry.info), field);
        }
        self.count(&entry.info, 1);
        if std::mem::take(&mut entry.ending) {
            self.live = self.live.saturating_sub(1);
        }
        if entry.info.state.is_dead() {
            entry.ended.send_replace(true);
        }
        self.entries.insert(id.clone(), entry);
    }

    /// Shows the end of an agent whose sandbox is about to be taken down; it keeps its place until [`Registry::apply`].
    pub(crate) fn conclude(&mut self, id: &AgentId, fields: &[AgentField]) {
        self.apply(id, fields);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.ending = true;
            self.live += 1;
        }
    }

    /// Changes what is only in memory, or the slot.
    pub(crate) fn modify(&mut self, id: &AgentId, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(id) {
            change(entry);
            let range = entry.slot.and_then(IdRange::new).filter(|_| !entry.info.state.is_dead());
            let range = range.map(|ids| UidRange { start: ids.start(), size: RANGE_SIZE });
            if entry.info.uid_range != range {
                Arc::make_mut(&mut entry.info).uid_range = range;
            }
        }
    }

    /// Its record is gone: names and lists forget it, its id still answers.
    pub(crate) fn depart(&mut self, id: &AgentId) {
        let Some(mut entry) = self.entries.remove(id) else { return };
        if !entry.departed {
            self.count(&entry.info, -1);
            self.names.remove(&entry.info.name);
            self.numbers.remove(&entry.info.number);
            entry.departed = true;
        }
        entry.ended.send_replace(true);
        self.entries.insert(id.clone(), entry);
    }

    /// Adds one whose record is gone already.
    pub(crate) fn remember(&mut self, info: AgentInfo) {
        let ended = Arc::new(watch::Sender::new(true));
        self.newest = self.newest.max(info.number);
        let entry = Entry {
            home: info.id.as_str().to_owned(),
            info: Arc::new(info.into()),
            slot: None,
            departed: true,
            ending: false,
            gate: Arc::default(),
            ended,
        };
        self.entries.entry(entry.info.id.clone()).or_insert(entry);
    }

    /// Those whose records are gone.
    pub(crate) fn departed(&self) -> Vec<AgentInfo> {
        self.entries.values().filter(|entry| entry.departed).map(|entry| AgentInfo::clone(&entry.info)).collect()
    }

    /// Forgets it for good.
    pub(crate) fn forget(&mut self, id: &AgentId) {
        self.depart(id);
        if let Some(entry) = self.entries.remove(id) {
            self.disown(&entry.info);
        }
    }

    /// The id that a reference names.
    pub(crate) fn resolve(&self, reference: &str) -> Result<AgentId, ApiError> {
        if let Some(id) = reference.parse().ok().filter(|id| self.entries.contains_key(id)) {
            return Ok(id);
        }
        if let Some(id) = reference.parse().ok().and_then(|name: AgentName| self.names.get(&name)) {
            return Ok(id.clone());
        }
        if let Some(id) = reference.parse().ok().and_then(|number: u64| self.numbers.get(&number)) {
            return Ok(id.clone());
        }
        let mut found: BTreeMap<&AgentId, &AgentName> = BTreeMap::new();
        if !reference.is_empty() {
            found.extend(self.numbers.values().filter_map(|id| {
                let name = &self.entries.get(id)?.info.name;
                (id.as_str().starts_with(reference) || name.as_str().starts_with(reference)).then_some((id, name))
            }));
        }
        if found.len() > 1 {
            let names: Vec<_> = found.values().take(5).map(|name| name.as_str()).collect();
            let more = if found.len() > 5 { ", ..." } else { "" };
            return Err(ApiError::conflict(
                format!("{} agents begin with {:?}: {}{more}", found.len(), cut(reference), names.join(", ")),
                "give the whole name or a longer prefix",
            ));
        }
        found.into_keys().next().cloned().ok_or_else(|| {
            ApiError::not_found(format!("there is no agent {:?}", cut(reference)), "aether ps -a lists all agents")
        })
    }

    /// Agents, newest first, and how many match.
    pub(crate) fn list(&self, filter: &ListFilter) -> (Vec<Arc<Shown>>, usize) {
        let matching = || {
            self.numbers.values().rev().filter_map(|id| self.entries.get(id)).filter(|entry| {
                let state = entry.info.state;
                filter.state.map_or(filter.all || !state.is_dead(), |wanted| state == wanted)
            })
        };
        let limit = if filter.limit == 0 { usize::MAX } else { filter.limit };
        // Looked up once: to count for each of them how many are before it would take the square of their number.
        let places: HashMap<u64, u32> = self.queued.iter().map(|(_, number)| *number).zip(1..).collect();
        let shown = |entry: &Entry| match places.get(&entry.info.number) {
            None => entry.info.clone(),
            place => Arc::new(AgentInfo { queue_position: place.copied(), ..AgentInfo::clone(&entry.info) }.into()),
        };
        (matching().skip(filter.offset).take(limit).map(shown).collect(), matching().count())
    }

    /// An entry as clients see it, with its place in the queue.
    pub(crate) fn shown(&self, entry: &Entry) -> AgentInfo {
        let mut info = AgentInfo::clone(&entry.info);
        if info.state == AgentState::Queued {
            let key = (info.spec.priority, info.number);
            info.queue_position = self.queued.iter().position(|k| *k == key).and_then(|at| u32::try_from(at + 1).ok());
        }
        info
    }

    /// Every agent that has a record.
    pub(crate) fn ids(&self) -> Vec<AgentId> {
        self.numbers.values().cloned().collect()
    }

    fn count(&mut self, info: &AgentInfo, by: isize) {
        if info.state.is_live() {
            self.live = self.live.saturating_add_signed(by);
        }
        if info.state == AgentState::Queued {
            let key = (info.spec.priority, info.number);
            let _ = if by > 0 { self.queued.insert(key) } else { self.queued.remove(&key) };
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use aether_protocol::{AgentPhase, ErrorCode, Timestamp};

    use super::*;

    fn record(number: u64, id: &str, name: &str, state: AgentState, priority: u8) -> AgentRecord {
        let mut spec: aether_protocol::AgentSpec =
            serde_json::from_str(r#"{"program": {"type": "command", "argv": ["true"]}}"#).expect("spec");
        spec.priority = priority;
        AgentRecord {
            id: id.parse().expect("id"),
            number,
            name: name.parse().expect("name"),
            owner: "root".into(),
            spec,
            state,
            phase: AgentPhase::Booting,
            home: id.into(),
            slot: None,
            pid: None,
            cgroup: None,
            enforcement: None,
            created_at: Timestamp::from_unix_millis(0),
            started_at: None,
            ended_at: None,
            exit: None,
            step: 0,
            max_steps: None,
            model: None,
            last_action: None,
            boot_id: None,
        }
    }

    fn three() -> Registry {
        let mut registry = Registry::default();
        registry.insert(record(1, "abcdefghijkl", "builder-1", AgentState::Running, 3));
        registry.insert(record(2, "abxxxxxxxxxx", "builder-2", AgentState::Dead, 3));
        registry.insert(record(7, "zzzzzzzzzzzz", "ab", AgentState::Queued, 3));
        registry
    }

    #[test]
    fn references_are_ids_names_numbers_and_unique_prefixes() {
        let registry = three();
        let at = |reference| registry.resolve(reference).map(|id| id.as_str().to_owned());
        assert_eq!(at("abcdefghijkl").as_deref(), Ok("abcdefghijkl"));
        assert_eq!(at("ab").as_deref(), Ok("zzzzzzzzzzzz"), "a whole name wins over prefixes");
        assert_eq!(at("7").as_deref(), Ok("zzzzzzzzzzzz"));
        assert_eq!(at("abc").as_deref(), Ok("abcdefghijkl"));
        let several = at("builder").expect_err("not unique");
        assert_eq!(several.code, ErrorCode::Conflict);
        assert!(several.message.contains("builder-1") && several.message.contains("builder-2"), "{}", several.message);
        assert_eq!(at("nobody").expect_err("none").code, ErrorCode::NotFound);
        assert_eq!(at("").expect_err("none").code, ErrorCode::NotFound);
    }

    #[test]
    fn the_queue_goes_by_priority_then_age() {
        let mut registry = Registry::default();
        for (number, id, priority) in
            [(1, "aaaaaaaaaaaa", 3), (2, "bbbbbbbbbbbb", 1), (3, "cccccccccccc", 3), (4, "dddddddddddd", 5)]
        {
            registry.insert(record(number, id, &format!("q{number}"), AgentState::Queued, priority));
        }
        let order = |r: &Registry| r.queue().iter().map(|info| (info.number, info.queue_position)).collect::<Vec<_>>();
        assert_eq!(order(&registry), [(2, Some(1)), (1, Some(2)), (3, Some(3)), (4, Some(4))]);
        let listed = registry.list(&ListFilter::default()).0;
        let places: Vec<_> = listed.iter().map(|info| (info.number, info.queue_position)).collect();
        assert_eq!(places, [(4, Some(4)), (3, Some(3)), (2, Some(1)), (1, Some(2))], "newest first, each with its place");
        let id: AgentId = "dddddddddddd".parse().expect("id");
        let mut spec = registry.get(&id).expect("entry").info.spec.clone();
        spec.priority = 1;
        registry.apply(&id, &[AgentField::Spec(Box::new(spec))]);
        assert_eq!(order(&registry).iter().map(|(n, _)| *n).collect::<Vec<_>>(), [2, 4, 1, 3]);
        registry.apply(&id, &[AgentField::State(AgentState::Created)]);
        assert_eq!((registry.live(), registry.waiting()), (1, 3));
    }

    #[test]
    fn who_departs_frees_the_name_and_still_answers_to_its_id() {
        let mut registry = three();
        let id = registry.resolve("builder-2").expect("id");
        registry.depart(&id);
        assert!(registry.resolve("builder-2").is_err());
        assert_eq!(registry.resolve(id.as_str()).as_ref(), Ok(&id));
        assert_eq!(registry.list(&ListFilter { all: true, ..ListFilter::default() }).1, 2);
        registry.forget(&id);
        assert!(registry.resolve(id.as_str()).is_err());
        assert_eq!(registry.next_number(), 8);
    }

    #[test]
    fn counts_follow_the_states() {
        let mut registry = three();
        assert_eq!((registry.live(), registry.waiting(), registry.ended()), (1, 1, 1));
        let id = registry.resolve("1").expect("id");
        registry.apply(&id, &[AgentField::State(AgentState::Dead)]);
        assert_eq!((registry.live(), registry.ended()), (0, 2));
        assert!(*registry.get(&id).expect("entry").ended.borrow());
    }
}
