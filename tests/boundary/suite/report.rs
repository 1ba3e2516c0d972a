//! What was found, for people: lines on the terminal, a table in the documents, and the figures at the end.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    attack::{Gain, Layer},
    machine,
};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Refused as stated, by the layers stated, and the control got through.
    Pass,
    /// Not.
    Fail(String),
    /// It could not be shown that anything was tried. Counts as failed.
    Inconclusive(String),
    /// This kind of kernel lacks what the attempt or its control needs. Neither passed nor failed.
    NotHere(&'static str),
}

/// One attempt.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) attempt: String,
    /// What the full sandbox answered.
    pub(crate) answer: String,
    /// Each stops it alone.
    pub(crate) layers: Vec<Layer>,
    /// Where it got through.
    pub(crate) control: &'static str,
    pub(crate) note: &'static str,
    /// What it would give.
    pub(crate) gain: Gain,
    pub(crate) verdict: Verdict,
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    checks: usize,
    failed_checks: Vec<String>,
}

impl Report {
    /// Adds an attempt.
    pub(crate) fn add(&mut self, row: Row) {
        let (word, why) = match &row.verdict {
            Verdict::Pass => ("pass", String::new()),
            Verdict::Fail(why) => ("FAIL", format!(": {why}")),
            Verdict::Inconclusive(why) => ("INCONCLUSIVE", format!(": {why}")),
            Verdict::NotHere(why) => ("not here", format!(": {why}")),
        };
        println!("{} {:24} {word} {} [{}]{why}", row.id, row.attempt, row.answer, names(&row.layers));
        self.rows.push(row);
    }

    /// Adds something that must hold beside the attempts.
    pub(crate) fn check(&mut self, id: &str, what: &str, result: Result<()>) {
        self.checks += 1;
        if let Err(error) = result {
            println!("{id} {what} FAIL: {error:#}");
            self.failed_checks.push(format!("{id} {what}"));
        }
    }

    /// Prints the figures of both ways of launching and, when asked to and all is well, writes the table, in which both must be the
    /// same. Whether all is well.
    pub(crate) fn finish(&self, ahead: &Self, table: Option<&Path>) -> Result<bool> {
        println!();
        let failures = self.failures("") + ahead.failures(", built ahead");
        let differing: Vec<_> = self
            .table()
            .lines()
            .zip(ahead.table().lines())
            .filter(|(one, other)| one != other)
            .map(|(one, other)| format!("{one}\n  {other}"))
            .collect();
        for lines in &differing {
            println!("otherwise when built ahead:\n  {lines}");
        }
        if let Some(table) = table.filter(|_| env::var_os("AETHER_UPDATE").is_some() && failures == 0) {
            fs::write(table, self.table()).with_context(|| format!("write {}", table.display()))?;
        }
        let stated = self.rows.iter().filter(|row| row.control == "none").count();
        // What a kernel cannot show is no finding about layers, neither good nor bad: it is counted by itself.
        let (absent, tried): (Vec<&Row>, Vec<&Row>) =
            self.rows.iter().partition(|row| matches!(row.verdict, Verdict::NotHere(_)));
        let single = tried.into_iter().filter(|row| row.id.starts_with("ESC") && row.layers.len() == 1);
        let (escapes, others): (Vec<&Row>, Vec<&Row>) = single.partition(|row| row.gain == Gain::Escape);
        println!("{} attempts; {stated} have no control on any host", self.rows.len());
        println!("{} again in sandboxes built ahead, {} of which came to something else", ahead.rows.len(), differing.len());
        println!("stopped by one layer: {} escapes, {} that are none", escapes.len(), others.len());
        if !absent.is_empty() {
            let escapes = absent.iter().filter(|row| row.gain == Gain::Escape).count();
            println!("{} cannot be tried on this kind of kernel, {escapes} of them escapes", absent.len());
        }
        let done: usize = [self, ahead].iter().map(|report| report.rows.len() + report.checks - report.not_here()).sum();
        println!("{} passed, {failures} failed", done - failures);
        Ok(failures == 0)
    }

    /// Prints what failed; how many.
    fn failures(&self, how: &str) -> usize {
        let failed = self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Fail(_) | Verdict::Inconclusive(_)));
        let failed = failed.map(|row| format!("{} {}", row.id, row.attempt)).chain(self.failed_checks.iter().cloned());
        failed.inspect(|what| println!("failed: {what}{how}")).count()
    }

    fn not_here(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.verdict, Verdict::NotHere(_))).count()
    }

    fn table(&self) -> String {
        let mut groups: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            groups.entry((row.id, row.promise)).or_default().push(row);
        }
        let mut text = String::from(HEAD);
        let _ = writeln!(text, "\nThis run: {}.", machine::described());
        for ((id, promise), rows) in groups {
            let _ = writeln!(
                text,
                "\n## {id}: {promise}\n\n| attempt | would be | answer | layers | each of them alone | control |\n| --- | --- | --- | --- | --- | --- |"
            );
            for row in rows {
                if let Verdict::NotHere(why) = row.verdict {
                    let _ = writeln!(text, "| {} | {} | not tried | | {why} | |", row.attempt, row.gain.name());
                    continue;
                }
                let (count, layers) = match row.layers.len() {
                    0 => ("".to_owned(), "must work".to_owned()),
                    count => (count.to_string(), names(&row.layers)),
                };
                let note = if row.note.is_empty() { String::new() } else { format!("; {}", row.note) };
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {count} | {layers}{note} | {} |",
                    row.attempt,
                    row.gain.name(),
                    row.answer,
                    row.control
                );
            }
        }
        text
    }
}

fn names(layers: &[Layer]) -> String {
    layers.iter().map(|layer| layer.name()).collect::<Vec<_>>().join(", ")
}

const HEAD: &str = "\
# What stops what

Generated from a run of the attack suite (`tests/boundary`); write it again with `AETHER_UPDATE=1 cargo test -p aether-boundary`.

Every line is one attempt of hostile code in a real sandbox. The answer is the full sandbox's. A layer is counted when the
attempt is still refused with that layer kept and every other one left out; with all of them left out it gets through (the
control), or nothing would be shown. What namespaces and ids refuse cannot be left out on a host that should survive the test:
there the control is the same program as root outside any sandbox, and each layer is tried on it alone. The host is compared
before and after: mounts, kernel settings, the base, keys, set-id files, processes and sockets of agents outside their namespaces, the
spawner's descriptors, threads, namespaces and size. Where the control is `none`, no host has one: the
layers are stated, not measured, and the note says what shows them.

What an attempt would be is said of each: an `escape` has to be stopped by two layers at least, or the suite fails; `information` tells about
the host or the sandbox and changes nothing; a `step` gives nothing by itself: it shows that a layer works alone, or is part of an attempt that
stands beside it.

Two layers are filters of system calls: `seccomp` is the sandbox's own, a list of what is allowed that seccompiler turns into a
program; `spawner's filter` is inherited from the spawner, a list of what is refused with a program of its own. Their data and their
code are independent, and either is tried alone; the mechanism of the kernel is the same, so a defect of seccomp itself would open both. The weakened sandboxes come from a build feature (`weaken`)
that refuses to compile without debug assertions.

All of it is done twice: in sandboxes that are built when they are asked for, and in sandboxes that were built ahead for nobody, with another
name and wider limits, and claimed; three more wait meanwhile and must then look as one that is built now. The table is of the first, and the run
says where the second came to something else.
";
