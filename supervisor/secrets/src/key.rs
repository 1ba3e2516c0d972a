//! The key that secrets are sealed with: from systemd's credentials, or a file of the service's own.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// Name of the key in the state directory.
const FILE: &str = "secrets.key";
/// Name of the key among the credentials of the unit (systemd.exec(5), `LoadCredentialEncrypted=`).
const CREDENTIAL: &str = "aether-secrets.key";

/// 256 bits, wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("{}: {source}", path.display())]
    File {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it, or it is no file.
    #[error("{} is not a file that only the service's user can read: chmod 600 it, or restore it from where you keep keys", .0.display())]
    Exposed(PathBuf),
    /// It is not 32 bytes long.
    #[error("{} is not a key of 32 bytes: restore it from where you keep keys", .0.display())]
    Size(PathBuf),
}

/// The key; made once when there is neither a credential nor a file.
pub(crate) fn open(state: &Path, credentials: Option<&Path>) -> Result<Key, KeyError> {
    if let Some(path) = credentials.map(|dir| dir.join(CREDENTIAL)).filter(|path| path.exists()) {
        // systemd keeps the directory for the unit's user alone; the mode of the file says 0400 or 0440 by version.
        return read(&path);
    }
    let path = state.join(FILE);
    match fs::symlink_metadata(&path) {
        Ok(meta) if !meta.is_file() || meta.mode() & 0o077 != 0 => return Err(KeyError::Exposed(path)),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(state, &path).map_err(|source| KeyError::File { path: path.clone(), source })?;
        }
        Err(source) => return Err(KeyError::File { path, source }),
    }
    read(&path)
}

fn read(path: &Path) -> Result<Key, KeyError> {
    let bytes = Zeroizing::new(fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), source })?);
    let mut key = Key::default();
    if bytes.len() != key.len() {
        return Err(KeyError::Size(path.to_owned()));
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

/// Whole or not at all, and on the disk before anything is sealed with it.
fn make(state: &Path, path: &Path) -> io::Result<()> {
    let mut key = Key::default();
    getrandom::fill(key.as_mut_slice()).map_err(io::Error::other)?;
    let beside = state.join("secrets.key.new");
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(key.as_slice())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    fs::File::open(state)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().expect("dir");
        let first = open(dir.path(), None).expect("made");
        let path = dir.path().join(FILE);
        assert_eq!(path.metadata().expect("file").mode() & 0o777, 0o600);
        assert_eq!(open(dir.path(), None).expect("kept"), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("mode");
        assert!(matches!(open(dir.path(), None), Err(KeyError::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        fs::write(&path, b"short").expect("write");
        assert!(matches!(open(dir.path(), None), Err(KeyError::Size(_))));
        fs::remove_file(&path).expect("remove");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("link");
        assert!(matches!(open(dir.path(), None), Err(KeyError::Exposed(_))));
    }

    #[test]
    fn a_credential_of_the_unit_comes_first() {
        let (state, credentials) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        fs::write(credentials.path().join(CREDENTIAL), [7; 32]).expect("write");
        assert_eq!(*open(state.path(), Some(credentials.path())).expect("read"), [7; 32]);
        assert!(!state.path().join(FILE).exists());
    }
}
