//! What was measured, for people (Markdown) and programs (JSON).

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};

use crate::sample::Sample;

/// Everything measured in one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sections: Vec<Section>,
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Section {
    title: String,
    note: String,
    times: Vec<(String, Sample)>,
    figures: Vec<(String, f64, String)>,
}

#[derive(Debug)]
struct Target {
    what: String,
    found: f64,
    wanted: f64,
    /// More is better.
    floor: bool,
    unit: String,
}

impl Target {
    fn met(&self) -> bool {
        if self.floor { self.found >= self.wanted } else { self.found <= self.wanted }
    }
}

impl Section {
    fn markdown(&self, text: &mut String) {
        let _ = writeln!(text, "\n## {}\n\n{}\n", self.title, self.note);
        if !self.times.is_empty() {
            text.push_str("| | p50 ms | min | p90 | p99 | rounds |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
        }
        for (name, sample) in &self.times {
            let [p50, min, p90, p99] = [0.5, 0.0, 0.9, 0.99].map(|part| sample.at(part));
            let _ = writeln!(text, "| {name} | {p50:.3} | {min:.3} | {p90:.3} | {p99:.3} | {} |", sample.len());
        }
        if !self.figures.is_empty() {
            text.push_str("\n| | |\n| --- | ---: |\n");
        }
        for (name, value, unit) in &self.figures {
            let _ = writeln!(text, "| {name} | {value:.2} {unit} |");
        }
    }
}

impl Report {
    /// Begins a section.
    pub(crate) fn section(&mut self, title: &str, note: &str) {
        println!("\n== {title}");
        let (title, note) = (title.to_owned(), note.to_owned());
        self.sections.push(Section { title, note, times: Vec::new(), figures: Vec::new() });
    }

    /// Adds times to the last section.
    pub(crate) fn times(&mut self, name: &str, sample: Sample) -> f64 {
        let p50 = sample.p50();
        println!("{name}: p50 {p50:.3} ms, p90 {:.3}, p99 {:.3} ({} rounds)", sample.at(0.9), sample.at(0.99), sample.len());
        if let Some(section) = self.sections.last_mut() {
            section.times.push((name.to_owned(), sample));
        }
        p50
    }

    /// Adds a figure to the last section.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str) {
        println!("{name}: {value:.3} {unit}");
        if let Some(section) = self.sections.last_mut() {
            section.figures.push((name.to_owned(), value, unit.to_owned()));
        }
    }

    /// Compares with a target: at most `wanted`.
    pub(crate) fn at_most(&mut self, what: &str, found: f64, wanted: f64, unit: &str) {
        self.targets.push(Target { what: what.into(), found, wanted, floor: false, unit: unit.into() });
    }

    /// Compares with a target: at least `wanted`.
    pub(crate) fn at_least(&mut self, what: &str, found: f64, wanted: f64, unit: &str) {
        self.targets.push(Target { what: what.into(), found, wanted, floor: true, unit: unit.into() });
    }

    /// Writes both forms.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(&self, machine: &str, markdown: &Path, data: &Path) -> std::io::Result<()> {
        fs::write(markdown, self.markdown(machine))?;
        fs::write(data, format!("{:#}\n", self.json(machine)))
    }

    fn markdown(&self, machine: &str) -> String {
        let (mut targets, mut sections) = ("| | found | target | |\n| --- | ---: | ---: | --- |\n".to_owned(), String::new());
        for target in &self.targets {
            let sign = if target.floor { "≥" } else { "≤" };
            let met = if target.met() { "met" } else { "**missed**" };
            let Target { what, found, wanted, unit, .. } = target;
            let _ = writeln!(targets, "| {what} | {found:.2} {unit} | {sign} {wanted:.2} | {met} |");
        }
        for section in &self.sections {
            section.markdown(&mut sections);
        }
        include_str!("../BENCHMARKS.md.in")
            .replace("{{machine}}", machine)
            .replace("{{targets}}", targets.trim_end())
            .replace("{{missed}}", &self.missed())
            .replace("{{sections}}", sections.trim_end())
    }

    /// How many targets were met, and which were not.
    fn missed(&self) -> String {
        let missed: Vec<&str> = self.targets.iter().filter(|target| !target.met()).map(|target| target.what.as_str()).collect();
        let (met, all) = (self.targets.len() - missed.len(), self.targets.len());
        if missed.is_empty() {
            return format!("All {all} are met.");
        }
        format!("{met} of {all} are met. Missed in this run: {}.", missed.join("; "))
    }

    fn json(&self, machine: &str) -> Value {
        let targets: Vec<Value> = self
            .targets
            .iter()
            .map(|t| json!({ "what": t.what, "found": t.found, "wanted": t.wanted, "atLeast": t.floor, "unit": t.unit, "met": t.met() }))
            .collect();
        let sections: Vec<Value> = self
            .sections
            .iter()
            .map(|section| {
                let time = |(name, s): &(String, Sample)| {
                    json!({ "name": name, "p50Ms": s.at(0.5), "minMs": s.at(0.0), "p90Ms": s.at(0.9), "p99Ms": s.at(0.99), "rounds": s.len() })
                };
                let figure = |(name, value, unit): &(String, f64, String)| json!({ "name": name, "value": value, "unit": unit });
                json!({
                    "title": section.title,
                    "times": section.times.iter().map(time).collect::<Vec<_>>(),
                    "figures": section.figures.iter().map(figure).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({ "machine": machine, "targets": targets, "sections": sections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_figure_and_names_what_was_missed() {
        let mut report = Report::default();
        report.section("One", "How.");
        report.times("a step", Sample::from(vec![std::time::Duration::from_millis(2)]));
        report.figure("a size", 3.0, "MiB");
        report.at_most("a step, p50", 2.0, 1.0, "ms");
        report.at_least("a rate", 5.0, 4.0, "MB/s");
        let page = report.markdown("A machine.");
        for part in
            ["\nA machine.\n", "## One", "| a step | 2.000 |", "| a size | 3.00 MiB |", "≥ 4.00 | met |", "≤ 1.00 | **missed** |"]
        {
            assert!(page.contains(part), "{part}:\n{page}");
        }
        assert!(page.contains("1 of 2 are met. Missed in this run: a step, p50.") && !page.contains("{{"), "{page}");
        assert_eq!(report.json("A machine.")["targets"][0]["met"], false);
    }
}
