//! The model gateway from inside a sandbox: every interface, the official libraries as they are, and no key anywhere.
#![forbid(unsafe_code)]

use std::{path::PathBuf, process::Command, time::Duration};

use aether_tests::{Daemon, Provider, Scripted, eventually, scripted::call};
use serde_json::{Value, json};

const CANARY: &str = "sk-canary-4f1d0c7b9a2e6853";

/// A daemon whose providers all are one that the test plays.
fn daemon(provider: &Provider) -> Daemon {
    let at = |name: &str, path: &str| format!("[models.{name}]\nbase_url = \"{}{path}\"\n", provider.url());
    let prices = "[models.prices.\"m-\"]\ninput = 1.0\noutput = 10.0\n";
    let config = [at("openai", "/v1"), at("anthropic", ""), at("gemini", ""), at("ollama", ""), prices.to_owned()].concat();
    let daemon = Daemon::with(&config);
    for name in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OLLAMA_API_KEY"] {
        daemon.aether_with(["secret", "set", name], CANARY.as_bytes(), Duration::from_secs(20)).ok();
    }
    daemon
}

/// Asks with nothing but Python's own library, and prints status and body.
const ASK: &str = r#"
import json, os, sys, urllib.error, urllib.request
def ask(base, path, body, header="Authorization", value=None):
    value = value or "Bearer " + os.environ.get("OPENAI_API_KEY", "")
    request = urllib.request.Request(os.environ[base] + path, json.dumps(body).encode(), {header: value, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
"#;

#[test]
fn a_program_asks_a_model_and_the_key_is_nowhere_inside() {
    let provider = Provider::start();
    let daemon = daemon(&provider);
    let script = format!(
        "{ASK}\nprint(*ask('OPENAI_BASE_URL', '/chat/completions', {{'model': 'm-1', 'messages': []}}))\n\
         print(*ask('OPENAI_BASE_URL', '/chat/completions', {{'model': 'm-1', 'messages': [], 'echo': 1}}))\n\
         print(os.environ)"
    );
    let agent = daemon.agent(&["--models", "openai", "--name", "asker"], "exec sleep 600");
    let said = daemon.aether(["exec", &agent.id, "--", "python3", "-c", &script]).ok().text();
    assert!(said.contains("200 ") && said.contains("hello from the model"), "{said}");
    assert!(!said.contains("canary") && said.contains("aether-placeholder-"), "{said}");
    assert!(said.contains("****"), "the echoed key is scrubbed: {said}");
    assert!(provider.seen().iter().any(|request| request.contains(&format!("Bearer {CANARY}"))), "the key went out");

    let used = uses(&daemon, "OPENAI_API_KEY");
    assert_eq!((&used["timesUsed"], &used["usedBy"][0]["agent"]), (&2.into(), &agent.id.as_str().into()), "{used}");
    assert_eq!(uses(&daemon, "GEMINI_API_KEY")["timesUsed"], 0);

    let models = daemon.aether(["--json", "models", &agent.id]).ok().json();
    assert_eq!(models["usage"][0]["calls"], 2, "{models}");
    assert_eq!(models["usage"][0]["inputTokens"], 18, "{models}");
    assert_eq!(models["usage"][0]["costMicrousd"], 18 + 10 * 8, "{models}");
    let alarm = daemon.audit().into_iter().any(|record| record["action"] == "secret.alarm");
    assert!(alarm, "an answer that held the key is an alarm");

    // Its placeholder is worth nothing to another agent.
    let placeholder = said.split("aether-placeholder-").nth(1).expect("one").chars().take(32).collect::<String>();
    let other = daemon.agent(&["--models", "openai"], "exec sleep 600");
    let foreign = format!(
        "{ASK}\nprint(*ask('OPENAI_BASE_URL', '/chat/completions', {{'model': 'm'}}, value='Bearer aether-placeholder-{placeholder}'))"
    );
    let said = daemon.aether(["exec", &other.id, "--", "python3", "-c", &foreign]).ok().text();
    assert!(said.starts_with("401 "), "{said}");
    nowhere(&daemon, &agent);
}

/// What is listed of a secret.
fn uses(daemon: &Daemon, name: &str) -> Value {
    let listed = daemon.aether(["--json", "secret", "ls"]).ok().text();
    let all = listed.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    all.into_iter().find(|secret| secret["name"] == name).unwrap_or_else(|| panic!("{name} in {listed}"))
}

/// The built-in agent's own key is counted as any other secret, and by whom it was used.
#[test]
fn uses_of_a_key_by_the_loop_are_counted() {
    let model = Scripted::start([("count this", vec![call("run_command", json!({ "command": "true" }))])]);
    let mut daemon = Daemon::with(&format!("{}secret = \"LOOP_KEY\"\n", model.config()));
    daemon.aether_with(["secret", "set", "LOOP_KEY"], CANARY.as_bytes(), Duration::from_secs(20)).ok();
    daemon.aether(["ps"]).ok();
    assert_eq!(uses(&daemon, "LOOP_KEY")["timesUsed"], 0, "nothing was asked");
    daemon.aether(["run", "--name", "counter", "--goal", "count this"]).ok();
    let asked = model.seen().len();
    assert!(asked >= 2, "a step and the end of it");
    let id = daemon.aether(["--json", "inspect", "counter"]).ok().json()["id"].clone();
    // It may look back at its run, in the agent's name, after that has ended.
    let counted = |daemon: &Daemon| {
        eventually("every request to be counted", Duration::from_secs(20), || {
            let used = uses(daemon, "LOOP_KEY");
            (used["timesUsed"] == model.seen().len()).then_some(used)
        })
    };
    let used = counted(&daemon);
    assert_eq!((&used["usedBy"][0]["agent"], &used["usedBy"][0]["name"]), (&id, &json!("counter")), "{used}");
    assert_eq!(used["usedBy"][0]["times"], used["timesUsed"], "{used}");
    // Asked for its list of models by a person, it is the service's own use.
    daemon.aether(["models"]).ok();
    let after = counted(&daemon);
    assert!(after["timesUsed"].as_u64() > used["timesUsed"].as_u64(), "{after}");
    assert_eq!(after["usedBy"], used["usedBy"], "{after}");
    daemon.kill9();
    daemon.restart();
    assert_eq!(uses(&daemon, "LOOP_KEY")["timesUsed"], after["timesUsed"], "it outlives the service");
    daemon.aether(["rm", "counter"]).ok();
}

/// The value is in none of the places where it would be a leak.
fn nowhere(daemon: &Daemon, agent: &aether_tests::Agent<'_>) {
    let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
    for file in ["aether.db", "aether.db-wal", "secrets.key"] {
        let bytes = std::fs::read(daemon.state().join(file)).unwrap_or_default();
        assert!(!holds(&bytes), "{file}");
    }
    assert!(!holds(daemon.log().as_bytes()), "the log");
    let audit = serde_json::to_vec(&daemon.audit()).expect("JSON");
    assert!(!holds(&audit) && !audit.is_empty(), "the audit");
    let listed = daemon.aether(["secret", "ls"]).ok().text();
    assert!(listed.contains("OPENAI_API_KEY") && !listed.contains("canary"), "{listed}");
    let init = agent.pid();
    for pid in [init, daemon.spawner()] {
        let dump = aether_tests::memory::of(pid);
        assert!(dump.len() > 1 << 16, "the memory of {pid} was read");
        assert!(!holds(&dump), "the memory of process {pid}");
    }
}

#[test]
fn only_granted_providers_and_only_within_the_budget() {
    let provider = Provider::start();
    let daemon = daemon(&provider);
    let script = format!(
        "{ASK}\nfor n in range(4):\n    print(ask('OPENAI_BASE_URL', '/chat/completions', {{'model': 'm-1'}})[0])\n\
         os.environ['X'] = os.environ['OPENAI_BASE_URL'].replace('/openai/v1', '/anthropic')\n\
         print(ask('X', '/v1/messages', {{'model': 'm'}})[0])\nprint('ANTHROPIC_API_KEY' in os.environ)"
    );
    // One call takes 13 tokens.
    let run = ["run", "--rm", "--models", "openai", "--model-tokens", "20", "--", "python3", "-c", &script];
    let said = daemon.aether(run).ok().text();
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["200", "200", "403", "403", "403", "False"], "{said}");
    // Without any, there is no gateway.
    let none = "import socket\ntry:\n    socket.create_connection(('198.18.0.2', 80), 3)\n    print('open')\nexcept OSError: print('closed')";
    let said = daemon.aether(["run", "--rm", "--", "python3", "-c", none]).ok().text();
    assert_eq!(said.trim(), "closed");
}

/// The libraries, fetched once into the build directory.
fn libraries() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/model-libraries");
    if !dir.join("complete").exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--no-warn-conflicts", "--target"]).arg(&dir);
        pip.args(["openai", "anthropic", "google-genai", "ollama"]);
        assert!(pip.status().expect("pip").success(), "pip cannot fetch the libraries");
        std::fs::write(dir.join("complete"), "").expect("mark");
    }
    dir.canonicalize().expect("the libraries")
}

#[test]
fn the_official_libraries_work_as_they_are() {
    let libraries = libraries();
    let provider = Provider::start();
    let daemon = daemon(&provider);
    let mount = format!("{}:/home/agent/libraries:ro", libraries.display());
    let script = include_str!("gateway_libraries.py");
    let run = [
        "run",
        "--rm",
        "--models",
        "all",
        "--mount",
        &mount,
        "--env",
        "PYTHONPATH=/home/agent/libraries",
        "--",
        "python3",
        "-c",
        script,
    ];
    let said = daemon.aether_with(run, b"", Duration::from_secs(180)).ok().text();
    for library in ["openai", "responses", "anthropic", "gemini", "ollama"] {
        assert!(said.contains(&format!("{library}: hello from the model / hello from the model")), "{library}: {said}");
    }
    assert!(said.contains("limited: 429") && !said.contains("canary"), "{said}");
}
