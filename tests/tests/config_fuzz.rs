//! Broken configurations: three hundred of them, and none is taken for something else than what it says.
#![forbid(unsafe_code)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use aether_tests::{
    Outcome, cli,
    daemon::{PATIENCE, bin_dir},
    random::{Random, TEXTS},
};

const MUTATIONS: u32 = 300;
const LISTEN: &str = "127.0.0.1:3001";

/// As strict as it can be: whatever is lost of it must not be replaced by something weaker that it does not say.
const BASE: &str = r#"state = "/var/lib/aether"
listen = "none"
host_names = ["aether.example"]

[service]
uid = 64999
group = "root"

[agents]
max_concurrent = 3
queue_limit = 5
max_steps = 7

[limits]
memory = "256M"
cpus = 0.5
pids = 64
disk = "1G"
inodes = 10000
tmp = "16M"
shm = "16M"

[storage]
volume = "none"

[mounts]
roots = ["/srv"]

[llm.openai]
base_url = "https://models.example/v1"
"#;

fn check(file: &Path) -> Outcome {
    let mut command = Command::new(bin_dir().join("aetherd"));
    command.arg("--check-config").arg("--config").arg(file);
    cli::spawn(command, b"").end(PATIENCE)
}

fn mutated(random: &mut Random) -> Vec<u8> {
    let mut bytes = BASE.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len().max(1));
        let mut lines: Vec<&str> = BASE.lines().collect();
        match random.below(8) {
            0 if !bytes.is_empty() => {
                let last = bytes.len() - 1;
                bytes[at.min(last)] = random.byte();
            }
            1 if !bytes.is_empty() => {
                let last = bytes.len() - 1;
                bytes.remove(at.min(last));
            }
            2 => bytes.insert(at, random.byte()),
            3 => bytes.truncate(at),
            4 => {
                lines.remove(random.below(lines.len()));
                bytes = (lines.join("\n") + "\n").into_bytes();
            }
            5 => {
                let (from, to) = (random.below(lines.len()), random.below(lines.len()));
                lines.insert(to, lines[from]);
                bytes = (lines.join("\n") + "\n").into_bytes();
            }
            6 => {
                let line = random.below(lines.len());
                let text = TEXTS[random.below(TEXTS.len())];
                let key = lines[line].split('=').next().unwrap_or_default();
                let value = if random.below(2) == 0 { format!("{key}= {text}") } else { format!("{key}= {text:?}") };
                lines[line] = &value;
                bytes = (lines.join("\n") + "\n").into_bytes();
            }
            _ => {
                let (one, other) = (random.below(lines.len()), random.below(lines.len()));
                lines.swap(one, other);
                bytes = (lines.join("\n") + "\n").into_bytes();
            }
        }
    }
    bytes
}

#[test]
fn a_broken_file_is_refused_with_its_place_or_means_what_it_says() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("aether.toml");
    fs::write(&file, BASE).expect("write");
    let control = check(&file);
    assert!(control.code == 0 && control.text().contains("listen: none"), "{control}");

    let mut random = Random::new(20_261_121);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..MUTATIONS {
        let bytes = mutated(&mut random);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        fs::write(&file, &bytes).expect("write");
        let outcome = check(&file);
        match outcome.code {
            78 => {
                let place = format!("error: {}", file.display());
                assert!(outcome.stderr.starts_with(&place), "round {round}: {outcome}\n{text}");
                assert!(outcome.stderr.contains("\nhint: "), "round {round}: no fix in {outcome}\n{text}");
                refused += 1;
            }
            0 => {
                let said = outcome.text();
                let listen = said.lines().find_map(|line| line.strip_prefix("listen: ")).expect("listen");
                let asked = text.lines().any(|line| line.trim_start().starts_with("listen"));
                let meant = if asked { text.contains(&format!("{listen:?}")) } else { listen == LISTEN };
                assert!(meant, "round {round}: listens on {listen}, which this does not say:\n{text}");
                taken += 1;
            }
            other => panic!("round {round}: status {other}: {outcome}\n{text}"),
        }
    }
    assert!(taken > 20 && refused > 100, "{taken} taken and {refused} refused: this tries nothing");
}

#[test]
fn who_else_may_read_or_write_it() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("aether.toml");
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("mode");
    fs::write(&file, "\n[llm.openai]\napi_key = \"sk-secret\"\n").expect("write");
    mode(0o644);
    let outcome = check(&file);
    outcome.refused(78, "aether.toml:3: llm.openai.api_key: the file holds a secret and others may read it (mode 0644)");
    assert!(outcome.stderr.contains("hint: chmod o= "), "{outcome}");
    assert!(!outcome.stderr.contains("sk-secret"), "the secret is not said");
    mode(0o640);
    assert_eq!(check(&file).code, 0);
    fs::write(&file, "").expect("write");
    mode(0o646);
    check(&file).refused(78, "everybody may write it (mode 0646)");
    mode(0o644);
    nix::unistd::chown(&file, Some(nix::unistd::Uid::from_raw(64_999)), None).expect("chown");
    check(&file).refused(78, "belongs to user 64999");
}

#[test]
fn declared_agents_are_checked_as_well() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("aether.toml");
    fs::write(&file, "").expect("write");
    fs::create_dir(dir.path().join("agents.d")).expect("mkdir");
    let agent = dir.path().join("agents.d/builder.toml");
    fs::write(&agent, "[program]\ntype = \"command\"\nargv = [\"true\"]\n").expect("write");
    let good = check(&file);
    assert!(good.code == 0 && good.text().contains("agents.d/builder.toml: ok"), "{good}");
    fs::write(&agent, "[program]\ntype = \"command\"\nargv = [\"true\"]\n\n[limits]\nmemory = 1\n").expect("write");
    check(&file).refused(78, "agents.d/builder.toml:6: unknown field `memory`");
}
