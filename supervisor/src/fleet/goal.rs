//! The loop of the built-in agent, tied to its sandbox and to the store.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aether_protocol::{
    AgentEvent, AgentId, AgentState, ApiError, ExitInfo, GoalSpec, NetworkMode, Program,
    event::{AgentLog, ProcessStateChange},
};
use aether_runtime::{
    CallOutcome, Control, Effect, Goal, History, Journal, JournalError, Outcome, RecordedStep, StepIntent, TakenMessage, Update,
    Work, run_goal, tools,
};
use aether_sandbox::plan::AGENT_HOME;
use aether_store::{AgentField, AuditEntry, Change, NewCall, NewStep, StepRecord, StoreError};
use async_trait::async_trait;
use serde_json::json;

use crate::govern::{AgentGovernor, meter};

use super::{
    OutputStream,
    audit::AGENT,
    children::{self, Children},
    core::{Core, Live, sandbox_id},
    drafts::Draft,
    end, exit,
    hands::SandboxHands,
    lasting, launch, minds,
    secret_use::asking,
    steer,
    web::{self, Web},
};

/// How often a loop that lost its journal or its sandbox's init for a moment is run again without having got further.
const INTERRUPTIONS: u32 = 8;

/// Starts (or, with what the store remembers, goes on with) the loop of an agent.
pub(crate) fn start(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, spec: &GoalSpec) {
    let Ok(info) = core.info(id) else { return };
    let control = Control::new(info.max_steps.unwrap_or(core.config.get().agents.max_steps));
    control.use_model(info.model.clone());
    control.give_tools(spec.tools.clone());
    if info.state == aether_protocol::AgentState::Paused {
        control.pause();
    }
    if live.control.set(control.clone()).is_err() {
        return;
    }
    // From here on whoever changes them finds the loop; what was changed before is read now.
    if let Ok(now) = core.info(id) {
        control.give_tools(steer::tools_of(&now.spec));
    }
    let goal = Goal {
        number: info.number,
        goal: spec.goal.clone(),
        role: spec.role.clone(),
        network: reach(&info.spec.network),
        outside: spec.outside.clone(),
        home: AGENT_HOME.to_owned(),
        workdir: launch::workdir(&info.spec),
    };
    let (core, id, live) = (core.clone(), id.clone(), live.clone());
    tokio::spawn(async move {
        let over = live.over.clone();
        let exit = tokio::select! {
            () = over.cancelled() => return,
            () = core.stopping.cancelled() => return,
            exit = lasting::caught("loop", asking(&core, &id, run(&core, &id, &live, goal, &control))) => exit.unwrap_or_else(|| Some(exit::of_panic())),
        };
        if let Some(exit) = exit {
            if exit.code != 0 {
                let reason = exit.reason.clone().unwrap_or_default();
                live.log.print(OutputStream::Stderr, format!("{reason}\n").as_bytes());
            }
            end::end(&core, &id, exit).await;
        }
    });
}

/// Checks that there are tools of these names.
pub(crate) fn check_tools(tools: &[String]) -> Result<(), ApiError> {
    static ALL: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let ours = aether_memory::offered().chain(web::OFFERED.iter()).chain(children::OFFERED.iter());
        let built_in = tools::specs().into_iter().map(|spec| spec.name.clone());
        built_in.chain(ours.map(|offered| offered.spec.name.clone())).collect()
    });
    let unknown: Vec<&str> = tools.iter().map(String::as_str).filter(|name| !ALL.contains(tools::canonical(name))).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let all: Vec<&str> = ALL.iter().map(String::as_str).collect();
    Err(ApiError::invalid(format!("there is no tool {}", unknown.join(", ")), format!("the tools are {}", all.join(", "))))
}

/// How the loop of a goal ended that was cut off before its end was recorded: its journal may have that.
pub(crate) async fn ended_before(core: &Arc<Core>, id: &AgentId) -> Option<ExitInfo> {
    let goal = core.info(id).is_ok_and(|info| matches!(info.spec.program, Program::Goal(_)));
    let history = if goal { StoreJournal::of(core, id).load().await.ok()? } else { return None };
    match tools::on_record(&history)? {
        Outcome::Completed(_) => Some(ExitInfo { code: 0, signal: None, reason: None }),
        Outcome::Failed(why) => Some(ExitInfo { code: 1, signal: None, reason: Some(why) }),
        Outcome::Cancelled | Outcome::Interrupted(_) => None,
    }
}

/// What a network may reach, in words for the model.
fn reach(network: &NetworkMode) -> Option<String> {
    let words = match network {
        mode if mode.is_none() => return None,
        NetworkMode::Word(_) => "public addresses can be reached, private ones cannot",
        NetworkMode::Rules(_) => "only what people allow can be reached; the refusal says so",
    };
    Some(words.to_owned())
}

async fn run(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, goal: Goal, control: &Control) -> Option<ExitInfo> {
    let failed = |reason: String| Some(ExitInfo { code: 1, signal: None, reason: Some(reason) });
    let spec = core.info(id).ok()?.spec;
    debug_assert!(matches!(spec.program, Program::Goal(_)), "only goals have a loop");
    let frozen = {
        let (core, id) = (core.clone(), id.clone());
        move || core.info(&id).is_ok_and(|info| info.state == AgentState::Paused)
    };
    let sandbox = match sandbox_id(id) {
        Ok(sandbox) => sandbox,
        Err(error) => return failed(error.message),
    };
    if core.info(id).is_ok_and(|info| info.step > 0)
        && let Err(error) = core.spawner.end_calls(sandbox.clone()).await
    {
        // The outcome of what runs there is unknown; it goes on, as it did before.
        tracing::warn!(agent = %id, error = %error.message, "what an earlier call runs was not ended");
    }
    let hands = SandboxHands::new(live, (core.spawner.clone(), sandbox), &spec, launch::given(core, id, &spec), Box::new(frozen));
    let journal = StoreJournal::of(core, id);
    let draft = Draft::new(&core.drafts, goal.number);
    let mut toolsets = minds::toolsets(core, id, &goal).await;
    toolsets.push(Arc::new(Web::new(core, id)));
    toolsets.push(Arc::new(Children::new(core, id)));
    let governor = match AgentGovernor::new(core, id) {
        Ok(governor) => governor,
        Err(error) => return failed(error.message),
    };
    let work = Work {
        goal: &goal,
        models: &core.providers,
        hands: &hands,
        journal: &journal,
        control,
        toolsets: &toolsets,
        governor: &governor,
        listener: &draft,
    };
    let (mut attempt, mut reached) = (0, 0);
    loop {
        let why = match run_goal(&work).await {
            Outcome::Completed(said) => {
                children::report(core, id, true, &said).await;
                minds::ended(core, id, &goal.goal, true, &said).await;
                return Some(ExitInfo { code: 0, signal: None, reason: None });
            }
            Outcome::Failed(why) => {
                children::report(core, id, false, &why).await;
                minds::ended(core, id, &goal.goal, false, &why).await;
                return failed(why);
            }
            // Whoever cancelled it ends the agent, and says how.
            Outcome::Cancelled => return None,
            Outcome::Interrupted(why) => why,
        };
        tracing::warn!(agent = %id, why, "a loop was interrupted");
        let event: AgentEvent = AgentLog { pid: goal.number, level: "error".to_owned(), message: why.clone() }.into();
        let _ = core.write(core.with_events(id, Change::new(), vec![event])).await;
        // Nothing was decided: what is in the journal lets it go on. The end of its sandbox ends this task from outside.
        let step = core.info(id).map_or(0, |info| info.step);
        attempt = if step > reached { 1 } else { attempt + 1 };
        reached = reached.max(step);
        if attempt > INTERRUPTIONS {
            return failed(why);
        }
        tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
    }
}

/// Characters of a tool's arguments on record; all of them are in the agent's steps.
const ARGUMENTS: usize = 300;

/// The record of a tool that the built-in agent is about to use. It is in the same change as the step, which is on the disk
/// before anything is done.
fn used(id: &AgentId, step: u32, tool: &str, args: &serde_json::Value) -> AuditEntry {
    let short = |text: &str| text.chars().take(ARGUMENTS).collect::<String>();
    let outcome = json!({ "step": step, "tool": short(tool), "args": short(&args.to_string()) });
    AuditEntry { who: AGENT.to_owned(), action: "agent.tool".to_owned(), subject: id.to_string(), outcome }
}

/// The journal of one agent, in the store.
struct StoreJournal {
    core: Arc<Core>,
    id: AgentId,
    /// [`Store::posts`](aether_store::Store::posts) before a look that found no message.
    quiet: AtomicU64,
}

#[async_trait]
impl Journal for StoreJournal {
    async fn load(&self) -> Result<History, JournalError> {
        let steps = self.core.store.steps(self.id.clone()).await.map_err(broken)?;
        let messages = self.core.store.messages(self.id.clone()).await.map_err(broken)?;
        let taken = messages.into_iter().filter_map(|m| Some(TakenMessage { step: m.taken_step?, content: m.content }));
        let steps = steps.into_iter().map(recorded).collect::<Result<_, _>>()?;
        Ok(History { steps, messages: taken.collect() })
    }

    async fn take_messages(&self, step: u32) -> Result<Vec<String>, JournalError> {
        // Hardly ever is there one: what is not there need not be looked for in every step, nor taken by a commit.
        let posts = self.core.store.posts();
        if self.quiet.load(Ordering::Relaxed) == posts {
            return Ok(Vec::new());
        }
        if !self.core.store.has_messages(self.id.clone(), step).await.map_err(broken)? {
            self.quiet.store(posts, Ordering::Relaxed);
            return Ok(Vec::new());
        }
        let committed = self.core.store.commit(Change::new().take_messages(&self.id, step)).await.map_err(broken)?;
        Ok(committed.messages.into_iter().map(|message| message.content).collect())
    }

    async fn begin_step(&self, intent: &StepIntent, update: Update) -> Result<(), JournalError> {
        let calls = intent.calls.iter().map(|call| NewCall {
            call_id: call.id.clone(),
            tool: call.tool.clone(),
            args: call.args.clone(),
        });
        let usage = intent.usage.as_ref().map(serde_json::to_value).transpose().map_err(|e| JournalError(e.to_string()))?;
        let tools = intent.calls.iter().map(|call| used(&self.id, intent.step, &call.tool, &call.args));
        let change = tools.fold(Change::new(), Change::audit);
        let step = NewStep { step: intent.step, thought: intent.thought.clone(), usage, calls: calls.collect() };
        // One change fewer for the store, and what an answer cost is on record with it.
        let spent = meter::unsaved(&self.core, &self.id);
        let change = change.begin_step(&self.id, step);
        let change = spent.iter().cloned().fold(change, Change::spend);
        let done = self.commit(change, update).await;
        if let (Err(_), Some(spent)) = (&done, spent) {
            meter::unsaved_again(&self.core, spent);
        }
        done
    }

    async fn finish_call(&self, step: u32, position: u32, outcome: &CallOutcome, update: Update) -> Result<(), JournalError> {
        let outcome = serde_json::to_value(outcome).map_err(|error| JournalError(error.to_string()))?;
        self.commit(Change::new().finish_call(&self.id, step, position, outcome), update).await
    }

    async fn note(&self, update: Update) -> Result<(), JournalError> {
        self.commit(Change::new(), update).await
    }
}

impl StoreJournal {
    fn of(core: &Arc<Core>, id: &AgentId) -> Self {
        Self { core: core.clone(), id: id.clone(), quiet: AtomicU64::new(u64::MAX) }
    }

    async fn commit(&self, change: Change, update: Update) -> Result<(), JournalError> {
        let mut fields = vec![AgentField::Phase(update.phase), AgentField::Step(update.step)];
        if update.last_action.is_some() {
            fields.push(AgentField::LastAction(update.last_action));
        }
        let mut events = update.events;
        if let Ok(info) = self.core.info(&self.id)
            && info.phase != update.phase
        {
            events.insert(0, ProcessStateChange { pid: info.number, state: info.state, agent_phase: update.phase }.into());
        }
        let change = change.update_agent(&self.id, fields.clone());
        let change = self.core.with_events(&self.id, change, events);
        // A kill of the service loses nothing of it; a loss of power may take the last half second of what only read.
        let change = if update.effect == Effect::None { change.relaxed(true) } else { change };
        self.core.store.commit(change).await.map_err(broken)?;
        self.core.registry().apply(&self.id, &fields);
        Ok(())
    }
}

fn broken(error: StoreError) -> JournalError {
    JournalError(error.to_string())
}

fn recorded(step: StepRecord) -> Result<RecordedStep, JournalError> {
    let unreadable = |error: serde_json::Error| JournalError(format!("step {}: {error}", step.step));
    let mut outcomes = Vec::with_capacity(step.calls.len());
    let mut calls = Vec::with_capacity(step.calls.len());
    for call in step.calls {
        outcomes.push(call.outcome.map(serde_json::from_value).transpose().map_err(unreadable)?);
        calls.push(aether_runtime::PlannedCall { id: call.call.call_id, tool: call.call.tool, args: call.call.args });
    }
    let usage = step.usage.map(serde_json::from_value).transpose().map_err(unreadable)?;
    Ok(RecordedStep { intent: StepIntent { step: step.step, thought: step.thought, usage, calls }, outcomes })
}
