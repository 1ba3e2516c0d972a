//! Which system calls were refused while the jobs ran, as the kernel's own tracing tells it: nothing is attached to the jobs, so
//! they run as fast and as unaware as ever.
//!
//! A tracing instance of its own records forks, program starts, and the end of every system call that answered `EPERM`, `EACCES`
//! or `ENOSYS`. A job is the tree below the program that starts it (`begin-PLACE-MARK`); the program of a process is the last one it
//! started. What was refused in both places is the host's doing; the rest is ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Place;

/// Numbers of the errors looked for, with their names.
const ERRORS: [(i64, &str); 3] = [(-1, "EPERM"), (-13, "EACCES"), (-38, "ENOSYS")];

/// Where the C library's headers have the numbers of system calls.
const NUMBERS: &str = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";

/// One kind of refusal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// Name of the system call.
    pub call: String,
    /// Name of the error.
    pub errno: &'static str,
    /// The program that made it: file name of what was last executed.
    pub program: String,
}

/// A refusal and where it happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// In which place.
    pub place: Place,
    /// What was refused to whom.
    pub denial: Denial,
}

/// The tracing instance of one run.
#[derive(Debug)]
pub struct Observer {
    mount: PathBuf,
    instance: PathBuf,
}

impl Observer {
    /// Mounts tracefs on a new directory and begins.
    ///
    /// # Panics
    /// When the kernel has no tracefs with system calls (`CONFIG_FTRACE_SYSCALLS`).
    pub fn start(mount: &Path) -> Self {
        fs::create_dir(mount).expect("a directory for tracefs");
        let mounted = Command::new("mount").args(["-t", "tracefs", "none"]).arg(mount).status().expect("mount");
        assert!(mounted.success(), "no tracefs: the corpus needs a kernel with CONFIG_FTRACE_SYSCALLS");
        let instance = mount.join(format!("instances/aether-corpus-{}", std::process::id()));
        let observer = Self { mount: mount.to_owned(), instance };
        fs::create_dir(&observer.instance).expect("a tracing instance");
        observer.set("trace_clock", "mono");
        observer.set("buffer_size_kb", "16384");
        let filter: Vec<String> = ERRORS.iter().map(|(number, _)| format!("ret == {number}")).collect();
        observer.set("events/raw_syscalls/sys_exit/filter", &filter.join(" || "));
        for event in ["sched/sched_process_fork", "sched/sched_process_exec", "raw_syscalls/sys_exit"] {
            observer.set(&format!("events/{event}/enable"), "1");
        }
        observer
    }

    fn set(&self, file: &str, value: &str) {
        fs::write(self.instance.join(file), value).unwrap_or_else(|error| panic!("{value} to {file} of tracefs: {error}"));
    }

    /// Ends, and tells what was refused to the jobs of that mark.
    ///
    /// # Panics
    /// When events were lost.
    pub fn end(self, mark: &str) -> BTreeSet<Seen> {
        self.set("tracing_on", "0");
        for cpu in fs::read_dir(self.instance.join("per_cpu")).expect("per_cpu").flatten() {
            let stats = fs::read_to_string(cpu.path().join("stats")).expect("stats");
            assert!(stats.lines().any(|line| line == "overrun: 0"), "events were lost, the buffer is too small:\n{stats}");
        }
        read(&fs::read_to_string(self.instance.join("trace")).expect("the trace"), mark, &numbers())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.instance));
        drop(Command::new("umount").arg(&self.mount).status());
        drop(fs::remove_dir(&self.mount));
    }
}

fn numbers() -> BTreeMap<i64, String> {
    let text = fs::read_to_string(NUMBERS).unwrap_or_else(|error| panic!("{NUMBERS}: {error} (install linux-libc-dev)"));
    let parse = |line: &str| {
        let mut words = line.strip_prefix("#define __NR_")?.split_whitespace();
        let name = words.next()?;
        Some((words.next()?.parse().ok()?, name.to_owned()))
    };
    text.lines().filter_map(parse).collect()
}

/// A process of a job.
#[derive(Clone)]
struct Process {
    place: Place,
    program: String,
}

/// Reads the text of a trace.
fn read(text: &str, mark: &str, numbers: &BTreeMap<i64, String>) -> BTreeSet<Seen> {
    let begins = [Place::Outside, Place::Inside].map(|place| (place, super::begin_name(place, mark)));
    let mut processes: BTreeMap<u32, Process> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, event)) = line.split_once(": sched_process_fork: ") {
            let (Some(parent), Some(child)) = (field(event, " pid="), field(event, " child_pid=")) else { continue };
            match processes.get(&parent).cloned() {
                Some(process) => drop(processes.insert(child, process)),
                None => drop(processes.remove(&child)),
            }
        } else if let Some((_, event)) = line.split_once(": sched_process_exec: filename=") {
            let (Some((path, _)), Some(pid), Some(before)) =
                (event.rsplit_once(" pid="), field(event, " pid="), field(event, " old_pid="))
            else {
                continue;
            };
            let program = program(path);
            if let Some((place, _)) = begins.iter().find(|(_, begin)| begin == program) {
                processes.insert(pid, Process { place: *place, program: "sh".to_owned() });
            } else if let Some(process) = processes.remove(&before) {
                processes.insert(pid, Process { program: program.to_owned(), ..process });
            }
        } else if let Some((head, event)) = line.split_once(": sys_exit: NR ") {
            let pid = head.split_whitespace().rev().nth(3).and_then(|task| task.rsplit('-').next()?.parse().ok());
            let Some(process) = pid.and_then(|pid: u32| processes.get(&pid)) else { continue };
            // The end of a signal's handler restores the registers of the interrupted call, and shows them with no number.
            let Some((number, answer)) = event.split_once(" = ").filter(|(number, _)| *number != "-1") else { continue };
            let answer = answer.trim().parse::<i64>().ok();
            let Some((_, errno)) = ERRORS.iter().find(|(value, _)| Some(*value) == answer) else { continue };
            let call = number.parse().ok().and_then(|number: i64| numbers.get(&number).cloned());
            let call = call.unwrap_or_else(|| format!("number {number}"));
            seen.insert(Seen { place: process.place, denial: Denial { call, errno, program: process.program.clone() } });
        }
    }
    seen
}

/// File name of a program, without the hash that cargo gives to some.
fn program(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let hash = |text: &str| text.len() == 16 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    name.rsplit_once('-').filter(|(_, last)| hash(last)).map_or(name, |(name, _)| name)
}

/// The number behind ` name=`.
fn field(event: &str, name: &str) -> Option<u32> {
    let at = event.rfind(name)? + name.len();
    event[at..].split_whitespace().next()?.parse().ok()
}

/// What was refused inside, and not outside to the same program.
pub fn only_inside(seen: &BTreeSet<Seen>) -> BTreeSet<Denial> {
    let there = |place: Place| seen.iter().filter(move |seen| seen.place == place).map(|seen| seen.denial.clone());
    let outside: BTreeSet<Denial> = there(Place::Outside).collect();
    there(Place::Inside).filter(|denial| !outside.contains(denial)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
# tracer: nop
            init-9     [000] .....  1.0: sched_process_fork: comm=init pid=9 child_comm=init child_pid=10
            init-10    [000] .....  1.1: sched_process_exec: filename=/home/agent/x/begin-inside-7 pid=10 old_pid=10
              sh-10    [000] .....  1.2: sched_process_fork: comm=sh pid=10 child_comm=sh child_pid=11
          a b-c-11     [001] .....  1.3: sched_process_exec: filename=/usr/bin/gcc pid=11 old_pid=11
             gcc-11    [001] .....  1.4: sys_exit: NR 435 = -38
             gcc-11    [001] .....  1.4: sys_exit: NR 1 = -11
             gcc-11    [001] .....  1.4: sys_exit: NR -1 = -1
           other-77    [001] .....  1.5: sys_exit: NR 435 = -38
";

    #[test]
    fn a_program_has_one_name_whatever_cargo_calls_it() {
        assert_eq!(program("/home/agent/target/debug/deps/outside-f9162a9d2e7b1a99"), "outside");
        assert_eq!(program("/usr/bin/x86_64-linux-gnu-gcc-12"), "x86_64-linux-gnu-gcc-12");
    }

    #[test]
    fn a_refusal_belongs_to_the_program_and_the_place_below_which_it_happened() {
        let numbers = BTreeMap::from([(435, "clone3".to_owned())]);
        let denial = Denial { call: "clone3".to_owned(), errno: "ENOSYS", program: "gcc".to_owned() };
        let inside = Seen { place: Place::Inside, denial: denial.clone() };
        assert_eq!(read(TRACE, "7", &numbers), BTreeSet::from([inside.clone()]));
        assert_eq!(read(TRACE, "8", &numbers), BTreeSet::new(), "another run's marks");
        let both = BTreeSet::from([inside, Seen { place: Place::Outside, denial }]);
        assert_eq!(only_inside(&both), BTreeSet::new(), "the host does that to everybody");
    }
}
