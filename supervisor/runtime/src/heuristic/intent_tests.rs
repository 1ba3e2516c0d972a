use super::*;

fn write_of(path: &str, content: &str) -> Intent {
    Intent::Write { path: path.into(), content: content.into() }
}

fn run_of(commands: &[&str]) -> Intent {
    Intent::Run { commands: commands.iter().map(|c| (*c).into()).collect() }
}

fn build_of(directory: &str, tests: Tests) -> Intent {
    Intent::Build { directory: directory.into(), tests, report: "~/build-report.md".into() }
}

fn summarise_of(directory: &str, report: &str) -> Intent {
    Intent::Summarise { directory: directory.into(), report: report.into() }
}

#[test]
fn goals_people_give_find_their_rule() {
    let inspect = |report: &str| Intent::Inspect { report: report.into() };
    let count = |unit, path: &str| Intent::Count { unit, path: path.into() };
    let named = |p: &str, d: &str| Intent::Find { pattern: Pattern::Named(p.into()), directory: d.into() };
    let containing = |p: &str, d: &str| Intent::Find { pattern: Pattern::Containing(p.into()), directory: d.into() };
    for (goal, expected) in [
        ("inspect this machine and write a report", inspect("~/report.md")),
        ("Please inspect this machine and write a report to ~/Documents/machine.md.", inspect("~/Documents/machine.md")),
        ("Look at the system and report what you find", inspect("~/report.md")),
        ("describe this sandbox", inspect("~/report.md")),
        ("summarise the files in ~/project", summarise_of("~/project", "~/summary.md")),
        ("Summarize ~/project into ~/notes.md", summarise_of("~/project", "~/notes.md")),
        ("give me an overview of /srv/data/", summarise_of("/srv/data", "~/summary.md")),
        ("build and test the project in ~/project", build_of("~/project", Tests::Run)),
        ("Build ~/src/zlib.", build_of("~/src/zlib", Tests::Skip)),
        ("run the tests in ~/project", build_of("~/project", Tests::Run)),
        ("compile the project", build_of("~/project", Tests::Skip)),
        ("run ls -la /", run_of(&["ls -la /"])),
        ("Run the command: echo hi", run_of(&["echo hi"])),
        ("run `make -C ~/project test` and then `ls`", run_of(&["make -C ~/project test", "ls"])),
        ("run 'uname -a'", run_of(&["uname -a"])),
        ("see what `id` says", run_of(&["id"])),
        ("write a file ~/hello.txt saying Hello, world", write_of("~/hello.txt", "Hello, world\n")),
        ("create a file notes.txt with content \"a b\"", write_of("notes.txt", "a b\n")),
        ("create the file called TODO with the text buy milk", write_of("TODO", "buy milk\n")),
        ("make a file /tmp/x.md that says summarise ~/project", write_of("/tmp/x.md", "summarise ~/project\n")),
        ("write \"hello you\" to ~/Desktop/hello.txt", write_of("~/Desktop/hello.txt", "hello you\n")),
        ("count the lines in ~/data.csv", count(Unit::Lines, "~/data.csv")),
        ("How many words are in essay.txt?", count(Unit::Words, "essay.txt")),
        ("how many files are in ~/Documents", count(Unit::Files, "~/Documents")),
        ("find files named *.rs in ~/project", named("*.rs", "~/project")),
        ("find all files containing \"main(\" under ~/project", containing("main(", "~/project")),
        ("search ~/project for files containing TODO", containing("TODO", "~/project")),
        ("list the files in ~/it's", run_of(&[r#"ls -la "$HOME"'/it'\''s'"#])),
        ("show my home", run_of(&["ls -la \"$HOME\""])),
        ("tell me about this machine", inspect("~/report.md")),
        ("write a report about this machine", inspect("~/report.md")),
        ("fly to the moon", Intent::Unknown),
        ("write a poem about rivers", Intent::Unknown),
        ("run", Intent::Unknown),
        ("", Intent::Unknown),
    ] {
        assert_eq!(understand(goal), expected, "{goal:?}");
    }
}

#[test]
fn odd_text_never_panics() {
    for goal in [
        "é",
        "runé",
        "write é to ~",
        "`",
        "```",
        "find é named ",
        "count lines in \u{202e}",
        "run \u{130}",
        "write \u{130} saying x",
    ] {
        understand(goal);
    }
}
