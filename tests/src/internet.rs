//! An internet of a test's own: two network namespaces joined by a cable. The daemon lives in the one that stands for the host; in
//! the other there are servers at addresses that are public everywhere else.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, setns};

use crate::{Daemon, Outcome, cli, eventually};

/// A public address of the far side.
pub const PUBLIC: &str = "93.184.216.34";
/// Another one.
pub const OTHER: &str = "93.184.216.35";
/// The host's own address, on the cable.
pub const OWN: &str = "11.0.0.1";
/// Addresses of the far side that no policy reaches.
pub const FORBIDDEN: [&str; 4] = ["10.9.9.9", "192.168.7.7", "169.254.169.254", "100.64.1.1"];

/// The two namespaces; they end with the value.
pub struct Internet {
    host: Child,
    far: Child,
    dir: tempfile::TempDir,
}

/// What a server was asked.
pub struct Served {
    /// Connections it accepted.
    pub accepted: Arc<AtomicUsize>,
    /// Of which so many are over.
    pub ended: Arc<AtomicUsize>,
}

impl Internet {
    /// Two namespaces and a cable.
    ///
    /// # Panics
    /// When the kernel has no veth, or nobody lets us.
    pub fn new() -> Self {
        let host = holder(&["--net", "--mount"]);
        let far = holder(&["--net"]);
        let dir = tempfile::Builder::new().prefix("aether-net-").tempdir().expect("a directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("mode");
        let internet = Self { host, far, dir };
        let far = internet.far.id().to_string();
        internet.in_host(&["ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", &far]);
        internet.in_host(&["ip", "link", "set", "lo", "up"]);
        internet.in_host(&["ip", "addr", "add", &format!("{OWN}/24"), "dev", "cable"]);
        internet.in_host(&["ip", "link", "set", "cable", "up"]);
        internet.in_far(&["ip", "link", "set", "lo", "up"]);
        internet.in_far(&["ip", "addr", "add", "11.0.0.2/24", "dev", "cable"]);
        internet.in_far(&["ip", "link", "set", "cable", "up"]);
        for address in [PUBLIC, OTHER].iter().chain(&FORBIDDEN) {
            internet.in_far(&["ip", "addr", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        internet.in_host(&["ip", "route", "add", "default", "via", "11.0.0.2"]);
        internet
    }

    /// A daemon that lives in the host's namespace and finds names in `hosts`, lines of hosts(5).
    ///
    /// # Panics
    /// When it does not start.
    pub fn daemon(&self, hosts: &str) -> Daemon {
        self.daemon_below(hosts, "true")
    }

    /// As [`Internet::daemon`], with at most `descriptors` descriptors.
    ///
    /// # Panics
    /// When it does not start.
    pub fn daemon_with(&self, hosts: &str, descriptors: u32) -> Daemon {
        self.daemon_below(hosts, &format!("ulimit -n {descriptors}"))
    }

    /// As [`Internet::daemon`], for which servers are whom the certificates in the file `authorities` sign.
    ///
    /// # Panics
    /// When it does not start.
    pub fn daemon_trusting(&self, hosts: &str, authorities: &Path) -> Daemon {
        self.daemon_below(hosts, &format!("export SSL_CERT_FILE='{}'", authorities.display()))
    }

    /// As [`Internet::daemon`], which writes down all it can.
    ///
    /// # Panics
    /// When it does not start.
    pub fn daemon_telling_all(&self, hosts: &str) -> Daemon {
        self.daemon_below(hosts, "export AETHER_LOG=trace")
    }

    /// As [`Internet::daemon`], behind a program made from `tests/fixtures/SOURCE`, which becomes the one it is given.
    ///
    /// # Panics
    /// When it does not compile or start.
    pub fn daemon_behind(&self, hosts: &str, source: &str) -> Daemon {
        let (source, program) =
            (Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(source), self.dir.path().join("behind"));
        let gcc = Command::new("gcc").args(["-Wall", "-Werror", "-o"]).arg(&program).arg(source).status();
        assert!(gcc.expect("gcc (package gcc)").success(), "the fixture compiles");
        let once = format!("[ \"$BEHIND\" ] || {{ export BEHIND=1; exec {} \"$0\" \"$@\"; }}", program.display());
        self.daemon_below(hosts, &once)
    }

    fn daemon_below(&self, hosts: &str, before: &str) -> Daemon {
        fs::write(self.dir.path().join("hosts"), format!("127.0.0.1 localhost\n{hosts}\n")).expect("hosts");
        fs::write(self.dir.path().join("nsswitch"), "hosts: files\n").expect("nsswitch");
        let front = self.front(before);
        let mut daemon = Daemon::start();
        daemon.behind(front);
        assert_eq!(daemon.stop(), 0, "the daemon ends well");
        daemon.restart();
        daemon
    }

    /// Runs `aether ARGS` where the daemon's mounts are: what is lent to its agents has to be among them.
    ///
    /// # Panics
    /// When it does not start.
    pub fn beside(&self, daemon: &Daemon, args: &[&str], limit: Duration) -> Outcome {
        let aether = daemon.command(args);
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.host.id()))
            .arg("--")
            .arg(aether.get_program())
            .args(aether.get_args());
        command.envs(aether.get_envs().filter_map(|(name, value)| Some((name, value?))));
        cli::spawn(command, b"").end(limit)
    }

    /// A program that goes to the host's namespaces, changes what names mean there, and becomes the one it is given.
    fn front(&self, before: &str) -> PathBuf {
        let (dir, path) = (self.dir.path().display(), self.dir.path().join("front"));
        let script = format!(
            "#!/bin/sh\n{before}\nexec nsenter --net=/proc/{0}/ns/net --mount=/proc/{0}/ns/mnt sh -c 'mount --bind {dir}/hosts /etc/hosts && \
             mount --bind {dir}/nsswitch /etc/nsswitch.conf && exec \"$@\"' sh \"$@\"\n",
            self.host.id()
        );
        fs::write(&path, script).expect("front");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path
    }

    /// Runs a program in the host's namespace and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn in_host(&self, argv: &[&str]) -> String {
        run(self.host.id(), argv)
    }

    /// Runs a program on the far side.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn in_far(&self, argv: &[&str]) -> String {
        run(self.far.id(), argv)
    }

    /// A program on the far side that runs beside the test; it ends with the namespaces' holder.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_far(&self, argv: &[&str]) -> Background {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.far.id())).args(argv);
        Background(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start"))
    }

    /// A server on the far side that handles each connection with `handle`.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn serve(&self, address: &str, port: u16, handle: impl Fn(TcpStream) + Clone + Send + 'static) -> Served {
        self.serve_in(self.far.id(), address, port, handle)
    }

    /// A server in the host's namespace.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn serve_host(&self, address: &str, port: u16, handle: impl Fn(TcpStream) + Clone + Send + 'static) -> Served {
        self.serve_in(self.host.id(), address, port, handle)
    }

    fn serve_in(&self, pid: u32, address: &str, port: u16, handle: impl Fn(TcpStream) + Clone + Send + 'static) -> Served {
        let at: SocketAddr = format!("{address}:{port}").parse().expect("an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let (ready, listening) = mpsc::channel();
        let ended = Arc::new(AtomicUsize::new(0));
        let (counter, over) = (accepted.clone(), ended.clone());
        // A thread of its own: the namespace is the thread's.
        thread::spawn(move || {
            let namespace = fs::File::open(format!("/proc/{pid}/ns/net")).expect("the namespace");
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("setns");
            let listener = TcpListener::bind(at).unwrap_or_else(|error| panic!("{at}: {error}"));
            ready.send(()).expect("the test waits");
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let (handle, over) = (handle.clone(), over.clone());
                thread::spawn(move || {
                    handle(stream);
                    over.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        listening.recv_timeout(Duration::from_secs(10)).expect("the server listens");
        Served { accepted, ended }
    }
}

impl Default for Internet {
    fn default() -> Self {
        Self::new()
    }
}

impl Served {
    /// Connections so far.
    pub fn count(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.count() - self.ended.load(Ordering::SeqCst)
    }
}

/// A process that ends with the value.
pub struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        end(&mut self.host);
        end(&mut self.far);
    }
}

fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// A process that holds new namespaces, one for the network among them.
fn holder(kinds: &[&str]) -> Child {
    let child = Command::new("unshare").args(kinds).args(["sleep", "600"]).spawn().expect("unshare");
    let own = fs::read_link("/proc/self/ns/net").expect("ns");
    let path = format!("/proc/{}/ns/net", child.id());
    eventually("a namespace", Duration::from_secs(10), || fs::read_link(Path::new(&path)).ok().filter(|ns| *ns != own));
    child
}

#[track_caller]
fn run(pid: u32, argv: &[&str]) -> String {
    let out = Command::new("nsenter").arg(format!("--net=/proc/{pid}/ns/net")).args(argv).output().expect("nsenter");
    assert!(out.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Answers each request of plain HTTP with 200 and `body`.
pub fn http(body: &'static str) -> impl Fn(TcpStream) + Clone + Send + 'static {
    move |mut stream| {
        let mut seen = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(length) = stream.read(&mut chunk) {
            seen.extend(&chunk[..length]);
            if length == 0 {
                return;
            }
            if seen.ends_with(b"\r\n\r\n") {
                seen.clear();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                if stream.write_all(head.as_bytes()).is_err() {
                    return;
                }
            }
        }
    }
}

/// Speaks first, then repeats every byte.
pub fn echo(mut stream: TcpStream) {
    let _gone = stream.write_all(b"hello\n");
    let Ok(mut back) = stream.try_clone() else { return };
    let _ended = std::io::copy(&mut stream, &mut back);
}

/// Answers a request with the beginning of something large, of which a byte comes now and then.
pub fn drip(mut stream: TcpStream) {
    let mut chunk = [0; 4096];
    if stream.read(&mut chunk).is_ok_and(|length| length > 0) {
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").and_then(|()| trickle(&mut stream));
    }
}

/// Agrees to a WebSocket and says something now and then.
pub fn websocket(mut stream: TcpStream) {
    let mut chunk = [0; 4096];
    if stream.read(&mut chunk).is_ok_and(|length| length > 0) {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        let _gone = stream.write_all(head).and_then(|()| trickle(&mut stream));
    }
}

fn trickle(stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        stream.write_all(b".")?;
        thread::sleep(Duration::from_millis(50));
    }
}
