//! Sealing and unsealing, and the placeholders that agents see instead.

use std::{fmt, path::Path};

use aether_protocol::{AgentId, SecretName};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    KeyError, Value,
    key::{self, Key},
};

/// What every placeholder begins with.
pub const PLACEHOLDER: &str = "aether-placeholder-";
/// Bytes of the nonce before the sealed text.
const NONCE: usize = 24;

/// Seals and unseals with one key.
pub struct Vault {
    key: Key,
}

/// The sealed text is not what this vault sealed under this name and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed secret does not fit the service's key: set it again (aether secret set), or restore secrets.key")]
pub struct Unsealable;

impl Vault {
    /// With the key from the unit's credentials (`$CREDENTIALS_DIRECTORY`), or else `<state>/secrets.key`, made at the first start.
    ///
    /// # Errors
    /// When the key cannot be had, or others may read it.
    pub fn open(state: &Path, credentials: Option<&Path>) -> Result<Self, KeyError> {
        Ok(Self { key: key::open(state, credentials)? })
    }

    /// Nonce and sealed text (XChaCha20-Poly1305). Name and version are bound to it: a sealed text that was moved to another
    /// row, or an older one that was put back, does not open.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub fn seal(&self, name: &SecretName, version: u64, value: &Value) -> std::io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
        let aad = bound(name, version);
        let payload = Payload { msg: value.expose().as_bytes(), aad: &aad };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(std::io::Error::other)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The value again.
    ///
    /// # Errors
    /// [`Unsealable`] when anything of it is not as it was sealed.
    pub fn unseal(&self, name: &SecretName, version: u64, sealed: &[u8]) -> Result<Value, Unsealable> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE>().ok_or(Unsealable)?;
        let payload = Payload { msg: text, aad: &bound(name, version) };
        let bytes = self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unsealable)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            Unsealable
        })?;
        Value::new(text).map_err(|_| Unsealable)
    }

    /// What `agent` sees in the place of every secret: the same across restarts, of no use to another agent or elsewhere.
    pub fn placeholder(&self, agent: &AgentId) -> String {
        // The key comes last in neither and the lengths are fixed: no other input gives the same digest.
        let digest =
            Sha256::new().chain_update(b"aether placeholder\0").chain_update(*self.key).chain_update(agent.as_str()).finalize();
        digest.iter().take(16).fold(PLACEHOLDER.to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}

fn bound(name: &SecretName, version: u64) -> Vec<u8> {
    format!("aether secret {version} {name}").into_bytes()
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().expect("a name")
    }

    #[test]
    fn what_was_sealed_opens_only_as_it_was_sealed() {
        let dir = tempfile::tempdir().expect("dir");
        let vault = Vault::open(dir.path(), None).expect("vault");
        let value = Value::new("sk-canary-0123456789".to_owned()).expect("value");
        let sealed = vault.seal(&name("A"), 1, &value).expect("sealed");
        assert!(!sealed.windows(9).any(|part| part == b"sk-canary"));
        assert_eq!(vault.unseal(&name("A"), 1, &sealed).expect("opens").expose(), value.expose());
        assert_ne!(vault.seal(&name("A"), 1, &value).expect("sealed"), sealed, "a nonce is never used twice");
        assert!(vault.unseal(&name("B"), 1, &sealed).is_err(), "another name");
        assert!(vault.unseal(&name("A"), 2, &sealed).is_err(), "another version");
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(vault.unseal(&name("A"), 1, &bent).is_err(), "byte {at}");
        }
        assert!(vault.unseal(&name("A"), 1, &sealed[..20]).is_err());
        let other = tempfile::tempdir().expect("dir");
        assert!(Vault::open(other.path(), None).expect("vault").unseal(&name("A"), 1, &sealed).is_err(), "another key");
    }

    #[test]
    fn placeholders_are_stable_and_of_one_agent() {
        let dir = tempfile::tempdir().expect("dir");
        let vault = Vault::open(dir.path(), None).expect("vault");
        let (a, b) = (AgentId::from_random([1; 12]), AgentId::from_random([2; 12]));
        assert_eq!(vault.placeholder(&a), Vault::open(dir.path(), None).expect("vault").placeholder(&a));
        assert_ne!(vault.placeholder(&a), vault.placeholder(&b));
        assert_eq!(vault.placeholder(&a).len(), PLACEHOLDER.len() + 32);
    }
}
