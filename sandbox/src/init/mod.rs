//! `aether-init`: PID 1 of one sandbox. It reaps, runs programs with pipes or terminals, keeps what they print, and does file
//! operations as the agent; clients ask over a socket (see [`crate::wire::init`]), come and go, and find everything as it was.
//!
//! One thread, one loop, nothing that blocks: what takes long is done in a child. No request and no client ends the loop.

mod connection;
mod exec;
mod files;
mod holders;
mod identity;
mod network;
mod output;
mod ports;
mod process;
mod requests;
mod ring;
mod stream;
mod tree;
mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    time::{Duration, Instant},
};

use self::{
    connection::Connection,
    identity::{Identity, Refusal},
    network::Network,
    process::Process,
    worker::Worker,
};
use crate::{
    plan::PlanLayer,
    sys::{
        epoll::{Epoll, Events, Interest, Ready},
        packet::send_packet,
        process::{self as children, ChildState},
    },
    wire::{init::InitReply, spawner::SpawnFailure},
};

pub use self::network::NETWORK;

/// Number of the listening socket that the spawner leaves open.
pub const LISTENER: i32 = 3;
/// Number of the socket that the spawner waits at until init has closed it: by then it is what it has to be.
pub const REPORT: i32 = 4;

const MAX_CONNECTIONS: usize = 64;
const SCRATCH: usize = 64 << 10;
const LAST_SIGNAL: i32 = 64;
const EVENTS: usize = 64;

/// Pause before children are looked at again whose changes could not be seen.
const OVERLOOKED: Duration = Duration::from_millis(100);

/// The whole state of PID 1.
struct Init {
    identity: Identity,
    epoll: Epoll,
    listener: UnixListener,
    network: Network,
    signals: File,
    /// Given up for a moment to refuse a client when no descriptor is left.
    reserve: Option<File>,
    connections: BTreeMap<u32, Connection>,
    processes: BTreeMap<u32, Process>,
    workers: BTreeMap<u32, Worker>,
    /// Files of the cgroups of calls whose program was not started yet.
    calls: BTreeMap<u32, Vec<OwnedFd>>,
    /// Pipes of forgotten programs whose descendants may still write: closed, they would end by `SIGPIPE`.
    drains: BTreeMap<u32, File>,
    /// Which process and output a reader belongs to.
    readers: BTreeMap<u32, (u32, usize)>,
    /// Outputs that a reader holds back: the only ones with a deadline.
    stalled: BTreeSet<(u32, usize)>,
    /// A child's change could not be looked at.
    overlooked: bool,
    /// Bytes in all rings.
    held: usize,
    last: Last,
    scratch: Vec<u8>,
    now: Instant,
}

/// The last number given out of each kind. None is ever used again.
#[derive(Default)]
struct Last {
    connection: u32,
    process: u32,
    worker: u32,
    drain: u32,
    reader: u32,
}

/// Whom an event is for: the upper half of an epoll token; the lower one is its number.
#[derive(Clone, Copy)]
enum Kind {
    Listener,
    Signals,
    Connection,
    Starting,
    Input,
    Stdout,
    Stderr,
    Worker,
    Drain,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Listener,
        Self::Signals,
        Self::Connection,
        Self::Starting,
        Self::Input,
        Self::Stdout,
        Self::Stderr,
        Self::Worker,
        Self::Drain,
    ];

    fn token(self, number: u32) -> u64 {
        (self as u64) << 32 | u64::from(number)
    }

    fn of(token: u64) -> Option<(Self, u32)> {
        Some((*Self::ALL.get((token >> 32) as usize)?, token as u32))
    }
}

/// Runs PID 1 until it is killed. Descriptor 3 is the listening socket; 0, 1 and 2 are open.
///
/// # Errors
/// Only at the start: process 1 that could not become its own user without capabilities, a kernel without `epoll`, `signalfd`
/// or `close_range`, or no socket at descriptor 3.
pub fn run() -> io::Result<std::convert::Infallible> {
    // Before all else; a second layer beside the user of its own that follows.
    nix::sys::prctl::set_dumpable(false)?;
    serve(Identity::take().map_err(refuse)?)
}

/// Runs PID 1 with the user and the capabilities it was started with.
///
/// # Errors
/// As [`run`].
#[cfg(feature = "weaken")]
pub fn run_as_started() -> io::Result<std::convert::Infallible> {
    nix::sys::prctl::set_dumpable(false)?;
    serve(Identity::as_started().map_err(refuse)?)
}

/// Says why to the spawner, which makes it the failure of the launch.
fn refuse((step, error): Refusal) -> io::Error {
    let failure = SpawnFailure {
        layer: Some(PlanLayer::Capabilities),
        step: step.to_owned(),
        errno: error.raw_os_error().unwrap_or(0),
        cause: error.to_string(),
        hint: String::new(),
    };
    // Nobody listens when it was not the spawner that started this.
    if let (Ok(report), Ok(packet)) = (children::inherited(REPORT), postcard::to_stdvec(&failure)) {
        let _ = send_packet(report.as_fd(), &packet, &[]);
    }
    error
}

/// Leaves PID 1 dumpable once it has become what it has to be.
#[cfg(feature = "weaken")]
pub static STAY_DUMPABLE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

fn serve(identity: Identity) -> io::Result<std::convert::Infallible> {
    #[cfg(feature = "weaken")]
    if STAY_DUMPABLE.load(std::sync::atomic::Ordering::Relaxed) {
        nix::sys::prctl::set_dumpable(true)?;
    }
    // With the rest goes the spawner's socket: it hears that everything is as it has to be.
    drop(children::inherited(REPORT));
    let network = Network::inherited();
    children::close_from(network::AFTER)?;
    children::block_signals(true)?;
    // Every program gets signals as they are here but for this one: what a parent ignores, its programs would ignore.
    for signal in 1..=LAST_SIGNAL {
        // SIGKILL and SIGSTOP refuse: they need nothing.
        let _ = children::default_signal(signal);
    }
    children::ignore_signal(libc::SIGPIPE)?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let listener = UnixListener::from(children::inherited(LISTENER)?);
    listener.set_nonblocking(true)?;
    let mut init = Init::new(identity, listener, network, children::child_signals()?)?;
    // A child that ended before the signal was blocked gives none.
    init.reap();
    let mut events = Events::new(EVENTS);
    loop {
        init.turn(&mut events);
    }
}

impl Init {
    fn new(identity: Identity, listener: UnixListener, network: Network, signals: OwnedFd) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(&listener, Kind::Listener.token(0), Interest::Read)?;
        epoll.add(&signals, Kind::Signals.token(0), Interest::Read)?;
        Ok(Self {
            identity,
            epoll,
            listener,
            network,
            signals: signals.into(),
            reserve: reserve(),
            connections: BTreeMap::new(),
            processes: BTreeMap::new(),
            workers: BTreeMap::new(),
            calls: BTreeMap::new(),
            drains: BTreeMap::new(),
            readers: BTreeMap::new(),
            stalled: BTreeSet::new(),
            overlooked: false,
            held: 0,
            last: Last::default(),
            scratch: vec![0; SCRATCH],
            now: Instant::now(),
        })
    }

    fn turn(&mut self, events: &mut Events) {
        let timeout = self.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let ready: Vec<Ready> = match self.epoll.wait(events, timeout) {
            Ok(ready) => ready.collect(),
            // Only a lack of kernel memory; the next turn may find some.
            Err(_) => Vec::new(),
        };
        self.now = Instant::now();
        for event in ready {
            self.event(event);
        }
        if self.overlooked {
            self.reap();
        }
        self.expire();
        self.settle();
    }

    fn event(&mut self, event: Ready) {
        let Some((kind, number)) = Kind::of(event.token) else { return };
        match kind {
            Kind::Listener => self.accept(),
            Kind::Signals => self.reap(),
            Kind::Connection => self.connection_event(number, event),
            Kind::Starting => self.started(number),
            Kind::Input => self.flush_input(number),
            Kind::Stdout => self.pump(number, 0),
            Kind::Stderr => self.pump(number, 1),
            Kind::Worker => self.worker_event(number),
            Kind::Drain => self.drain(number),
        }
    }

    fn accept(&mut self) {
        match self.listener.accept() {
            Ok((stream, _)) if self.connections.len() < MAX_CONNECTIONS => {
                let Ok(connection) = Connection::new(stream) else { return };
                self.last.connection += 1;
                let number = self.last.connection;
                if self.epoll.add(&connection, Kind::Connection.token(number), Interest::Read).is_ok() {
                    self.connections.insert(number, connection);
                }
            }
            Ok(_) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                // Refuse the client rather than be woken for it for ever.
                self.reserve = None;
                drop(self.listener.accept());
                self.reserve = reserve();
            }
            Err(_) => {}
        }
    }

    fn connection_event(&mut self, number: u32, event: Ready) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.blocked &= !event.write;
        if event.read && !connection.congested() && connection.receive(&mut self.scratch).is_err() {
            self.disconnect(number);
        }
    }

    /// Forgets a client; the programs it started go on.
    fn disconnect(&mut self, number: u32) {
        self.connections.remove(&number);
        for process in self.processes.values_mut() {
            process.waiting.retain(|(connection, _)| *connection != number);
            for output in &mut process.outputs {
                for id in output.stream.detach_all(number) {
                    self.readers.remove(&id);
                }
            }
        }
        // Whom this one held back may go on.
        self.pump_all();
    }

    /// Sends what is to be sent and takes what requests have arrived, until nothing more can be done without waiting.
    fn settle(&mut self) {
        loop {
            let numbers: Vec<u32> = self.connections.keys().copied().collect();
            for number in numbers {
                self.serve(number);
            }
            if !self.connections.values().any(Connection::can_send) {
                return;
            }
        }
    }

    fn serve(&mut self, number: u32) {
        loop {
            let Some(connection) = self.connections.get_mut(&number) else { return };
            let was_congested = connection.congested();
            let request = connection.send().and_then(|()| connection.next_request());
            let relieved = was_congested && !connection.congested();
            let wanted = connection.wanted();
            let told =
                connection.interest == wanted || self.epoll.change(&*connection, Kind::Connection.token(number), wanted).is_ok();
            connection.interest = wanted;
            match request {
                Ok(Some(request)) if told => self.request(number, request),
                Ok(None) if told && relieved => self.pump_all(),
                Ok(None) if told => return,
                _ => return self.disconnect(number),
            }
        }
    }

    /// Answers a request; nobody hears it when the client is gone.
    fn reply(&mut self, connection: u32, tag: u64, body: InitReply, descriptor: Option<OwnedFd>) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.waiting = connection.waiting.saturating_sub(1);
            connection.reply(tag, body, descriptor);
        }
    }

    /// Takes every child whose state has changed: our programs, our workers, and the orphans of the sandbox.
    fn reap(&mut self) {
        // What it says does not matter, waitid(2) knows better: one signal may stand for many children.
        let mut info = [0; 128];
        while self.signals.read(&mut info).is_ok_and(|count| count > 0) {}
        self.overlooked = false;
        loop {
            let (pid, state, used) = match children::next_change() {
                Ok(Some(change)) => change,
                Ok(None) => return,
                Err(error) => {
                    // Without children there is nothing to see; anything else is looked at again.
                    self.overlooked = error.raw_os_error() != Some(libc::ECHILD);
                    return;
                }
            };
            let found = self.processes.iter_mut().find(|(_, process)| process.pid == pid && process.exited.is_none());
            let Some((number, process)) = found else { continue };
            let number = *number;
            process.changed(state);
            if matches!(state, ChildState::Exited(_) | ChildState::Killed(_)) {
                process.used = used;
                self.ended(number);
            }
        }
    }

    fn worker_event(&mut self, number: u32) {
        let Some(worker) = self.workers.get_mut(&number) else { return };
        let Some(answer) = worker.receive() else { return };
        let (connection, tag) = (worker.connection, worker.tag);
        self.workers.remove(&number);
        self.reply(connection, tag, answer, None);
    }

    fn deadline(&self) -> Option<Instant> {
        let stalled = self.stalled.iter().filter_map(|(number, at)| self.processes.get(number)?.outputs[*at].stream.deadline());
        let again = self.overlooked.then(|| Instant::now() + OVERLOOKED);
        stalled.min().map(|deadline| deadline + Duration::from_millis(1)).into_iter().chain(again).min()
    }
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}
