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
    pub(crate) fn write(&self, host: &str, markdown: &Path, data: &Path) -> std::io::Result<()> {
        fs::write(markdown, self.markdown(host))?;
        fs::write(data, format!("{:#}\n", self.json(host)))
    }

    fn markdown(&self, host: &str) -> String {
        let mut text = format!(
            "# Benchmarks\n\nWritten by `make bench`. {host}\n\nAbsolute figures vary between machines; the ratios of one run are what count.\n"
        );
        text.push_str("\n## Targets\n\n| | found | target | |\n| --- | ---: | ---: | --- |\n");
        for target in &self.targets {
            let sign = if target.floor { "≥" } else { "≤" };
            let met = if target.met() { "met" } else { "**missed**" };
            let _ =
                writeln!(text, "| {} | {:.2} {} | {sign} {:.2} | {met} |", target.what, target.found, target.unit, target.wanted);
        }
        for section in &self.sections {
            let _ = writeln!(text, "\n## {}\n\n{}\n", section.title, section.note);
            if !section.times.is_empty() {
                text.push_str("| | p50 ms | min | p90 | p99 | rounds |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
            }
            for (name, sample) in &section.times {
                let [p50, min, p90, p99] = [0.5, 0.0, 0.9, 0.99].map(|part| sample.at(part));
                let _ = writeln!(text, "| {name} | {p50:.3} | {min:.3} | {p90:.3} | {p99:.3} | {} |", sample.len());
            }
            if !section.figures.is_empty() {
                text.push_str("\n| | |\n| --- | ---: |\n");
            }
            for (name, value, unit) in &section.figures {
                let _ = writeln!(text, "| {name} | {value:.2} {unit} |");
            }
        }
        text
    }

    fn json(&self, host: &str) -> Value {
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
        json!({ "host": host, "targets": targets, "sections": sections })
    }
}
