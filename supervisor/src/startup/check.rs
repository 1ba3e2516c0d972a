//! `aetherd --check-config`: everything a start would read, and the agents declared beside it; nothing is made or changed.

use std::{fs, io, path::Path, process::ExitCode};

use aether_protocol::declared;

use super::{BAD_CONFIG, args::Args};
use crate::config::{self, Listen};

/// Reads everything, says what is wrong or what would be in force.
pub(super) fn run(args: &Args) -> ExitCode {
    let loaded = config::load(args.config.as_deref()).and_then(|mut loaded| loaded.read_secrets().map(|()| loaded));
    let loaded = loaded.and_then(|loaded| loaded.check_host().map(|()| loaded));
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("error: {error}\nhint: {}", error.fix());
            return ExitCode::from(BAD_CONFIG);
        }
    };
    let directory = loaded.declared_agents();
    let agents = match declared_agents(&directory) {
        Ok(agents) => agents,
        Err(refusal) => {
            eprintln!("error: {refusal}");
            return ExitCode::from(BAD_CONFIG);
        }
    };
    for file in loaded.files() {
        println!("{}: ok", file.display());
    }
    for agent in agents {
        println!("{agent}: ok");
    }
    match args.listen.or(loaded.config.listen).unwrap_or_default() {
        Listen::At(address) => println!("listen: {address}"),
        Listen::None => println!("listen: none"),
    }
    ExitCode::SUCCESS
}

/// Looks at every declared agent; gives the files.
fn declared_agents(directory: &Path) -> Result<Vec<String>, String> {
    let unreadable = |error: io::Error| {
        format!("{}: cannot be read: {error}\nhint: make it a directory of NAME.toml files, or remove it", directory.display())
    };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "toml"));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let place = path.display().to_string();
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("{place}: cannot be read: {error}\nhint: make it a file of UTF-8 text"))?;
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        declared::parse(name, &text).map_err(|refusal| format!("{place}{refusal}\nhint: {}", refusal.fix))?;
        files.push(place);
    }
    Ok(files)
}
