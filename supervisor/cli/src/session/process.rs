//! Our standard streams joined to a process: `run`, `exec` and `attach`.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use bytes::Bytes;
use nix::sys::signal::Signal;

use super::{
    detach::{DetachKeys, Typed},
    input::Input,
    link::{self, Heard, Inbox, Outbox},
    output::{Output, Stream},
    signals::{Caught, Signals},
};
use crate::{
    client::{
        Client,
        again::RETRY,
        channel::{Channel, FromProcess, Hello, ToProcess},
    },
    failure::Failure,
    terminal::{self, RawMode},
};

/// Consumed bytes between two acknowledgements.
const ACK_EVERY: u64 = 256 * 1024;
/// How long the agent is waited for once it was told to end and says nothing.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// Which process, and how.
pub(crate) struct Joined<'a> {
    /// Agent reference, or the id of a terminal or exec.
    pub(crate) target: &'a str,
    /// The agent, for killing and stopping it.
    pub(crate) agent: &'a str,
    /// Forward our standard input.
    pub(crate) stdin: bool,
    /// What Ctrl-C and a lost reader mean.
    pub(crate) bond: Bond,
}

/// How the process's life hangs on ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bond {
    /// It is an agent that we started: signals go to it, the second SIGINT kills it, and it is stopped when nobody reads it.
    Agent,
    /// It is a program beside the main one.
    Exec,
    /// It was there before: signals make us leave.
    Visitor,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The process ended.
    Ended { code: u8, silent: bool },
    /// The person left with the detach keys.
    Detached,
    /// A signal made us leave.
    Interrupted(u8),
}

/// Joins until the process ends or the person leaves.
pub(crate) async fn join(client: &Client, joined: &Joined<'_>) -> Result<Outcome, Failure> {
    let mut session = Session {
        client,
        joined,
        // From here on signals do not end the client, so the terminal is always given back.
        signals: Signals::new().map_err(|error| Failure::local(format!("cannot catch signals: {error}"), ""))?,
        output: Output::start(),
        input: Input::none(),
        input_started: false,
        waiting: None,
        input_ended: false,
        raw: None,
        keys: DetachKeys::default(),
        seen: [0, 0],
        begun: joined.bond != Bond::Visitor,
        interrupts: 0,
    };
    let outcome = session.run().await;
    // Raw mode ends after the last output, so that lines still look as the program meant them.
    let Session { output, raw, .. } = session;
    let flushed = output.finish().await;
    drop(raw);
    match (outcome, flushed) {
        (Ok(Outcome::Ended { .. }), Err(error)) => Err(error.into()),
        (outcome, _) => outcome,
    }
}

struct Session<'a> {
    client: &'a Client,
    joined: &'a Joined<'a>,
    signals: Signals,
    output: Output,
    input: Input,
    input_started: bool,
    /// Read but not yet sent; outlives a connection.
    waiting: Option<Bytes>,
    /// The end of our input is still to be told.
    input_ended: bool,
    raw: Option<RawMode>,
    keys: DetachKeys,
    /// Offset after the last byte shown of each stream.
    seen: [u64; 2],
    /// `seen` means something: a byte below it was shown, a byte above it not.
    begun: bool,
    interrupts: u32,
}

enum Step {
    Go,
    Done(Outcome),
    Lost,
}

impl Session<'_> {
    async fn run(&mut self) -> Result<Outcome, Failure> {
        let mut channel = match self.joined.bond {
            Bond::Visitor => self.client.attach(self.joined.target, 0, self.joined.stdin).await?,
            // The supervisor may have been restarted since the program was asked for.
            Bond::Agent | Bond::Exec => self.channel(None).await?,
        };
        loop {
            let (mut inbox, outbox) = link::open(channel);
            let end = self.pump(&mut inbox, &outbox).await;
            outbox.finish().await;
            if let Some(outcome) = end? {
                return Ok(outcome);
            }
            // Of standard error the supervisor sends again what it still holds; what was shown before is skipped.
            channel = self.channel(Some(self.seen[0])).await?;
        }
    }

    /// One connection, to the end of the process (`Some`) or of the connection.
    async fn pump(&mut self, inbox: &mut Inbox, link: &Outbox) -> Result<Option<Outcome>, Failure> {
        let (mut consumed, mut acknowledged) = (0_u64, 0_u64);
        let mut skipped = 0;
        loop {
            let step = tokio::select! {
                heard = inbox.next(), if self.output.has_room() => match heard? {
                    Heard::Lost => Step::Lost,
                    Heard::Frame(frame) => self.frame(link, frame, &mut skipped)?,
                },
                written = self.output.written() => {
                    consumed += match written {
                        Ok(bytes) => bytes,
                        Err(error) => return Err(self.nobody_reads(link, error).await),
                    };
                    Step::Go
                }
                () = link.stdin_ready(), if self.waiting.is_some() || self.input_ended => {
                    match self.waiting.take() {
                        Some(bytes) => link.stdin(&ToProcess::Stdin(&bytes)),
                        None => {
                            self.input_ended = false;
                            link.stdin(&ToProcess::EndOfStdin);
                        }
                    }
                    Step::Go
                }
                piece = self.input.next(), if self.waiting.is_none() && !self.input_ended => {
                    match piece {
                        None => self.input_ended = true,
                        Some(bytes) if self.raw.is_some() => match self.keys.typed(&bytes) {
                            Typed::Keys(keys) => self.waiting = Some(Bytes::from(keys)).filter(|keys| !keys.is_empty()),
                            Typed::Detach(keys) => {
                                link.control(&ToProcess::Stdin(&keys));
                                return Ok(Some(Outcome::Detached));
                            }
                        },
                        Some(bytes) => self.waiting = Some(bytes),
                    }
                    Step::Go
                }
                caught = self.signals.next() => self.caught(link, caught).await?,
            };
            // Bytes shown before by an earlier connection count as consumed by this one.
            consumed += std::mem::take(&mut skipped);
            if consumed - acknowledged >= ACK_EVERY {
                acknowledged = consumed;
                link.control(&ToProcess::Ack(consumed));
            }
            match step {
                Step::Go => {}
                Step::Done(outcome) => return Ok(Some(outcome)),
                Step::Lost => return Ok(None),
            }
        }
    }

    fn frame(&mut self, link: &Outbox, frame: FromProcess, skipped: &mut u64) -> Result<Step, Failure> {
        match frame {
            FromProcess::Hello(hello) => self.hello(link, hello)?,
            FromProcess::Stdout { offset, data } => *skipped += self.show(Stream::Stdout, offset, data),
            FromProcess::Stderr { offset, data } => *skipped += self.show(Stream::Stderr, offset, data),
            FromProcess::End { code, .. } => {
                return Ok(Step::Done(Outcome::Ended { code, silent: self.seen == [0, 0] }));
            }
            FromProcess::Refused(error) => return Err(Failure::Api(error)),
        }
        Ok(Step::Go)
    }

    fn hello(&mut self, link: &Outbox, hello: Hello) -> Result<(), Failure> {
        if hello.tty && self.joined.stdin && self.raw.is_none() && io::stdin().is_terminal() {
            let raw = RawMode::enter().map_err(|error| Failure::local(format!("cannot set the terminal: {error}"), ""))?;
            self.raw = Some(raw);
        }
        if hello.tty {
            resize(link);
        }
        if !self.begun {
            self.seen = [hello.offset, 0];
            self.begun = true;
        }
        if self.joined.stdin && !self.input_started {
            self.input_started = true;
            self.input = Input::start();
        }
        Ok(())
    }

    /// Queues what is new and returns how many bytes were not.
    fn show(&mut self, stream: Stream, offset: u64, mut data: Bytes) -> u64 {
        let seen = &mut self.seen[usize::from(stream == Stream::Stderr)];
        let old = seen.saturating_sub(offset).min(data.len() as u64);
        let _ = data.split_to(usize::try_from(old).unwrap_or(data.len()));
        *seen = (*seen).max(offset + old + data.len() as u64);
        if !data.is_empty() {
            self.output.write(stream, data);
        }
        old
    }

    async fn caught(&mut self, link: &Outbox, caught: Caught) -> Result<Step, Failure> {
        match caught {
            Caught::Resized => resize(link),
            Caught::Continued => {
                if let Some(raw) = &self.raw {
                    raw.again();
                    resize(link);
                }
            }
            Caught::Pass(signal) if self.joined.bond == Bond::Visitor => {
                return Ok(Step::Done(Outcome::Interrupted(128 + signal as u8)));
            }
            Caught::Pass(signal) => {
                if signal == Signal::SIGINT {
                    self.interrupts += 1;
                }
                match (self.interrupts, self.joined.bond) {
                    (2.., Bond::Agent) => {
                        self.client.kill(self.joined.agent).await?;
                    }
                    (2.., _) => link.control(&ToProcess::Signal(Signal::SIGKILL as i32)),
                    _ => link.control(&ToProcess::Signal(signal as i32)),
                }
            }
        }
        Ok(Step::Go)
    }

    /// Our reader has gone: what we started ends with it.
    async fn nobody_reads(&self, link: &Outbox, error: io::Error) -> Failure {
        match self.joined.bond {
            Bond::Agent => {
                let _ = tokio::time::timeout(LAST_WORDS, self.client.stop(self.joined.agent, None)).await;
            }
            Bond::Exec => link.control(&ToProcess::Signal(Signal::SIGTERM as i32)),
            Bond::Visitor => {}
        }
        error.into()
    }

    /// Opens the channel, also at a supervisor that is just being restarted: agents survive that.
    /// `from`: after which byte it goes on; none the first time.
    async fn channel(&mut self, from: Option<u64>) -> Result<Channel, Failure> {
        let (deadline, mut away) = (Instant::now() + self.client.patience(), from.is_some());
        loop {
            let failure = tokio::select! {
                channel = self.client.attach(self.joined.target, from.unwrap_or(0), self.joined.stdin) => match channel {
                    Ok(channel) => return Ok(channel),
                    Err(failure) => failure,
                },
                // A signal in the first moment is the program's, which gets it once there is a channel.
                caught = self.signals.next(), if away => match caught {
                    Caught::Pass(signal) => return Err(Failure::Status(128 + signal as u8)),
                    _ => continue,
                },
            };
            let starting = matches!(&failure, Failure::Api(error) if error.code == aether_protocol::ErrorCode::Unavailable);
            if !starting && !matches!(failure, Failure::Unreachable { .. }) {
                return Err(failure);
            }
            if Instant::now() >= deadline {
                return Err(Failure::Unreachable {
                    cause: format!(
                        "the connection to the supervisor broke and could not be made again within {} s",
                        self.client.patience().as_secs()
                    ),
                    hint: format!("the agent goes on; once the supervisor runs: aether attach {}", self.joined.target),
                }
                .ours());
            }
            away = true;
            tokio::time::sleep(RETRY).await;
        }
    }
}

fn resize(link: &Outbox) {
    if let Some((columns, rows)) = terminal::size() {
        link.control(&ToProcess::Resize { columns, rows });
    }
}
