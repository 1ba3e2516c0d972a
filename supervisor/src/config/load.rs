//! From files to a configuration: the file, then its drop-ins in the order of their names, each read and checked by itself.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Config, ConfigError,
    check::{Problem, check_cgroup},
    place::{line_number, line_of, of_toml},
};

/// Where the file is looked for when nobody names one; it may be absent there.
pub const DEFAULT_PATH: &str = "/etc/aether/aether.toml";

/// Largest file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// One file that was read.
#[derive(Debug, Clone)]
struct Source {
    path: PathBuf,
    text: String,
}

/// A configuration and where it comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    sources: Vec<Source>,
    main: PathBuf,
}

/// Reads the file named on the command line, or the default one when it exists, and the drop-ins `FILE.d/*.toml`. A later file
/// replaces single keys of the earlier ones.
///
/// # Errors
/// [`ConfigError`] with file, line, key and the fix.
pub fn load(named: Option<&Path>) -> Result<Loaded, ConfigError> {
    let main = named.unwrap_or(Path::new(DEFAULT_PATH)).to_owned();
    let mut paths = Vec::new();
    if named.is_some() || fs::symlink_metadata(&main).is_ok() {
        paths.push(main.clone());
    }
    paths.extend(drop_ins(&main)?);
    let (mut sources, mut merged) = (Vec::new(), Table::new());
    for path in paths {
        let (source, table) = read(&path)?;
        merge(&mut merged, table);
        sources.push(source);
    }
    let config = merged.try_into::<Config>().map_err(|error| {
        // Each file is right by itself, so that only their sum can be wrong: a table in one is a value in the other.
        ConfigError::new(main.display(), error.message(), "make the drop-ins agree with the file")
    })?;
    let loaded = Loaded { config, sources, main };
    loaded.config.check().map_err(|problem| loaded.at(problem))?;
    Ok(loaded)
}

impl Loaded {
    /// Looks whether this host has what the configuration names.
    ///
    /// # Errors
    /// [`ConfigError`], as [`load`].
    pub fn check_host(&self) -> Result<(), ConfigError> {
        self.config.check_host().map_err(|problem| self.at(problem))
    }

    /// The agents' place in the tree of cgroups: from the environment's value, then from the files.
    ///
    /// # Errors
    /// In words, when the environment names one that is not there: it may come later.
    pub fn cgroup_root(&self, environment: Option<String>) -> Result<Option<String>, String> {
        let Some(root) = environment.filter(|root| !root.is_empty()) else { return Ok(self.config.cgroup.root.clone()) };
        if !root.starts_with('/') || root.split('/').any(|part| part == "..") {
            return Err(format!(
                "AETHER_CGROUP_ROOT={root} is not a path below the cgroup2 mount point\nhint: give a path such as /aether.slice/aether-agents.service"
            ));
        }
        check_cgroup(&root).map_err(|(cause, fix)| format!("AETHER_CGROUP_ROOT: {cause}\nhint: {fix}"))?;
        Ok(Some(root.trim_end_matches('/').to_owned()))
    }

    /// The files it was read from, in order.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(|source| source.path.as_path())
    }

    /// The directory of declared agents, beside the file.
    pub fn declared_agents(&self) -> PathBuf {
        self.main.with_file_name("agents.d")
    }

    /// The place of a key: in the last file that sets it.
    fn at(&self, problem: Problem) -> ConfigError {
        let Problem { key, cause, fix } = problem;
        let found = self.sources.iter().rev().find_map(|source| Some((source, line_of(&source.text, &key)?)));
        match found {
            Some((source, line)) => ConfigError::at(&source.path, line, &key, cause, fix),
            None => ConfigError::new(format!("{}: {key}", self.main.display()), cause, fix),
        }
    }

    /// Takes in the secrets that lie in files of their own: only who starts the service may read them.
    ///
    /// # Errors
    /// [`ConfigError`], as [`load`]; also when others may read such a file.
    pub fn read_secrets(&mut self) -> Result<(), ConfigError> {
        let mut found = Vec::new();
        for (table, provider) in self.config.llm.tables() {
            let Some(path) = &provider.api_key_file else { continue };
            let refuse = |(cause, fix)| self.at(Problem { key: format!("{table}.api_key_file").into(), cause, fix });
            found.push((table.clone(), key_in(path).map_err(refuse)?));
        }
        for (table, provider) in self.config.llm.tables_mut() {
            if let Some((_, key)) = found.iter().find(|(of, _)| *of == table) {
                provider.api_key = Some(key.clone());
            }
        }
        Ok(())
    }
}

/// The key that a file of its own holds, or cause and fix.
fn key_in(path: &Path) -> Result<String, (String, String)> {
    let shown = path.display();
    let (meta, text) = open(path).map_err(|error| {
        (format!("{shown} cannot be read: {error}"), "name a file that exists and holds the key alone".to_owned())
    })?;
    if meta.mode() & 0o007 != 0 {
        let cause = format!("{shown} holds a secret and others may use it (mode {:04o})", meta.mode() & 0o7777);
        return Err((cause, format!("chmod o= {shown}")));
    }
    let key = String::from_utf8(text).ok().map(|text| text.trim().to_owned()).filter(|key| !key.is_empty());
    key.filter(|key| !key.contains(char::is_whitespace))
        .ok_or_else(|| (format!("{shown} does not hold a key"), "write the key alone into it, on one line".to_owned()))
}

/// `FILE.d/*.toml`, in the order of their names.
fn drop_ins(main: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut dir = main.as_os_str().to_owned();
    dir.push(".d");
    let dir = PathBuf::from(dir);
    let unreadable = |error: std::io::Error| {
        ConfigError::new(
            dir.display(),
            format!("cannot be read: {error}"),
            "make it a directory that the service may read, or remove it",
        )
    };
    let entries = match fs::read_dir(&dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "toml") && !hidden(path));
    paths.sort();
    Ok(paths)
}

/// Reads one file and looks at it by itself.
fn read(path: &Path) -> Result<(Source, Table), ConfigError> {
    let shown = path.display();
    let refuse = |cause: String, fix: String| ConfigError::new(path.display(), cause, fix);
    let (meta, bytes) = open(path).map_err(|error| {
        refuse(format!("cannot be read: {error}"), "name a file that exists and that the service may read".to_owned())
    })?;
    let owner = meta.uid();
    if owner != 0 && owner != nix::unistd::geteuid().as_raw() {
        let cause = format!("belongs to user {owner}, who could change what the service does");
        return Err(refuse(cause, format!("chown root {shown}")));
    }
    if meta.mode() & 0o002 != 0 {
        let cause = format!("everybody may write it (mode {:04o})", meta.mode() & 0o7777);
        return Err(refuse(cause, format!("chmod o-w {shown}")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        ConfigError::at(path, line, "", "is not UTF-8 text", "write the file again as UTF-8")
    })?;
    let source = Source { path: path.to_owned(), text };
    toml::from_str::<Config>(&source.text).map_err(|error| of_toml(path, &source.text, &error))?;
    let table = source.text.parse::<Table>().map_err(|error| of_toml(path, &source.text, &error))?;
    if meta.mode() & 0o007 != 0
        && let Some(key) = secret_in(&table)
    {
        let line = line_of(&source.text, &key).unwrap_or(line_number(&source.text, 0));
        let cause = format!("the file holds a secret and others may read it (mode {:04o})", meta.mode() & 0o7777);
        let fix = format!("chmod o= {shown} (and chgrp aether {shown}, so that a reload can read it)");
        return Err(ConfigError::at(path, line, &key, cause, fix));
    }
    Ok((source, table))
}

/// A regular file's facts and contents.
fn open(path: &Path) -> std::io::Result<(fs::Metadata, Vec<u8>)> {
    // A pipe in the place of a file must not hold the start up.
    let file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok((meta, bytes))
}

/// The first key that is set to a secret: to something that is not empty.
fn secret_in(table: &Table) -> Option<String> {
    let llm = table.get("llm")?.as_table()?;
    let endpoints = llm.get("endpoints").and_then(Value::as_table).into_iter().flatten();
    let endpoints = endpoints.map(|(name, provider)| (format!("llm.endpoints.{name}"), provider));
    let named = llm.iter().filter(|(name, _)| *name != "endpoints").map(|(name, provider)| (format!("llm.{name}"), provider));
    let mut tables = named.chain(endpoints);
    tables.find_map(|(table, provider)| {
        let key = provider.get("api_key")?;
        (key.as_str() != Some("")).then(|| format!("{table}.api_key"))
    })
}

/// Puts `over` on top: tables key by key, everything else as a whole.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
