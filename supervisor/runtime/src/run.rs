//! The loop.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use aether_llm::CompletionRequest;
use aether_protocol::{
    AgentEvent, AgentPhase,
    event::{AgentAction, AgentCompleted, AgentLog, AgentObservation, AgentProgress, AgentThought},
};
use futures_util::{StreamExt, stream};

use crate::{
    CallOutcome, Control, Effect, Goal, Hands, HandsError, History, Journal, JournalError, Listener, Models, Outcome,
    PlannedCall, RecordedStep, StepIntent, TakenMessage, Toolset, Update, Wish, compact, context,
    governor::{Asked, Gate, Governor, Spent, Verdict},
    images::{self, Album, Shown},
    order::{Start, effect, group_end, idle_answers, taint},
    text,
    toolbox::Toolbox,
    tools,
    toolset::Site,
};

/// Answers in a row without a tool after which the goal has failed.
const MAX_IDLE_ANSWERS: usize = 3;
/// Calls that run side by side.
const MAX_SIDE_BY_SIDE: usize = 8;
const UNKNOWN: &str = "unknown outcome (supervisor restarted): it may or may not have happened; look before doing it again";
const NOT_RUN: &str = "not run: the supervisor restarted before it, and the outcome of the call before it is unknown";

/// Everything that a loop works with.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// What it is for.
    pub goal: &'a Goal,
    /// Who answers its steps.
    pub models: &'a dyn Models,
    /// Its effects.
    pub hands: &'a dyn Hands,
    /// Where it is written down.
    pub journal: &'a dyn Journal,
    /// How people steer it.
    pub control: &'a Control,
    /// Tools beside the built-in ones.
    pub toolsets: &'a [Arc<dyn Toolset>],
    /// Who decides what it may do.
    pub governor: &'a dyn Governor,
    /// Hears answers while they are written.
    pub listener: &'a dyn Listener,
}

/// Works on a goal until it ends. Run again with the same journal, it goes on where it was.
///
/// Dropping the future is safe at any point; so is losing power.
pub async fn run_goal(work: &Work<'_>) -> Outcome {
    let run =
        Run { work: *work, model: Mutex::default(), tools: Mutex::default(), album: Album::default(), sizes: Mutex::default() };
    let ending = async {
        match run.to_the_end().await {
            Ok(outcome) => outcome,
            Err(broken) => Outcome::Interrupted(broken.0),
        }
    };
    tokio::select! {
        biased;
        () = work.control.cancelled() => Outcome::Cancelled,
        outcome = ending => outcome,
    }
}

/// Something outside the agent broke.
struct Broken(String);

impl From<JournalError> for Broken {
    fn from(error: JournalError) -> Self {
        Self(format!("the journal failed: {error}"))
    }
}

impl From<HandsError> for Broken {
    fn from(error: HandsError) -> Self {
        Self(error.to_string())
    }
}

struct Run<'a> {
    work: Work<'a>,
    /// Why the last step had its model, as people were told.
    model: Mutex<Option<String>>,
    /// What people were told of its list of tools.
    tools: Mutex<Option<String>>,
    album: Album,
    /// Of the steps, for what is summed up.
    sizes: Mutex<compact::Sizes>,
}

/// An answer that was given.
struct Answer {
    intent: StepIntent,
    /// What people are told beside it.
    events: Vec<AgentEvent>,
    spent: Spent,
}

impl<'a> Run<'a> {
    async fn to_the_end(&self) -> Result<Outcome, Broken> {
        let Work { journal, governor, hands, .. } = self.work;
        let mut history = journal.load().await?;
        governor.begin(&history, hands).await?;
        if let Some(mut last) = history.steps.pop() {
            // What was open when an earlier run was cut.
            last.outcomes.resize(last.intent.calls.len(), None);
            let ended = self.act(&mut last, Start::Resumed, taint(self.work.goal, &history)).await?;
            history.steps.push(last);
            if let Some(outcome) = ended {
                return Ok(outcome);
            }
        }
        self.note(history.steps.len() as u32, AgentPhase::Thinking, Vec::new()).await?;
        loop {
            if idle_answers(&history) >= MAX_IDLE_ANSWERS {
                return Ok(Outcome::Failed(format!("the model answered {MAX_IDLE_ANSWERS} times without using a tool")));
            }
            let step = history.steps.len() as u32 + 1;
            self.gate(step).await?;
            if let Gate::End(why) = governor.before_answer(step, &history).await? {
                return Ok(Outcome::Failed(why));
            }
            // Whoever held it may have paused it.
            self.work.control.unpaused().await;
            let said = journal.take_messages(step).await?;
            history.messages.retain(|m| m.step != step);
            history.messages.extend(said.into_iter().map(|content| TakenMessage { step, content }));
            let answer = match self.think(step, &history).await? {
                Ok(answer) => answer,
                Err(reason) => return Ok(Outcome::Failed(reason)),
            };
            self.begin(&answer).await?;
            let mut record = RecordedStep { outcomes: vec![None; answer.intent.calls.len()], intent: answer.intent };
            let outcome = self.act(&mut record, Start::Fresh, taint(self.work.goal, &history)).await?;
            history.steps.push(record);
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
    }

    /// Waits while paused, and at the limit of steps until more are allowed.
    async fn gate(&self, step: u32) -> Result<(), Broken> {
        let Work { goal, control, .. } = self.work;
        if step > control.max_steps() {
            let message = format!("took all {} allowed steps; it waits to be continued", control.max_steps());
            let log = AgentLog { pid: goal.number, level: "warn".into(), message };
            self.note(step - 1, AgentPhase::Waiting, vec![log.into()]).await?;
            control.allowed(step).await;
            self.note(step - 1, AgentPhase::Thinking, Vec::new()).await?;
        }
        control.unpaused().await;
        Ok(())
    }

    fn toolbox(&self) -> Toolbox<'a> {
        Toolbox::new(self.work.toolsets, self.work.control.tools().as_deref().map(Vec::as_slice))
    }

    /// Asks for a step; or why the goal has failed.
    async fn think(&self, step: u32, history: &History) -> Result<Result<Answer, String>, Broken> {
        let Work { goal, models, control, governor, listener, hands, .. } = self.work;
        let toolbox = self.toolbox();
        let (wished, names) = (control.model(), toolbox.names());
        let mut pinned = Vec::new();
        for set in self.work.toolsets {
            pinned.extend(set.pinned(step).await);
        }
        let (was, old) = self.sizes.lock().unwrap_or_else(PoisonError::into_inner).marks(history);
        let mut messages = context::conversation(goal, history, &pinned, old, &Shown::default());
        let wish = Wish {
            model: wished.as_deref(),
            step,
            tools: &names,
            tokens: compact::tokens(&messages) + images::tokens(history, old),
            last_failed: history.steps.last().is_some_and(|last| last.outcomes.iter().flatten().any(|o| !o.ok)),
            role: goal.role.as_deref(),
        };
        let choice = match models.choose(&wish) {
            Ok(choice) => choice,
            Err(why) => return Ok(Err(why)),
        };
        let mut events = Vec::new();
        let told_from = if choice.provider.history() == usize::MAX { 0 } else { old };
        if told_from == old {
            events.extend(compact::told(goal, history, &pinned, (was, old), wish.tokens));
        }
        let shown = self.album.open(history, told_from, choice.provider.sees(choice.model.as_deref()), hands).await?;
        if told_from != old || images::tokens(history, told_from) > 0 {
            messages = context::conversation(goal, history, &pinned, told_from, &shown);
        }
        events.extend(self.unknown_tools(&toolbox));
        let request = CompletionRequest { model: choice.model, messages, tools: toolbox.specs(), max_tokens: None };
        let answered = choice.provider.complete(request, &mut |delta| listener.heard(step, &delta)).await;
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let spent = Spent::of(step, choice.provider.name(), &answer);
        governor.spent(&spent).await?;
        events.extend(self.told(&spent.model, answer.why.or(choice.why)));
        let calls = answer.calls.into_iter().map(|call| PlannedCall { id: call.id, tool: call.name, args: call.arguments });
        let intent = StepIntent { step, thought: answer.text, usage: answer.usage, calls: calls.collect() };
        Ok(Ok(Answer { intent, events, spent }))
    }

    /// Names in the list of tools that no tool has, once for each list.
    fn unknown_tools(&self, toolbox: &Toolbox<'_>) -> Option<AgentEvent> {
        let message = format!("there is no tool {}; the tools are {}", toolbox.unknown().join(", "), toolbox.names().join(", "));
        let mut told = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        if toolbox.unknown().is_empty() || told.as_ref() == Some(&message) {
            return None;
        }
        *told = Some(message.clone());
        Some(AgentLog { pid: self.work.goal.number, level: "warn".into(), message }.into())
    }

    /// Why this model answered, where that is another reason than last time.
    fn told(&self, model: &str, why: Option<String>) -> Vec<AgentEvent> {
        let Some(why) = why else { return Vec::new() };
        let message = format!("{model} answers: {why}");
        let mut last = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&message) {
            return Vec::new();
        }
        *last = Some(message.clone());
        vec![AgentLog { pid: self.work.goal.number, level: "info".into(), message }.into()]
    }

    async fn begin(&self, answer: &Answer) -> Result<(), Broken> {
        let Answer { intent, events, spent } = answer;
        let (pid, step) = (self.work.goal.number, intent.step);
        let mut events = events.clone();
        if !intent.thought.trim().is_empty() {
            events.push(AgentThought { pid, step, thought: text::for_event(&intent.thought) }.into());
        }
        let first = intent.calls.first();
        let summary = first.map_or_else(|| text::one_line(&intent.thought, 120), |c| context::describe(&c.tool, &c.args));
        let max_steps = self.work.control.max_steps();
        let tokens = spent.usage.map(|usage| usage.input.saturating_add(usage.output));
        let (model, cost_microusd) = (Some(spent.model.clone()), spent.cost_microusd);
        events.push(AgentProgress { pid, step, max_steps, summary: summary.clone(), model, tokens, cost_microusd }.into());
        let toolbox = self.toolbox();
        events.extend(self.actions(intent, &toolbox, 0));
        let phase = if first.is_some() { AgentPhase::Executing } else { AgentPhase::Thinking };
        let update = Update { phase, step, last_action: Some(summary), events, effect: effect(intent, &toolbox) };
        self.work.journal.begin_step(intent, update).await?;
        Ok(())
    }

    /// Makes the calls of a step that have no outcome yet; the end of the goal if one of them ended it. Calls that change nothing
    /// run side by side, up to the next one that changes something, which runs alone.
    async fn act(&self, record: &mut RecordedStep, start: Start, mut taint: Vec<String>) -> Result<Option<Outcome>, Broken> {
        let RecordedStep { intent, outcomes } = record;
        let toolbox = self.toolbox();
        let mut doubt = start == Start::Resumed;
        let mut unknown = false;
        let mut from = 0;
        while from < intent.calls.len() {
            let group = from..group_end(intent, &toolbox, from);
            from = group.end;
            let open: Vec<usize> = group.clone().filter(|i| outcomes[*i].is_none()).collect();
            let mut known = None;
            if let Some(first) = open.first() {
                // Only calls of the first open group may have begun before the cut.
                if unknown {
                    known = Some(CallOutcome::failed(NOT_RUN));
                } else if std::mem::take(&mut doubt)
                    && toolbox.effect(&intent.calls[*first].tool) == Effect::Changes
                    && self.work.governor.may_have_begun(intent.step, *first as u32).await?
                {
                    unknown = true;
                    known = Some(CallOutcome::failed(UNKNOWN));
                }
            }
            let left = AtomicUsize::new(open.len());
            let (taint_before, left, known, toolbox) = (&taint, &left, &known, &toolbox);
            let begun: &StepIntent = intent;
            let calls = open.into_iter().map(|i| async move {
                let outcome = match known {
                    Some(known) => known.clone(),
                    None => self.make(begun, i, toolbox, taint_before).await?,
                };
                let last = left.fetch_sub(1, Ordering::SeqCst) == 1;
                self.finish(begun, i, &outcome, toolbox, last.then_some(from)).await?;
                Ok::<_, Broken>((i, outcome))
            });
            let mut running = stream::iter(calls).buffer_unordered(MAX_SIDE_BY_SIDE);
            while let Some(done) = running.next().await {
                let (i, outcome) = done?;
                outcomes[i] = Some(outcome);
            }
            drop(running);
            for i in group {
                let Some(outcome) = &outcomes[i] else { continue };
                if let Some(end) = tools::ending(&intent.calls[i], outcome) {
                    return Ok(Some(end));
                }
                taint.extend(outcome.outside.clone().filter(|source| !taint.contains(source)));
            }
        }
        Ok(None)
    }

    /// One call, past the governor.
    async fn make(&self, intent: &StepIntent, i: usize, toolbox: &Toolbox<'_>, taint: &[String]) -> Result<CallOutcome, Broken> {
        let Work { goal, hands, control, governor, .. } = self.work;
        let call = &intent.calls[i];
        let site = Site { hands, goal, step: intent.step, position: i as u32, taint };
        let tool = tools::canonical(&call.tool);
        let asked = Asked { call, tool, effect: toolbox.effect(&call.tool), site, taint };
        let outcome = match toolbox.refusal(&call.tool) {
            Some(why) => CallOutcome::failed(why),
            None => {
                control.unpaused().await;
                match governor.permit(&asked).await? {
                    Verdict::Deny(why) => CallOutcome::failed(format!("not allowed: {why}")),
                    Verdict::Allow => {
                        control.unpaused().await;
                        toolbox.call(&call.tool, &call.args, &site).await?
                    }
                }
            }
        };
        Ok(governor.observed(&asked, outcome).await?)
    }

    /// `next`: the last call of its group has ended, and the group from there on follows.
    async fn finish(
        &self,
        intent: &StepIntent,
        i: usize,
        outcome: &CallOutcome,
        toolbox: &Toolbox<'_>,
        next: Option<usize>,
    ) -> Result<(), Broken> {
        let (pid, step) = (self.work.goal.number, intent.step);
        let tool = tools::canonical(&intent.calls[i].tool).to_owned();
        let (result, used) = (text::for_event(&outcome.text), outcome.used.as_deref().cloned());
        let mut events: Vec<AgentEvent> = vec![AgentObservation { pid, step, tool, ok: outcome.ok, result, used }.into()];
        let end = tools::ending(&intent.calls[i], outcome);
        if let Some(Outcome::Completed(summary)) = &end {
            events.push(AgentCompleted { pid, summary: summary.clone() }.into());
        }
        let next_call = next.filter(|_| end.is_none()).and_then(|next| Some((next, intent.calls.get(next)?)));
        if let Some((next, _)) = next_call {
            events.extend(self.actions(intent, toolbox, next));
        }
        let update = Update {
            phase: if next.is_none() || next_call.is_some() { AgentPhase::Executing } else { AgentPhase::Thinking },
            step,
            last_action: next_call.map(|(_, call)| context::describe(&call.tool, &call.args)),
            events,
            effect: effect(intent, toolbox),
        };
        self.work.journal.finish_call(step, i as u32, outcome, update).await?;
        Ok(())
    }

    async fn note(&self, step: u32, phase: AgentPhase, events: Vec<AgentEvent>) -> Result<(), Broken> {
        self.work.journal.note(Update { phase, step, last_action: None, events, effect: Effect::Changes }).await?;
        Ok(())
    }

    /// The calls of the group that begins at `from`, as people are told.
    fn actions(&self, intent: &StepIntent, toolbox: &Toolbox<'_>, from: usize) -> Vec<AgentEvent> {
        let (pid, step) = (self.work.goal.number, intent.step);
        let group = intent.calls.get(from..group_end(intent, toolbox, from)).unwrap_or_default();
        let action = |call: &PlannedCall| {
            let tool = tools::canonical(&call.tool).to_owned();
            AgentAction { pid, step, tool, args: text::arguments(&call.args, text::EVENT_ARGUMENT) }.into()
        };
        group.iter().map(action).collect()
    }
}
