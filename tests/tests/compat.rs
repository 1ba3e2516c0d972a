//! Real work is the same inside: a corpus of jobs, run on the host as an ordinary user and in an agent, and compared.
//!
//! `AETHER_UPDATE=1` writes the tables of docs/COMPATIBILITY.md, and what jobs with a `why.txt` print inside; read both before
//! committing them. `AETHER_JOBS="git c"` runs only those jobs.
#![forbid(unsafe_code)]

use std::{fs, path::Path, sync::OnceLock};

use aether_tests::corpus::{self, Place, Run, decisions};

/// The corpus runs once for all tests of this file.
fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(corpus::run)
}

fn page() -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").join("docs/COMPATIBILITY.md");
    let text = fs::read_to_string(&path).expect("docs/COMPATIBILITY.md");
    (path, text)
}

#[test]
fn every_job_ends_the_same_inside_as_outside() {
    let run = run();
    let result = |place: Place, name: &str| &run.results[&(place, name.to_owned())];
    let mut complaints = Vec::new();
    for job in &run.jobs {
        let (outside, inside) = (result(Place::Outside, &job.name), result(Place::Inside, &job.name));
        println!("{:<12} outside {:>5.1} s, inside {:>5.1} s", job.name, outside.took.as_secs_f64(), inside.took.as_secs_f64());
        println!("{}", outside.transcript);
        if job.difference.is_some() && std::env::var_os("AETHER_UPDATE").is_some() {
            fs::write(corpus::directory().join(&job.name).join("inside.txt"), &inside.transcript).expect("write inside.txt");
            continue;
        }
        complaints.extend(corpus::complaint(job, outside, inside));
    }
    assert!(complaints.is_empty(), "{} of {} jobs:\n{}", complaints.len(), run.jobs.len(), complaints.join("\n"));
}

#[test]
fn every_refusal_that_a_job_met_is_decided() {
    let (run, decisions) = (run(), decisions::all());
    let undecided: Vec<String> = run
        .denials
        .iter()
        .filter(|denial| !decisions.iter().any(|decision| decision.covers(denial)))
        .map(|denial| format!("{} {} {}", denial.call, denial.errno, denial.program))
        .collect();
    assert!(
        undecided.is_empty(),
        "refused inside, not outside, and in no line of tests/corpus/denials.txt:\n{}",
        undecided.join("\n")
    );
    assert!(
        run.denials.iter().any(|denial| denial.call == "clone3") || std::env::var_os("AETHER_JOBS").is_some(),
        "the observer saw nothing of what is known to be refused"
    );
}

#[test]
fn the_page_says_what_was_decided() {
    let (path, mut text) = page();
    let (run, decisions) = (run(), decisions::all());
    if std::env::var_os("AETHER_UPDATE").is_some() {
        text = corpus::splice(&text, "jobs", &corpus::difference_table(&corpus::jobs()));
        text = corpus::splice(&text, "denials", &corpus::denial_table(run, &decisions));
        fs::write(path, &text).expect("write the page");
    }
    for job in corpus::jobs() {
        let said = job.difference.as_ref().map_or("the same", |difference| &difference.why);
        assert!(text.contains(&format!("| `{}` | {said} |", job.name)), "{} is not told: run with AETHER_UPDATE=1", job.name);
    }
    for decision in &decisions {
        let told = |line: &str| {
            line.starts_with(&format!("| `{}` | {} | ", decision.call, decision.errno))
                && line.ends_with(&format!(" | {} | {} |", decision.decision, decision.why))
        };
        assert!(text.lines().any(told), "{} {} is not told: run with AETHER_UPDATE=1", decision.call, decision.errno);
    }
}
