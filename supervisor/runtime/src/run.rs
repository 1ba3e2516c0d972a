//! The loop.

use aether_llm::{CompletionRequest, Provider};
use aether_protocol::{
    AgentEvent, AgentPhase,
    event::{AgentAction, AgentCompleted, AgentLog, AgentObservation, AgentProgress, AgentThought},
};

use crate::{
    CallOutcome, Control, Goal, Hands, HandsError, History, Journal, JournalError, Outcome, PlannedCall, RecordedStep,
    StepIntent, TakenMessage, Update, context, text,
    tools::{self, Effect, Site},
};

/// Answers in a row without a tool after which the goal has failed.
const MAX_IDLE_ANSWERS: usize = 3;
const UNKNOWN: &str = "unknown outcome (supervisor restarted): it may or may not have happened; look before doing it again";
const NOT_RUN: &str = "not run: the supervisor restarted before it, and the outcome of the call before it is unknown";

/// Works on a goal until it ends. Run again with the same journal, it goes on where it was.
///
/// Dropping the future is safe at any point; so is losing power.
pub async fn run_goal(
    goal: &Goal,
    provider: &dyn Provider,
    hands: &dyn Hands,
    journal: &dyn Journal,
    control: &Control,
) -> Outcome {
    let work = async {
        match (Run { goal, provider, hands, journal, control }).to_the_end().await {
            Ok(outcome) => outcome,
            Err(broken) => Outcome::Interrupted(broken.0),
        }
    };
    tokio::select! {
        biased;
        () = control.cancelled() => Outcome::Cancelled,
        outcome = work => outcome,
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
    goal: &'a Goal,
    provider: &'a dyn Provider,
    hands: &'a dyn Hands,
    journal: &'a dyn Journal,
    control: &'a Control,
}

impl Run<'_> {
    async fn to_the_end(&self) -> Result<Outcome, Broken> {
        let mut history = self.journal.load().await?;
        if let Some(last) = history.steps.last_mut() {
            // What was open when an earlier run was cut.
            last.outcomes.resize(last.intent.calls.len(), None);
            if let Some(outcome) = self.act(last, Start::Resumed).await? {
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
            let said = self.journal.take_messages(step).await?;
            history.messages.retain(|m| m.step != step);
            history.messages.extend(said.into_iter().map(|content| TakenMessage { step, content }));
            let intent = match self.think(step, &history).await {
                Ok(intent) => intent,
                Err(reason) => return Ok(Outcome::Failed(reason)),
            };
            self.begin(&intent).await?;
            let mut record = RecordedStep { outcomes: vec![None; intent.calls.len()], intent };
            let outcome = self.act(&mut record, Start::Fresh).await?;
            history.steps.push(record);
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
    }

    /// Waits while paused, and at the limit of steps until more are allowed.
    async fn gate(&self, step: u32) -> Result<(), Broken> {
        if step > self.control.max_steps() {
            let message = format!("took all {} allowed steps; it waits to be continued", self.control.max_steps());
            let log = AgentLog { pid: self.goal.number, level: "warn".into(), message };
            self.note(step - 1, AgentPhase::Waiting, vec![log.into()]).await?;
            self.control.allowed(step).await;
            self.note(step - 1, AgentPhase::Thinking, Vec::new()).await?;
        }
        self.control.unpaused().await;
        Ok(())
    }

    async fn think(&self, step: u32, history: &History) -> Result<StepIntent, String> {
        let request = CompletionRequest {
            model: self.goal.model.clone(),
            messages: context::conversation(self.goal, history, self.provider.history()),
            tools: tools::specs(),
            max_tokens: None,
        };
        let answer = self.provider.complete(request, &mut |_| ()).await.map_err(|e| e.to_string())?;
        let calls = answer.calls.into_iter().map(|call| PlannedCall { id: call.id, tool: call.name, args: call.arguments });
        Ok(StepIntent { step, thought: answer.text, usage: answer.usage, calls: calls.collect() })
    }

    async fn begin(&self, intent: &StepIntent) -> Result<(), Broken> {
        let (pid, step) = (self.goal.number, intent.step);
        let mut events: Vec<AgentEvent> = Vec::new();
        if !intent.thought.trim().is_empty() {
            events.push(AgentThought { pid, step, thought: text::for_event(&intent.thought) }.into());
        }
        let first = intent.calls.first();
        let summary = first.map_or_else(|| text::one_line(&intent.thought, 120), |c| context::describe(&c.tool, &c.args));
        events.push(AgentProgress { pid, step, max_steps: self.control.max_steps(), summary: summary.clone() }.into());
        events.extend(first.map(|call| self.action(step, call)));
        let phase = if first.is_some() { AgentPhase::Executing } else { AgentPhase::Thinking };
        self.journal.begin_step(intent, Update { phase, step, last_action: Some(summary), events }).await?;
        Ok(())
    }

    /// Makes the calls of a step that have no outcome yet, in order; the end of the goal if one of them ended it.
    async fn act(&self, record: &mut RecordedStep, start: Start) -> Result<Option<Outcome>, Broken> {
        let mut doubt = start == Start::Resumed;
        let mut unknown = false;
        for i in 0..record.intent.calls.len() {
            let call = &record.intent.calls[i];
            if let Some(outcome) = &record.outcomes[i] {
                if let Some(end) = tools::ending(call, outcome) {
                    return Ok(Some(end));
                }
                continue;
            }
            // Only the first open call may have begun before the cut.
            let outcome = if unknown {
                CallOutcome { ok: false, text: NOT_RUN.into() }
            } else if std::mem::take(&mut doubt) && tools::effect(&call.tool) == Effect::Changes {
                unknown = true;
                CallOutcome { ok: false, text: UNKNOWN.into() }
            } else {
                self.control.unpaused().await;
                let site = Site { hands: self.hands, goal: self.goal, step: record.intent.step, position: i as u32 };
                tools::call(&call.tool, &call.args, &site).await?
            };
            let end = tools::ending(call, &outcome);
            self.finish(&record.intent, i, &outcome, end.as_ref()).await?;
            record.outcomes[i] = Some(outcome);
            if end.is_some() {
                return Ok(end);
            }
        }
        Ok(None)
    }

    async fn finish(&self, intent: &StepIntent, i: usize, outcome: &CallOutcome, end: Option<&Outcome>) -> Result<(), Broken> {
        let (pid, step) = (self.goal.number, intent.step);
        let tool = tools::canonical(&intent.calls[i].tool).to_owned();
        let result = text::for_event(&outcome.text);
        let mut events: Vec<AgentEvent> = vec![AgentObservation { pid, step, tool, ok: outcome.ok, result }.into()];
        if let Some(Outcome::Completed(summary)) = end {
            events.push(AgentCompleted { pid, summary: summary.clone() }.into());
        }
        let next = if end.is_none() { intent.calls.get(i + 1) } else { None };
        events.extend(next.map(|call| self.action(step, call)));
        let update = Update {
            phase: if next.is_some() { AgentPhase::Executing } else { AgentPhase::Thinking },
            step,
            last_action: next.map(|call| context::describe(&call.tool, &call.args)),
            events,
        };
        self.journal.finish_call(step, i as u32, outcome, update).await?;
        Ok(())
    }

    async fn note(&self, step: u32, phase: AgentPhase, events: Vec<AgentEvent>) -> Result<(), Broken> {
        self.journal.note(Update { phase, step, last_action: None, events }).await?;
        Ok(())
    }

    fn action(&self, step: u32, call: &PlannedCall) -> AgentEvent {
        let tool = tools::canonical(&call.tool).to_owned();
        AgentAction { pid: self.goal.number, step, tool, args: text::arguments(&call.args, text::EVENT_ARGUMENT) }.into()
    }
}

/// Whether calls without an outcome may have begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Fresh,
    Resumed,
}

fn idle_answers(history: &History) -> usize {
    history.steps.iter().rev().take_while(|step| step.intent.calls.is_empty()).count()
}
