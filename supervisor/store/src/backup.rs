//! Copies of the database: while it is written to, before a migration, and back again.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, OpenFlags};

use crate::{OpenError, Store, StoreError, schema};

/// Copies from before migrations that are kept.
const KEPT: usize = 3;
/// Name that a copy has in the state directory until somebody has opened it.
pub const PASSING: &str = "aether.db.copy";
/// Tables that every database of ours has, since the first schema.
const OURS: [&str; 4] = ["agents", "audit", "events", "leases"];

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Version of its schema.
    pub schema: usize,
    /// How many agents it records.
    pub agents: u64,
    /// How many audit records it holds.
    pub audit: u64,
}

/// What [`restore`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What is in force now.
    pub contents: Contents,
    /// Where the database of before lies, when there was one.
    pub before: Option<PathBuf>,
}

impl Store {
    /// Writes a consistent copy of everything to `to`, which must not exist yet; changes are committed meanwhile and are not in
    /// it. The copy is on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written or the database fails. Nothing is left of it then.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let (from, to) = (self.path().to_owned(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await;
        match copied.map_err(|_| StoreError::Closed)? {
            Ok(()) => Ok(()),
            Err(OpenError::Sqlite(error)) => Err(error.into()),
            Err(error) if is_full(&error) => Err(StoreError::NoSpace),
            Err(error) => Err(StoreError::Copy(error.to_string())),
        }
    }
}

fn is_full(error: &OpenError) -> bool {
    matches!(error, OpenError::File { source, .. } if source.kind() == io::ErrorKind::StorageFull)
}

/// Copies the database `from` to the new file `to` (mode 0600).
fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: to.to_owned(), source };
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let copied = (|| {
        // A reader of its own: one snapshot, and the writer never waits for it.
        let db = schema::open_reader(from)?;
        db.execute("VACUUM INTO ?1", [to.display().to_string()])?;
        drop(db);
        sync(to).map_err(failed)
    })();
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}

/// Brings a file and its name to the disk.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Keeps a copy of a database beside it before its schema changes, and removes the oldest ones: `NAME.schema-N.bak-SECONDS`.
pub(crate) fn before_migration(path: &Path, schema: usize) -> Result<PathBuf, OpenError> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let kept = beside(path, &format!("schema-{schema}.bak-{seconds}"));
    if !kept.exists() {
        copy(path, &kept)?;
    }
    remove_old(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    Ok(kept)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

fn remove_old(path: &Path) -> io::Result<()> {
    let prefix = beside(path, "schema-");
    let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut copies = Vec::new();
    for entry in fs::read_dir(path.parent().unwrap_or(Path::new("/")))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(&prefix) else { continue };
        if let Some(seconds) = rest.split_once(".bak-").and_then(|(_, seconds)| seconds.parse::<u64>().ok()) {
            copies.push((seconds, entry.path()));
        }
    }
    copies.sort();
    let too_many = copies.len().saturating_sub(KEPT);
    copies.into_iter().take(too_many).try_for_each(|(_, path)| fs::remove_file(path))
}

/// Looks at a copy without changing it: whole, ours, and of a schema that this version knows.
///
/// # Errors
/// What is wrong with it.
pub fn examine(path: &Path) -> Result<Contents, OpenError> {
    let file = File::open(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let length = file.metadata().map_err(|source| OpenError::File { path: path.to_owned(), source })?.len();
    drop(file);
    // Immutable: the file is nobody's database, and nothing is made beside it.
    let address = format!("file:{}?immutable=1", encode(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(address, flags)?;
    schema::refuse_damaged(path, &db, schema::Thorough::Yes)?;
    // SQLite reads a last page that is cut short as if it ended in zeros.
    let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let whole = pragma("page_count")?.saturating_mul(pragma("page_size")?);
    if i64::try_from(length) != Ok(whole) {
        let problem = format!("{length} bytes where {whole} are expected");
        return Err(OpenError::Damaged { path: path.to_owned(), problem });
    }
    for table in OURS {
        let found: i64 =
            db.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1", [table], |row| row.get(0))?;
        if found == 0 {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
    }
    schema::refuse_newer(path, &db)?;
    let count = |table: &str| -> rusqlite::Result<u64> {
        let number: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let schema: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(Contents { schema: usize::try_from(schema).unwrap_or(0), agents: count("agents")?, audit: count("audit")? })
}

/// A path in an address of SQLite (<https://sqlite.org/uri.html>).
fn encode(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Puts a copy in the place of the database `path`, which nobody may have open. The old one is kept beside it.
///
/// # Errors
/// What is wrong with the copy, or which file cannot be written; then everything is as it was.
pub fn restore(copy: &Path, path: &Path) -> Result<Restored, OpenError> {
    let contents = examine(copy)?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::File { path, source }
    };
    let new = beside(path, "restoring");
    let _ = fs::remove_file(&new);
    let mut from = File::open(copy).map_err(at(copy))?;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(at(&new))?;
    io::copy(&mut from, &mut to).and_then(|_| to.sync_all()).map_err(at(&new))?;
    // The service opens it without privilege.
    let owner = fs::metadata(path).or_else(|_| fs::metadata(path.with_file_name("logs"))).ok();
    if let Some(owner) = owner {
        chown(&new, Some(owner.uid()), Some(owner.gid())).map_err(at(&new))?;
    }
    // Folds the last commits into the old file; one that is damaged is kept with them beside it.
    if let Ok(db) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX) {
        let _ = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let old = beside(path, &format!("before-restore-{seconds}"));
    let before = path.exists().then(|| old.clone());
    if before.is_some() {
        // The log of writes goes along under the name it needs beside the old file: it holds its last commits. The old name stays
        // until the new file takes it, so that a cut leaves one of the two in place.
        for kind in ["-wal", "-shm"] {
            let move_from = suffixed(path, kind);
            if move_from.exists() {
                fs::rename(&move_from, suffixed(&old, kind)).map_err(at(&move_from))?;
            }
        }
        fs::hard_link(path, &old).map_err(at(&old))?;
    }
    fs::rename(&new, path).map_err(at(path))?;
    sync(path).map_err(at(path))?;
    Ok(Restored { contents, before })
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
