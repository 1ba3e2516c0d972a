//! What Mission Control costs a browser, as `scripts/bench-web.sh` found it just before.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::report::Report;

/// Adds what is in the file.
///
/// # Errors
/// When it is not there, or lacks a figure.
pub(crate) fn section(report: &mut Report, found: &Path) -> Result<()> {
    let found: Value = serde_json::from_str(&fs::read_to_string(found)?)?;
    let at = |path: &str| found.pointer(path).and_then(Value::as_f64).with_context(|| format!("no {path}"));
    report.section(
        "Mission Control in Chromium",
        "The bytes that a first visit transfers, packed as aetherd sends them; then 1,000 live agents, whose screens change, scrolled \
         from end to end: only the tiles in sight exist. Without a graphics card the browser draws on the same processors.",
    );
    let (load, frames) = (at("/web/firstLoad/kilobytes")?, at("/web/tiles/framesPerSecond")?);
    for (name, value, unit) in [
        ("first load", load, "KB"),
        ("frames while 1,000 tiles are scrolled", frames, "frames/s"),
        ("the page's own thread: CPU of a frame", at("/web/tiles/cpuMsPerFrame/all")?, "ms"),
        ("time between two frames, p99", at("/web/tiles/frameMs/p99")?, "ms"),
        ("tiles that exist at once", at("/web/tiles/tilesAtOnce")?, ""),
        ("events meanwhile", at("/web/tiles/eventsPerSecond")?, "events/s"),
    ] {
        report.figure(name, value, unit);
    }
    report.at_most("first load of Mission Control, packed", load, 250.0, "KB");
    // A frame more or less within the measured time is no miss.
    report.at_least("frames while 1,000 tiles are scrolled", frames, 59.5, "frames/s");
    Ok(())
}
