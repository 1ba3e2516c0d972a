//! A journal in memory and hands in a directory of the host, with a real shell.

// Each test program uses its own part of this.
#![allow(dead_code, reason = "shared by several test programs")]

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use aether_llm::{Completion, CompletionRequest, Delta, LlmError, Message, Provider, StopReason, ToolCall};
use aether_protocol::{AgentEvent, AgentPhase, FileEntry, FileKind, Timestamp};
use aether_runtime::{
    CallOutcome, Choice, CommandOutput, Control, Effect, Goal, Governor, Hands, HandsError, History, Journal, JournalError,
    Models, Outcome, RecordedStep, RunCommand, StepIntent, TakenMessage, Toolset, Ungoverned, Update, Wish, Work,
};
use async_trait::async_trait;
use serde_json::Value;

/// Hands without a sandbox, for tests.
pub(crate) struct Shell {
    pub(crate) home: PathBuf,
    pub(crate) commands: Mutex<Vec<String>>,
}

impl Shell {
    pub(crate) fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), commands: Mutex::new(Vec::new()) }
    }
}

fn refused(path: &str) -> impl FnOnce(std::io::Error) -> HandsError {
    let path = path.to_owned();
    move |e| HandsError::Refused(format!("{path}: {e}"))
}

#[async_trait]
impl Hands for Shell {
    async fn run_command(&self, command: RunCommand) -> Result<CommandOutput, HandsError> {
        self.commands.lock().expect("lock").push(command.command.clone());
        let output = Command::new("timeout")
            .args([&command.timeout.as_secs_f64().to_string(), "sh", "-c", &command.command])
            .current_dir(&command.workdir)
            .env("HOME", &self.home)
            .stdin(Stdio::null())
            .output()
            .map_err(refused("sh"))?;
        let exit = output.status.code().map_or(255, |c| c as u8);
        Ok(CommandOutput { exit, timed_out: exit == 124, stdout: output.stdout, stderr: output.stderr, ..Default::default() })
    }

    async fn read_file(&self, path: &str, offset: u64, limit: usize) -> Result<Vec<u8>, HandsError> {
        let all = std::fs::read(path).map_err(refused(path))?;
        Ok(all.into_iter().skip(offset as usize).take(limit).collect())
    }

    async fn write_file(&self, path: &str, content: &[u8]) -> Result<(), HandsError> {
        if let Some(parent) = Path::new(path).parent() {
            std::fs::create_dir_all(parent).map_err(refused(path))?;
        }
        std::fs::write(path, content).map_err(refused(path))
    }

    async fn list_files(&self, path: &str) -> Result<(Vec<FileEntry>, u64), HandsError> {
        let entries = std::fs::read_dir(path).map_err(refused(path))?;
        let entries: Vec<_> = entries.map(|e| entry(&e.map_err(refused(path))?.path())).collect::<Result<_, _>>()?;
        let total = entries.len() as u64;
        Ok((entries, total))
    }

    async fn mkdir(&self, path: &str) -> Result<(), HandsError> {
        std::fs::create_dir_all(path).map_err(refused(path))
    }

    async fn rm(&self, path: &str) -> Result<(), HandsError> {
        match Path::new(path).is_dir() {
            true => std::fs::remove_dir_all(path).map_err(refused(path)),
            false => std::fs::remove_file(path).map_err(refused(path)),
        }
    }

    async fn stat(&self, path: &str) -> Result<FileEntry, HandsError> {
        entry(Path::new(path))
    }

    async fn mv(&self, from: &str, to: &str) -> Result<(), HandsError> {
        std::fs::rename(from, to).map_err(refused(from))
    }

    async fn cp(&self, from: &str, to: &str) -> Result<(), HandsError> {
        std::fs::copy(from, to).map(drop).map_err(refused(from))
    }
}

fn entry(path: &Path) -> Result<FileEntry, HandsError> {
    let shown = path.display().to_string();
    let meta = path.symlink_metadata().map_err(refused(&shown))?;
    let kind = if meta.is_dir() { FileKind::Directory } else { FileKind::File };
    Ok(FileEntry {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        path: shown,
        kind,
        size: meta.len(),
        mode: meta.mode(),
        uid: meta.uid(),
        gid: meta.gid(),
        modified_at: Timestamp::from_unix_millis(meta.mtime() * 1000),
        link_target: None,
    })
}

/// A journal in memory that can cut the loop off before or after any of its writes.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) history: Mutex<History>,
    pub(crate) pending: Mutex<Vec<String>>,
    pub(crate) events: Mutex<Vec<AgentEvent>>,
    pub(crate) phases: Mutex<Vec<AgentPhase>>,
    pub(crate) last_action: Mutex<Option<String>>,
    /// Of each write, whether it has to be on the disk.
    pub(crate) effects: Mutex<Vec<Effect>>,
    calls: AtomicU32,
    /// The loop never comes back from this crossing; each write has two, before and after.
    pub(crate) cut: AtomicU32,
    pub(crate) cut_reached: tokio::sync::Notify,
}

impl Memory {
    pub(crate) fn cut_at(&self, crossing: u32) {
        self.calls.store(0, Ordering::SeqCst);
        self.cut.store(crossing, Ordering::SeqCst);
    }

    async fn crossing(&self) {
        if self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.cut.load(Ordering::SeqCst) {
            self.cut_reached.notify_one();
            std::future::pending::<()>().await;
        }
    }

    fn keep(&self, update: Update) {
        self.effects.lock().expect("lock").push(update.effect);
        self.events.lock().expect("lock").extend(update.events);
        self.phases.lock().expect("lock").push(update.phase);
        if update.last_action.is_some() {
            *self.last_action.lock().expect("lock") = update.last_action;
        }
    }

    /// Text of every observation so far.
    pub(crate) fn outcomes(&self) -> Vec<CallOutcome> {
        let history = self.history.lock().expect("lock");
        history.steps.iter().flat_map(|s| s.outcomes.iter().flatten().cloned()).collect()
    }

    pub(crate) fn event_names(&self) -> Vec<&'static str> {
        self.events.lock().expect("lock").iter().map(AgentEvent::name).collect()
    }
}

#[async_trait]
impl Journal for Memory {
    async fn load(&self) -> Result<History, JournalError> {
        self.crossing().await;
        Ok(self.history.lock().expect("lock").clone())
    }

    async fn take_messages(&self, step: u32) -> Result<Vec<String>, JournalError> {
        self.crossing().await;
        let taken = {
            let mut history = self.history.lock().expect("lock");
            let new =
                self.pending.lock().expect("lock").drain(..).map(|content| TakenMessage { step, content }).collect::<Vec<_>>();
            history.messages.extend(new);
            history.messages.iter().filter(|m| m.step == step).map(|m| m.content.clone()).collect()
        };
        self.crossing().await;
        Ok(taken)
    }

    async fn begin_step(&self, intent: &StepIntent, update: Update) -> Result<(), JournalError> {
        self.crossing().await;
        {
            let mut history = self.history.lock().expect("lock");
            assert_eq!(intent.step as usize, history.steps.len() + 1, "steps have no gaps and begin once");
            history.steps.push(RecordedStep { intent: intent.clone(), outcomes: vec![None; intent.calls.len()] });
            self.keep(update);
        }
        self.crossing().await;
        Ok(())
    }

    async fn finish_call(&self, step: u32, position: u32, outcome: &CallOutcome, update: Update) -> Result<(), JournalError> {
        self.crossing().await;
        {
            let mut history = self.history.lock().expect("lock");
            let slot = &mut history.steps[step as usize - 1].outcomes[position as usize];
            assert!(slot.is_none(), "a call ends once");
            *slot = Some(outcome.clone());
            self.keep(update);
        }
        self.crossing().await;
        Ok(())
    }

    async fn note(&self, update: Update) -> Result<(), JournalError> {
        self.crossing().await;
        self.keep(update);
        self.crossing().await;
        Ok(())
    }
}

/// Says the same things in the same order: the n-th answer for the n-th step.
pub(crate) struct Scripted {
    pub(crate) turns: Vec<Vec<(&'static str, Value)>>,
    pub(crate) asked: Mutex<Vec<CompletionRequest>>,
}

impl Scripted {
    pub(crate) fn new(turns: Vec<Vec<(&'static str, Value)>>) -> Self {
        Self { turns, asked: Mutex::new(Vec::new()) }
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn default_model(&self) -> String {
        "test".into()
    }

    async fn complete(&self, request: CompletionRequest, _: &mut (dyn FnMut(Delta) + Send)) -> Result<Completion, LlmError> {
        let summary = request.messages.iter().find_map(|m| match m {
            Message::User { text, .. } if text.starts_with("Summary") => {
                Some(text.lines().filter(|l| l.starts_with("step ")).count())
            }
            _ => None,
        });
        let said = request.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
        let turn = said + summary.unwrap_or(0);
        self.asked.lock().expect("lock").push(request);
        let calls = self.turns.get(turn).cloned().ok_or_else(|| LlmError::Invalid(format!("no turn {turn}")))?;
        let calls = calls.into_iter().enumerate();
        let calls: Vec<ToolCall> =
            calls.map(|(i, (name, arguments))| ToolCall { id: format!("c{turn}_{i}"), name: name.into(), arguments }).collect();
        Ok(Completion { text: format!("turn {turn}"), calls, stop: StopReason::Calls, ..Completion::new("test") })
    }
}

/// The same provider for every step.
pub(crate) struct Always<'a>(pub(crate) &'a dyn Provider);

struct Borrowed<'a>(&'a dyn Provider);

#[async_trait]
impl Provider for Borrowed<'_> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn default_model(&self) -> String {
        self.0.default_model()
    }

    fn history(&self) -> usize {
        self.0.history()
    }

    fn sees(&self, model: Option<&str>) -> bool {
        self.0.sees(model)
    }

    async fn complete(&self, request: CompletionRequest, on: &mut (dyn FnMut(Delta) + Send)) -> Result<Completion, LlmError> {
        self.0.complete(request, on).await
    }
}

impl Models for Always<'_> {
    fn choose(&self, wish: &Wish<'_>) -> Result<Choice<'_>, String> {
        Ok(Choice { provider: Arc::new(Borrowed(self.0)), model: wish.model.map(str::to_owned), why: None })
    }
}

pub(crate) fn goal(home: &Path, text: &str) -> Goal {
    let home = home.display().to_string();
    Goal { number: 7, goal: text.into(), role: None, network: None, outside: None, workdir: home.clone(), home }
}

/// A loop with what a test does not care about filled in.
pub(crate) struct Loop<'a> {
    pub(crate) goal: &'a Goal,
    pub(crate) provider: &'a dyn Provider,
    pub(crate) hands: &'a dyn Hands,
    pub(crate) journal: &'a dyn Journal,
    pub(crate) control: &'a Control,
}

impl Loop<'_> {
    pub(crate) async fn run(&self) -> Outcome {
        self.run_with(&[], &Ungoverned).await
    }

    pub(crate) async fn run_with(&self, toolsets: &[Arc<dyn Toolset>], governor: &dyn Governor) -> Outcome {
        let Loop { goal, provider, hands, journal, control } = *self;
        let models = Always(provider);
        let work = Work { goal, models: &models, hands, journal, control, toolsets, governor, listener: &() };
        aether_runtime::run_goal(&work).await
    }
}

pub(crate) async fn run_goal(
    goal: &Goal,
    provider: &dyn Provider,
    hands: &dyn Hands,
    journal: &dyn Journal,
    control: &Control,
) -> Outcome {
    Loop { goal, provider, hands, journal, control }.run().await
}

/// Runs a goal to its end with new hands and a new journal.
pub(crate) async fn run(home: &Path, text: &str, provider: &dyn Provider) -> (Outcome, Memory) {
    let (journal, hands) = (Memory::default(), Shell::new(home));
    let outcome = run_goal(&goal(home, text), provider, &hands, &journal, &Control::new(50)).await;
    (outcome, journal)
}
