//! The loop: order of writes, restarts at every point, limits, mistakes of the model.

mod common;

use std::sync::Arc;

use aether_protocol::AgentPhase;
use aether_runtime::{Control, Effect, Outcome};
use common::{Memory, Scripted, Shell, goal, run, run_goal};
use serde_json::json;

fn append(n: u32) -> (&'static str, serde_json::Value) {
    ("run_command", json!({"command": format!("echo {n} >> effects")}))
}

#[tokio::test]
async fn a_goal_runs_to_its_end_and_tells_about_it() {
    let home = tempfile::tempdir().expect("dir");
    let model = Scripted::new(vec![
        vec![("write_file", json!({"path": "~/a/b.txt", "content": "x"})), ("read_file", json!({"path": "a/b.txt"}))],
        vec![("finish", json!({"summary": "did it"}))],
    ]);
    let (outcome, journal) = run(home.path(), "go", &model).await;
    assert_eq!(outcome, Outcome::Completed("did it".into()));
    assert_eq!(journal.outcomes()[1].text, "x");
    assert_eq!(
        journal.event_names(),
        [
            "agent.thought",
            "agent.progress",
            "agent.action",
            "agent.observation",
            "agent.action",
            "agent.observation",
            "agent.thought",
            "agent.progress",
            "agent.action",
            "agent.observation",
            "agent.completed"
        ]
    );
    assert_eq!(journal.last_action.lock().expect("lock").as_deref(), Some("complete: did it"));
}

#[tokio::test]
async fn after_a_cut_at_any_point_no_effect_happens_twice_and_the_goal_ends() {
    let mut crossing = 0;
    loop {
        crossing += 1;
        let home = tempfile::tempdir().expect("dir");
        let model = Scripted::new(vec![
            vec![append(1), append(2)],
            vec![("think", json!({"thought": "hm"})), append(3)],
            vec![("complete", json!({"summary": "end"}))],
        ]);
        let (journal, hands) = (Memory::default(), Shell::new(home.path()));
        let (goal, control) = (goal(home.path(), "go"), Control::new(50));
        journal.pending.lock().expect("lock").push("a message".into());
        journal.cut_at(crossing);
        let cut = tokio::select! {
            outcome = run_goal(&goal, &model, &hands, &journal, &control) => {
                assert_eq!(outcome, Outcome::Completed("end".into()));
                false
            }
            () = journal.cut_reached.notified() => true,
        };
        if !cut {
            assert!(crossing > 20, "the cut reached every write");
            break;
        }
        journal.cut_at(0);
        let outcome = run_goal(&goal, &model, &hands, &journal, &control).await;
        assert_eq!(outcome, Outcome::Completed("end".into()), "cut at {crossing}");
        let effects = std::fs::read_to_string(home.path().join("effects")).unwrap_or_default();
        let mut lines: Vec<&str> = effects.lines().collect();
        lines.dedup();
        assert_eq!(effects.lines().count(), lines.len(), "cut at {crossing}: {effects:?}");
        let unknown = journal.outcomes().iter().filter(|o| o.text.starts_with("unknown outcome")).count();
        let not_run = journal.outcomes().iter().filter(|o| o.text.starts_with("not run")).count();
        assert!(unknown <= 1);
        assert!(lines.len() + unknown + not_run >= 3, "cut at {crossing}: what did not happen was said");
        let completed = journal.event_names().iter().filter(|n| **n == "agent.completed").count();
        assert_eq!(completed, 1, "cut at {crossing}");
        assert_eq!(journal.history.lock().expect("lock").messages.len(), 1, "cut at {crossing}: the message was read once");
    }
}

#[tokio::test]
async fn a_goal_that_ended_stays_ended() {
    let home = tempfile::tempdir().expect("dir");
    let model = Scripted::new(vec![vec![("done", json!({"summary": "why not", "failed": true}))]]);
    let (journal, hands) = (Memory::default(), Shell::new(home.path()));
    for _ in 0..2 {
        let outcome = run_goal(&goal(home.path(), "go"), &model, &hands, &journal, &Control::new(5)).await;
        assert_eq!(outcome, Outcome::Failed("why not".into()));
    }
    assert_eq!(model.asked.lock().expect("lock").len(), 1);
}

#[tokio::test]
async fn wrong_calls_are_answered_with_what_was_wrong() {
    let home = tempfile::tempdir().expect("dir");
    std::fs::write(home.path().join("binary"), [1, 0, 2]).expect("write");
    let model = Scripted::new(vec![
        vec![
            ("write_file", json!({"path": "x"})),
            ("write_file", json!("{\"path\": ")),
            ("read_file", json!({"path": 3})),
            ("read_file", json!({"path": "x", "colour": "red"})),
            ("read_file", json!({"path": "missing"})),
            ("read_file", json!({"path": "binary"})),
            ("fly", json!({})),
            ("run_command", json!({"command": "exit 3"})),
            ("run_command", json!({"command": "true", "timeout": 601})),
            ("run_command", json!({"command": "sleep 60", "timeout": 0.05})),
            ("complete", json!({"summary": 5})),
        ],
        vec![("complete", serde_json::Value::Null)],
    ]);
    let (outcome, journal) = run(home.path(), "go", &model).await;
    assert_eq!(outcome, Outcome::Completed("done".into()));
    let outcomes = journal.outcomes();
    for (i, said) in [
        "missing field `content`",
        "is not a JSON object",
        "invalid type: integer `3`, expected a string",
        "unknown field `colour`",
        "No such file or directory",
        "is not a text file",
        "there is no tool \"fly\"; the tools are read_file",
        "exit status 3",
        "timeout 601 is out of range",
        "(killed after 0.05 s)",
        "invalid type: integer `5`",
    ]
    .iter()
    .enumerate()
    {
        assert!(!outcomes[i].ok, "{i}");
        assert!(outcomes[i].text.contains(said), "{i}: {:?} lacks {said:?}", outcomes[i].text);
    }
    assert!(!home.path().join("x").exists());
}

#[tokio::test]
async fn other_names_of_tools_work() {
    let home = tempfile::tempdir().expect("dir");
    let command = json!({"command": "echo hi"});
    let model = Scripted::new(vec![
        vec![("bash", command.clone()), ("shell", command.clone()), ("exec", command)],
        vec![("exit", json!({}))],
    ]);
    let (outcome, journal) = run(home.path(), "go", &model).await;
    assert_eq!(outcome, Outcome::Completed("done".into()));
    assert!(journal.outcomes()[..3].iter().all(|o| o.ok && o.text == "exit status 0\nstdout:\nhi"));
}

#[tokio::test]
async fn every_file_tool_does_its_work() {
    let home = tempfile::tempdir().expect("dir");
    let model = Scripted::new(vec![
        vec![
            ("mkdir", json!({"path": "~/d/e"})),
            ("write_file", json!({"path": "./d/f", "content": "long\n".repeat(2000)})),
            ("cp", json!({"source": "d/f", "destination": "~/d/g"})),
            ("mv", json!({"source": "d/g", "destination": "d/h"})),
            ("list_files", json!({"path": "d"})),
            ("stat", json!({"path": "~/d/h"})),
            ("read_file", json!({"path": "d/h"})),
            ("read_file", json!({"path": "d/h", "offset": 9990})),
            ("rm", json!({"path": "d"})),
            ("list_files", json!({})),
        ],
        vec![("end", json!({}))],
    ]);
    let (_, journal) = run(home.path(), "go", &model).await;
    let outcomes = journal.outcomes();
    assert!(outcomes.iter().all(|o| o.ok), "{outcomes:?}");
    assert_eq!(outcomes[4].text, "e/\nf 10000\nh 10000");
    assert!(outcomes[5].text.contains("h: file, 10000 bytes, mode 644"), "{}", outcomes[5].text);
    assert!(outcomes[6].text.ends_with("[... there is more: read_file with offset 3900 ...]"));
    assert_eq!(outcomes[7].text, "long\nlong\n");
    assert_eq!(outcomes[9].text, "(empty)");
}

#[tokio::test]
async fn long_output_is_kept_whole_in_the_home_and_shown_in_part() {
    let home = tempfile::tempdir().expect("dir");
    let model = Scripted::new(vec![vec![("run_command", json!({"command": "seq 1 100000"}))], vec![("complete", json!({}))]]);
    let (_, journal) = run(home.path(), "go", &model).await;
    let shown = &journal.outcomes()[0].text;
    assert!(shown.chars().count() <= 4000);
    assert!(shown.starts_with("exit status 0\nstdout:\n1\n2\n") && shown.ends_with("\n99999\n100000"));
    let path = home.path().join(".aether/outputs/step-1.txt");
    assert!(shown.contains(&format!("all of it in {}", path.display())));
    let kept = std::fs::read_to_string(path).expect("kept");
    assert!(kept.contains("\n50000\n"));
}

#[tokio::test]
async fn at_its_limit_it_waits_until_it_may_go_on() {
    let home = tempfile::tempdir().expect("dir");
    let model = Arc::new(Scripted::new(vec![vec![append(1)], vec![append(2)], vec![("complete", json!({}))]]));
    let journal = Arc::new(Memory::default());
    let control = Control::new(2);
    let task = {
        let (model, journal, control, home) = (model.clone(), journal.clone(), control.clone(), home.path().to_owned());
        tokio::spawn(async move { run_goal(&goal(&home, "go"), &*model, &Shell::new(&home), &*journal, &control).await })
    };
    while journal.phases.lock().expect("lock").last() != Some(&AgentPhase::Waiting) {
        tokio::task::yield_now().await;
    }
    assert_eq!(journal.history.lock().expect("lock").steps.len(), 2);
    assert!(journal.event_names().contains(&"agent.log"));
    control.allow_steps(control.max_steps() + aether_runtime::control::CONTINUE_STEPS);
    assert_eq!(task.await.expect("task"), Outcome::Completed("done".into()));
}

#[tokio::test]
async fn paused_it_does_nothing_and_cancelled_it_ends() {
    let home = tempfile::tempdir().expect("dir");
    let model = Arc::new(Scripted::new(vec![vec![append(1)]]));
    let journal = Arc::new(Memory::default());
    let control = Control::new(2);
    control.pause();
    let task = {
        let (model, journal, control, home) = (model.clone(), journal.clone(), control.clone(), home.path().to_owned());
        tokio::spawn(async move { run_goal(&goal(&home, "go"), &*model, &Shell::new(&home), &*journal, &control).await })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(model.asked.lock().expect("lock").is_empty());
    control.cancel();
    assert_eq!(task.await.expect("task"), Outcome::Cancelled);
    assert!(!home.path().join("effects").exists());
}

#[tokio::test]
async fn a_model_that_only_talks_fails_and_a_refused_key_is_told() {
    let home = tempfile::tempdir().expect("dir");
    let model = Scripted::new(vec![vec![], vec![], vec![], vec![]]);
    let (outcome, _) = run(home.path(), "go", &model).await;
    assert_eq!(outcome, Outcome::Failed("the model answered 3 times without using a tool".into()));
    let (outcome, _) = run(home.path(), "go", &Scripted::new(vec![])).await;
    assert_eq!(outcome, Outcome::Failed("the provider refused the request: no turn 0".into()));
}

#[tokio::test]
async fn a_full_conversation_is_summed_up_and_people_see_it() {
    let home = tempfile::tempdir().expect("dir");
    let long = |n: u32| ("run_command", json!({"command": format!("echo {n} >> effects; seq 1 2000")}));
    let mut turns: Vec<_> = (1..=60).map(|n| vec![long(n)]).collect();
    turns.push(vec![("complete", json!({}))]);
    let model = Scripted::new(turns);
    let (journal, hands) = (Memory::default(), Shell::new(home.path()));
    journal.pending.lock().expect("lock").push("mind the gap".into());
    let outcome = run_goal(&goal(home.path(), "the goal"), &model, &hands, &journal, &Control::new(100)).await;
    assert_eq!(outcome, Outcome::Completed("done".into()));
    let asked = model.asked.lock().expect("lock");
    let last = &asked.last().expect("asked").messages;
    let text = serde_json::to_string(&last[1..3]).expect("json");
    assert!(text.contains("the goal") && text.contains("step 1: run_command: echo 1 >> effects"), "{text}");
    assert!(text.contains("before step 1 a person wrote: mind the gap"), "{text}");
    let largest = asked.iter().map(|request| serde_json::to_string(&request.messages).expect("json").len()).max();
    assert!(largest.is_some_and(|bytes| bytes < 200_000), "{largest:?}");
    let newest = serde_json::to_string(&last[last.len() - 4..]).expect("json");
    assert!(newest.contains("echo 60") && newest.contains("1998"), "the newest observation is whole");
    let told: Vec<_> = journal
        .events
        .lock()
        .expect("lock")
        .iter()
        .filter_map(|event| match event {
            aether_protocol::AgentEvent::Compacted(told) => Some((told.summed_up, told.tokens_before > told.tokens_after)),
            _ => None,
        })
        .collect();
    assert!((1..6).contains(&told.len()) && told.iter().all(|(steps, less)| *steps > 0 && *less), "{told:?}");
    assert_eq!(journal.outcomes().len(), 61, "the journal keeps everything");
}

#[tokio::test]
async fn a_long_argument_is_written_whole_but_not_repeated() {
    let home = tempfile::tempdir().expect("dir");
    let content = "y".repeat(100_000);
    let model =
        Scripted::new(vec![vec![("write_file", json!({"path": "big", "content": content}))], vec![("complete", json!({}))]]);
    let (_, journal) = run(home.path(), "go", &model).await;
    assert_eq!(std::fs::metadata(home.path().join("big")).expect("file").len(), 100_000);
    let asked = model.asked.lock().expect("lock");
    assert!(serde_json::to_string(&asked[1].messages).expect("json").len() < 10_000);
    assert!(serde_json::to_string(&*journal.events.lock().expect("lock")).expect("json").len() < 10_000);
}

#[test]
fn models_are_told_the_arguments() {
    let specs = aether_runtime::tools::specs();
    assert_eq!(specs.len(), 11);
    let run = specs.iter().find(|s| s.name == "run_command").expect("run_command");
    assert_eq!(run.parameters["required"], json!(["command"]));
    assert_eq!(run.parameters["properties"]["command"]["type"], "string");
    assert_eq!(run.parameters["additionalProperties"], json!(false));
}

#[tokio::test]
async fn long_files_are_paged_by_offset_and_by_line() {
    let home = tempfile::tempdir().expect("dir");
    let text: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    std::fs::write(home.path().join("long"), &text).expect("write");
    let read = |args: serde_json::Value| ("read_file", args);
    let model = Scripted::new(vec![
        vec![
            read(json!({"path": "long", "line": 50_000, "lines": 2})),
            read(json!({"path": "long", "line": 100_002})),
            read(json!({"path": "long", "line": 2, "offset": 5})),
            read(json!({"path": "long", "line": 99_999})),
            read(json!({"path": "long"})),
        ],
        vec![("complete", json!({}))],
    ]);
    let (_, journal) = run(home.path(), "go", &model).await;
    let outcomes = journal.outcomes();
    let offset = text.find("\n50002\n").expect("line") + 1;
    assert_eq!(outcomes[0].text, format!("50000\n50001\n\n[... there is more: read_file with offset {offset} ...]"));
    assert_eq!((outcomes[1].ok, outcomes[1].text.as_str()), (false, "long: it has no line 100002"));
    assert_eq!((outcomes[2].ok, outcomes[2].text.as_str()), (false, "give offset or line, not both"));
    assert_eq!(outcomes[3].text, "99999\n100000\n");
    let shown = &outcomes[4].text;
    let (part, note) = shown.split_once("\n[... there is more: read_file with offset ").expect("a note");
    let next: usize = note.split(' ').next().and_then(|n| n.parse().ok()).expect("an offset");
    assert_eq!(part, &text[..next]);
}

#[tokio::test]
async fn every_write_of_a_step_that_changes_something_waits_for_the_disk() {
    let home = tempfile::tempdir().expect("dir");
    let read = || ("list_files", json!({"path": "~"}));
    let provider = Scripted::new(vec![
        vec![read(), ("think", json!({"thought": "x"}))],
        // What was read here is on the disk before the change: a loss of power must not make the change look as if it had not begun.
        vec![read(), ("mkdir", json!({"path": "~/d"}))],
        vec![("complete", json!({"summary": "done"}))],
    ]);
    let (outcome, journal) = run(home.path(), "look", &provider).await;
    assert_eq!(outcome, Outcome::Completed("done".into()));
    let effects = journal.effects.lock().expect("lock").clone();
    let (none, changes) = (Effect::None, Effect::Changes);
    assert_eq!(effects, [changes, none, none, none, changes, changes, changes, changes, changes]);
}
