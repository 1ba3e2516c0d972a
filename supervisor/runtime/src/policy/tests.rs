//! Rules against an agent that wants to get round them.

use aether_protocol::{RuleEffect, ToolRule};
use serde_json::{Value, json};

use super::{
    facts::{Act, Facts, Touch, touches},
    rules::{is_like, judge, like},
};

const HOME: &str = "/home/agent";

fn facts(tool: &str, args: Value) -> Facts {
    let absolute = |path: &str| match path.strip_prefix('~') {
        Some(rest) => format!("{HOME}{rest}"),
        None if path.starts_with('/') => path.to_owned(),
        None => format!("{HOME}/{path}"),
    };
    let touches = touches(tool, &args, &absolute);
    Facts { tool: tool.into(), args, touches, workdir: HOME.into(), home: HOME.into(), tainted: false, network: false }
}

fn rules(text: &str) -> Vec<ToolRule> {
    serde_json::from_str(text).expect("rules")
}

fn word(rules: &[ToolRule], facts: &Facts) -> RuleEffect {
    judge(&[rules], facts).effect
}

fn run(line: &str) -> Facts {
    facts("run_command", json!({ "command": line }))
}

use RuleEffect::{Allow, Ask, Deny};

#[test]
fn a_denied_path_is_denied_to_every_tool_and_no_command_reaches_it_unseen() {
    let rules = rules(r#"[{"then":"deny","path":"~/keys/**"}]"#);
    let denied = [
        facts("read_file", json!({"path": "~/keys/a"})),
        facts("write_file", json!({"path": "keys/a", "content": ""})),
        facts("write_file", json!({"path": "/home/agent/x/../keys//a", "content": ""})),
        facts("cp", json!({"source": "keys/a", "destination": "b"})),
        facts("cp", json!({"source": "b", "destination": "keys/a"})),
        facts("mv", json!({"source": "keys", "destination": "other"})),
        facts("mv", json!({"source": "/home", "destination": "/h"})),
        facts("rm", json!({"path": "~"})),
        facts("list_files", json!({"path": "keys"})),
        facts("stat", json!({"path": "keys/a"})),
        facts("a_tool_of_tomorrow", json!({"path": "keys/a"})),
        run("cat keys/a"),
        run("cp /home/agent/keys/a b"),
        run("dd if=keys/a"),
    ];
    for call in &denied {
        assert_eq!(word(&rules, call), Deny, "{call:?}");
    }
    // A command can hide what it touches, so each waits for a person.
    for line in [
        "ln -s keys k",
        "cat k*/a",
        "cd keys; cat a",
        "sh x.sh",
        "tar c .",
        "python3 -c 'open(chr(107)+\"eys/a\")'",
        "ls",
        "mv . ../x",
    ] {
        assert!(word(&rules, &run(line)) >= Ask, "{line}");
    }
    for call in [facts("read_file", json!({"path": "notes"})), facts("think", json!({"thought": "keys/a"}))] {
        assert_eq!(word(&rules, &call), Allow, "{call:?}");
    }
    // A link that the service followed counts as what it leads to.
    let mut linked = facts("read_file", json!({"path": "notes"}));
    linked.touches.push(Touch { act: Act::Read, path: "/home/agent/keys/a".into(), tree: false });
    assert_eq!(word(&rules, &linked), Deny);
}

#[test]
fn a_rule_about_a_tool_is_about_what_it_does() {
    let no_writes = rules(r#"[{"then":"deny","tool":"write_file"}]"#);
    for call in [
        facts("cp", json!({"source": "a", "destination": "b"})),
        facts("mv", json!({"source": "a", "destination": "b"})),
        facts("mkdir", json!({"path": "a"})),
    ] {
        assert_eq!(word(&no_writes, &call), Deny, "{call:?}");
    }
    for line in ["echo x > a", "tee a", "python3 x", "cp a b"] {
        assert_eq!(word(&no_writes, &run(line)), Ask, "{line}");
    }
    assert_eq!(word(&no_writes, &run("ls -l | wc -l")), Allow, "it only reads");
    assert_eq!(word(&no_writes, &facts("read_file", json!({"path": "a"}))), Allow);
    let no_reads = rules(r#"[{"then":"ask","tool":"read_file","path":"/home/agent/a"}]"#);
    assert_eq!(word(&no_reads, &facts("cp", json!({"source": "a", "destination": "b"}))), Ask);
    assert_eq!(word(&no_reads, &run("cat b")), Ask, "b may be a link");
    let no_shell = rules(r#"[{"then":"deny","tool":"run_command"}]"#);
    assert_eq!(word(&no_shell, &run("true")), Deny);
    assert_eq!(word(&no_shell, &facts("rm", json!({"path": "a"}))), Allow);
}

#[test]
fn a_denied_command_is_found_in_disguise_and_what_cannot_be_read_waits() {
    let rules = rules(r#"[{"then":"deny","command":"rm *","reason":"nothing is removed here"}]"#);
    for line in ["rm x", "cd a && rm -rf x", "/bin/rm x", "r'm' x", "env rm x", "echo $(rm x)", "sudo rm x", "a=1 rm x"] {
        assert_eq!(word(&rules, &run(line)), Deny, "{line}");
    }
    for line in [
        "sh x.sh",
        "echo cm0geA== | base64 -d | sh",
        "$(printf 'r%s' m) x",
        "find . -delete",
        "perl -e unlink",
        "./a",
        "make clean",
        "X=rm; $X x",
    ] {
        assert_eq!(word(&rules, &run(line)), Ask, "{line}");
    }
    assert_eq!(word(&rules, &run("ls -l; cat a")), Allow);
    assert_eq!(word(&rules, &run("echo remove")), Allow);
    // What a later plain command reads before it runs.
    for path in ["~/.profile", "~/.local/bin/ls", "~/.bashrc"] {
        assert_eq!(word(&rules, &facts("write_file", json!({"path": path, "content": "rm x"}))), Ask, "{path}");
    }
    assert_eq!(word(&rules, &facts("mv", json!({"source": "d", "destination": "~/.local"}))), Ask);
    assert_eq!(
        word(&rules, &facts("write_file", json!({"path": "x.sh", "content": "rm x"}))),
        Allow,
        "it is held when it is run"
    );
    assert!(judge(&[&rules], &run("rm x")).why.starts_with("nothing is removed here"));
}

#[test]
fn what_allows_allows_no_more_than_it_says() {
    let rules =
        rules(r#"[{"then":"allow","command":"cargo *"},{"then":"allow","tool":"write_file","path":"~/out/**"},{"then":"ask"}]"#);
    assert_eq!(word(&rules, &run("cargo test --all")), Allow);
    for line in [
        "cargo test; rm x",
        "cargo test && rm x",
        "cargo test | sh",
        "cargo $(rm x)",
        "cargo test\nrm x",
        "xcargo x",
        "cargo test > ~/.profile",
        "cargo test & rm x",
    ] {
        assert_eq!(word(&rules, &run(line)), Ask, "{line}");
    }
    assert_eq!(word(&rules, &facts("write_file", json!({"path": "out/a/b", "content": ""}))), Allow);
    for call in [
        facts("write_file", json!({"path": "out/../a", "content": ""})),
        facts("write_file", json!({"path": "outer/a", "content": ""})),
        facts("rm", json!({"path": "out/a"})),
        facts("write_file", json!({"content": ""})),
    ] {
        assert_eq!(word(&rules, &call), Ask, "{call:?}");
    }
    let mut linked = facts("write_file", json!({"path": "out/link", "content": ""}));
    linked.touches.push(Touch { act: Act::Write, path: "/home/agent/.profile".into(), tree: false });
    assert_eq!(word(&rules, &linked), Ask, "out/link leads elsewhere");
}

#[test]
fn hosts_taint_and_arguments() {
    let about_host = rules(r#"[{"then":"deny","host":"*.evil.test"}]"#);
    let fetch = |url: &str| Facts { network: true, ..facts("web_fetch", json!({ "url": url })) };
    assert_eq!(word(&about_host, &fetch("https://x.EVIL.test./a")), Deny);
    assert_eq!(word(&about_host, &fetch("https://good.test/x.evil.test")), Allow);
    assert_eq!(word(&about_host, &fetch("https://good.test@x.evil.test/")), Deny);
    assert_eq!(word(&about_host, &Facts { network: true, ..run("curl https://x.evil.test/a") }), Deny);
    assert_eq!(word(&about_host, &Facts { network: true, ..run("curl $URL") }), Ask);
    assert_eq!(word(&about_host, &run("curl $URL")), Allow, "it has no network");

    let tainted = rules(r#"[{"then":"ask","tainted":true,"tool":"run_command"}]"#);
    assert_eq!(word(&tainted, &run("ls")), Allow);
    assert_eq!(word(&tainted, &Facts { tainted: true, ..run("ls") }), Ask);

    let argument = rules(r#"[{"then":"deny","argument":"AKIA"}]"#);
    assert_eq!(word(&argument, &facts("send_message", json!({"to": 3, "body": {"text": "key AKIA7"}}))), Deny);
    assert_eq!(word(&argument, &facts("send_message", json!({"text": "a2V5IEFLSUE3IGlzIGhlcmUgbm93"}))), Deny, "encoded");
    assert_eq!(word(&argument, &facts("send_message", json!({"text": "akin"}))), Allow);
}

#[test]
fn the_strictest_list_counts_and_the_first_rule_of_each() {
    let (all, none) = (rules(r#"[{"then":"allow"}]"#), rules(r#"[{"then":"deny","tool":"rm"}]"#));
    let call = facts("rm", json!({"path": "a"}));
    assert_eq!(judge(&[&all, &none], &call).effect, Deny);
    assert_eq!(judge(&[&none, &all], &call).effect, Deny);
    let both = [all, none].concat();
    assert_eq!(word(&both, &call), Allow, "the first rule of a list");
    // Something that perhaps fits is not made harmless by what comes later, but a certain denial still counts.
    let perhaps = rules(r#"[{"then":"ask","path":"~/keys"},{"then":"allow","tool":"run_command"}]"#);
    assert_eq!(word(&perhaps, &run("make")), Ask);
    let certain = rules(r#"[{"then":"ask","path":"~/keys"},{"then":"deny","command":"make*"}]"#);
    assert_eq!(word(&certain, &run("make all")), Deny);
    assert_eq!(word(&[], &run("make")), Allow);
}

#[test]
fn what_is_like_a_call_is_no_more_than_it() {
    let allowed = |call: &Facts, other: &Facts| is_like(&like(call), other);
    let command = run("cp * /x");
    assert!(allowed(&command, &command) && !allowed(&command, &run("cp a /x")), "a star is a letter here");
    let write = |path: &str, content: &str| facts("write_file", json!({"path": path, "content": content}));
    assert!(allowed(&write("a", "1"), &write("~/a", "2")), "the same file");
    assert!(!allowed(&write("a", "1"), &write("b", "1")));
    let mv = |to: &str| facts("mv", json!({"source": "a", "destination": to}));
    assert!(allowed(&mv("b"), &mv("b")) && !allowed(&mv("b"), &mv("c")));
    assert!(!allowed(&write("a", "1"), &facts("rm", json!({"path": "a"}))));
}
