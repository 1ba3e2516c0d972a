//! The authority behind TLS that is opened: made when the first agent needs it, its key sealed in the store, and what such agents trust
//! in a directory that is lent to each of them.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use aether_protocol::{AgentSpec, ApiError, SecretName};
use aether_secrets::Value;
use aether_store::Change;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::RootCertStore;
use serde::{Deserialize, Serialize};

use super::core::{Core, store_error};
use crate::egress::{self, Authority};

/// Where the store has it, and the name it is sealed under.
const SETTING: &str = "egress.authority";
const SEALED_AS: &str = "AETHER_AUTHORITY";
/// What it lends, below the state directory.
pub(crate) const TRUST: &str = "trust";

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    certificate: String,
    sealed: String,
}

/// Sees to it that the TLS of an agent can be opened, if it is to be.
///
/// # Errors
/// When the store fails, or the authority cannot be read.
pub(crate) async fn ensure(core: &Core, spec: &AgentSpec) -> Result<(), ApiError> {
    if !egress::opens_tls(&spec.network) || core.egress.has_authority() {
        return Ok(());
    }
    let _one = core.opening.lock().await;
    if core.egress.has_authority() {
        return Ok(());
    }
    let broken = |error: &dyn std::fmt::Display| {
        let hint = "restore the service's key, or remove the setting egress.authority from the database: a new one is made then";
        ApiError { hint: hint.to_owned(), ..ApiError::internal(format!("the authority for opened TLS cannot be used: {error}")) }
    };
    let name: SecretName = SEALED_AS.parse().map_err(|error| broken(&error))?;
    let kept = core.store.setting(SETTING).await.map_err(|error| store_error(&error))?;
    let (certificate, key) = match kept {
        Some(text) => {
            let kept: Kept = serde_json::from_str(&text).map_err(|error| broken(&error))?;
            let sealed = STANDARD.decode(kept.sealed).map_err(|error| broken(&error))?;
            let key = core.secrets.vault().unseal(&name, 1, &sealed).map_err(|error| broken(&error))?;
            let key = zeroize::Zeroizing::new(STANDARD.decode(key.expose()).map_err(|error| broken(&error))?);
            (STANDARD.decode(kept.certificate).map_err(|error| broken(&error))?, key)
        }
        None => {
            let (certificate, key) = Authority::make().map_err(|error| broken(&error))?;
            let key = zeroize::Zeroizing::new(key);
            let value = Value::new(STANDARD.encode(&*key)).map_err(|error| broken(&error))?;
            let sealed = core.secrets.vault().seal(&name, 1, &value).map_err(|error| broken(&error))?;
            let kept = Kept { certificate: STANDARD.encode(&certificate), sealed: STANDARD.encode(sealed) };
            let text = serde_json::to_string(&kept).map_err(|error| broken(&error))?;
            core.write(Change::new().setting(SETTING, Some(text))).await?;
            (certificate, key)
        }
    };
    let (trust, own) = (core.state.join(TRUST), certificate.clone());
    let roots = tokio::task::spawn_blocking(move || write(&trust, &own)).await.map_err(|error| broken(&error))?;
    let roots = roots.map_err(|error| broken(&error))?;
    core.egress.set_authority(Authority::open(certificate, &key, roots).map_err(|error| broken(&error))?);
    Ok(())
}

/// Writes what agents trust: whom this host trusts, and the authority. Answers with the former, by whom servers are believed.
fn write(trust: &Path, own: &[u8]) -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of this host cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (believed, odd) = roots.add_parsable_certificates(found.certs.iter().cloned());
    tracing::info!(
        believed,
        odd,
        "TLS is opened for agents that ask for it; servers are believed by the certificates of this host"
    );
    let all: String = found.certs.iter().map(|certificate| pem(certificate)).chain([pem(own)]).collect();
    for (name, text) in [("ca-certificates.crt", all), ("aether.pem", pem(own))] {
        let (new, path) = (trust.join(format!(".{name}")), trust.join(name));
        fs::write(&new, text)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644))?;
        fs::rename(new, path)?;
    }
    Ok(roots)
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_has_the_authority_beside_those_of_the_host() {
        let dir = tempfile::tempdir().expect("dir");
        let (own, _) = Authority::make().expect("made");
        write(dir.path(), &own).expect("written");
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect(name);
        assert!(read("ca-certificates.crt").ends_with(&read("aether.pem")));
        assert!(read("aether.pem").lines().all(|line| line.len() <= 64));
        assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 2, "nothing is left over");
    }
}
