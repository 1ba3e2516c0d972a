//! Many loops of the built-in agent at once: what a step costs the service beside the model and the tool.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use aether_tests::{Daemon, tongues::Tongue};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{api::Api, host, report::Report, sample::Sample};

/// Loops at once.
const LOOPS: usize = 200;
/// A loop that goes on although it is not asked for any more.
const PATIENCE: Duration = Duration::from_secs(180);

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "Loops at once",
        "200 built-in agents, each asking a model that takes 0.5 to 1.5 s for an answer, as models do, and then calls a tool that does \
         nothing. The overhead of a step is the time from the last byte of an answer until the next question has arrived: reading it, \
         rules and budgets, the journal (two commits, which wait for the disk only in steps that change something, and these do not), \
         events, the next question. The model runs on the same processors.",
    );
    let turns = if quick { 10 } else { 30 };
    let model = Model::start(turns)?;
    let config = format!(
        "[agents]\nmax_concurrent = {}\n[limits]\nmemory = \"64M\"\n[llm.openai]\nbase_url = \"http://127.0.0.1:{}/v1\"\nmodel = \"m-1\"\n",
        LOOPS + 50,
        model.port
    );
    let daemon = Daemon::with(&config);
    let mut api = Api::connect(&daemon.socket())?;
    let before = host::memory(daemon.pid(), "VmRSS");
    let mut ids = Vec::with_capacity(LOOPS);
    for number in 0..LOOPS {
        // What fills its own circle of calls would be frozen: its thoughts differ.
        let goal = json!({ "type": "goal", "goal": format!("loop-{number}."), "maxSteps": turns + 5 });
        let made = api.data("POST", "/api/v1/agents", &json!({ "program": goal }).to_string())?;
        ids.push(made["id"].as_str().context("an id")?.to_owned());
    }
    let (start, cpu, asked) = (Instant::now(), host::cpu_seconds(daemon.pid()), model.asked());
    let rss = host::memory(daemon.pid(), "VmRSS");
    let mut least = (start.elapsed(), cpu, asked);
    while model.asked() < LOOPS * (turns + 1) {
        ensure!(start.elapsed() < PATIENCE, "{} of {} answers: {}", model.asked(), LOOPS * (turns + 1), daemon.log());
        thread::sleep(Duration::from_millis(200));
        if model.asked() < LOOPS * turns {
            least = (start.elapsed(), host::cpu_seconds(daemon.pid()), model.asked());
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of minutes' work")]
    let (steps, loops) = ((least.2 - asked) as f64, LOOPS as f64);
    let (seconds, used) = (least.0.as_secs_f64(), least.1 - cpu);
    let overhead = Sample::from(model.overheads(Some(start)));
    let p99 = overhead.at(0.99);
    report.times("overhead of a step while all are at work", overhead);
    report.times("the same, with their starts and ends", Sample::from(model.overheads(None)));
    report.figure("steps", steps / seconds, "steps/s");
    report.figure("processor time of aetherd for a step", used * 1e3 / steps, "ms");
    report.figure("CPU of aetherd for a loop", used * 100.0 / seconds / loops, "% of a core");
    report.figure("RSS of aetherd for a loop, its agent included", (rss - before) / loops, "MiB");
    report.at_most("overhead of a step of 200 loops, p99", p99, 5.0, "ms");
    for id in ids {
        api.destroy(&id)?;
    }
    Ok(())
}

/// A model that takes its time.
struct Model {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    asked: usize,
    /// When each loop got the last byte of its last answer.
    answered: HashMap<String, Instant>,
    /// When each question came that followed an answer, and how long after that.
    overheads: Vec<(Instant, Duration)>,
    /// When the first loop was told to end.
    first_end: Option<Instant>,
}

impl Model {
    fn start(turns: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (port, seen) = (listener.local_addr()?.port(), Arc::new(Mutex::new(Seen::default())));
        let log = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || drop(serve(stream, turns, &log)));
            }
        });
        Ok(Self { port, seen })
    }

    fn asked(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    /// Those from `start`, when all loops are there, until the first one ends; or all of them.
    fn overheads(&self, start: Option<Instant>) -> Vec<Duration> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |at: Instant| start.is_none_or(|start| at >= start && seen.first_end.is_none_or(|end| at < end));
        seen.overheads.iter().filter(|(at, _)| counts(*at)).map(|(_, took)| *took).collect()
    }
}

/// Answers the questions of one connection.
fn serve(stream: TcpStream, turns: usize, log: &Mutex<Seen>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let arrived = Instant::now();
        let asked: Value = serde_json::from_slice(&body)?;
        let (turn, goal) = Tongue::Chat.so_far(&asked);
        let answered = {
            let mut seen = log.lock().unwrap_or_else(PoisonError::into_inner);
            seen.asked += 1;
            seen.answered.remove(&goal)
        };
        let number: u64 = goal.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
        thread::sleep(Duration::from_millis(500 + (number * 37 + turn as u64 * 101) % 1000));
        let (tool, args) = match turn < turns {
            true => ("think", json!({ "thought": format!("thought {turn}") })),
            false => ("complete", json!({ "summary": "done" })),
        };
        let (kind, text) = Tongue::Chat.answer(turn, &[(tool, args)], (9, 4));
        let length = text.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        {
            // Before the answer goes: the next question may come before this thread runs again.
            let mut seen = log.lock().unwrap_or_else(PoisonError::into_inner);
            seen.answered.insert(goal, Instant::now());
            seen.overheads.extend(answered.map(|at| (arrived, arrived.duration_since(at))));
            if turn >= turns {
                seen.first_end.get_or_insert_with(Instant::now);
            }
        }
        reader.get_mut().write_all(format!("{head}{text}").as_bytes())?;
    }
}
