//! The `aether` command, run to its end.

use std::{
    ffi::OsStr,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::eventually;

/// How a command ended and what it said.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Exit status; 128 + n when signal n ended the client itself.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, as text.
    pub stderr: String,
    what: String,
}

impl Outcome {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// Itself, when it ended well.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }

    /// Asserts a failure as the documents promise it: exit status, `error: cause` that holds `cause`, and a `hint:`.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    pub fn refused(&self, code: i32, cause: &str) {
        assert_eq!(self.code, code, "{self}");
        let error = self.stderr.lines().find(|line| line.starts_with("error: "));
        assert!(error.is_some(), "no `error:` line in {self}");
        assert!(self.stderr.to_lowercase().contains(&cause.to_lowercase()), "no {cause:?} in {self}");
        assert!(self.stdout.is_empty(), "a refusal prints nothing on standard output: {self}");
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cut = |text: &str| text.chars().take(4000).collect::<String>();
        write!(f, "`{}` ended with {}\nstdout: {}\nstderr: {}", cut(&self.what), self.code, cut(&self.text()), cut(&self.stderr))
    }
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    what: String,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

/// Starts a program with its output collected; `input` is its whole standard input.
///
/// # Panics
/// When it cannot be started.
pub fn spawn(mut command: Command, input: &[u8]) -> Running {
    let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let what = format!("{} {}", command.get_program().to_string_lossy(), args.join(" "));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let (mut stdin, input) = (child.stdin.take().expect("piped"), input.to_vec());
    // The program may end without reading it all; that is its right.
    thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = collect(child.stdout.take().expect("piped"));
    let stderr = collect(child.stderr.take().expect("piped"));
    Running { child, what, stdout, stderr }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        bytes
    })
}

impl Running {
    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it takes longer than `limit`; it is killed then.
    pub fn end(mut self, limit: Duration) -> Outcome {
        let what = self.what.chars().take(300).collect::<String>();
        let start = std::time::Instant::now();
        let status = eventually(&format!("the end of `{what}`"), limit + Duration::from_secs(5), || {
            if start.elapsed() > limit {
                drop(self.child.kill());
            }
            self.child.try_wait().expect("wait")
        });
        assert!(start.elapsed() <= limit, "`{what}` did not end within {limit:?}");
        use std::os::unix::process::ExitStatusExt as _;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        let stdout = self.stdout.join().expect("reader");
        let stderr = String::from_utf8_lossy(&self.stderr.join().expect("reader")).into_owned();
        Outcome { code, stdout, stderr, what: self.what }
    }

    /// Kills the client itself.
    pub fn kill(mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
