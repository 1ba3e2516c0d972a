//! The operator's token: 32 random bytes, made at the first start.

use std::{fmt, fs, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The token. Never printed: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
}

impl Token {
    /// A new random token.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        Ok(Self { text: hex(&random()?) })
    }

    /// From its text: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let plain = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        plain.then(|| Self { text: text.to_owned() })
    }

    /// Reads the token at `path`, or makes one (0600, whole or not at all).
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).ok_or_else(|| {
                let cause =
                    format!("{} does not hold a token: remove the file and start again to make a new one", path.display());
                io::Error::new(io::ErrorKind::InvalidData, cause)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = Self::generate()?;
                let fresh = path.with_extension("new");
                match fs::remove_file(&fresh) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
                writeln!(file, "{}", token.text)?;
                file.sync_all()?;
                fs::rename(&fresh, path)?;
                Ok(token)
            }
            Err(error) => Err(error),
        }
    }

    /// The text itself, for the file and the first start's message.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Is `shown` this token? Takes the same time wherever it differs.
    pub fn matches(&self, shown: &str) -> bool {
        same(shown, &self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Compares digests, so that neither length nor first difference shows in the time taken.
fn same(shown: &str, expected: &str) -> bool {
    Sha256::digest(shown).ct_eq(&Sha256::digest(expected)).into()
}

/// 32 random bytes.
pub(crate) fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let first = Token::load_or_create(&path).unwrap();
        assert_eq!(Token::load_or_create(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(first.reveal()));
    }

    #[test]
    fn only_itself_matches() {
        let token = Token::generate().unwrap();
        assert!(token.matches(token.reveal()));
        for wrong in ["", "x", &"0".repeat(64), &token.reveal()[..63]] {
            assert!(!token.matches(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_with_something_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "hello\n").unwrap();
        assert_eq!(Token::load_or_create(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
