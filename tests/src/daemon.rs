//! An `aetherd` of one test: own state, own sockets, a free port; nothing of it survives the test.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};

use crate::{Agent, Outcome, cli, eventually, http, proc};

/// One daemon at a time: the leak oracle looks at the whole machine.
static TURN: Mutex<()> = Mutex::new(());

/// How long a command may take unless a test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon that runs (or was just killed by its test).
pub struct Daemon {
    dir: tempfile::TempDir,
    child: Option<Child>,
    port: u16,
    front: Option<PathBuf>,
    scope: OnceLock<String>,
    impatience: OnceLock<(&'static str, &'static str)>,
    _turn: MutexGuard<'static, ()>,
}

/// What a daemon printed.
fn printed(dir: &tempfile::TempDir) -> String {
    fs::read(dir.path().join("aetherd.log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The child of `aetherd` that runs as root.
fn spawner_of(pid: u32) -> Option<u32> {
    let root = |pid: &u32| proc::status(*pid).is_some_and(|fields| fields["Uid"].starts_with("0 "));
    proc::children(pid).into_iter().find(root)
}

/// Where the binaries are.
pub fn bin_dir() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    std::env::var_os("AETHER_BIN_DIR").map_or_else(|| root.join("target/release"), PathBuf::from)
}

impl Daemon {
    /// Starts one with the defaults.
    ///
    /// # Panics
    /// When it does not become ready; its log is in the message.
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts one with a configuration file.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    pub fn with(config: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("aether-t-").permissions(fs::Permissions::from_mode(0o755)).tempdir();
        Self::below(dir.expect("a temporary directory"), config)
    }

    /// Starts one in a directory that the test prepared.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    pub fn below(dir: tempfile::TempDir, config: &str) -> Self {
        assert!(Uid::effective().is_root(), "these tests start sandboxes: run them as root (scripts/test.sh does)");
        let binary = bin_dir().join("aetherd");
        assert!(binary.exists(), "{} is missing: run `make build` first", binary.display());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        fs::write(dir.path().join("aether.toml"), config).expect("write the configuration");
        let mut daemon =
            Self { dir, child: None, port: 0, front: None, scope: OnceLock::new(), impatience: OnceLock::new(), _turn: turn };
        daemon.restart();
        daemon
    }

    /// Starts it again on the same state.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    #[track_caller]
    pub fn restart(&mut self) {
        if let Err(said) = self.try_restart() {
            panic!("{said}");
        }
    }

    /// Starts it again on the same state, where it may end instead.
    ///
    /// # Errors
    /// How it ended, and what this start printed.
    ///
    /// # Panics
    /// When it neither becomes ready nor ends within 30 seconds.
    pub fn try_restart(&mut self) -> Result<(), String> {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("open the log");
        let before = log.metadata().expect("log").len();
        let binary = bin_dir().join("aetherd");
        let mut command = Command::new(self.front.as_ref().unwrap_or(&binary));
        if self.front.is_some() {
            command.arg(&binary);
        }
        command.arg("--config").arg(self.dir.path().join("aether.toml"));
        command.arg("--state").arg(self.state()).arg("--socket").arg(self.socket());
        // The port of the first start is kept: a browser would come back to it.
        command.arg("--listen").arg(format!("127.0.0.1:{}", self.port)).arg("--stop-agents-on-exit");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("dup")).stderr(log);
        let child = self.child.insert(command.spawn().expect("start aetherd"));
        let pid = child.id();
        let said = || printed(&self.dir).split_off(usize::try_from(before).expect("a small log"));
        let port = eventually("aetherd to become ready", Duration::from_secs(30), || {
            if let Some(status) = child.try_wait().expect("wait") {
                return Some(Err(format!("aetherd {pid} ended with {status}:\n{}", said())));
            }
            let said = said();
            let port = said.split("http://127.0.0.1:").nth(1)?.chars().take_while(char::is_ascii_digit).collect::<String>();
            let socket = self.dir.path().join("run/aether.sock");
            let ready = http::unix(&socket, "GET", "/health").try_send().is_some_and(|answer| answer.status == 200);
            ready.then(|| port.parse().ok())?.map(Ok)
        });
        match port {
            Ok(port) => self.port = port,
            Err(said) => {
                self.child = None;
                return Err(said);
            }
        }
        Ok(())
    }

    /// From its next start on it is started by `program`, which becomes it: as on a host that lacks something.
    pub fn behind(&mut self, program: PathBuf) {
        self.front = Some(program);
    }

    /// From its next start on it is started by itself.
    pub fn by_itself(&mut self) {
        self.front = None;
    }

    /// `kill -9`, as the kernel would do when memory is short. Agents and their inits are not touched.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("kill");
        child.wait().expect("wait");
    }

    /// `kill -9` of its privileged half, after which it ends itself.
    ///
    /// # Panics
    /// When it does not end within 30 seconds.
    pub fn kill_spawner9(&mut self) {
        let spawner = i32::try_from(self.spawner()).expect("a pid");
        kill(Pid::from_raw(spawner), Signal::SIGKILL).expect("kill");
        let mut child = self.child.take().expect("it runs");
        eventually("aetherd to end", Duration::from_secs(30), || child.try_wait().expect("wait"));
    }

    /// Starts it again if it has ended or is about to, because its privileged half has. How long it took until it answered.
    ///
    /// # Panics
    /// When it lives on without the half that it needs, or does not become ready.
    pub fn revive(&mut self) -> Option<Duration> {
        if let Some(child) = self.child.as_mut() {
            let pid = child.id();
            let ended = eventually("aetherd to end with its spawner", Duration::from_secs(30), || {
                let ended = child.try_wait().expect("wait").is_some();
                (ended || spawner_of(pid).is_some_and(proc::runs)).then_some(ended)
            });
            if !ended {
                return None;
            }
            self.child = None;
        }
        let start = std::time::Instant::now();
        self.restart();
        Some(start.elapsed())
    }

    /// SIGTERM; it stops its agents first.
    ///
    /// # Panics
    /// When it does not end within 30 seconds.
    pub fn stop(&mut self) -> i32 {
        let mut child = self.child.take().expect("it runs");
        kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).expect("signal");
        let status = eventually("aetherd to end", Duration::from_secs(30), || child.try_wait().expect("wait"));
        status.code().unwrap_or(-1)
    }

    /// Was it started, and not ended by its test?
    pub fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Its pid.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Pid of its privileged half: the child of it that runs as root.
    ///
    /// # Panics
    /// When there is none.
    pub fn spawner(&self) -> u32 {
        spawner_of(self.pid()).unwrap_or_else(|| panic!("no spawner below {}", self.pid()))
    }

    /// The state directory as the spawner sees it: homes and trash may lie in a volume that nobody else has mounted.
    pub fn stage(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/state", self.spawner()))
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// State directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Directory of the sockets.
    pub fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.run_dir().join("aether.sock")
    }

    /// A directory of the test's own beside them.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// Name of the temporary directory: part of every path that belongs to this daemon.
    pub fn dir_name(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// Every audit record, oldest first.
    ///
    /// # Panics
    /// When they cannot be had.
    #[track_caller]
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let (mut records, mut since) = (Vec::new(), 0);
        loop {
            let path = format!("/api/v1/audit?since={since}");
            let page = http::unix(&self.socket(), "GET", &path).send().data();
            let Some(last) = page.as_array().and_then(|page| page.last()) else { return records };
            since = last["number"].as_u64().expect("a number");
            records.extend(page.as_array().expect("records").iter().cloned());
        }
    }

    /// Opens a one-time link and gives the cookie of the session, `name=value`.
    ///
    /// # Panics
    /// When the link signs nobody in.
    #[track_caller]
    pub fn sign_in(&self) -> String {
        let answer = http::tcp(self.port(), "GET", &self.sign_in_path()).send();
        let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer}"));
        cookie.split(';').next().expect("name=value").to_owned()
    }

    /// Path and code of a new one-time link.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn sign_in_path(&self) -> String {
        let link = http::unix(&self.socket(), "POST", "/api/v1/signin-links").send().data();
        let url = link["url"].as_str().expect("a link");
        url[url.find("/signin").unwrap_or_else(|| panic!("{url}"))..].to_owned()
    }

    /// The only `Origin` of its pages.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The token of the TCP side.
    ///
    /// # Panics
    /// When the file is missing.
    pub fn token(&self) -> String {
        fs::read_to_string(self.state().join("token")).expect("the token").trim().to_owned()
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        printed(&self.dir)
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("aetherd.log")
    }

    /// The `aether` command for this daemon.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(bin_dir().join("aether"));
        command.env("AETHER_SOCKET", self.socket()).envs(self.impatience.get().copied()).args(args);
        command
    }

    /// From now on `aether` does not wait for a daemon that is away: its test starts it again only afterwards.
    pub fn be_impatient(&self) {
        self.impatience.get_or_init(|| ("AETHER_PATIENCE", "0"));
    }

    /// Runs `aether ARGS` to its end.
    pub fn aether<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Outcome {
        self.aether_with(args, b"", PATIENCE)
    }

    /// Runs `aether ARGS` with standard input and a limit of time.
    pub fn aether_with<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &[u8], limit: Duration) -> Outcome {
        cli::spawn(self.command(args), input).end(limit)
    }

    /// `aether run -d OPTIONS -- sh -c SCRIPT`: an agent at work.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn agent(&self, options: &[&str], script: &str) -> Agent<'_> {
        let args = [&["run", "-d"], options, &["--", "sh", "-c", script]].concat();
        let id = self.aether(args).ok().text().trim().to_owned();
        Agent::new(self, id)
    }

    /// The cgroup below which this daemon's agents live, as an agent's own cgroup shows it.
    pub fn service_cgroup(&self) -> String {
        let learn = || {
            let agent = self.agent(&["--name", "where-agents-live"], "exec sleep 600");
            let cgroup = agent.info()["cgroup"].as_str().expect("a live agent's cgroup").to_owned();
            agent.remove();
            cgroup.rsplit_once('/').expect("a path").0.to_owned()
        };
        self.scope.get_or_init(learn).clone()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("---- the end of aetherd's log ----");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        // A test that killed it left agents alive: only a daemon on the same state can end them.
        let restarted = self.child.is_some() || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.restart())).is_ok();
        if restarted && std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.stop())).is_err() {
            eprintln!("aetherd did not end on SIGTERM");
        }
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        self.end_by_force();
    }
}

impl Daemon {
    /// Last resort, so that a failing test cannot disturb the next one.
    fn end_by_force(&self) {
        let Some(scope) = self.scope.get() else { return };
        for root in proc::cgroup_roots() {
            let Ok(entries) = fs::read_dir(Path::new(&root).join(scope.trim_start_matches('/'))) else { continue };
            for cgroup in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
                drop(fs::write(cgroup.join("cgroup.kill"), "1"));
                drop(fs::remove_dir(cgroup));
            }
        }
    }
}
