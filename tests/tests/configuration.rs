//! The configuration file: the example is accepted, and what cannot be used is refused with its place.
#![forbid(unsafe_code)]

use std::{fs, path::Path, process::Command};

use aether_tests::{
    Daemon, cli,
    daemon::{PATIENCE, bin_dir},
};

fn example() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/aether.toml")).expect("packaging/aether.toml")
}

#[test]
fn the_example_is_accepted_as_it_is() {
    let daemon = Daemon::with(&example());
    daemon.aether(["run", "--rm", "--", "true"]).ok();
}

#[test]
fn every_key_of_the_example_exists() {
    // Uncommented, every key must be known; places are set on the command line, and a user or group may be missing here.
    let keep = |line: &&str| {
        !["user", "api_key", "api_key_file", "base_url", "model", "root"]
            .iter()
            .any(|key| line.starts_with(&format!("# {key} =")))
    };
    let is_key = |line: &str| {
        line.strip_prefix("# ").is_some_and(|rest| rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
    };
    let text: String = example()
        .lines()
        .filter(keep)
        .map(|line| if is_key(line) { format!("{}\n", &line[2..]) } else { format!("{line}\n") })
        .collect();
    assert!(text.contains("\nmax_concurrent = 20\n"), "{text}");
    let daemon = Daemon::with(&text);
    daemon.aether(["run", "--rm", "--", "true"]).ok();
}

#[test]
fn configurations_that_cannot_be_used() {
    let daemon = Daemon::start();
    let file = daemon.scratch().join("bad.toml");
    for text in ["nosuch = 1\n", "[limits]\nmemory = \"1X\"\n", "not toml", "[service]\nuid = 0\n"] {
        fs::write(&file, text).expect("write");
        let mut command = Command::new(bin_dir().join("aetherd"));
        command.arg("--config").arg(&file).arg("--state").arg(daemon.scratch().join("unused")).args(["--listen", "none"]);
        let outcome = cli::spawn(command, b"").end(PATIENCE);
        assert_eq!(outcome.code, 78, "EX_CONFIG: {outcome}");
        assert!(outcome.stderr.contains("bad.toml:"), "file and line: {outcome}");
        assert!(!daemon.scratch().join("unused").exists(), "nothing was made");
    }
}
