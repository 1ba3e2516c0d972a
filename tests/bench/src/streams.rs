//! Bytes out of a sandbox, keys into it.

use std::{
    io::Read as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use aether_tests::{
    Daemon,
    terminal::{Said, Terminal},
};
use anyhow::{Context as _, Result, bail, ensure};

use crate::{api::Api, inside::exec, report::Report, sample::Sample};

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "Terminals and pipes",
        "A program writes as fast as it is read; one client on the byte channel acknowledges all of it. Beside it the raw terminal of \
         this machine (`script`), and a pipe (`cat`). The same terminal with a client that reads nothing for six seconds in the \
         middle: every byte arrives, and the time it stood still is not counted. A key: typed until its echo is back, while nothing else runs.",
    );
    let daemon = Daemon::with("[limits]\ncpus = 2.0\n");
    let agent = daemon.agent(&["--name", "standing"], "exec sleep 3600");
    let mut api = Api::connect(&daemon.socket())?;
    let megabytes = if quick { 64 } else { 256 };
    let script = format!("exec dd if=/dev/zero bs=64k count={} status=none", megabytes * 16);
    let rounds = if quick { 2 } else { 5 };
    let (mut terminal, mut raw, mut pipe, mut plain) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for _ in 0..rounds {
        raw = raw.max(rate(megabytes, &mut raw_terminal(&script))?);
        terminal = terminal.max(drain(&daemon, &mut api, &script, true, megabytes)?);
        plain = plain.max(rate(megabytes, Command::new("sh").args(["-c", &format!("{script} | cat")]))?);
        pipe = pipe.max(drain(&daemon, &mut api, &script, false, megabytes)?);
    }
    report.figure("terminal through the byte channel, best", terminal, "MB/s");
    report.figure("raw terminal of this machine, best", raw, "MB/s");
    report.figure("exec with pipes through the byte channel, best", pipe, "MB/s");
    report.figure("a pipe of this machine, best", plain, "MB/s");
    report.at_least("terminal output / the raw terminal", terminal / raw, 0.8, "×");
    let stalled = drain_with_pause(&daemon, &mut api, &script, megabytes, Duration::from_secs(6))?;
    report.figure("terminal whose client stalls for 6 s", stalled, "MB/s");
    report.at_least("terminal output with a client that stalls for 6 s / the raw terminal", stalled / raw, 0.8, "×");
    report.at_least("exec with pipes, bulk", pipe, 1000.0, "MB/s");
    let keys = echo(&daemon, &mut api, if quick { 200 } else { 1000 })?;
    let tail = keys.at(0.99);
    let p50 = report.times("key to echo", keys);
    report.at_most("key to echo, p50", p50, 2.0, "ms");
    report.at_most("key to echo, p99", tail, 10.0, "ms");
    agent.remove();
    Ok(())
}

/// `script` gives a program a terminal and copies what it prints.
fn raw_terminal(script: &str) -> Command {
    let mut command = Command::new("script");
    command.args(["-qec", &format!("stty raw; {script}"), "/dev/null"]);
    command
}

fn rate(megabytes: u64, command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("stdout")?;
    let (mut buffer, mut total) = (vec![0; 1 << 16], 0_u64);
    loop {
        match output.read(&mut buffer)? {
            0 => break,
            count => total += count as u64,
        }
    }
    ensure!(child.wait()?.success() && total >= megabytes << 20, "{command:?} printed {total} bytes");
    Ok(per_second(total, start.elapsed()))
}

fn drain(daemon: &Daemon, api: &mut Api, script: &str, tty: bool, megabytes: u64) -> Result<f64> {
    let script = if tty { format!("stty raw; {script}") } else { script.to_owned() };
    let start = Instant::now();
    let id = exec(api, &script, tty)?;
    let mut channel = Terminal::attach(daemon, &id, "?from=0");
    loop {
        match channel.hear() {
            Said::End(0, _) => break,
            Said::End(..) | Said::Closed | Said::Error(_) => bail!("it did not end with 0"),
            _ => {}
        }
    }
    ensure!(channel.offset >= megabytes << 20, "{} bytes came", channel.offset);
    Ok(per_second(channel.offset, start.elapsed()))
}

/// A terminal whose client stops reading when it has a quarter; bytes per second without the pause. Nothing is lost.
fn drain_with_pause(daemon: &Daemon, api: &mut Api, script: &str, megabytes: u64, pause: Duration) -> Result<f64> {
    let start = Instant::now();
    let id = exec(api, &format!("stty raw; {script}"), true)?;
    let mut channel = Terminal::attach(daemon, &id, "?from=0");
    let (mut expected, mut paused) = (0, false);
    loop {
        match channel.hear() {
            Said::Out(offset, data) => {
                ensure!(offset == expected, "bytes {expected} to {offset} are missing");
                expected += data.len() as u64;
            }
            Said::End(0, _) => break,
            Said::End(..) | Said::Closed | Said::Error(_) => bail!("it did not end with 0"),
            _ => {}
        }
        if !paused && expected >= megabytes << 18 {
            paused = true;
            std::thread::sleep(pause);
        }
    }
    ensure!(paused && expected >= megabytes << 20, "{expected} bytes came");
    Ok(per_second(expected, start.elapsed() - pause))
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a benchmark")]
fn per_second(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

fn echo(daemon: &Daemon, api: &mut Api, rounds: usize) -> Result<Sample> {
    let id = exec(api, "stty -icanon -echo; exec cat", true)?;
    let mut channel = Terminal::attach(daemon, &id, "?from=0&stdin=true");
    std::thread::sleep(Duration::from_millis(300));
    let mut times = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let key = char::from(b'a' + u8::try_from(round % 26)?).to_string();
        let start = Instant::now();
        channel.types(&key);
        loop {
            match channel.hear() {
                Said::Out(_, data) if data.ends_with(key.as_bytes()) => break,
                Said::End(..) | Said::Closed | Said::Error(_) => bail!("the terminal ended"),
                _ => {}
            }
        }
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(2));
    }
    channel.types("\u{4}");
    Ok(times.into())
}
