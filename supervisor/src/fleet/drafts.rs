//! Answers while models write them, for whoever watches right now. Nothing of them is kept.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aether_llm::Delta;
use aether_protocol::event::{AgentDelta, DeltaKind, StreamFrame};
use aether_runtime::Listener;
use tokio::sync::broadcast;

use super::core::lock;

/// Pieces that wait for a slow watcher; older ones are dropped.
const WAITING: usize = 256;
/// Pieces of text come together at most so often for one agent.
const BEAT: Duration = Duration::from_millis(100);
/// Bytes of a piece after which it does not wait for the beat.
const LONG: usize = 4096;

/// Where pieces go: the text of a frame, shared by all who watch.
pub(crate) struct Drafts(broadcast::Sender<Arc<str>>);

impl Drafts {
    /// Nobody watches yet.
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }

    /// Pieces from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.subscribe()
    }

    fn say(&self, delta: AgentDelta) {
        if let Ok(text) = serde_json::to_string(&StreamFrame::Delta(delta)) {
            // Without a watcher there is nobody to tell.
            let _ = self.0.send(text.into());
        }
    }
}

/// Listens for one agent.
pub(crate) struct Draft<'a> {
    drafts: &'a Drafts,
    pid: u64,
    gathered: Mutex<Gathered>,
}

struct Gathered {
    step: u32,
    text: String,
    told: Option<Instant>,
}

impl<'a> Draft<'a> {
    /// Of the agent with this number.
    pub(crate) fn new(drafts: &'a Drafts, pid: u64) -> Self {
        Self { drafts, pid, gathered: Mutex::new(Gathered { step: 0, text: String::new(), told: None }) }
    }

    fn say(&self, step: u32, kind: DeltaKind, text: String) {
        self.drafts.say(AgentDelta { pid: self.pid, step, kind, text });
    }
}

impl Listener for Draft<'_> {
    fn heard(&self, step: u32, delta: &Delta) {
        let mut gathered = lock(&self.gathered);
        if self.drafts.0.receiver_count() == 0 {
            gathered.text.clear();
            return;
        }
        if gathered.step != step {
            // What was not told of the step before stands in its thought by now.
            *gathered = Gathered { step, text: String::new(), told: None };
        }
        match delta {
            Delta::Text(more) => {
                gathered.text.push_str(more);
                if gathered.text.len() < LONG && gathered.told.is_some_and(|told| told.elapsed() < BEAT) {
                    return;
                }
                gathered.told = Some(Instant::now());
                let text = std::mem::take(&mut gathered.text);
                self.say(step, DeltaKind::Text, text);
            }
            Delta::Call(tool) => {
                let text = std::mem::take(&mut gathered.text);
                if !text.is_empty() {
                    self.say(step, DeltaKind::Text, text);
                }
                self.say(step, DeltaKind::Call, tool.clone());
            }
            Delta::Restart => {
                gathered.text.clear();
                self.say(step, DeltaKind::Restart, String::new());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(watcher: &mut broadcast::Receiver<Arc<str>>) -> Vec<(String, String)> {
        let mut frames = Vec::new();
        while let Ok(text) = watcher.try_recv() {
            let frame: serde_json::Value = serde_json::from_str(&text).expect("json");
            assert_eq!(frame["type"], "agent.delta");
            frames.push((frame["kind"].as_str().expect("kind").to_owned(), frame["text"].as_str().expect("text").to_owned()));
        }
        frames
    }

    #[test]
    fn pieces_come_together_and_none_is_lost_before_a_call() {
        let drafts = Drafts::new();
        let draft = Draft::new(&drafts, 7);
        draft.heard(1, &Delta::Text("nobody hears this".into()));
        let mut watcher = drafts.watch();
        for piece in ["I ", "look ", "into ", "it"] {
            draft.heard(1, &Delta::Text(piece.into()));
        }
        draft.heard(1, &Delta::Call("read_file".into()));
        let frames = told(&mut watcher);
        assert!(frames.len() <= 4, "{frames:?}");
        let text: String = frames.iter().filter(|(kind, _)| kind == "text").map(|(_, text)| text.as_str()).collect();
        assert_eq!((text.as_str(), frames.last().map(|(kind, _)| kind.as_str())), ("I look into it", Some("call")));
        draft.heard(1, &Delta::Restart);
        draft.heard(2, &Delta::Text("x".repeat(LONG)));
        assert_eq!(told(&mut watcher).iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["restart", "text"]);
    }
}
