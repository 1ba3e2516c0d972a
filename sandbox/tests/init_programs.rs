//! Programs: start, output, input, signals, terminals, and what happens when clients come and go.

mod init_client;

use std::io::Write;

use aether_sandbox::wire::init::{
    ExitReport, InitReply, InitRequest, MAX_CHUNK, OutputStream, Pace, ProcessReport, RING_BYTES, StartProcess, Stdio,
};
use init_client::{Init, program};

const PIPES: Stdio = Stdio::Pipes { stdin: false };
const FED: Stdio = Stdio::Pipes { stdin: true };
const TERMINAL: Stdio = Stdio::Terminal { cols: 80, rows: 24 };

#[test]
fn output_and_status_pass_through() {
    let init = Init::start();
    let mut client = init.connect();
    let (out, err, exit) = client.output(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((out.as_str(), err.as_str(), exit), ("out\n", "err\n", ExitReport::Code(7)));
    let (out, _, _) =
        client.output(&["sh", "-c", "pwd; umask; env | sort; ls -l /proc/self/fd | grep -c -- '->'; readlink /proc/self/fd/0"]);
    // ls has its own directory open: 0, 1, 2 and that.
    assert_eq!(out, "/tmp\n0022\nPATH=/usr/local/bin:/usr/bin:/bin\nPWD=/tmp\nTERM=xterm\n4\n/dev/null\n");
    let (out, _, _) = client.output(&["grep", "^Sig[BI]", "/proc/self/status"]);
    assert_eq!(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

#[test]
fn a_failed_start_names_errno_and_step() {
    let init = Init::start();
    let mut client = init.connect();
    let mut start = |change: &dyn Fn(&mut StartProcess)| {
        let mut start = program(&["true"], PIPES);
        change(&mut start);
        client.refused(InitRequest::Start(start))
    };
    let argv = |text: &str| vec![text.as_bytes().to_vec()];
    assert_eq!(start(&|start| start.argv = argv("no-such-program")), (libc::ENOENT, "execve".into()));
    assert_eq!(start(&|start| start.argv = argv("/etc/passwd")), (libc::EACCES, "execve".into()));
    assert_eq!(start(&|start| start.argv = argv("")), (libc::ENOENT, "execve".into()));
    assert_eq!(start(&|start| start.argv = Vec::new()), (libc::EINVAL, "empty command".into()));
    assert_eq!(start(&|start| start.argv = argv("a\0b")), (libc::EINVAL, "NUL byte in a string".into()));
    assert_eq!(start(&|start| start.workdir = "/no/such".into()), (libc::ENOENT, "chdir".into()));
    assert_eq!(start(&|start| start.argv = vec![b"true".to_vec(), vec![b'x'; 200_000]]), (libc::E2BIG, "execve".into()));
    let script = init.path("script");
    std::fs::write(&script, "no interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(start(&|start| start.argv = argv(&script)), (libc::ENOEXEC, "execve".into()));
    assert_eq!(client.list(), [], "a failed start leaves nothing");
}

#[test]
fn signals_reach_a_program_or_its_group() {
    let init = Init::start();
    let mut client = init.connect();
    let process = client.run(&["sleep", "60"], PIPES);
    let signal = |signal, group| InitRequest::Signal { process, signal, group };
    client.done(signal(libc::SIGSTOP, false));
    while !client.list()[0].stopped {}
    client.done(signal(libc::SIGCONT, false));
    while client.list()[0].stopped {}
    assert_eq!(client.refused(signal(99, false)), (libc::EINVAL, "signal".into()));
    let wait = client.send(InitRequest::Wait { process });
    client.done(signal(libc::SIGTERM, true));
    assert_eq!(client.answer(wait), InitReply::Exited(ExitReport::Signal(libc::SIGTERM)));
    assert_eq!(client.refused(signal(libc::SIGKILL, true)).0, libc::ESRCH);
    // A real-time signal too.
    let process = client.run(&["sleep", "60"], PIPES);
    client.done(InitRequest::Signal { process, signal: 40, group: false });
    assert_eq!(client.wait(process), ExitReport::Signal(40));
}

#[test]
fn input_arrives_whole_and_ends() {
    let init = Init::start();
    let mut client = init.connect();
    let process = client.run(&["cat"], FED);
    let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
    let data: Vec<u8> = (0..MAX_CHUNK * 8).map(|at| (at % 251) as u8).collect();
    let writes: Vec<u64> =
        data.chunks(MAX_CHUNK).map(|data| client.send(InitRequest::Write { process, data: data.to_vec() })).collect();
    let close = client.send(InitRequest::CloseInput { process });
    // 2 MiB are more than the ring, the pipes, cat and what is on its way to this reader hold: the last write waits.
    assert!(!client.list().is_empty() && !client.has_answer(close));
    assert!(client.read_all(reader) == data);
    for tag in writes.into_iter().chain([close]) {
        assert_eq!(client.answer(tag), InitReply::Done);
    }
    assert_eq!(client.wait(process), ExitReport::Code(0));
    assert_eq!(client.refused(InitRequest::Write { process, data: b"x".to_vec() }), (libc::EPIPE, "write".into()));
    let process = client.run(&["true"], PIPES);
    assert_eq!(client.refused(InitRequest::Write { process, data: b"x".to_vec() }).0, libc::EPIPE);
}

#[test]
fn input_that_nobody_reads_fails_when_the_program_ends() {
    let init = Init::start();
    let mut client = init.connect();
    let process = client.run(&["sleep", "60"], FED);
    let write = client.send(InitRequest::Write { process, data: vec![0; MAX_CHUNK] });
    assert_eq!(client.list().len(), 1);
    assert!(!client.has_answer(write));
    client.done(InitRequest::Signal { process, signal: libc::SIGKILL, group: false });
    assert_eq!(client.answer(write), InitReply::Failed { errno: libc::EPIPE, step: "write".into() });
}

#[test]
fn a_terminal_echoes_resizes_and_takes_end_of_file() {
    let init = Init::start();
    let mut client = init.connect();
    let process = client.shell();
    let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
    let type_in = |client: &mut init_client::Client, text: &str, until: &str| {
        client.done(InitRequest::Write { process, data: text.as_bytes().to_vec() });
        client.read_until(reader, until)
    };
    // Each time the prompt is waited for: a shell drops what was typed while it was busy with an interrupt.
    client.read_until(reader, "@");
    type_in(&mut client, "stty size; tty | cut -c1-9\n", "24 80\r\n/dev/pts/\r\n@");
    client.done(InitRequest::Resize { process, cols: 132, rows: 50 });
    assert_eq!(client.list()[0].terminal, Some((132, 50)));
    let seen = type_in(&mut client, "stty size\n", "50 132\r\n@");
    assert!(seen.starts_with("stty size\r\n"), "no echo in {seen:?}");
    // Job control: interrupt ends the foreground program, not the shell. The line that cat marks shows that it runs.
    type_in(&mut client, "cat -E\n", "cat -E\r\n");
    type_in(&mut client, "line\n", "line$\r\n");
    type_in(&mut client, "\u{3}", "^C\r\n@");
    type_in(&mut client, "echo al''ive\n", "alive\r\n@");
    client.done(InitRequest::CloseInput { process });
    client.read_all(reader);
    assert_eq!(client.wait(process), ExitReport::Code(0));
    assert_eq!(client.refused(InitRequest::Resize { process: 99, cols: 1, rows: 1 }).0, libc::ESRCH);
    let piped = client.run(&["true"], PIPES);
    assert_eq!(client.refused(InitRequest::Resize { process: piped, cols: 1, rows: 1 }).0, libc::ENOTTY);
}

#[test]
fn the_last_words_on_a_terminal_are_not_lost() {
    let init = Init::start();
    let mut client = init.connect();
    for round in 0..50 {
        let process = client.run(&["sh", "-c", &format!("echo last words {round}")], TERMINAL);
        assert!(matches!(client.wait(process), ExitReport::Code(0)));
        let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Follow);
        assert_eq!(client.read_all(reader), format!("last words {round}\r\n").as_bytes());
        client.done(InitRequest::Forget { process });
    }
}

#[test]
fn a_holding_reader_loses_nothing() {
    const BYTES: usize = 8 * RING_BYTES;
    let init = Init::start();
    let mut client = init.connect();
    let mut start = program(&["sh", "-c", &format!("yes 0123456 | head -c {BYTES}")], PIPES);
    start.hold = true;
    let InitReply::Started { process, .. } = client.call(InitRequest::Start(start)) else { panic!() };
    // Nobody reads: it fills the ring and waits.
    while client.list()[0].stdout.1 < RING_BYTES as u64 {}
    assert_eq!(client.list()[0].stdout, (0, RING_BYTES as u64));
    let (reader, offset) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
    assert_eq!(offset, 0);
    let all = client.read_all(reader);
    assert_eq!(all.len(), BYTES);
    assert!(all.chunks(8).all(|line| line == b"0123456\n"));
    assert_eq!(client.wait(process), ExitReport::Code(0));
}

#[test]
fn with_nobody_attached_the_oldest_bytes_go() {
    const BYTES: usize = 3 * RING_BYTES + 5;
    let init = Init::start();
    let mut client = init.connect();
    let process = client.run(&["sh", "-c", &format!("yes 0123456 | head -c {BYTES}")], PIPES);
    assert_eq!(client.wait(process), ExitReport::Code(0));
    let oldest = (BYTES - RING_BYTES) as u64;
    assert_eq!(client.list()[0].stdout, (oldest, BYTES as u64));
    let (reader, offset) = client.attach(process, OutputStream::Stdout, Some(3), Pace::Hold);
    assert_eq!(offset, oldest);
    let all = client.read_all(reader);
    assert_eq!(all.len(), RING_BYTES);
    assert!(all.iter().zip(offset..).all(|(byte, at)| *byte == b"0123456\n"[at as usize % 8]));
}

#[test]
fn programs_and_scrollback_survive_their_client() {
    let init = Init::start();
    let mut first = init.connect();
    let process = first.run(&["sh", "-c", "echo before; read line; echo got $line; exec sleep 60"], TERMINAL);
    let (reader, _) = first.attach(process, OutputStream::Stdout, None, Pace::Hold);
    first.read_until(reader, "before\r\n");
    drop(first);
    let mut second = init.connect();
    assert_eq!(second.refused(InitRequest::Read { reader, max: 1 }).0, libc::EBADF, "readers end with their connection");
    let [ProcessReport { label, argv, exited, stdout, .. }] = &second.list()[..] else { panic!() };
    assert_eq!((label.as_str(), argv[0].as_str(), *exited, stdout.0), ("exec", "sh", None, 0));
    second.done(InitRequest::Write { process, data: b"words\n".to_vec() });
    let (reader, _) = second.attach(process, OutputStream::Stdout, None, Pace::Follow);
    let seen = second.read_until(reader, "got words\r\n");
    assert_eq!(seen, "before\r\nwords\r\ngot words\r\n");
    // Only what follows.
    assert_eq!(second.attach(process, OutputStream::Stdout, Some(u64::MAX), Pace::Follow).1, seen.len() as u64);
}

#[test]
fn a_descendant_does_not_delay_the_end_and_is_not_killed_by_it() {
    let init = Init::start();
    let mut client = init.connect();
    let fifo = init.path("fifo");
    nix::unistd::mkfifo(fifo.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = format!("(read x < {fifo}; echo late; echo alive > {fifo}.done) & echo early");
    let process = client.run(&["sh", "-c", &script], PIPES);
    let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
    assert_eq!(client.read_all(reader), b"early\n");
    client.done(InitRequest::Forget { process });
    std::fs::OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"go\n").unwrap();
    let done = format!("{fifo}.done");
    let (_, _, exit) =
        client.output(&["sh", "-c", &format!("for i in $(seq 200); do test -s {done} && exit 0; sleep 0.05; done; exit 1")]);
    assert_eq!(exit, ExitReport::Code(0), "writing to a forgotten pipe is no error");
}

#[test]
fn ended_programs_are_forgotten_on_request_only() {
    let init = Init::start();
    let mut client = init.connect();
    let running = client.run(&["sleep", "60"], PIPES);
    assert_eq!(client.refused(InitRequest::Forget { process: running }).0, libc::EBUSY);
    let ended = client.run(&["true"], PIPES);
    client.wait(ended);
    assert_eq!(client.list().len(), 2);
    let (reader, _) = client.attach(ended, OutputStream::Stdout, None, Pace::Hold);
    client.done(InitRequest::Forget { process: ended });
    assert_eq!(client.refused(InitRequest::Read { reader, max: 1 }).0, libc::EBADF);
    assert_eq!(client.refused(InitRequest::Wait { process: ended }).0, libc::ESRCH);
    assert_eq!(client.run(&["true"], PIPES), ended + 1, "numbers are not used again");
    assert_eq!(client.list()[0].process, running);
}

#[test]
fn garbage_closes_only_its_own_connection() {
    let init = Init::start();
    let mut good = init.connect();
    let process = good.run(&["cat"], FED);
    for bytes in [&[0xff; 64][..], &[0, 0, 0, 0], &[3, 0, 0, 0, 1, 200, 1]] {
        let mut bad = init.connect();
        bad.stream.write_all(bytes).unwrap();
        assert!(bad.closed(), "{bytes:?}");
    }
    let half = init.connect();
    (&half.stream).write_all(&[100, 0, 0, 0, 1]).unwrap();
    drop(half);
    good.done(InitRequest::Write { process, data: b"still here".to_vec() });
    let (reader, _) = good.attach(process, OutputStream::Stdout, None, Pace::Follow);
    assert_eq!(good.read(reader, 100).1, b"still here");
}

#[test]
fn rings_are_bounded_together() {
    let init = Init::start();
    let mut client = init.connect();
    let argv = ["head", "-c", "2000000", "/dev/zero"];
    let processes: Vec<u32> = (0..20).map(|_| client.run(&argv, PIPES)).collect();
    for process in processes {
        client.wait(process);
    }
    // The last drops happen with the last bytes: every stream has told all of them.
    let reports = client.list();
    assert!(reports.iter().all(|report| report.stdout.1 == 2_000_000));
    let held: u64 = reports.iter().map(|report| report.stdout.1 - report.stdout.0).sum();
    assert!(held <= 16 << 20, "{held} bytes");
}

#[test]
fn many_programs_leave_no_descriptor_and_no_child() {
    let init = Init::start();
    let mut client = init.connect();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", init.pid())).unwrap().count();
    client.list();
    let before = open();
    for round in 0..60 {
        let stdio = if round % 2 == 0 { FED } else { TERMINAL };
        let process = client.run(&["true"], stdio);
        client.wait(process);
        let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
        client.read_all(reader);
        client.done(InitRequest::Forget { process });
        client.refused(InitRequest::Start(program(&["no-such-program"], stdio)));
    }
    // The child of the last failed start ends a moment after its report, and so do its pipes.
    let children = || std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", init.pid())).unwrap();
    let since = std::time::Instant::now();
    while !children().is_empty() || open() != before {
        assert!(since.elapsed().as_secs() < 60, "children {:?}, {} descriptors, not {before}", children(), open());
        client.list();
    }
}
