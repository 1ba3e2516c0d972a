//! From nothing to the end of the first command.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use aether_tests::Daemon;
use anyhow::{Context as _, Result, ensure};

use crate::{api::Api, host, peers, report::Report, sample::Sample};

/// The floor program, one sandbox for each line that it is asked for.
pub(crate) struct Floor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    dir: tempfile::TempDir,
}

impl Floor {
    /// Compiles and starts it, with so many sandboxes alive beside those it measures.
    ///
    /// # Errors
    /// Without a C compiler, or when it cannot run.
    pub(crate) fn start(live: usize) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("aether-bench-").tempdir()?;
        let program = dir.path().join("floor");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/floor/floor.c");
        let compiled = Command::new("gcc").args(["-O2", "-static", "-o"]).arg(&program).arg(source).status().context("gcc")?;
        ensure!(compiled.success(), "the floor program does not compile");
        let work = dir.path().join("work");
        std::fs::create_dir(&work)?;
        let mut child = Command::new(&program)
            .arg(&work)
            .args(["0", &live.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().context("stdin")?;
        let output = BufReader::new(child.stdout.take().context("stdout")?);
        Ok(Self { child, input, output, dir })
    }

    /// One sandbox: until its init is ready, and from the kill until it is gone.
    ///
    /// # Errors
    /// When it failed.
    pub(crate) fn round(&mut self) -> Result<(Duration, Duration)> {
        self.input.write_all(b"\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut fields = line.split_whitespace().map(|field| field.parse::<f64>().map(|us| Duration::from_secs_f64(us / 1e6)));
        let up = fields.next().context("the floor program ended")??;
        let down = fields.next().context("the floor program ended")??;
        Ok((up, down))
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it fails at the end.
    pub(crate) fn stop(self) -> Result<()> {
        let Self { mut child, input, dir, .. } = self;
        drop(input);
        ensure!(child.wait()?.success(), "the floor program failed at its end");
        drop(dir);
        Ok(())
    }
}

/// A name and one round of it.
pub(crate) type Contestant<'c> = (&'static str, Box<dyn FnMut(usize) -> Result<Duration> + 'c>);

/// Rounds in which each contestant runs once, in an order that moves.
pub(crate) fn interleave(contestants: &mut [Contestant<'_>], rounds: usize) -> Result<Vec<Sample>> {
    const WARM: usize = 5;
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for round in 0..rounds + WARM {
        for turn in 0..contestants.len() {
            let at = (turn + round) % contestants.len();
            let (name, run) = &mut contestants[at];
            let taken = run(round).with_context(|| (*name).to_owned())?;
            // The first rounds fill caches for all.
            if round >= WARM {
                times[at].push(taken);
            }
        }
    }
    Ok(times.into_iter().map(Sample::from).collect())
}

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    let rounds = if quick { 60 } else { 300 };
    let daemon = Daemon::with("[agents]\nmax_concurrent = 64\n");
    let bundle = tempfile::Builder::new().prefix("aether-bench-").tempdir()?;
    peers::bundle(bundle.path())?;
    let stage = peers::Stage::new();
    let (able, unable) = if quick { Default::default() } else { peers::able(&stage, bundle.path()) };
    let (mut gone, mut kept) = (Api::connect(&daemon.socket())?, Api::connect(&daemon.socket())?);
    let mut note = "`true` each time. Aether through one kept connection to its Unix socket: `POST /api/v1/agents`, then `GET …/wait`; \
                    every layer on. The peers as whole processes, as their users start them; none of them sets up a cgroup limit, \
                    Landlock, a seccomp filter or an overlay here."
        .to_owned();
    for one in unable {
        note = format!("{note} {one}.");
    }
    report.section("Cold start: from the request to the end of the first command", &note);
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("`true`, no sandbox", Box::new(|_| peers::run(&mut Command::new("true")))),
        ("Aether, ephemeral (`--rm`)", Box::new(move |_| aether(&mut gone, true))),
        ("Aether, kept", Box::new(move |_| aether(&mut kept, false))),
        ("one sync of this disk", Box::new(|_| host::sync(&daemon.state()))),
        ("bubblewrap", Box::new(|_| stage.run(peers::bubblewrap()))),
    ];
    for (name, command) in able {
        let (dir, stage) = (bundle.path(), &stage);
        contestants.push((name, Box::new(move |round| stage.run(command(dir, round)))));
    }
    let samples = interleave(&mut contestants, rounds)?;
    let names: Vec<&str> = contestants.iter().map(|(name, _)| *name).collect();
    drop(contestants);
    let (mut ephemeral, mut sync, mut bwrap, mut kept) = (f64::NAN, f64::NAN, f64::NAN, f64::NAN);
    let mut spread = f64::NAN;
    for (name, sample) in names.into_iter().zip(samples) {
        let tail = sample.at(0.99);
        let p50 = report.times(name, sample);
        match name {
            "Aether, ephemeral (`--rm`)" => (ephemeral, spread) = (p50, tail / p50),
            "Aether, kept" => kept = p50,
            "one sync of this disk" => sync = p50,
            "bubblewrap" => bwrap = p50,
            _ => {}
        }
    }
    let unpooled = without_a_pool(daemon, &stage, rounds / 3)?;
    report.times("Aether, ephemeral, nothing built ahead (rounds of its own)", unpooled.0);
    report.times("bubblewrap in those rounds", unpooled.1);
    report.at_most("create → exit, ephemeral, p50 / bubblewrap's", ephemeral / bwrap, 0.6, "×");
    report.at_most("create → exit, ephemeral, p99 / p50", spread, 3.0, "×");
    report.at_most("create → exit, kept, p50", kept, ephemeral + sync, "ms");
    Ok(())
}

/// The same with `[pool] size = 0`, beside bubblewrap.
fn without_a_pool(pooled: Daemon, stage: &peers::Stage, rounds: usize) -> Result<(Sample, Sample)> {
    drop(pooled);
    let daemon = Daemon::with("[agents]\nmax_concurrent = 64\n[pool]\nsize = 0\n");
    let mut api = Api::connect(&daemon.socket())?;
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("Aether, nothing built ahead", Box::new(move |_| aether(&mut api, true))),
        ("bubblewrap", Box::new(|_| stage.run(peers::bubblewrap()))),
    ];
    let mut samples = interleave(&mut contestants, rounds)?.into_iter();
    samples.next().zip(samples.next()).context("two contestants")
}

fn aether(api: &mut Api, ephemeral: bool) -> Result<Duration> {
    let start = Instant::now();
    let id = api.create(&["true"], ephemeral)?;
    let code = api.wait(&id)?;
    let taken = start.elapsed();
    ensure!(code == 0, "exit status {code}");
    if !ephemeral {
        api.destroy(&id)?;
    }
    Ok(taken)
}
