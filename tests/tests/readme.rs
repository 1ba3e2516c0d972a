//! Every command in the README, run as written.
#![forbid(unsafe_code)]

use std::{fs, path::Path, process::Command, time::Duration};

use aether_tests::{Daemon, cli, daemon::bin_dir};

/// Lines of the README's shell blocks, without comments.
fn commands() -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").join("README.md"));
    let readme = readme.expect("README.md");
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .map(|line| line.split(" # ").next().unwrap_or(line).trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn for_client(line: &str) -> bool {
    line.starts_with("aether ") || line.contains("| aether ")
}

#[test]
fn every_client_command_does_what_it_says() {
    let daemon = Daemon::start();
    let here = daemon.scratch().join("here");
    fs::create_dir_all(here.join("project")).expect("mkdir");
    fs::write(here.join("project/Makefile"), "all:\n\ttrue\ntest:\n\techo all tests passed\n").expect("write");
    let goal = ["run", "--name", "first-agent", "--goal", "Inspect this machine and write a report"];
    daemon.aether(goal).ok();

    let path = format!("{}:{}", bin_dir().display(), std::env::var("PATH").unwrap_or_default());
    let lines: Vec<String> = commands().into_iter().filter(|line| for_client(line)).collect();
    assert!(lines.len() >= 8, "the README shows little: {lines:?}");
    for line in lines {
        let interactive = line.contains("-it ") || line.contains("attach ");
        let mut command = Command::new("timeout");
        if interactive {
            command.args(["20", "script", "-qec", &line, "/dev/null"]);
        } else {
            command.args(["20", "sh", "-c", &line]);
        }
        command.env("PATH", &path).env("AETHER_SOCKET", daemon.socket()).env("HOME", &here).current_dir(&here);
        let outcome = cli::spawn(command, b"exit\n").end(Duration::from_secs(40));
        let follows = line.contains(" -f ") || line.contains("events");
        assert!(outcome.code == 0 || (follows && outcome.code == 124), "{line}\n{outcome}");
    }
}

#[test]
fn other_commands_are_the_two_that_matter() {
    for line in commands().iter().filter(|line| !for_client(line)) {
        // Before any daemon runs; the tests are root already.
        if let Some(arguments) = line.strip_prefix("sudo target/release/aether ") {
            let mut command = Command::new(bin_dir().join("aether"));
            command.args(arguments.split(' ')).env("AETHER_SOCKET", "/nonexistent/aether.sock");
            let outcome = cli::spawn(command, b"").end(Duration::from_secs(40));
            assert_eq!(outcome.code, 0, "{line}\n{outcome}");
            continue;
        }
        let known = ["make ", "git clone ", "cd ", "export ", "sudo apt-get install ", "sudo journalctl", "curl "];
        assert!(known.iter().any(|start| line.starts_with(start)), "nobody has tried: {line}");
    }
}
