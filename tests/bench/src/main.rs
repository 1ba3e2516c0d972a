//! `make bench`: what Aether costs, beside its peers and the floor of the kernel, all of it interleaved in one run.
//!
//! `bench [--quick] [--markdown FILE] [--json FILE] [--web FILE] [--about TEXT] [SECTION...]`; as root.
#![forbid(unsafe_code)]

mod api;
mod cold;
mod events;
mod host;
mod inside;
mod loops;
mod many;
mod peers;
mod pressed;
mod relay;
mod report;
mod sample;
mod spawner;
mod streams;
mod web;

use std::{path::PathBuf, time::Instant};

use aether_sandbox::spawner::SPAWNER_ARGUMENT;
use anyhow::{Context as _, Result, bail, ensure};
use report::Report;

/// What was asked for.
struct Wishes {
    quick: bool,
    markdown: PathBuf,
    json: PathBuf,
    /// What `scripts/bench-web.sh` found in a browser before.
    web: Option<PathBuf>,
    /// What was measured, for the page: a commit and a day.
    about: String,
    sections: Vec<String>,
}

type Section = fn(&mut Report, bool) -> Result<()>;

const SECTIONS: [(&str, Section); 9] = [
    ("cold", cold::section),
    ("spawner", spawner::section),
    ("inside", inside::section),
    ("streams", streams::section),
    ("events", events::section),
    ("relay", relay::section),
    ("many", many::section),
    ("loops", loops::section),
    ("pressed", pressed::section),
];

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some(SPAWNER_ARGUMENT) {
        std::process::exit(aether_sandbox::spawner::main());
    }
    let wishes = wishes()?;
    let (mut report, load, start) = (Report::default(), host::load(), Instant::now());
    let mut failed = Vec::new();
    for (name, section) in SECTIONS {
        if wishes.sections.is_empty() || wishes.sections.iter().any(|wanted| wanted == name) {
            // What fails takes nothing of what was measured with it.
            if let Err(error) = section(&mut report, wishes.quick) {
                eprintln!("section {name} ended early: {error:?}");
                failed.push(name);
            }
        }
    }
    if let Some(found) = &wishes.web {
        web::section(&mut report, found).context("section web")?;
    }
    for file in [&wishes.markdown, &wishes.json] {
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    }
    let minutes = start.elapsed().as_secs().div_ceil(60);
    let machine = format!("{}{} Load before the run: {load}; it took {minutes} min.", wishes.about, host::describe());
    report.write(&machine, &wishes.markdown, &wishes.json).context("write the report")?;
    ensure!(failed.is_empty(), "ended early: {}", failed.join(", "));
    Ok(())
}

fn wishes() -> Result<Wishes> {
    let mut wishes = Wishes {
        quick: false,
        markdown: "target/benchmarks.md".into(),
        json: "target/benchmarks.json".into(),
        web: None,
        about: String::new(),
        sections: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => wishes.quick = true,
            "--markdown" => wishes.markdown = arguments.next().context("--markdown needs a file")?.into(),
            "--json" => wishes.json = arguments.next().context("--json needs a file")?.into(),
            "--web" => wishes.web = Some(arguments.next().context("--web needs a file")?.into()),
            "--about" => wishes.about = arguments.next().context("--about needs a text")? + " ",
            name if SECTIONS.iter().any(|(known, _)| *known == name) => wishes.sections.push(argument),
            other => bail!("unknown: {other}; sections are {:?}", SECTIONS.map(|(name, _)| name)),
        }
    }
    Ok(wishes)
}
