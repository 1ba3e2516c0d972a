//! What a built-in agent is asked for, and how it ends.

/// A goal with what the loop must know about its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// Number of the agent, `pid` in events.
    pub number: u64,
    /// The goal in plain words.
    pub goal: String,
    /// Role told to the model.
    pub role: Option<String>,
    /// What its network may reach, in words for the model; nothing when absent.
    pub network: Option<String>,
    /// Where its words come from, when from outside: everything is tainted from the start.
    pub outside: Option<String>,
    /// Home directory inside.
    pub home: String,
    /// Where relative paths and commands start, inside.
    pub workdir: String,
}

/// How the loop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The goal was reached; what was done.
    Completed(String),
    /// The goal was not reached; why.
    Failed(String),
    /// [`Control::cancel`](crate::Control::cancel) ended it.
    Cancelled,
    /// The journal or the sandbox cannot be reached: nothing is decided, and running the goal again goes on from here.
    Interrupted(String),
}
