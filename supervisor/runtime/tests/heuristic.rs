//! The fixed rules, with a real shell in a temporary home.

mod common;

use std::{fs, path::Path};

use aether_runtime::{Control, Heuristic, Outcome};
use common::{Memory, Shell, goal, run, run_goal};

fn put(home: &Path, path: &str, content: &str) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("dirs");
    fs::write(path, content).expect("write");
}

fn completed(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Completed(summary) => summary,
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_inspects_the_machine_and_says_that_it_is_no_model() {
    let home = tempfile::tempdir().expect("dir");
    let (outcome, journal) = run(home.path(), "inspect this machine and write a report", &Heuristic).await;
    let summary = completed(&outcome);
    let report = fs::read_to_string(home.path().join("report.md")).expect("report");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").expect("kernel");
    assert!(report.contains(kernel.trim()) && summary.contains(kernel.trim()), "{summary}");
    assert!(report.contains("not a language model") && report.contains("MemTotal:") && report.contains("## Mounts"));
    assert!(!report.contains("The command failed"), "{report}");
    let first = &journal.history.lock().expect("lock").steps[0].intent;
    assert!(first.thought.starts_with("I am a set of fixed rules, not a language model."));
}

#[tokio::test]
async fn it_summarises_a_directory() {
    let home = tempfile::tempdir().expect("dir");
    put(home.path(), "project/README.md", "# Thing\nIt does things.\n");
    put(home.path(), "project/src/main.rs", "fn main() {}\n// two\n");
    put(home.path(), "project/target/big.rs", "generated\n");
    fs::write(home.path().join("project/logo.png"), [0, 1, 2, 0]).expect("write");
    let (outcome, _) = run(home.path(), "summarise the files in ~/project", &Heuristic).await;
    assert!(completed(&outcome).contains("~/project has 3 files"), "{outcome:?}");
    let report = fs::read_to_string(home.path().join("summary.md")).expect("summary");
    assert!(report.contains("2 lines      1 files  rs") && report.contains("0 lines      1 files  png"), "{report}");
    assert!(report.contains("It does things.") && !report.contains("big.rs"), "{report}");
    let (outcome, _) = run(home.path(), "summarise the files in ~/nothing", &Heuristic).await;
    assert!(failed(&outcome).contains("~/nothing cannot be read"), "{outcome:?}");
}

#[tokio::test]
async fn it_builds_and_tests_with_make() {
    let home = tempfile::tempdir().expect("dir");
    put(home.path(), "project/Makefile", "all: out\nout: in\n\tcp in out\ntest: all\n\tgrep -q good out\n\t@echo tests passed\n");
    put(home.path(), "project/in", "good\n");
    let (outcome, _) = run(home.path(), "build and test the project in ~/project", &Heuristic).await;
    assert!(completed(&outcome).contains("built, and its tests passed"), "{outcome:?}");
    let report = fs::read_to_string(home.path().join("build-report.md")).expect("report");
    assert!(report.contains("`make test`") && report.contains("tests passed"), "{report}");

    put(home.path(), "project/in", "bad\n");
    let (outcome, _) = run(home.path(), "build and test the project in ~/project", &Heuristic).await;
    assert!(failed(&outcome).contains("its tests failed (`make test`: exit status 2"), "{outcome:?}");

    put(home.path(), "project/Makefile", "all:\n\tseq 1 9000; echo 'in.c:1: error: no'; seq 1 9000; exit 1\n");
    let (outcome, _) = run(home.path(), "build ~/project", &Heuristic).await;
    assert!(failed(&outcome).contains("the build failed"), "{outcome:?}");
    let report = fs::read_to_string(home.path().join("build-report.md")).expect("report");
    assert!(report.contains("Lines that tell of failures") && report.contains("in.c:1: error: no"), "{report}");
}

#[tokio::test]
async fn it_builds_and_tests_python() {
    let home = tempfile::tempdir().expect("dir");
    put(home.path(), "app/calc.py", "def add(a, b):\n    return a + b\n");
    let test = "import unittest, calc\nclass T(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(calc.add(1, 2), 3)\n";
    put(home.path(), "app/tests/test_calc.py", test);
    let (outcome, _) = run(home.path(), "test the project in ~/app", &Heuristic).await;
    assert!(completed(&outcome).contains("its tests passed"), "{outcome:?}");
    put(home.path(), "app/calc.py", "def add(a, b):\n    return a - b\n");
    let (outcome, _) = run(home.path(), "test the project in ~/app", &Heuristic).await;
    assert!(failed(&outcome).contains("its tests failed"), "{outcome:?}");
}

#[tokio::test]
async fn it_builds_and_tests_with_cargo() {
    let home = tempfile::tempdir().expect("dir");
    put(home.path(), "crate/Cargo.toml", "[package]\nname = \"adder\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n");
    let source = "pub fn add(a: u8, b: u8) -> u8 { a + b }\n#[test] fn adds() { assert_eq!(add(1, 2), 3); }\n";
    put(home.path(), "crate/src/lib.rs", source);
    let (outcome, _) = run(home.path(), "build and test ~/crate", &Heuristic).await;
    assert!(completed(&outcome).contains("~/crate (Rust (Cargo)): built, and its tests passed"), "{outcome:?}");
    put(home.path(), "crate/src/lib.rs", &source.replace("a + b", "a - c"));
    let (outcome, _) = run(home.path(), "build and test ~/crate", &Heuristic).await;
    assert!(failed(&outcome).contains("the build failed (`cargo build --offline`: exit status 101"), "{outcome:?}");
}

#[tokio::test]
async fn a_message_is_answered_honestly() {
    let home = tempfile::tempdir().expect("dir");
    let (journal, hands) = (Memory::default(), Shell::new(home.path()));
    journal.pending.lock().expect("lock").push("use tabs please".into());
    let outcome = run_goal(&goal(home.path(), "run `true`"), &Heuristic, &hands, &journal, &Control::new(9)).await;
    completed(&outcome);
    let history = journal.history.lock().expect("lock");
    assert!(history.steps[0].intent.thought.contains("fixed rules cannot follow it"));
    assert!(!history.steps[1].intent.thought.contains("message"), "{}", history.steps[1].intent.thought);
}

#[tokio::test]
async fn it_says_when_there_is_nothing_to_build() {
    let home = tempfile::tempdir().expect("dir");
    put(home.path(), "project/notes.txt", "x");
    let (outcome, _) = run(home.path(), "build the project in ~/project", &Heuristic).await;
    assert!(failed(&outcome).contains("I do not know how to build it"));
}

#[tokio::test]
async fn it_writes_runs_counts_and_finds() {
    let home = tempfile::tempdir().expect("dir");
    for (goal, said) in [
        ("write a file ~/Documents/it's.txt saying one two\nthree", "wrote 14 bytes"),
        ("run `cat ~/Documents/*.txt` and `echo done`", "one two"),
        ("count the lines in ~/Documents/it's.txt", "has 2 lines"),
        ("how many words are in ~/Documents?", "has 3 words"),
        ("how many files are in ~", "~ has 1 files"),
        ("find files named *.txt in ~", "1 files named *.txt in ~:"),
        ("find files containing two in ~", "it's.txt"),
        ("find files containing four in ~", "there are no files containing \"four\""),
    ] {
        let (outcome, _) = run(home.path(), goal, &Heuristic).await;
        assert!(completed(&outcome).contains(said), "{goal}: {outcome:?}");
    }
    let content = fs::read_to_string(home.path().join("Documents/it's.txt")).expect("file");
    assert_eq!(content, "one two\nthree\n");
    for (goal, said) in [
        ("run `exit 9`", "`exit 9` failed: exit status 9"),
        ("count the lines in ~/none.txt", "could not be counted"),
        ("find files named x in ~/none", "could not be searched"),
        ("compose a symphony", "none of my rules fits \"compose a symphony\""),
    ] {
        let (outcome, _) = run(home.path(), goal, &Heuristic).await;
        assert!(failed(&outcome).contains(said), "{goal}: {outcome:?}");
    }
}

#[tokio::test]
async fn after_a_cut_anywhere_a_persons_command_never_runs_twice() {
    for crossing in 1..40 {
        let home = tempfile::tempdir().expect("dir");
        let (journal, hands) = (Memory::default(), Shell::new(home.path()));
        let (goal, control) = (goal(home.path(), "run `echo x >> log` and `echo y >> log`"), Control::new(50));
        journal.cut_at(crossing);
        tokio::select! {
            _ = run_goal(&goal, &Heuristic, &hands, &journal, &control) => return,
            () = journal.cut_reached.notified() => {}
        }
        journal.cut_at(0);
        let outcome = run_goal(&goal, &Heuristic, &hands, &journal, &control).await;
        let log = fs::read_to_string(home.path().join("log")).unwrap_or_default();
        assert!("x\ny\n".starts_with(&log), "cut at {crossing}: {log:?}");
        match outcome {
            Outcome::Completed(_) => assert_eq!(log, "x\ny\n"),
            other => assert!(failed(&other).contains("may have run"), "{other:?}"),
        }
    }
    panic!("the loop has more writes than were cut");
}
