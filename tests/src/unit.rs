//! An `aetherd` as a service manager starts it: told things by environment and descriptors, heard by a socket of notices. It leaves
//! its agents alone when it ends, as the packaged unit does.

use std::{
    cell::RefCell,
    fs,
    os::{
        fd::OwnedFd,
        unix::{
            fs::PermissionsExt as _,
            net::{UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Outcome, cli, daemon::bin_dir, eventually, http};

static TURN: Mutex<()> = Mutex::new(());

/// The daemon and what it told its manager.
pub struct Unit {
    dir: tempfile::TempDir,
    child: Option<Child>,
    notices: UnixDatagram,
    heard: RefCell<Vec<String>>,
    _turn: MutexGuard<'static, ()>,
}

impl Unit {
    /// Its directory, with nothing started yet.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::Builder::new().prefix("aether-u-").permissions(fs::Permissions::from_mode(0o755)).tempdir();
        let dir = dir.expect("a temporary directory");
        let notices = UnixDatagram::bind(dir.path().join("notify")).expect("a socket for notices");
        fs::set_permissions(dir.path().join("notify"), fs::Permissions::from_mode(0o777)).expect("mode");
        notices.set_nonblocking(true).expect("not blocking");
        fs::write(dir.path().join("aether.toml"), "listen = \"none\"\n").expect("write");
        Self { dir, child: None, notices, heard: RefCell::default(), _turn: turn }
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(bin_dir().join("aetherd"));
        command.arg("--config").arg(self.path("aether.toml")).arg("--state").arg(self.path("state"));
        command.arg("--socket").arg(self.path("run/aether.sock")).env("NOTIFY_SOCKET", self.path("notify"));
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("the log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("dup")).stderr(log);
        command
    }

    /// The command that starts it with a Unix socket that somebody else holds, as a service manager does.
    ///
    /// # Panics
    /// When a descriptor cannot be copied.
    pub fn command_with(&self, listener: &UnixListener) -> Command {
        let daemon = self.command();
        let script = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=unix exec \"$@\" 3<&0 </dev/null";
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script, "sh"])
            .arg(daemon.get_program())
            .args(daemon.get_args())
            .env("NOTIFY_SOCKET", self.path("notify"));
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("the log");
        let socket = OwnedFd::from(listener.try_clone().expect("dup"));
        shell.stdin(socket).stdout(log.try_clone().expect("dup")).stderr(log);
        shell
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&mut self) {
        let command = self.command();
        self.start_as(command);
    }

    /// Starts it by a command that was changed.
    ///
    /// # Panics
    /// As [`Unit::start`].
    pub fn start_as(&mut self, mut command: Command) {
        self.forget();
        let mut child = command.spawn().expect("start aetherd");
        eventually("READY=1", Duration::from_secs(30), || {
            assert!(child.try_wait().expect("wait").is_none(), "aetherd ended:\n{}", self.log());
            self.said("READY=1").then_some(())
        });
        self.child = Some(child);
    }

    /// Was a notice with this text heard since the last [`Unit::forget`]?
    pub fn said(&self, what: &str) -> bool {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.notices.recv(&mut buffer) {
            self.heard.borrow_mut().push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        self.heard.borrow().iter().any(|notice| notice.contains(what))
    }

    /// Forgets every notice so far.
    pub fn forget(&self) {
        self.said("");
        self.heard.borrow_mut().clear();
    }

    /// Everything heard, for messages.
    pub fn heard(&self) -> String {
        self.heard.borrow().join("; ")
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("signal");
    }

    /// Its pid.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// SIGTERM; gives the exit status.
    ///
    /// # Panics
    /// When it does not end within `limit`.
    pub fn stop(&mut self, limit: Duration) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        let mut child = self.child.take().expect("it runs");
        eventually("aetherd to end", limit, || child.try_wait().expect("wait")).code()
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("kill");
        child.wait().expect("wait");
    }

    /// `aether ARGS` to its end.
    pub fn aether(&self, args: &[&str]) -> Outcome {
        cli::spawn(self.client(args), b"").end(crate::daemon::PATIENCE)
    }

    /// `aether ARGS`.
    pub fn client(&self, args: &[&str]) -> Command {
        let mut command = Command::new(bin_dir().join("aether"));
        command.env("AETHER_SOCKET", self.path("run/aether.sock")).env("NOTIFY_SOCKET", self.path("notify")).args(args);
        command
    }

    /// Its health, as anybody may ask.
    pub fn healthy(&self) -> bool {
        http::unix(&self.path("run/aether.sock"), "GET", "/health").try_send().is_some_and(|answer| answer.status == 200)
    }

    /// What it printed.
    pub fn log(&self) -> String {
        fs::read(self.path("log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Default for Unit {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Unit {
    /// Agents outlive it by design; one last start ends them.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- aetherd's log ----\n{}\n---- notices ----\n{}", self.log(), self.heard());
        }
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        if !self.path("state/aether.db").exists() {
            return;
        }
        fs::write(self.path("aether.toml"), "listen = \"none\"\n").ok();
        let mut last = self.command();
        last.arg("--stop-agents-on-exit");
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.start_as(last))).is_ok() {
            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.stop(Duration::from_secs(30)))));
        }
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
        }
    }
}
