//! "Build and test the project in ~/project."

use super::{
    DISCLAIMER,
    intent::Tests,
    project::{self, Purpose, Stage},
    script::{Move, Script, Seen, fenced, give_up, quote, succeed},
};
use crate::text;

/// Lines that tell what went wrong, in the words of compilers and test programs.
const FAILURES: &str =
    "grep -nE '(^|[^a-z])([Ee]rror|ERROR|FAIL|FAILED|[Ff]ailed|panicked|undefined reference|Traceback|[Aa]ssertion|not ok)'";

struct Done<'a> {
    stage: Stage,
    seen: &'a Seen,
    failures: Option<&'a Seen>,
}

pub(super) fn next(script: &mut Script<'_>, directory: &str, tests: Tests, report: &str) -> Move {
    steps(script, directory, tests, report).unwrap_or_else(|step| step)
}

fn steps(script: &mut Script<'_>, directory: &str, tests: Tests, report: &str) -> Result<Move, Move> {
    let cd = format!("cd {}", quote(directory));
    let facts = script.run("First I look which kind of project it is.", &format!("{cd} && {{ {}; }}", project::PROBE))?;
    if !facts.ok {
        return Ok(give_up(format!("{directory} cannot be read: {}", text::one_line(&facts.output(), 300))));
    }
    let Some(project) = project::detect(&facts.output(), tests) else {
        return Ok(give_up(format!(
            "{directory} has none of Cargo.toml, package.json, CMakeLists.txt, configure, Makefile, go.mod, pyproject.toml or Python files, \
             so I do not know how to build it"
        )));
    };
    let mut done = Vec::new();
    for stage in project.stages.clone() {
        let thought = match stage.purpose {
            Purpose::Prepare => format!("It is a project of the kind {}; I prepare its build.", project.kind),
            Purpose::Build => format!("I build it ({}).", project.kind),
            Purpose::Test => "It is built; I run its tests.".into(),
        };
        let seen = script.run(&thought, &format!("{cd} && {}", stage.command))?;
        let failures = match (seen.ok, seen.saved()) {
            (false, Some(path)) => {
                let command = format!("{FAILURES} {} | head -n 40; true", quote(path));
                Some(script.run("That failed with a long output; I look for the lines that say why.", &command)?)
            }
            _ => None,
        };
        let ok = seen.ok;
        done.push(Done { stage, seen, failures });
        if !ok {
            break;
        }
    }
    let tested = done.iter().any(|d| d.stage.purpose == Purpose::Test);
    let failed = done.iter().find(|d| !d.seen.ok);
    let verdict = verdict(failed, tested, tests);
    let written = script.write("I write down what happened.", report, &write_report(directory, project.kind, &verdict, &done))?;
    if !written.ok {
        return Ok(give_up(format!("{verdict} (and the report could not be written: {})", written.text)));
    }
    let summary = format!("{directory} ({}): {verdict}. Report: {report}", project.kind);
    Ok(if failed.is_some() { give_up(summary) } else { succeed(summary) })
}

fn verdict(failed: Option<&Done<'_>>, tested: bool, tests: Tests) -> String {
    let Some(done) = failed else {
        return match (tested, tests) {
            (true, _) => "built, and its tests passed".into(),
            (false, Tests::Run) => "built; it has no tests that I can find".into(),
            (false, Tests::Skip) => "built".into(),
        };
    };
    let what = match done.stage.purpose {
        Purpose::Prepare => "preparing the build failed",
        Purpose::Build => "the build failed",
        Purpose::Test => "its tests failed",
    };
    let why = match done.seen.exit() {
        Some(127) => "the program is not installed in the sandbox".into(),
        Some(code) => format!("exit status {code}"),
        None => text::one_line(&done.seen.text, 200),
    };
    let line = done.failures.map_or_else(|| done.seen.output(), Seen::output);
    let line = line.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
    format!("{what} (`{}`: {why}; {})", done.stage.command, text::one_line(line, 160))
}

fn write_report(directory: &str, kind: &str, verdict: &str, done: &[Done<'_>]) -> String {
    let mut report = format!(
        "# Build of {directory}\n\n{DISCLAIMER}: the commands below were picked by the kind of project ({kind}).\n\n**Result:** {verdict}\n"
    );
    for Done { stage, seen, failures } in done {
        let first = seen.text.lines().next().unwrap_or_default();
        report.push_str(&format!("\n## `{}`\n\n{first}\n\n", stage.command));
        if let Some(failures) = failures {
            report.push_str(&format!("Lines that tell of failures:\n\n{}\n", fenced("text", &failures.output())));
        }
        report.push_str(&fenced("text", &seen.output()));
    }
    report
}
