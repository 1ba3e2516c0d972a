//! Which kind of project a directory holds, and the commands that build and test it.

use serde_json::Value;

use super::intent::Tests;

/// What a stage is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Makes the build possible.
    Prepare,
    /// Builds.
    Build,
    /// Tests.
    Test,
}

/// A command of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) purpose: Purpose,
    pub(super) command: String,
}

/// A kind of project with its stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) kind: &'static str,
    pub(super) stages: Vec<Stage>,
}

/// Prints the facts that [`detect`] reads: file names at the top, targets of the makefile, whether there is pytest, the
/// package description of Node.
pub(super) const PROBE: &str = "ls -A | sed 's/^/file /'; \
    if [ -f Makefile ] || [ -f makefile ] || [ -f GNUmakefile ]; then make -pqrR 2>/dev/null | \
    awk '/^# Not a target/ { skip = 1; next } !skip && /^(all|check|test|tests):/ { sub(/:.*/, \"\"); print \"target\", $0 } { skip = 0 }' | sort -u; fi; \
    python3 -c 'import pytest' 2>/dev/null && echo 'module pytest'; \
    find . -path ./node_modules -prune -o -name 'test*.py' -print -o -name '*_test.py' -print 2>/dev/null | head -n 1 | sed 's/^/pytests /'; \
    [ -f package.json ] && [ $(wc -c < package.json) -lt 2000 ] && tr '\\n' ' ' < package.json | sed 's/^/package /'; true";

pub(super) fn detect(facts: &str, tests: Tests) -> Option<Project> {
    let has = |fact: &str| facts.lines().any(|line| line == fact);
    let file = |name: &str| has(&format!("file {name}"));
    let mut project = if file("Cargo.toml") {
        cargo()
    } else if file("package.json") {
        node(facts, file("node_modules"))
    } else if file("CMakeLists.txt") {
        cmake()
    } else if file("configure") || file("Makefile") || file("makefile") || file("GNUmakefile") {
        make(file("configure"), &has)
    } else if file("go.mod") {
        plain("Go", &[(Purpose::Build, "go build ./..."), (Purpose::Test, "go test ./...")])
    } else if file("pyproject.toml")
        || file("setup.py")
        || facts.lines().any(|l| l.starts_with("file ") && l.ends_with(".py"))
        || facts.contains("\npytests ")
    {
        python(facts, &has)
    } else {
        return None;
    };
    if tests == Tests::Skip {
        project.stages.retain(|stage| stage.purpose != Purpose::Test);
    }
    Some(project)
}

fn plain(kind: &'static str, stages: &[(Purpose, &str)]) -> Project {
    let stages = stages.iter().map(|(purpose, command)| Stage { purpose: *purpose, command: (*command).into() });
    Project { kind, stages: stages.collect() }
}

/// Offline, because the sandbox has no network: cargo says clearly which crate it lacks.
fn cargo() -> Project {
    plain("Rust (Cargo)", &[(Purpose::Build, "cargo build --offline"), (Purpose::Test, "cargo test --offline")])
}

fn cmake() -> Project {
    plain(
        "CMake",
        &[
            (Purpose::Prepare, "cmake -S . -B build"),
            (Purpose::Build, "cmake --build build -j \"$(nproc)\""),
            (Purpose::Test, "ctest --test-dir build --output-on-failure"),
        ],
    )
}

fn make(configure: bool, has: &dyn Fn(&str) -> bool) -> Project {
    let mut stages = Vec::new();
    if configure {
        stages.push(Stage { purpose: Purpose::Prepare, command: "sh ./configure".into() });
    }
    stages.push(Stage { purpose: Purpose::Build, command: "make -j \"$(nproc)\"".into() });
    let target = ["check", "test", "tests"].into_iter().find(|target| has(&format!("target {target}")));
    if let Some(target) = target {
        stages.push(Stage { purpose: Purpose::Test, command: format!("make {target}") });
    } else if configure {
        // Its makefile is yet to be written, so its targets are found when it is.
        let command = "if make -n check >/dev/null 2>&1; then make check; else make test; fi";
        stages.push(Stage { purpose: Purpose::Test, command: command.into() });
    }
    Project { kind: if configure { "configure and make" } else { "make" }, stages }
}

fn node(facts: &str, installed: bool) -> Project {
    let package = facts.lines().find_map(|line| line.strip_prefix("package "));
    let package: Value = package.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let non_empty = |key: &str| package.get(key).and_then(Value::as_object).is_some_and(|o| !o.is_empty());
    let mut stages = Vec::new();
    if !installed && (non_empty("dependencies") || non_empty("devDependencies")) {
        stages.push((Purpose::Prepare, "npm install --offline --no-audit --no-fund"));
    }
    stages.push((Purpose::Build, "npm run build --if-present"));
    // A package too long to be read here may have tests: --if-present finds out.
    if package.is_null() || package.pointer("/scripts/test").is_some() {
        stages.push((Purpose::Test, "npm run test --if-present"));
    }
    plain("Node", &stages)
}

fn python(facts: &str, has: &dyn Fn(&str) -> bool) -> Project {
    // Compiled in memory: a .pyc left behind hides an edit of the same second and size.
    let check = "find . -path './.*' -prune -o -name '*.py' -exec python3 -c \
        'import sys; [compile(open(f, \"rb\").read(), f, \"exec\") for f in sys.argv[1:]]' {} +";
    let mut stages = vec![(Purpose::Build, check)];
    if facts.contains("\npytests ") {
        let pytest = has("module pytest");
        let command = match (pytest, has("file tests")) {
            (true, _) => "PYTHONDONTWRITEBYTECODE=1 python3 -m pytest -q",
            (false, true) => "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=.:src python3 -m unittest discover -v -s tests",
            (false, false) => "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=.:src python3 -m unittest discover -v",
        };
        stages.push((Purpose::Test, command));
    }
    plain("Python", &stages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(facts: &str, tests: Tests) -> Vec<String> {
        detect(facts, tests).map(|p| p.stages.into_iter().map(|s| s.command).collect()).unwrap_or_default()
    }

    #[test]
    fn each_kind_of_project_is_built_with_its_own_tools() {
        assert_eq!(commands("file Cargo.toml\nfile Makefile", Tests::Run), ["cargo build --offline", "cargo test --offline"]);
        assert_eq!(commands("file Makefile\ntarget all\ntarget test", Tests::Run), ["make -j \"$(nproc)\"", "make test"]);
        assert_eq!(commands("file Makefile\ntarget test", Tests::Skip), ["make -j \"$(nproc)\""]);
        assert_eq!(commands("file configure", Tests::Skip), ["sh ./configure", "make -j \"$(nproc)\""]);
        assert_eq!(commands("file CMakeLists.txt", Tests::Run).len(), 3);
        let package =
            "file package.json\npackage { \"scripts\": { \"test\": \"node --test\" }, \"dependencies\": { \"a\": \"1\" } }";
        assert_eq!(
            commands(package, Tests::Run),
            ["npm install --offline --no-audit --no-fund", "npm run build --if-present", "npm run test --if-present"]
        );
        assert_eq!(commands("file package.json\npackage { }", Tests::Run), ["npm run build --if-present"]);
        assert_eq!(
            commands("file a.py\nfile tests\npytests ./tests/test_a.py", Tests::Run)[1],
            "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=.:src python3 -m unittest discover -v -s tests"
        );
        assert_eq!(
            commands("file a.py\nmodule pytest\npytests ./test_a.py", Tests::Run)[1],
            "PYTHONDONTWRITEBYTECODE=1 python3 -m pytest -q"
        );
        assert!(detect("file notes.txt", Tests::Run).is_none());
    }
}
