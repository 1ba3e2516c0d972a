//! The key that reports are signed with.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};

/// Signs with the service's own key.
pub(crate) struct Signer(SigningKey);

impl Signer {
    /// The key in `<state>/report.key`, made at the first start: 32 bytes, for the service's user alone.
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        let path = state.join("report.key");
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        match fs::symlink_metadata(&path) {
            Ok(meta) if !meta.is_file() || meta.mode() & 0o077 != 0 => {
                return Err(named(io::Error::other("not a file that only the service's user can read")));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(state, &path).map_err(named)?,
            _ => {}
        }
        let bytes = fs::read(&path).map_err(named)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| named(io::Error::other("not a key of 32 bytes")))?;
        Ok(Self(SigningKey::from_bytes(&bytes)))
    }

    /// 64 bytes in hexadecimal digits.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        hex(&self.0.sign(message).to_bytes())
    }

    /// 32 bytes in hexadecimal digits.
    pub(crate) fn public_key(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }
}

/// Whole or not at all: a key that was cut off by a crash would keep the service from starting.
fn make(state: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let beside = state.join("report.key.new");
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().expect("dir");
        let first = Signer::open(dir.path()).expect("made");
        let path = dir.path().join("report.key");
        assert_eq!(path.metadata().expect("file").mode() & 0o777, 0o600);
        assert_eq!(Signer::open(dir.path()).expect("kept").public_key(), first.public_key());
        assert_eq!(first.sign(b"x"), Signer::open(dir.path()).expect("kept").sign(b"x"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
        assert!(Signer::open(dir.path()).is_err(), "a key that others may have read is not used");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        fs::write(&path, b"short").expect("write");
        assert!(Signer::open(dir.path()).is_err());
    }
}
