//! Real work inside: foreign projects configured, built and tested by their own test-suites.
#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use aether_tests::{Daemon, Outcome, cli};

/// A build may take its time on a small machine.
const LONG: Duration = Duration::from_secs(300);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn host(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository"));
    cli::spawn(command, b"").end(LONG).ok().text().trim().to_owned()
}

/// Copies a host directory into the agent `worker` and runs a script beside it.
#[track_caller]
fn work(daemon: &Daemon, options: &[&str], sources: &Path, script: &str) -> Outcome {
    let idle = [&["run", "-d", "--name", "worker"], options, &["--", "sleep", "3600"]].concat();
    daemon.aether(idle).ok();
    daemon.aether_with(["cp", sources.to_str().expect("UTF-8"), "worker:/home/agent/Projects/work"], b"", LONG).ok();
    let outcome =
        daemon.aether_with(["exec", "--workdir", "/home/agent/Projects/work", "worker", "--", "sh", "-c", script], b"", LONG);
    assert_eq!(outcome.code, 0, "{outcome}");
    outcome
}

#[test]
fn a_c_project_is_configured_built_and_tested() {
    let daemon = Daemon::start();
    let sources = host("scripts/fetch-zlib.sh", &["target/test-sources"]);
    let done = work(&daemon, &[], Path::new(&sources), "./configure && make -j2 && make test");
    let said = done.text();
    assert!(said.contains("*** zlib test OK ***") && said.contains("*** zlib shared test OK ***"), "{done}");
    assert!(!said.contains("FAILED"), "{done}");

    let library = daemon.scratch().join("libz.a");
    daemon.aether(["cp", "worker:/home/agent/Projects/work/libz.a", library.to_str().expect("UTF-8")]).ok();
    let members = host("ar", &["t", library.to_str().expect("UTF-8")]);
    assert!(members.contains("deflate.o") && members.contains("inflate.o"), "{members}");
    let copy = daemon.scratch().join("minigzip");
    daemon.aether(["cp", "worker:/home/agent/Projects/work/minigzip", copy.to_str().expect("UTF-8")]).ok();
    let mut packed = Command::new("sh");
    packed.args(["-c", "\"$0\" | gzip -d"]).arg(&copy);
    assert_eq!(cli::spawn(packed, b"round trip").end(LONG).ok().text(), "round trip", "what was built inside runs outside");
}

#[test]
fn a_rust_crate_is_built_and_tested_offline_with_the_hosts_toolchain() {
    let daemon = Daemon::start();
    host(env!("CARGO"), &["fetch", "--locked"]);
    let toolchain = host("rustc", &["--print", "sysroot"]);
    let mount = format!("{toolchain}:/opt/rust:ro");
    let options = ["--mount", mount.as_str(), "--memory", "2G", "--env", "PATH=/opt/rust/bin:/usr/bin:/bin"];
    let script =
        "export PATH=/opt/rust/bin:/usr/bin:/bin; cargo test --offline && cargo build --offline --release && ls target/release/";
    let done = work(&daemon, &options, &registry_crate("fnv-"), script);
    assert!(done.text().contains("test result: ok.") && done.text().contains("libfnv.rlib"), "{done}");
    let written = daemon.aether(["exec", "worker", "--", "sh", "-c", "echo x >/opt/rust/x"]);
    assert_ne!(written.code, 0, "the toolchain is lent read-only");
}

/// Sources of a dependency, as cargo keeps them.
fn registry_crate(prefix: &str) -> PathBuf {
    let home = std::env::var_os("CARGO_HOME")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cargo"), PathBuf::from);
    let folders = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let crates = folders(&home.join("registry/src")).into_iter().flat_map(|index| folders(&index));
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    crates.into_iter().find(named).unwrap_or_else(|| panic!("{prefix} is not below {}: cargo fetch", home.display()))
}

#[test]
fn a_python_program_passes_its_tests() {
    let daemon = Daemon::start();
    let done = work(&daemon, &[], &fixture("python"), "/usr/bin/python3 -m unittest -v 2>&1");
    assert!(done.text().contains("Ran 3 tests") && done.text().trim_end().ends_with("OK"), "{done}");
}

#[test]
fn a_node_program_passes_its_tests() {
    let daemon = Daemon::start();
    let node = fs::canonicalize(host("sh", &["-c", "command -v node"])).expect("node");
    let prefix = node.parent().and_then(Path::parent).expect("PREFIX/bin/node");
    let mount = format!("{}:/opt/node:ro", prefix.display());
    let options: &[&str] = if prefix.starts_with("/usr") { &[] } else { &["--mount", &mount] };
    let script = "export PATH=/opt/node/bin:/usr/local/bin:/usr/bin:/bin; node --test 2>&1";
    let done = work(&daemon, options, &fixture("node"), script);
    assert!(done.text().contains("pass 3") && done.text().contains("fail 0"), "{done}");
}
