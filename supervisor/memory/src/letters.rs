//! `list_agents`, `send_message`, `check_messages` and the messages of working together.
//!
//! Agents of one owner only: others are not listed, and their numbers are nobody's here.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering},
};

use aether_protocol::{
    AgentEvent, AgentId, AgentPhase, AgentState, Letter, LetterKind,
    event::{LetterRead, LetterSent},
    letter::MAX_LETTER_BYTES,
};
use aether_runtime::{CallOutcome, Effect, HandsError, Offered, Site, Toolset, toolset::arguments};
use aether_store::{Change, NewEvent, NewLetter};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{Identity, identity::refusal};

/// Agents that one call lists.
const LISTED: usize = 200;

/// A built-in agent of the same owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The agent.
    pub id: AgentId,
    /// Its number.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Option<String>,
    /// Its state.
    pub state: AgentState,
    /// Its phase.
    pub phase: AgentPhase,
}

/// Who else is there.
pub trait Neighbours: Send + Sync {
    /// Built-in agents of the same owner that have not ended, this one among them.
    fn all(&self) -> Vec<Neighbour>;
    /// The one of them with this number.
    fn find(&self, number: u64) -> Option<Neighbour>;
    /// The number of an agent, also of one that has ended.
    fn number(&self, id: &AgentId) -> Option<u64>;
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Arguments of `send_message`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Write {
    /// Number of the agent, as list_agents shows it.
    pid: u64,
    /// What to say.
    message: String,
    /// Number of the message that this one answers.
    #[serde(default)]
    about: Option<u64>,
}

/// Arguments of `request_review`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Review {
    /// Number of the agent.
    pid: u64,
    /// What it is about, one line.
    subject: String,
    /// What is to be reviewed, or where it is.
    content: String,
    /// What helps to understand it.
    #[serde(default)]
    context: Option<String>,
    /// low, normal or high.
    #[serde(default)]
    urgency: Option<String>,
}

/// Arguments of `respond_to_review`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Respond {
    /// Number of the message that asked for the review.
    correlation_id: u64,
    /// It is good as it is.
    approved: bool,
    /// What you think of it.
    feedback: String,
    /// What could be better.
    #[serde(default)]
    suggestions: Vec<String>,
}

/// Arguments of `delegate_task`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delegate {
    /// Number of the agent.
    pid: u64,
    /// What is to be done.
    goal: String,
    /// What helps to do it.
    #[serde(default)]
    context: Option<String>,
    /// low, normal or high.
    #[serde(default)]
    priority: Option<String>,
}

/// Arguments of `report_task`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Report {
    /// Number of the message that delegated the task.
    correlation_id: u64,
    /// How it stands.
    status: TaskStatus,
    /// In your words.
    content: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum TaskStatus {
    /// You take it.
    Accepted,
    /// You do not.
    Rejected,
    /// You work on it.
    Update,
    /// It is done.
    Completed,
}

/// Arguments of `share_knowledge`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Share {
    /// Number of the agent.
    pid: u64,
    /// What it is about, in a few words.
    topic: String,
    /// What is worth knowing.
    content: String,
}

pub(crate) static OFFERED: LazyLock<Vec<Offered>> = LazyLock::new(|| {
    use Effect::{Changes, None as Nothing_};
    vec![
        Offered::new::<Nothing>("list_agents", "Lists the agents that you can write to.", Nothing_),
        Offered::new::<Write>("send_message", "Writes to another agent, which reads it when it looks.", Changes),
        // The same call gets the same messages again, so making it again is harmless.
        Offered::new::<Nothing>("check_messages", "Reads what other agents wrote to you.", Nothing_),
        Offered::new::<Review>("request_review", "Asks another agent for a review.", Changes),
        Offered::new::<Respond>("respond_to_review", "Answers a request for a review.", Changes),
        Offered::new::<Delegate>("delegate_task", "Asks another agent to take a task.", Changes),
        Offered::new::<Report>("report_task", "Tells whoever delegated a task how it stands.", Changes),
        Offered::new::<Share>("share_knowledge", "Tells another agent something worth knowing.", Changes),
    ]
});

/// The letters of one agent.
pub struct Letters {
    who: Identity,
    neighbours: Arc<dyn Neighbours>,
    /// [`Store::posts`](aether_store::Store::posts) before a look that found none.
    quiet: AtomicU64,
}

impl Letters {
    /// Of this agent, among these.
    pub fn new(who: Identity, neighbours: Arc<dyn Neighbours>) -> Self {
        Self { who, neighbours, quiet: AtomicU64::new(u64::MAX) }
    }

    fn list(&self) -> CallOutcome {
        let all = self.neighbours.all();
        let line = |n: &Neighbour| {
            let role = n.role.as_deref().map(|role| format!(", {role}")).unwrap_or_default();
            let you = if n.id == self.who.agent { " (you)" } else { "" };
            let state = serde_json::to_value(n.phase).unwrap_or_default();
            format!("{}{you}: {}{role}, {}", n.number, n.name, state.as_str().unwrap_or("unknown"))
        };
        let mut lines: Vec<String> = all.iter().take(LISTED).map(line).collect();
        if all.len() > LISTED {
            lines.push(format!("and {} more", all.len() - LISTED));
        }
        CallOutcome::done(lines.join("\n"))
    }

    async fn send(&self, number: u64, kind: LetterKind, about: Option<u64>, content: String) -> Result<CallOutcome, HandsError> {
        let Some(to) = self.neighbours.find(number) else {
            return Ok(CallOutcome::failed(format!("there is no agent {number} to write to; list_agents shows who is there")));
        };
        if to.id == self.who.agent {
            return Ok(CallOutcome::failed("that is you; think, or remember it"));
        }
        if content.trim().is_empty() {
            return Ok(CallOutcome::failed("the message is empty"));
        }
        if content.len() > MAX_LETTER_BYTES {
            let size = content.len();
            return Ok(CallOutcome::failed(format!("the message is {size} bytes long, at most {MAX_LETTER_BYTES} are sent")));
        }
        let (owner, pid) = (self.who.mind.owner.clone(), to.number);
        let letter = NewLetter { from: self.who.agent.clone(), to: to.id.clone(), kind, about, content };
        let change = Change::new().send_letter(letter, move |letter| {
            let body: AgentEvent = LetterSent { pid, message: letter.clone() }.into();
            vec![NewEvent { agent: Some(letter.to.clone()), owner, body }]
        });
        let done = self.who.commit(change).await?;
        let id = done.letters.first().map_or(0, |letter| letter.id);
        Ok(CallOutcome::done(format!("message {id} waits for {} ({number})", to.name)))
    }

    /// Answers a letter of one kind that this agent got: to whoever wrote it, and about it.
    async fn answer(&self, about: u64, asked: LetterKind, kind: LetterKind, content: String) -> Result<CallOutcome, HandsError> {
        let letter = self.who.store.letter(about).await.map_err(|error| refusal(&error))?;
        let Some(letter) = letter.filter(|letter| letter.to == self.who.agent && letter.kind == asked) else {
            let kind = asked.name().replace('_', " ");
            return Ok(CallOutcome::failed(format!(
                "message {about} is no {kind} that you got; check_messages shows their numbers"
            )));
        };
        match self.neighbours.number(&letter.from) {
            Some(number) => self.send(number, kind, Some(about), content).await,
            None => Ok(CallOutcome::failed("whoever asked is gone")),
        }
    }

    async fn check(&self, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let (who, pid) = (self.who.clone(), self.who.number);
        let call = format!("{}.{}", site.step, site.position);
        let change = Change::new().take_letters(&self.who.agent, call, move |letters| {
            letters.iter().map(|letter| who.event(LetterRead { pid, message_id: letter.id })).collect()
        });
        let letters = self.who.commit(change).await?.letters;
        if letters.is_empty() {
            return Ok(CallOutcome::done("no messages"));
        }
        let number = |id: &AgentId| self.neighbours.number(id).map_or_else(|| id.to_string(), |number| number.to_string());
        let show = |letter: &Letter| {
            let about = letter.about.map(|about| format!(" about message {about}")).unwrap_or_default();
            let kind = letter.kind.name();
            format!("message {} from agent {} ({kind}{about}):\n{}", letter.id, number(&letter.from), letter.content)
        };
        let mut from: Vec<String> = letters.iter().map(|letter| number(&letter.from)).collect();
        from.dedup();
        let text = letters.iter().map(show).collect::<Vec<_>>().join("\n\n");
        Ok(CallOutcome::done(text).from_outside(format!("messages of agents {}", from.join(", "))))
    }
}

/// Lines of what is there.
fn lines(parts: &[(&str, Option<&str>)]) -> String {
    let some = parts.iter().filter_map(|(name, text)| Some((name, text.filter(|text| !text.trim().is_empty())?)));
    some.map(|(name, text)| if name.is_empty() { text.to_owned() } else { format!("{name}: {text}") })
        .collect::<Vec<_>>()
        .join("\n")
}

#[async_trait]
impl Toolset for Letters {
    fn offered(&self) -> Vec<Offered> {
        OFFERED.clone()
    }

    async fn call(&self, tool: &str, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        macro_rules! read {
            ($args:ty) => {
                match arguments::<$args>(tool, args) {
                    Ok(args) => args,
                    Err(wrong) => return Ok(wrong),
                }
            };
        }
        match tool {
            "list_agents" => {
                let Nothing {} = read!(Nothing);
                Ok(self.list())
            }
            "send_message" => {
                let a = read!(Write);
                self.send(a.pid, LetterKind::Message, a.about, a.message).await
            }
            "request_review" => {
                let a = read!(Review);
                let parts = [
                    ("Subject", Some(a.subject.as_str())),
                    ("Urgency", a.urgency.as_deref()),
                    ("Context", a.context.as_deref()),
                    ("", Some(a.content.as_str())),
                ];
                self.send(a.pid, LetterKind::ReviewRequest, None, lines(&parts)).await
            }
            "respond_to_review" => {
                let a = read!(Respond);
                let (verdict, suggestions) = (if a.approved { "approved" } else { "not approved" }, a.suggestions.join("; "));
                let parts = [("Verdict", Some(verdict)), ("", Some(a.feedback.as_str())), ("Suggestions", Some(&suggestions))];
                self.answer(a.correlation_id, LetterKind::ReviewRequest, LetterKind::ReviewResponse, lines(&parts)).await
            }
            "delegate_task" => {
                let a = read!(Delegate);
                let parts =
                    [("Task", Some(a.goal.as_str())), ("Priority", a.priority.as_deref()), ("Context", a.context.as_deref())];
                self.send(a.pid, LetterKind::TaskDelegate, None, lines(&parts)).await
            }
            "report_task" => {
                let a = read!(Report);
                let kind = match a.status {
                    TaskStatus::Accepted => LetterKind::TaskAccepted,
                    TaskStatus::Rejected => LetterKind::TaskRejected,
                    TaskStatus::Update => LetterKind::StatusUpdate,
                    TaskStatus::Completed => LetterKind::TaskCompleted,
                };
                self.answer(a.correlation_id, LetterKind::TaskDelegate, kind, a.content).await
            }
            "share_knowledge" => {
                let a = read!(Share);
                let parts = [("Topic", Some(a.topic.as_str())), ("", Some(a.content.as_str()))];
                self.send(a.pid, LetterKind::KnowledgeShare, None, lines(&parts)).await
            }
            _ => {
                let Nothing {} = read!(Nothing);
                self.check(site).await
            }
        }
    }

    async fn pinned(&self, _: u32) -> Option<String> {
        let posts = self.who.store.posts();
        if self.quiet.load(Ordering::Relaxed) == posts {
            return None;
        }
        match self.who.store.letters_waiting(self.who.agent.clone()).await.ok()? {
            0 => {
                self.quiet.store(posts, Ordering::Relaxed);
                None
            }
            1 => Some("1 message of another agent waits for you: check_messages".to_owned()),
            waiting => Some(format!("{waiting} messages of other agents wait for you: check_messages")),
        }
    }
}
