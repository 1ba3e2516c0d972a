//! How people steer a running loop.

use std::sync::Arc;

use tokio::sync::watch;

/// Steps added by `agent.continue`.
pub const CONTINUE_STEPS: u32 = 25;

#[derive(Debug, Clone, Default)]
struct State {
    paused: bool,
    held: bool,
    cancelled: bool,
    max_steps: u32,
    tools: Option<Arc<Vec<String>>>,
    model: Option<String>,
}

/// A handle on one loop; clones steer the same one.
#[derive(Debug, Clone)]
pub struct Control {
    state: Arc<watch::Sender<State>>,
}

impl Control {
    /// For a loop that may take `max_steps` steps before it waits.
    pub fn new(max_steps: u32) -> Self {
        Self { state: Arc::new(watch::Sender::new(State { max_steps, ..State::default() })) }
    }

    /// No further step or call begins until [`Control::resume`].
    pub fn pause(&self) {
        self.state.send_modify(|s| s.paused = true);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.state.send_modify(|s| s.paused = false);
    }

    /// A person works in its sandbox: no further step or call begins until [`Control::give_back`], whatever else is said. What runs goes on.
    pub fn hold(&self) {
        self.state.send_modify(|s| s.held = true);
    }

    /// The person has left.
    pub fn give_back(&self) {
        self.state.send_modify(|s| s.held = false);
    }

    /// Ends the loop now; a command it runs is dropped.
    pub fn cancel(&self) {
        self.state.send_modify(|s| s.cancelled = true);
    }

    /// Allows steps up to `max_steps`; a loop that waits at its limit goes on.
    pub fn allow_steps(&self, max_steps: u32) {
        self.state.send_modify(|s| s.max_steps = max_steps);
    }

    /// Steps allowed now.
    pub fn max_steps(&self) -> u32 {
        self.state.borrow().max_steps
    }

    /// From the next step on it has these tools and `complete`, or every tool there is. A call whose tool is left out by then is
    /// refused.
    pub fn give_tools(&self, tools: Option<Vec<String>>) {
        self.state.send_modify(|s| s.tools = tools.map(Arc::new));
    }

    /// From the next step on this `PROVIDER/MODEL` answers, or what the service chooses.
    pub fn use_model(&self, model: Option<String>) {
        self.state.send_modify(|s| s.model = model);
    }

    pub(crate) fn tools(&self) -> Option<Arc<Vec<String>>> {
        self.state.borrow().tools.clone()
    }

    pub(crate) fn model(&self) -> Option<String> {
        self.state.borrow().model.clone()
    }

    pub(crate) async fn cancelled(&self) {
        self.until(|s| s.cancelled).await;
    }

    /// Neither paused nor held.
    pub(crate) async fn unpaused(&self) {
        self.until(|s| !s.paused && !s.held).await;
    }

    pub(crate) async fn allowed(&self, step: u32) {
        self.until(|s| s.max_steps >= step).await;
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = self.state.subscribe().wait_for(|s| condition(s)).await;
    }
}
