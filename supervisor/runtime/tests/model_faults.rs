//! Every way in which a provider fails, in the middle of a goal: the goal ends, and no effect happens twice.
//!
//! Each fault that is not megabytes long runs once with each interface. `AETHER_FAULT_EVERY` runs each 25 times: at each of three answers, once, twice or
//! for ever, and with the loop cut off at each of its writes and begun again.

mod common;
#[path = "../../llm/tests/common/mod.rs"]
mod wire;

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use aether_llm::{Endpoint, Interface, Remote, Secret, Timing};
use aether_runtime::{CallOutcome, Control, Effect, HandsError, Offered, Outcome, Site, Toolset, Ungoverned, toolset::arguments};
use async_trait::async_trait;
use common::{Loop, Memory, Shell, goal};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use wire::{
    Script, Server,
    faults::{self, Fault, Kind},
    turns::turn,
};

/// Runs of each fault with each interface.
const RUNS: usize = 25;
/// Whoever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(90);
/// Goals at a time.
const SIDE_BY_SIDE: usize = 32;
/// An answer of so many bytes is large; two of those at a time.
const LARGE: usize = 2 << 20;

/// A stamp that leaves a mark each time.
#[derive(Default)]
struct Stamps(Mutex<Vec<u64>>);

/// Stamps once.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stamp {
    /// What is stamped.
    n: u64,
    /// The answer that it belongs to.
    of: String,
}

#[async_trait]
impl Toolset for Stamps {
    fn offered(&self) -> Vec<Offered> {
        vec![Offered::new::<Stamp>("stamp", "Stamps.", Effect::Changes)]
    }

    async fn call(&self, tool: &str, args: &Value, _: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let stamp: Stamp = match arguments(tool, args) {
            Ok(stamp) => stamp,
            Err(wrong) => return Ok(wrong),
        };
        tokio::task::yield_now().await;
        self.0.lock().expect("lock").push(stamp.n);
        // A loop that is cut off here has done it and does not know.
        tokio::task::yield_now().await;
        Ok(CallOutcome::done(format!("stamped {} of {}", stamp.n, stamp.of)))
    }
}

/// One goal with one fault.
#[derive(Clone, Copy)]
struct Plan {
    /// The answer that fails, from 1.
    turn: usize,
    /// How often it does.
    times: usize,
    /// The loop is cut off here, counted in its writes.
    cut: u32,
}

impl Plan {
    fn of(run: usize) -> Self {
        let cut = if run < 9 { 0 } else { run as u32 - 8 };
        Self { turn: run % 3 + 1, times: [1, 2, usize::MAX][run / 3 % 3], cut }
    }
}

/// The answers of a model that stamps three times and is done. What it was told names the answers that it gave.
fn answers(interface: Interface) -> [Script; 3] {
    let stamp = |n: u64, of: &str| ("stamp", json!({"n": n, "of": of}));
    [
        turn(interface, "I stamp twice.", &[stamp(1, "answer-1"), stamp(2, "answer-1")]),
        turn(interface, "And once more.", &[stamp(3, "answer-2")]),
        turn(interface, "Done.", &[("complete", json!({"summary": "three stamps"}))]),
    ]
}

/// What came of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Reached,
    Refused,
}

/// Runs one goal; what is wrong with how it went.
async fn run(home: &Path, interface: Interface, fault: &Fault, plan: Plan) -> Result<End, String> {
    let Fault { what, acts, kinds } = fault;
    // Some faults are answers, and a model that gives the same one for ever is none of the provider's.
    let times = if kinds.contains(&Kind::Answer) { plan.times.min(2) } else { plan.times };
    let (acts, mut left) = (acts.clone(), times);
    let server = Server::answering(usize::MAX, move |request| {
        let given = ["answer-1", "answer-2"].iter().rposition(|answer| request.contains(answer)).map_or(0, |last| last + 1);
        if given + 1 == plan.turn && left > 0 {
            left -= 1;
            return acts.clone();
        }
        answers(interface)[given].answer(usize::MAX)
    })
    .await;
    let timing = Timing { tries: 3, ..faults::timing(fault) };
    let endpoint = Endpoint::new("p", interface, &server.url, Some(Secret::new("sk-secret")), "m");
    let provider = Remote::new(Endpoint { timing, ..endpoint }).expect("provider");
    let (stamps, journal, hands) = (Arc::new(Stamps::default()), Memory::default(), Shell::new(home));
    let (goal, control) = (goal(home, "stamp"), Control::new(50));
    let work = Loop { goal: &goal, provider: &provider, hands: &hands, journal: &journal, control: &control };
    let tools: [Arc<dyn Toolset>; 1] = [stamps.clone()];
    let whole = async {
        journal.cut_at(plan.cut);
        let cut = tokio::select! {
            outcome = work.run_with(&tools, &Ungoverned) => return (outcome, false),
            () = journal.cut_reached.notified() => true,
        };
        journal.cut_at(0);
        (work.run_with(&tools, &Ungoverned).await, cut)
    };
    let ended = tokio::time::timeout(PATIENCE, whole).await;
    server.task.abort();
    let wrong = |words: String| Err(format!("{interface:?}, {what}, answer {}, {times} times: {words}", plan.turn));
    let Ok((outcome, cut)) = ended else { return wrong("it hangs".to_owned()) };
    let done = stamps.0.lock().expect("lock").clone();
    let mut once = done.clone();
    once.sort_unstable();
    once.dedup();
    if once.len() != done.len() {
        return wrong(format!("cut at {}: an effect happened twice: {done:?}", plan.cut));
    }
    match outcome {
        Outcome::Completed(_) if cut || done == [1, 2, 3] => Ok(End::Reached),
        Outcome::Completed(_) => wrong(format!("it is done, and the effects are {done:?}")),
        Outcome::Failed(why) if why.is_empty() || why.len() > 4096 || why.contains("sk-secret") => {
            wrong(format!("a reason of {} bytes: {}", why.len(), why.chars().take(200).collect::<String>()))
        }
        Outcome::Failed(why) if fault.passes() && times == 1 => wrong(format!("it was not asked again: {why}")),
        Outcome::Failed(_) => Ok(End::Refused),
        other => wrong(format!("{other:?}")),
    }
}

/// Writes one row for each fault where `make test-faults` looks for it.
fn report(ends: &BTreeMap<&'static str, Vec<End>>) {
    let mut rows = "| fault | goals | reached | failed, with the reason |\n| --- | ---: | ---: | ---: |\n".to_owned();
    let mut sums = (0, 0, 0);
    for (what, ends) in ends {
        let reached = ends.iter().filter(|end| **end == End::Reached).count();
        rows += &format!("| {what} | {} | {reached} | {} |\n", ends.len(), ends.len() - reached);
        sums = (sums.0 + ends.len(), sums.1 + reached, sums.2 + ends.len() - reached);
    }
    rows += &format!("| all | {} | {} | {} |\n", sums.0, sums.1, sums.2);
    rows += "\nHangs: 0. Panics: 0. Effects that happened twice: 0.\n";
    println!("{rows}");
    if let Some(dir) = env::var_os("AETHER_FAULT_REPORT") {
        fs::write(Path::new(&dir).join("models.md"), rows).expect("the report is written");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_provider_does_a_goal_ends_and_no_effect_happens_twice() {
    let every = env::var_os("AETHER_FAULT_EVERY").is_some();
    let home = tempfile::tempdir().expect("dir");
    let (mut ends, mut wrong) = (BTreeMap::<&'static str, Vec<End>>::new(), Vec::new());
    for (shift, interface) in Interface::ALL.into_iter().enumerate() {
        let faults: Arc<[Vec<Fault>; 3]> = Arc::new(answers(interface).each_ref().map(faults::all));
        let count = faults[0].len();
        assert!(count >= 40, "{count} faults");
        let (small, large) = (Arc::new(Semaphore::new(SIDE_BY_SIDE)), Arc::new(Semaphore::new(2)));
        let mut goals = JoinSet::new();
        for i in (0..count).filter(|i| every || faults[0][*i].bytes() <= LARGE) {
            // Where not all are run, each interface has other ones, and what is too large is left to the provider's own test.
            let one = (i * 7 + shift * 5) % RUNS;
            for number in if every { 0..RUNS } else { one..one + 1 } {
                let (faults, home) = (faults.clone(), home.path().to_owned());
                let gate = if faults[0][i].bytes() > LARGE { large.clone() } else { small.clone() };
                goals.spawn(async move {
                    let _turn = gate.acquire_owned().await.expect("open");
                    let plan = Plan::of(number);
                    let fault = &faults[plan.turn - 1][i];
                    (fault.what, run(&home, interface, fault, plan).await)
                });
            }
        }
        while let Some(ended) = goals.join_next().await {
            match ended {
                Ok((what, Ok(end))) => ends.entry(what).or_default().push(end),
                Ok((_, Err(words))) => wrong.push(words),
                Err(panic) => wrong.push(format!("a panic: {panic}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n"));
    report(&ends);
}
