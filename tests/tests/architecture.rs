//! The rules of the house, held by the machine. Needs no daemon and no root.
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What each of our crates may use of our own crates. Two leaves, features above, one roof.
const ALLOWED: &[(&str, &[&str])] = &[
    ("aether-protocol", &[]),
    ("aether-sandbox", &[]),
    ("aether-fs-overlay", &["aether-sandbox"]),
    ("aether-net", &["aether-sandbox"]),
    ("aether-gpu", &["aether-sandbox"]),
    ("aether-store", &["aether-protocol"]),
    ("aether-llm", &["aether-protocol"]),
    ("aether-runtime", &["aether-protocol", "aether-llm"]),
    ("aether-doctor", &["aether-protocol", "aether-sandbox", "aether-store"]),
    ("aether-secrets", &["aether-protocol"]),
    ("aether-gateway", &["aether-protocol", "aether-secrets"]),
    ("aether-memory", &["aether-protocol", "aether-llm", "aether-runtime", "aether-store"]),
    ("aether-cli", &["aether-protocol", "aether-doctor", "aether-store"]),
    (
        "aether-supervisor",
        &[
            "aether-protocol",
            "aether-sandbox",
            "aether-fs-overlay",
            "aether-net",
            "aether-gpu",
            "aether-store",
            "aether-runtime",
            "aether-llm",
            "aether-doctor",
            "aether-secrets",
            "aether-gateway",
            "aether-memory",
        ],
    ),
    ("aether-tests", &["aether-protocol"]),
    ("aether-bench", &["aether-sandbox", "aether-tests"]),
    ("aether-boundary", &["aether-sandbox", "aether-fs-overlay"]),
];

/// Longest source file.
const MAX_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository")
}

/// Files under version control (and new ones that are not ignored), with their text; binary files are left out.
fn sources(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let list =
        Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root()).output();
    let list = list.expect("git");
    assert!(list.status.success(), "git ls-files: {}", String::from_utf8_lossy(&list.stderr));
    let names = String::from_utf8(list.stdout).expect("file names in UTF-8");
    let wanted = |name: &&str| extensions.iter().any(|extension| name.ends_with(&format!(".{extension}")));
    let read = |name: &str| Some((PathBuf::from(name), fs::read_to_string(root().join(name)).ok()?));
    names.split('\0').filter(wanted).filter_map(read).collect()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// A generated file says so in its first lines.
fn is_generated(source: &str) -> bool {
    source.lines().take(3).any(|line| line.to_lowercase().contains("generated"))
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = text(package, "name");
        if !package["source"].is_null() {
            continue;
        }
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} is a new crate: say in this test what it may depend on"));
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let used = text(dependency, "name");
            let weakens =
                dependency["features"].as_array().is_some_and(|features| features.iter().any(|feature| feature == "weaken"));
            assert!(!weakens || dependency["kind"] == "dev", "{name} would ship a sandbox whose layers can be left out");
            let ours = used.starts_with("aether-") && dependency["kind"] != "dev";
            assert!(!ours || may.contains(&used), "{name} must not depend on {used}");
        }
    }
}

#[test]
fn the_trusted_base_has_no_unseen_dependency() {
    let metadata = metadata();
    let id = |package: &Value| text(package, "id").to_owned();
    let packages: BTreeMap<_, _> = metadata["packages"].as_array().expect("packages").iter().map(|p| (id(p), p)).collect();
    let nodes: BTreeMap<_, _> = metadata["resolve"]["nodes"].as_array().expect("nodes").iter().map(|n| (id(n), n)).collect();
    let start = packages.values().find(|p| text(p, "name") == "aether-sandbox").expect("the sandbox crate");
    let (mut queue, mut seen) = (vec![id(start)], BTreeSet::new());
    while let Some(next) = queue.pop() {
        if !seen.insert(next.clone()) {
            continue;
        }
        for dependency in nodes[&next]["deps"].as_array().expect("deps") {
            let kinds = dependency["dep_kinds"].as_array().expect("kinds");
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                queue.push(text(dependency, "pkg").to_owned());
            }
        }
    }
    let names: BTreeSet<_> =
        seen.iter().filter(|id| !packages[*id]["source"].is_null()).map(|id| text(packages[id], "name")).collect();
    let now: String = names.iter().map(|name| format!("{name}\n")).collect();
    let snapshot = root().join("tests/snapshots/sandbox-dependencies.txt");
    if std::env::var_os("AETHER_UPDATE").is_some() {
        fs::write(&snapshot, &now).expect("write the snapshot");
    }
    let then = fs::read_to_string(&snapshot).unwrap_or_default();
    assert_eq!(
        then, now,
        "the trusted base's dependencies changed; when that is meant: make generate, and say why in the commit"
    );
}

#[test]
fn no_source_file_is_longer_than_a_person_reads() {
    let long: Vec<_> = sources(&["rs", "ts", "tsx", "py", "sh", "mjs", "js", "css"])
        .into_iter()
        .filter(|(_, source)| !is_generated(source) && source.lines().count() > MAX_LINES)
        .map(|(path, source)| format!("{} has {} lines", path.display(), source.lines().count()))
        .collect();
    assert!(long.is_empty(), "at most {MAX_LINES} lines:\n{}", long.join("\n"));
}

/// Code of a Rust file: without comments and the contents of string literals.
fn code(source: &str) -> String {
    let mut code = String::new();
    for line in source.lines() {
        let mut in_text = false;
        let mut previous = ' ';
        for (at, c) in line.char_indices() {
            if !in_text && line[at..].starts_with("//") {
                break;
            }
            if c == '"' && previous != '\\' && previous != '\'' {
                in_text = !in_text;
            }
            code.push(if in_text { ' ' } else { c });
            previous = c;
        }
        code.push('\n');
    }
    code
}

#[test]
fn unsafe_stays_in_one_folder() {
    let spellings = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait", "#[unsafe(", "allow(unsafe_code)"];
    for (path, source) in sources(&["rs"]) {
        let inside =
            path.starts_with("sandbox/src/sys") || path == Path::new("sandbox/src/lib.rs") || path.ends_with("architecture.rs");
        let code = code(&source);
        let found = spellings.iter().find(|spelling| code.contains(*spelling));
        assert!(
            inside || found.is_none(),
            "{} has `{}`: system calls belong in sandbox/src/sys",
            path.display(),
            found.expect("found")
        );
    }
}

#[test]
fn every_other_crate_forbids_unsafe() {
    for (path, source) in sources(&["rs"]) {
        let is_root = path.ends_with("src/lib.rs")
            || path.ends_with("src/main.rs")
            || path.parent().is_some_and(|dir| dir.ends_with("tests/tests"));
        if is_root && !path.starts_with("sandbox") {
            assert!(source.contains("#![forbid(unsafe_code)]"), "{} lacks #![forbid(unsafe_code)]", path.display());
        }
    }
}

#[test]
fn only_the_sandbox_starts_processes() {
    let ways = ["process::Command", "tokio::process", "process::{Command", "posix_spawn", "execve(", "fork()"];
    for (path, source) in sources(&["rs"]) {
        let may =
            path.starts_with("sandbox") || path.starts_with("tests") || path.components().any(|part| part.as_os_str() == "tests");
        let code = code(&source);
        let found = ways.iter().find(|way| code.contains(*way));
        assert!(may || found.is_none(), "{} has `{}`: nothing runs unsandboxed", path.display(), found.expect("found"));
    }
}

#[test]
fn links_in_the_documents_stay_inside_and_lead_somewhere() {
    for (path, source) in sources(&["md"]) {
        for link in source.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or("");
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let place = root().join(path.parent().expect("a folder")).join(target);
            let real = place.canonicalize().unwrap_or_else(|_| panic!("{}: {link} leads nowhere", path.display()));
            assert!(real.starts_with(root().canonicalize().expect("root")), "{}: {link} leaves the project", path.display());
        }
    }
}

#[test]
fn commands_in_the_documents_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("Makefile");
    for (path, source) in sources(&["md"]) {
        for line in source.lines().map(|line| line.trim().trim_start_matches("$ ")) {
            if let Some(goal) = line.strip_prefix("make ").and_then(|rest| rest.split_whitespace().next()) {
                let exists = makefile.lines().any(|rule| rule.starts_with(&format!("{goal}:")));
                let is_command = goal.chars().all(|c| c.is_ascii_lowercase() || c == '-') && line.split_whitespace().count() <= 3;
                assert!(exists || !is_command, "{}: there is no `make {goal}`", path.display());
            }
        }
    }
}
