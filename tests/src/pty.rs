//! A person's terminal: a pty that shows what was written to it and, as real terminals do, answers what it is asked.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    process::{Child, Command},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    pty::{Winsize, openpty},
    sys::termios::tcgetattr,
};

use crate::eventually;

/// Questions and what xterm (with everything allowed) says to them, as if typed.
const ANSWERS: [(&[u8], &[u8]); 14] = [
    (b"\x1b[5n", b"\x1b[0n"),
    (b"\x1b[6n", b"\x1b[1;1R"),
    (b"\x9b6n", b"\x1b[1;1R"),
    (b"\xc2\x9b6n", b"\x1b[1;1R"),
    (b"\x1b[c", b"\x1b[?62;4c"),
    (b"\x1b[>c", b"\x1b[>41;354;0c"),
    (b"\x1bZ", b"\x1b[?62;4c"),
    (b"\x1b[21t", b"\x1b]ltitle\x1b\\"),
    (b"\x1bP$q", b"\x1bP1$r0m\x1b\\"),
    (b"\x1bP+q544e\x1b\\", b"\x1bP1+r544e=787465726d\x1b\\"),
    (b"\x1b]50;?\x07", b"\x1b]50;fixed\x07"),
    (b"\x1b]52;c;?\x07", b"\x1b]52;c;c2VjcmV0\x07"),
    (b"\x1b]11;?\x07", b"\x1b]11;rgb:0000/0000/0000\x07"),
    (b"\x05", b"answerback"),
];

/// A terminal with one program on it.
pub struct Pty {
    keys: File,
    line: OwnedFd,
    child: Child,
    screen: Arc<Mutex<Screen>>,
}

#[derive(Default)]
struct Screen {
    shown: Vec<u8>,
    read: usize,
    answers: usize,
}

impl Pty {
    /// Starts a program on a terminal of its own, 80 columns by 24 lines.
    ///
    /// # Panics
    /// When there is none, or the program cannot be started.
    pub fn start(command: &Command) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).expect("a pty");
        // The terminal is the program's controlling one, as a person's is.
        let mut inside = Command::new("setsid");
        inside.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            inside.env(name, value.expect("nothing is taken away"));
        }
        let line = || pair.slave.try_clone().expect("dup");
        let child = inside.stdin(line()).stdout(line()).stderr(line()).spawn().expect("start");
        // It keeps descriptors of the line open, which would hide the end of it.
        drop(inside);
        let (keys, screen) = (File::from(pair.master), Arc::<Mutex<Screen>>::default());
        let (mut output, mut answers, kept) = (keys.try_clone().expect("dup"), keys.try_clone().expect("dup"), screen.clone());
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // Ends with EIO once nobody holds the line.
            while let Ok(read) = output.read(&mut piece) {
                let said = lock(&kept).reads(&piece[..read]);
                if answers.write_all(&said).is_err() {
                    break;
                }
            }
        });
        Self { keys, line: pair.slave, child, screen }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("type");
    }

    /// Changes its size.
    ///
    /// # Panics
    /// When stty(1) cannot.
    pub fn resize(&self, cols: u16, rows: u16) {
        let mut stty = Command::new("stty");
        stty.args(["cols", &cols.to_string(), "rows", &rows.to_string()]);
        assert!(stty.stdin(self.line.try_clone().expect("dup")).status().expect("stty").success());
    }

    /// Whether it shows `text` before the program ends; nothing when neither happens within `limit`.
    pub fn shows(&mut self, text: &str, limit: Duration) -> Option<bool> {
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait().expect("wait").is_some();
            if self.shown().windows(text.len()).any(|window| window == text.as_bytes()) {
                return Some(true);
            }
            if ended || start.elapsed() > limit {
                return ended.then_some(false);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every byte written to it so far.
    pub fn shown(&self) -> Vec<u8> {
        lock(&self.screen).shown.clone()
    }

    /// Waits until it shows `text`, and gives everything shown.
    ///
    /// # Panics
    /// When that takes longer than 20 seconds.
    #[track_caller]
    pub fn until(&self, text: &str) -> Vec<u8> {
        let start = Instant::now();
        loop {
            let shown = self.shown();
            if shown.windows(text.len()).any(|window| window == text.as_bytes()) {
                return shown;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "no {text:?} on {:?}", String::from_utf8_lossy(&shown));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How often it answered.
    pub fn answers(&self) -> usize {
        lock(&self.screen).answers
    }

    /// The settings of the line (`stty -a`).
    ///
    /// # Panics
    /// When they cannot be read.
    pub fn settings(&self) -> String {
        let all = tcgetattr(self.line.as_fd()).expect("the settings");
        format!("{:?} {:?} {:?} {:?}", all.input_flags, all.output_flags, all.control_flags, all.local_flags)
    }

    /// Waits so long for the end of the program: its exit status, 255 where a signal ended it; nothing when it goes on.
    pub fn ends(&mut self, limit: Duration) -> Option<i32> {
        let start = Instant::now();
        loop {
            let status = self.child.try_wait().expect("wait");
            if status.is_some() || start.elapsed() > limit {
                return status.map(|status| status.code().unwrap_or(255));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end of the program, and gives its exit status.
    ///
    /// # Panics
    /// When it does not end within 20 seconds.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        let child = &mut self.child;
        eventually("the program on the terminal to end", Duration::from_secs(20), || child.try_wait().expect("wait")).code()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Screen {
    /// Takes what was written, and gives what the terminal says to it.
    fn reads(&mut self, piece: &[u8]) -> Vec<u8> {
        self.shown.extend_from_slice(piece);
        let mut said = Vec::new();
        while let Some(rest) = self.shown.get(self.read..).filter(|rest| !rest.is_empty()) {
            if let Some((question, answer)) = ANSWERS.iter().find(|(question, _)| rest.starts_with(question)) {
                said.extend_from_slice(answer);
                self.answers += 1;
                self.read += question.len();
            } else if ANSWERS.iter().any(|(question, _)| question.starts_with(rest)) {
                break;
            } else {
                self.read += 1;
            }
        }
        said
    }
}

fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}
