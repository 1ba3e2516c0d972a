//! Opening connections: library version, file mode, pragmas, damage, schema.

use std::{
    fs::OpenOptions,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::LazyLock,
};

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations, SchemaVersion};

use crate::OpenError;

/// 3.51.3 fixes the loss of committed data by a race of checkpoint and WAL reset (<https://sqlite.org/wal.html>, "WAL-reset").
const NEEDED: (i32, &str) = (3_051_003, "3.51.3");

/// How many migrations there are.
const NEWEST: usize = 11;

static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    let steps: [M<'static>; NEWEST] = [
        M::up(include_str!("migrations/0001_initial.sql")),
        M::up_with_hook(include_str!("migrations/0002_audit_chain.sql"), crate::audit::chain_old_records),
        M::up(include_str!("migrations/0003_prepared.sql")),
        M::up(include_str!("migrations/0004_secrets.sql")),
        M::up(include_str!("migrations/0005_minds.sql")),
        M::up(include_str!("migrations/0006_governed.sql")),
        M::up(include_str!("migrations/0007_below.sql")),
        M::up(include_str!("migrations/0008_way_out.sql")),
        M::up(include_str!("migrations/0009_vectors.sql")),
        M::up(include_str!("migrations/0010_requests.sql")),
        M::up(include_str!("migrations/0011_model_spent.sql")),
    ];
    steps.into_iter().collect()
});

/// Opens (or makes) the database for the writer and brings it to the current schema.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    check_library()?;
    restrict_mode(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let mut db = connect_writer(path)?;
    refuse_damaged(path, &db, Thorough::No)?;
    let found = refuse_newer(path, &db)?;
    set_up_writer(&db)?;
    if (1..NEWEST).contains(&found) {
        let kept = crate::backup::before_migration(path, found)?;
        tracing::info!(from = found, to = NEWEST, copy = %kept.display(), "the database gets a new schema; a copy is kept");
    }
    // All missing steps in one transaction.
    MIGRATIONS.to_latest(&mut db)?;
    Ok(db)
}

/// Opens a database for the writer that was open before.
pub(crate) fn open_again(path: &Path) -> Result<Connection, OpenError> {
    let db = connect_writer(path)?;
    set_up_writer(&db)?;
    Ok(db)
}

/// A connection that can write, as the file is.
pub(crate) fn connect_writer(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    keep_temporary_data_in_memory(&db)?;
    Ok(db)
}

fn set_up_writer(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    // FULL, not NORMAL: in WAL mode NORMAL may lose the last commits on a power cut, and they were acknowledged.
    db.pragma_update(None, "synchronous", "FULL")?;
    // Folded beside it, or when little is left (`wal`).
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What a long reader made it grow to is given back.
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Opens one connection that can only read.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    keep_temporary_data_in_memory(&db)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

/// The daemon may write below its state only; SQLite's temporary files would lie in /var/tmp.
fn keep_temporary_data_in_memory(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "temp_store", "MEMORY")
}

fn check_library() -> Result<(), OpenError> {
    if rusqlite::version_number() < NEEDED.0 {
        return Err(OpenError::Library { found: rusqlite::version(), needed: NEEDED.1 });
    }
    Ok(())
}

/// SQLite gives `-wal` and `-shm` the mode of the main file, so the main file is made first and closed to others.
fn restrict_mode(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thorough {
    /// Everything, indexes against tables as well.
    Yes,
    /// What a start has time for.
    No,
}

pub(crate) fn refuse_damaged(path: &Path, db: &Connection, thorough: Thorough) -> Result<(), OpenError> {
    let pragma = if thorough == Thorough::Yes { "PRAGMA integrity_check(1)" } else { "PRAGMA quick_check(1)" };
    let damaged = |problem: String| OpenError::Damaged { path: path.to_owned(), problem };
    let found: String = match db.query_row(pragma, [], |r| r.get(0)) {
        Ok(found) => found,
        Err(e) => match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => return Err(damaged(e.to_string())),
            _ => return Err(e.into()),
        },
    };
    if found == "ok" { Ok(()) } else { Err(damaged(found)) }
}

/// The version of the schema.
pub(crate) fn refuse_newer(path: &Path, db: &Connection) -> Result<usize, OpenError> {
    let found = match MIGRATIONS.current_version(db)? {
        SchemaVersion::NoneSet => 0,
        SchemaVersion::Inside(n) | SchemaVersion::Outside(n) => n.get(),
    };
    if found > NEWEST {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: NEWEST });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_migration_runs_on_an_empty_database() {
        super::MIGRATIONS.validate().expect("valid migrations");
    }

    #[test]
    fn the_linked_library_has_the_fix_we_need() {
        super::check_library().expect("recent SQLite");
    }
}
