//! One agent of a daemon under test.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Daemon, eventually};

/// An agent that the test started.
pub struct Agent<'d> {
    daemon: &'d Daemon,
    /// Its id.
    pub id: String,
}

impl<'d> Agent<'d> {
    /// The agent of that id (or name).
    pub fn new(daemon: &'d Daemon, id: impl Into<String>) -> Self {
        Self { daemon, id: id.into() }
    }

    /// `aether inspect --json`.
    #[track_caller]
    pub fn info(&self) -> Value {
        self.daemon.aether(["--json", "inspect", &self.id]).ok().json()
    }

    /// Its state now.
    #[track_caller]
    pub fn state(&self) -> String {
        self.info()["state"].as_str().expect("a state").to_owned()
    }

    /// Host pid of its PID 1.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        u32::try_from(self.info()["pid"].as_u64().expect("a live agent's pid")).expect("a pid")
    }

    /// Waits until it is in `state`.
    ///
    /// # Panics
    /// When that takes longer than 20 seconds.
    #[track_caller]
    pub fn reaches(&self, state: &str) {
        eventually(&format!("{} to be {state}", self.id), Duration::from_secs(20), || (self.state() == state).then_some(()));
    }

    /// Its kept output.
    #[track_caller]
    pub fn logs(&self) -> String {
        self.daemon.aether(["logs", &self.id]).ok().text()
    }

    /// Waits until its output holds `text`, and gives all of it.
    ///
    /// # Panics
    /// When that takes longer than 20 seconds.
    #[track_caller]
    pub fn prints(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let out = self.daemon.aether(["logs", &self.id]).ok();
            if out.text().contains(text) {
                return out.text();
            }
            assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for {} to print {text:?}: {out}", self.id);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it and removes its record and home.
    #[track_caller]
    pub fn remove(&self) {
        self.daemon.aether(["kill", &self.id]).ok();
        self.daemon.aether(["rm", &self.id]).ok();
    }
}
