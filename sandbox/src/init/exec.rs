//! Starts a program: everything that can be made ready is, then fork, a few system calls, `execve`.

use std::{
    ffi::CString,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    ptr,
};

use nix::{
    fcntl::OFlag,
    sys::termios::{InputFlags, SetArg, tcgetattr, tcsetattr},
    unistd::pipe2,
};
use portable_pty::{MasterPty, PtySize, native_pty_system};

use super::{files, identity::Identity};
use crate::{
    sys::{
        process::{self, Forked},
        pty,
    },
    wire::init::{InitReply, StartProcess, Stdio},
};

/// Searched when the environment has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";
/// The child's number for the pipe that reports a failed start; closed by a successful `execve`.
const REPORT: i32 = 3;
/// What the child does, in the order of the numbers in its report.
const STEPS: [&str; 8] =
    ["setsid", "controlling terminal", "stdio", "signals", "become the agent", "chdir", "execve", "enter the cgroup of the call"];

/// A terminal's master.
pub(super) type Master = Box<dyn MasterPty + Send>;

/// A program on its way. Our ends are non-blocking.
pub(super) struct Launched {
    pub(super) pid: u32,
    /// Ends with nothing when `execve` worked, else gives what [`failure`] reads.
    pub(super) report: File,
    pub(super) input: Option<File>,
    /// Standard output or the terminal; standard error.
    pub(super) outputs: [Option<File>; 2],
    pub(super) terminal: Option<Master>,
}

/// Ours and the child's ends.
struct Ends {
    input: Option<File>,
    outputs: [Option<File>; 2],
    terminal: Option<Master>,
    child: [OwnedFd; 3],
}

/// All that the child needs, without allocating.
struct Program {
    candidates: Vec<CString>,
    argv: Pointers,
    env: Pointers,
    workdir: CString,
    terminal: bool,
}

/// Strings and the null-terminated array of pointers to them.
struct Pointers {
    _strings: Vec<CString>,
    array: Vec<*const libc::c_char>,
}

/// Forks a child that becomes the program, in the cgroups whose files are `places`.
pub(super) fn launch(start: &StartProcess, identity: Identity, places: &[OwnedFd]) -> Result<Launched, InitReply> {
    let program = Program::new(start)?;
    let ends = match start.stdio {
        Stdio::Pipes { stdin } => pipes(stdin).map_err(files::failed("pipe"))?,
        Stdio::Terminal { cols, rows } => terminal(size(cols, rows)).map_err(files::failed("terminal"))?,
    };
    let (report, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(|errno| files::failed("pipe")(errno.into()))?;
    // A copy and not vfork(2), which would be quicker: the agent may signal its programs from the start, and one that it stopped
    // before `execve` would stop init as well; and no memory of init is ever under the agent's user.
    match process::fork().map_err(files::failed("fork"))? {
        Forked::Parent(pid) => {
            let Ends { input, outputs, terminal, child: _ } = ends;
            Ok(Launched { pid, report: report.into(), input, outputs, terminal })
        }
        Forked::Child => become_program(&program, identity, places, &ends.child, write.as_fd()),
    }
}

/// The size of a terminal as `portable-pty` takes it.
pub(super) fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// What a child's report says.
pub(super) fn failure(report: &[u8]) -> Option<InitReply> {
    let (step, errno) = report.split_first()?;
    let errno = i32::from_le_bytes(*errno.first_chunk()?);
    let step = STEPS.get(usize::from(*step)).copied().unwrap_or("start");
    Some(InitReply::Failed { errno, step: step.to_owned() })
}

fn become_program(program: &Program, identity: Identity, places: &[OwnedFd], stdio: &[OwnedFd; 3], report: BorrowedFd<'_>) -> ! {
    // First, so that every later failure can be told. Numbers 0 to 3 are taken in init, so the source of no copy is one of them.
    if process::place_cloexec(report, REPORT).is_err() {
        process::leave(127);
    }
    let (step, error) = match enter(places).and_then(|()| prepare(program, identity, stdio)) {
        Ok(()) => (6, program.execute()),
        Err(failure) => failure,
    };
    let [a, b, c, d] = error.raw_os_error().unwrap_or(libc::EIO).to_le_bytes();
    // When even this fails, the parent sees a program that ended with 127.
    let _ = process::write_to(REPORT, &[step, a, b, c, d]);
    process::leave(127)
}

/// Enters the cgroups of a call, before anything of the agent runs here and as the first thing that can fail: what the program starts
/// is in them as well, and only the spawner takes it out. 0 is whoever writes, and what counts is who opened the file (cgroups(7)).
fn enter(places: &[OwnedFd]) -> Result<(), (u8, io::Error)> {
    places.iter().try_for_each(|place| process::write_to(place.as_raw_fd(), b"0").map(drop)).map_err(|error| (7, error))
}

/// The steps before `execve`; the number of the one that failed. Allocates nothing.
fn prepare(program: &Program, identity: Identity, stdio: &[OwnedFd; 3]) -> Result<(), (u8, io::Error)> {
    process::new_session().map_err(|error| (0, error))?;
    if program.terminal {
        pty::control(stdio[0].as_fd()).map_err(|error| (1, error))?;
    }
    for (fd, at) in stdio.iter().zip(0..) {
        process::place(fd.as_fd(), at).map_err(|error| (2, error))?;
    }
    process::close_from(4).map_err(|error| (2, error))?;
    // The only signal that init ignores, and an ignored one would stay ignored.
    process::default_signal(libc::SIGPIPE).and_then(|()| process::block_signals(false)).map_err(|error| (3, error))?;
    identity.become_agent().map_err(|error| (4, error))?;
    process::change_directory(&program.workdir).map_err(|error| (5, error))
}

impl Program {
    fn new(start: &StartProcess) -> Result<Self, InitReply> {
        let refused = |errno: i32, step: &str| InitReply::Failed { errno, step: step.to_owned() };
        let name = start.argv.first().ok_or_else(|| refused(libc::EINVAL, "empty command"))?;
        if name.is_empty() {
            return Err(refused(libc::ENOENT, "execve"));
        }
        let nul = |_| refused(libc::EINVAL, "NUL byte in a string");
        let path = start.env.iter().find_map(|entry| entry.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
        Ok(Self {
            candidates: candidates(name, path).into_iter().map(CString::new).collect::<Result<_, _>>().map_err(nul)?,
            argv: Pointers::new(&start.argv).map_err(nul)?,
            env: Pointers::new(&start.env).map_err(nul)?,
            workdir: CString::new(files::resolve(&start.workdir).as_os_str().as_bytes()).map_err(nul)?,
            terminal: matches!(start.stdio, Stdio::Terminal { .. }),
        })
    }

    /// Tries each candidate as execvp(3) does; the error that tells most when none works.
    fn execute(&self) -> io::Error {
        let mut denied = None;
        for candidate in &self.candidates {
            let error = process::execute(candidate, &self.argv.array, &self.env.array);
            match error.raw_os_error() {
                Some(libc::EACCES) => denied = Some(error),
                Some(libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT) => {}
                _ => return error,
            }
        }
        denied.unwrap_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
    }
}

impl Pointers {
    fn new(strings: &[Vec<u8>]) -> Result<Self, std::ffi::NulError> {
        let strings = strings.iter().map(|bytes| CString::new(bytes.as_slice())).collect::<Result<Vec<_>, _>>()?;
        // The bytes of a CString stay where they are when the CString moves.
        let array = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { _strings: strings, array })
    }
}

/// Where a program may be: as named when it has a slash, else in each directory of `path`; an empty one is the working directory.
fn candidates(name: &[u8], path: &[u8]) -> Vec<Vec<u8>> {
    if name.contains(&b'/') {
        return vec![name.to_vec()];
    }
    let directories = path.split(|byte| *byte == b':');
    directories.map(|directory| if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }).collect()
}

fn pipes(stdin: bool) -> io::Result<Ends> {
    let (child_input, input) = if stdin {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        (read, Some(ours(write)?))
    } else {
        (OpenOptions::new().read(true).open("/dev/null")?.into(), None)
    };
    let (out, child_out) = pipe2(OFlag::O_CLOEXEC)?;
    let (err, child_err) = pipe2(OFlag::O_CLOEXEC)?;
    let outputs = [Some(ours(out)?), Some(ours(err)?)];
    Ok(Ends { input, outputs, terminal: None, child: [child_input, child_out, child_err] })
}

fn terminal(size: PtySize) -> io::Result<Ends> {
    // Its error is words only; the errno is still the thread's.
    let pair = native_pty_system().openpty(size).map_err(|_| io::Error::last_os_error())?;
    let output = pty::duplicate(&*pair.master)?;
    let slave = pty::peer(output.as_fd())?;
    let mut modes = tcgetattr(&slave)?;
    // Erasing a character erases the whole of it.
    modes.input_flags |= InputFlags::IUTF8;
    tcsetattr(&slave, SetArg::TCSANOW, &modes)?;
    let child = [slave.try_clone()?, slave.try_clone()?, slave];
    // Two descriptors, because epoll waits for a descriptor once only.
    let input = output.try_clone()?;
    Ok(Ends { input: Some(ours(input)?), outputs: [Some(ours(output)?), None], terminal: Some(pair.master), child })
}

fn ours(fd: OwnedFd) -> io::Result<File> {
    nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(File::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_slash_is_searched() {
        assert_eq!(candidates(b"ls", b"/a::/b"), [&b"/a/ls"[..], b"ls", b"/b/ls"]);
        assert_eq!(candidates(b"./ls", b"/a"), [b"./ls"]);
    }
}
