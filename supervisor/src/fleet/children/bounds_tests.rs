//! What children get.

use aether_protocol::{AgentPhase, AgentState, Timestamp};
use aether_store::AgentRecord;
use serde_json::{Value, json};

use super::*;
use crate::fleet::registry;

fn spec(mut more: Value) -> AgentSpec {
    let mut program = json!({ "type": "goal", "goal": "g" });
    if let Some(own) = more.as_object_mut().and_then(|more| more.remove("program")) {
        program.as_object_mut().expect("object").extend(own.as_object().expect("object").clone());
    }
    more["program"] = program;
    serde_json::from_value(more).expect("spec")
}

fn parent(more: Value) -> AgentInfo {
    registry::info(AgentRecord {
        id: "aaaaaaaaaaaa".parse().expect("id"),
        number: 1,
        name: "top".parse().expect("name"),
        owner: "root".into(),
        spec: spec(more),
        state: AgentState::Running,
        phase: AgentPhase::Executing,
        home: "aaaaaaaaaaaa".into(),
        slot: None,
        pid: None,
        cgroup: None,
        enforcement: None,
        created_at: Timestamp::from_unix_millis(0),
        started_at: None,
        ended_at: None,
        exit: None,
        step: 4,
        max_steps: Some(10),
        model: None,
        last_action: None,
        boot_id: None,
    })
}

/// The child's spec, or why there is none.
fn child(of: Value, wish: Value) -> Result<AgentSpec, String> {
    let (parent, mut spec) = (parent(of), spec(wish));
    let left = Left::whole(&parent.spec.budget);
    bind(&mut spec, &parent, &left).map(|()| spec).map_err(|error| error.message)
}

#[test]
fn a_child_that_asks_for_nothing_gets_what_its_parent_has_and_no_network() {
    let of = json!({
        "program": { "tools": ["read_file"], "model": "openai/m" },
        "rules": [{ "then": "deny", "tool": "rm" }],
        "network": "open",
        "limits": { "memoryBytes": 99_000_000 },
        "budget": { "tokens": 101, "wallSecs": 9 },
    });
    let got = child(of, json!({ "rules": [{ "then": "allow", "tool": "rm" }], "ephemeral": true })).expect("bound");
    let Program::Goal(goal) = &got.program else { panic!("a goal") };
    assert_eq!((goal.tools.as_deref(), goal.model.as_deref()), (Some(&["read_file".to_owned()][..]), Some("openai/m")));
    assert_eq!(goal.max_steps, Some(6), "what its parent has left");
    assert!(got.network.is_none() && !got.ephemeral);
    assert_eq!((got.limits.memory_bytes, got.budget.tokens, got.budget.wall_secs), (Some(99_000_000), Some(50), Some(4)));
    let order: Vec<_> = got.rules.iter().map(|rule| rule.then).collect();
    assert_eq!(order, [aether_protocol::RuleEffect::Deny, aether_protocol::RuleEffect::Allow], "its parent's come first");
}

#[test]
fn nothing_that_the_parent_has_not_is_given() {
    let narrow = || {
        json!({
            "program": { "tools": ["read_file", "bash"], "model": "openai/m" },
            "network": { "allow": [{ "host": "a.test" }], "deny": ["x.a.test"], "presets": ["pypi"], "otherwise": "ask" },
            "limits": { "memoryBytes": 99_000_000, "pids": 50, "modelTokens": 5 },
            "models": ["openai"],
            "secrets": [],
            "budget": { "tokens": 100 },
            "mounts": [{ "source": { "type": "root", "path": "/srv/a" }, "target": "/home/agent/a", "readOnly": true }],
            "priority": 2,
        })
    };
    let mount = |path: &str, read_only: bool| json!({ "mounts": [{ "source": { "type": "root", "path": path }, "target": "/home/agent/b", "readOnly": read_only }] });
    let refused = [
        (json!({ "program": { "tools": ["write_file"] } }), "the tool write_file"),
        (json!({ "program": { "model": "openai/other" } }), "the model"),
        (json!({ "program": { "maxSteps": 7 } }), "7 steps (6 are left)"),
        (json!({ "network": "open" }), "more than it was told"),
        (json!({ "network": { "allow": [{ "host": "b.test" }] } }), "b.test"),
        (json!({ "network": { "allow": [{ "host": "a.test", "ports": [22] }] } }), "a.test"),
        (json!({ "network": { "presets": ["npm"] } }), "npm"),
        (json!({ "models": ["openai"] }), "cannot be shared out"),
        (json!({ "models": ["anthropic"] }), "programs that ask"),
        (json!({ "secrets": [{ "name": "TOKEN", "host": "a.test" }] }), "the secret TOKEN"),
        (mount("/srv/a", false), "a directory at"),
        (mount("/srv/b", true), "a directory at"),
        (
            json!({ "mounts": [{ "source": { "type": "descriptor", "index": 0, "shown": "/srv/a" }, "target": "/home/agent/b" }] }),
            "a directory",
        ),
        (json!({ "profile": "packages" }), "the profile packages"),
        (json!({ "allowReduced": ["landlock"] }), "landlock"),
        (json!({ "limits": { "memoryBytes": 99_000_001 } }), "bytes of memory"),
        (json!({ "limits": { "pids": 51 } }), "51 processes"),
        (json!({ "budget": { "tokens": 101 } }), "a budget of 101 (100 of tokens are left)"),
    ];
    for (wish, why) in refused {
        let error = child(narrow(), wish.clone()).expect_err(&wish.to_string());
        assert!(error.contains(why), "{wish}: {error}");
        // Control: without a parent that has less, each of them is a wish like any other.
        assert!(spec(wish.clone()).check().is_ok(), "{wish}");
    }
    let allowed = [
        json!({ "program": { "tools": ["run_command", "complete"], "maxSteps": 6 } }),
        json!({ "network": { "allow": [{ "host": "a.test" }], "otherwise": "ask" } }),
        json!({ "network": { "presets": ["pypi"] } }),
        mount("/srv/a", true),
        json!({ "limits": { "memoryBytes": 98_000_000, "cpus": 1.0 }, "budget": { "tokens": 100, "steps": 3 } }),
    ];
    for wish in allowed {
        child(narrow(), wish.clone()).unwrap_or_else(|error| panic!("{wish}: {error}"));
    }
    let got = child(narrow(), json!({ "network": { "allow": [{ "host": "a.test" }] }, "priority": 1 })).expect("bound");
    assert_eq!((got.network.rules().deny, got.priority), (vec!["x.a.test".to_owned()], 2), "what is denied stays denied");
    let command = json!({ "program": { "type": "command", "argv": ["true"] }, "name": "c" });
    let mut command: AgentSpec = serde_json::from_value(command).expect("spec");
    assert!(bind(&mut command, &parent(json!({})), &Left::default()).is_err(), "a program has no tools to be limited by");
}

#[test]
fn what_is_left_is_shared_and_nothing_cannot_be() {
    let got =
        child(json!({ "budget": { "cpuSecs": 1, "costMicrousd": 7 } }), json!({ "budget": { "cpuSecs": 1 } })).expect("bound");
    assert_eq!((got.budget.cpu_secs, got.budget.cost_microusd, got.budget.tokens), (Some(1), Some(3), None));
    let error = child(json!({ "budget": { "cpuSecs": 1 } }), json!({})).expect_err("half a second is none");
    assert!(error.contains("too little left"), "{error}");
    assert_eq!((share(u64::MAX, 100), share(10, 33), share(10, 300)), (u64::MAX, 3, 10));
}
