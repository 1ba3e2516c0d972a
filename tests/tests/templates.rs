//! Every template that comes along, with its worked goal, on a model that does what the test wrote down; and own ones.
#![forbid(unsafe_code)]

use std::{fs, time::Duration};

use aether_tests::{Daemon, Scripted, eventually, http, scripted::Turn};
use serde_json::{Value, json};

/// A template, words of its worked goal, what the model does, and what is there at the end.
type Worked = (&'static str, &'static str, &'static [&'static str], &'static str);

/// Commands for the templates that may run some; `PUT path text` writes a file with the tool for it.
const WORKED: &[Worked] = &[
    (
        "web-researcher",
        "what they agree on",
        &["mkdir sources; echo high > sources/a; echo low > sources/b", "cat sources/* > report.md"],
        "report.md",
    ),
    (
        "code-developer",
        "greet.sh, a shell",
        &["PUT greet.sh #!/bin/sh\necho hello $1\n", "sh greet.sh Ann | grep 'hello Ann'"],
        "greet.sh",
    ),
    ("code-reviewer", "Review ~/project and", &[], ""),
    (
        "data-analyst",
        "second column",
        &[
            "printf 'n,1\\ns,2\\nn,3\\n' > sales.csv",
            "awk -F, '{s[$1]+=$2} END {for (r in s) print r\",\"s[r]}' sales.csv > summary.csv; grep -q n,4 summary.csv",
        ],
        "summary.csv",
    ),
    ("system-admin", "Report memory", &["{ head -3 /proc/meminfo; df -k .; } > state.md"], "state.md"),
    (
        "technical-writer",
        "README.md for the program",
        &[
            "mkdir project; echo 'echo hi' > project/run.sh",
            "sh project/run.sh | grep hi",
            "PUT project/README.md # run\n\nsh run.sh\n",
        ],
        "project/README.md",
    ),
    (
        "test-engineer",
        "tests ~/project/add.sh",
        &[
            "mkdir project; echo 'expr \"$1\" + \"$2\"' > project/add.sh",
            "PUT project/test.sh test \"$(sh project/add.sh 1 2)\" = 3 && ! sh project/add.sh a b 2> /dev/null\n",
            "sh project/test.sh",
        ],
        "project/test.sh",
    ),
    ("project-manager", "Plan a release", &["PUT status.md nobody else is there\n"], "status.md"),
    (
        "full-stack-developer",
        "serve.py",
        &[
            "mkdir app; echo '<p>hi</p>' > app/index.html",
            "PUT app/serve.py import http.server\n",
            "python3 -m py_compile app/serve.py",
        ],
        "app/index.html",
    ),
    (
        "python-developer",
        "primes below 50",
        &["PUT primes.py print([n for n in range(2, 50) if all(n % d for d in range(2, n))])\n", "python3 primes.py | grep 47"],
        "primes.py",
    ),
    (
        "devops-engineer",
        "can be run twice",
        &["mkdir app; echo x > app/x", "PUT deploy.sh set -e\ntar -C ~ -czf ~/app.tar.gz app\n", "sh deploy.sh && sh deploy.sh"],
        "app.tar.gz",
    ),
    (
        "security-auditor",
        "secrets and dangerous",
        &["mkdir project; echo 'key=abc' > project/env", "grep -rn key project > findings.md"],
        "findings.md",
    ),
    (
        "data-scientist",
        "straight line",
        &[
            "printf '0 1\\n1 3\\n2 5\\n' > points.csv",
            "python3 -c \"import statistics as s; p=[tuple(map(float,l.split())) for l in open('points.csv')]; print(*s.linear_regression(*zip(*p)))\" > fit.txt; grep '2.0 1.0' fit.txt",
        ],
        "fit.txt",
    ),
    (
        "ui-ux-designer",
        "sign-in page",
        &["PUT design/index.html <label>Name <input></label>\n", "PUT design/notes.md Labels stand before what they name.\n"],
        "design/notes.md",
    ),
    (
        "database-admin",
        "customers and orders",
        &[
            "python3 -c \"import sqlite3; d=sqlite3.connect('shop.db'); d.executescript('create table c(id); create table o(c); insert into c values(1); insert into o values(1)'); assert d.execute('select count(*) from c join o on o.c=c.id').fetchone()==(1,)\"",
        ],
        "shop.db",
    ),
    (
        "ml-engineer",
        "perceptron.py",
        &[
            "PUT perceptron.py w=[0,0,0]\nfor _ in range(20):\n  for a,b in ((0,0),(0,1),(1,0),(1,1)):\n    e=(a&b)-(w[0]+w[1]*a+w[2]*b>0)\n    w=[w[0]+e,w[1]+e*a,w[2]+e*b]\nprint(*w)\n",
            "python3 perceptron.py > weights.txt",
        ],
        "weights.txt",
    ),
    (
        "incident-responder",
        "when the errors began",
        &["mkdir logs; printf '10:00 ok\\n10:05 error disk\\n' > logs/app", "grep -n error logs/app | head -1 > incident.md"],
        "incident.md",
    ),
    (
        "api-developer",
        "list of notes",
        &["PUT api/openapi.json {\"openapi\": \"3.1.0\"}\n", "python3 -m json.tool api/openapi.json"],
        "api/openapi.json",
    ),
    (
        "research-analyst",
        "two proposals",
        &["mkdir proposals; echo cheap > proposals/a; echo good > proposals/b", "cat proposals/* > comparison.md"],
        "comparison.md",
    ),
    ("content-creator", "backups have to be tried", &["PUT post.md # Try your backups\n"], "post.md"),
    (
        "system-administrator",
        "Back ~/etc up",
        &["mkdir etc; echo a > etc/a; tar czf etc.tar.gz etc && tar tzf etc.tar.gz", "echo saved > changes.md"],
        "changes.md",
    ),
];

fn turns(tools: &[String], work: &[&'static str]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    if tools.iter().any(|tool| tool == "create_plan") {
        turns.push(vec![("create_plan", json!({"goal": "the goal", "nodes": [{"title": "do it"}]}))]);
    }
    for what in work {
        turns.push(match what.strip_prefix("PUT ") {
            Some(file) => {
                let (path, content) = file.split_once(' ').expect("a path and a text");
                vec![("write_file", json!({"path": path, "content": content}))]
            }
            None => vec![("run_command", json!({"command": what}))],
        });
    }
    if tools.iter().any(|tool| tool == "update_plan") {
        turns.push(vec![("update_plan", json!({"node_id": "1", "status": "completed"}))]);
    }
    if work.is_empty() {
        turns.push(vec![("list_files", json!({"path": "~"})), ("check_messages", json!({}))]);
    }
    turns
}

fn get(daemon: &Daemon, path: &str) -> Value {
    http::unix(&daemon.socket(), "GET", path).send().data()
}

#[test]
fn every_template_reaches_its_worked_goal_with_the_tools_that_it_names() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../supervisor/templates");
    let texts: Vec<(String, String)> = fs::read_dir(root)
        .expect("templates")
        .map(|entry| entry.expect("entry").path())
        .map(|path| {
            (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), fs::read_to_string(&path).expect("text"))
        })
        .collect();
    let tools = |id: &str| -> Vec<String> {
        let text = &texts.iter().find(|(name, _)| name == id).expect("a file").1;
        let list = text.split_once("tools = [").and_then(|(_, rest)| rest.split_once(']')).expect("tools").0;
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let model = Scripted::start(WORKED.iter().map(|(id, words, work, _)| (*words, turns(&tools(id), work))));
    let daemon = Daemon::with(&model.config());
    fs::create_dir(daemon.scratch().join("templates.d")).expect("mkdir");
    let listed = get(&daemon, "/api/v1/templates");
    let listed = listed.as_array().expect("templates");
    assert_eq!((listed.len(), texts.len()), (WORKED.len(), WORKED.len()), "each has a worked goal here");
    for (id, words, ..) in WORKED {
        let template = listed.iter().find(|template| template["id"] == *id).expect("listed");
        let goal = template["goals"][0].as_str().expect("a goal");
        assert!(goal.contains(words), "{id}: {goal}");
        daemon.aether(["run", "-d", "--name", id, "--template", id, goal]).ok();
    }
    for (id, words, _, file) in WORKED {
        let dead = || (get(&daemon, &format!("/api/v1/agents/{id}"))["state"] == "dead").then_some(());
        eventually(&format!("{id} ends"), Duration::from_secs(60), dead);
        let info = get(&daemon, &format!("/api/v1/agents/{id}"));
        let timeline = get(&daemon, &format!("/api/v1/agents/{id}/timeline"));
        let seen = timeline.as_array().cloned().unwrap_or_default();
        let wrong = seen.iter().filter(|event| event["type"] == "agent.observation" && event["ok"] == false);
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&Value>::new(), "{id}");
        assert_eq!(info["phase"], "completed", "{id}: {info}");
        if !file.is_empty() {
            let listing = daemon.aether(["ls", &format!("{id}:/home/agent/{file}")]).ok();
            assert!(!listing.text().is_empty(), "{id} made {file}");
        }
        let request = model.seen().into_iter().find(|request| request.contains(words)).expect("asked");
        let request: Value = serde_json::from_str(&request).expect("JSON");
        let mut offered: Vec<String> = request["tools"]
            .as_array()
            .expect("tools")
            .iter()
            .map(|tool| tool["function"]["name"].as_str().unwrap_or_default().to_owned())
            .collect();
        let mut named = tools(id);
        offered.sort();
        named.sort();
        assert_eq!(offered, named, "{id} has the tools that it names, and they exist");
        assert!(model.was_told(words, "How you work: "), "{id} is told how it works");
    }
}

#[test]
fn own_templates_are_files_and_grant_nothing() {
    let model = Scripted::start([("small goal", vec![vec![("run_command", json!({"command": "id"}))]])]);
    let daemon = Daemon::with(&model.config());
    let own = daemon.scratch().join("templates.d");
    fs::create_dir(&own).expect("mkdir");
    let text = "name = \"Thinker\"\ndescription = \"Only thinks\"\ncategory = \"own\"\nrole = \"Thinker\"\ntools = [\"think\"]\nmaxSteps = 5\n";
    fs::write(own.join("thinker.toml"), text).expect("write");
    fs::write(own.join("greedy.toml"), format!("{text}network = \"open\"\n")).expect("write");
    let listed = daemon.aether(["templates"]).ok().text();
    assert!(listed.contains("thinker") && listed.contains("Only thinks") && !listed.contains("greedy"), "{listed}");
    assert!(daemon.aether(["templates", "thinker"]).ok().text().contains("thinker.toml"));
    daemon.aether(["templates", "greedy"]).refused(2, "unknown field `network`");
    daemon.aether(["run", "--template", "nosuch", "a goal"]).refused(3, "there is no template \"nosuch\"");
    daemon.aether(["run", "true"]).refused(2, "unexpected argument \"true\"");

    daemon.aether(["run", "--name", "thinker", "--template", "thinker", "the small goal"]).ok();
    let info = get(&daemon, "/api/v1/agents/thinker");
    assert_eq!((&info["spec"]["program"]["role"], &info["maxSteps"]), (&json!("Thinker"), &json!(5)));
    assert_eq!(info["spec"]["network"], "none");
    assert!(model.was_told("small goal", "you were not given the tool"), "what is not in its list is not called");
}
