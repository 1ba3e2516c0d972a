//! The certificates of hosts whose TLS is opened: signed by an authority of this machine alone, which only the sandboxes trust that
//! were started for it. Its key is sealed like a secret and leaves this process in no other form.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aether_net::HostName;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use time::OffsetDateTime;

use super::lock;

/// How long a certificate of a host is given out, and how many are kept.
const FRESH: Duration = Duration::from_secs(12 * 3600);
const KEPT: usize = 1024;
/// How long one is valid, and the authority itself: days.
const DAYS: i64 = 7;
const AUTHORITY_DAYS: i64 = 3650;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// A key or a certificate cannot be made or read.
    #[error("no certificate can be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refuses it.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Certificates of one host, and when they were made.
type Made = HashMap<HostName, (Instant, Arc<ServerConfig>)>;

/// Signs certificates.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// One key for all: whoever has it has this process.
    key: KeyPair,
    made: Mutex<Made>,
    upstream: Arc<ClientConfig>,
}

impl Authority {
    /// A new one: its certificate and its key, both DER.
    ///
    /// # Errors
    /// When none can be made.
    pub(crate) fn make() -> Result<(Vec<u8>, Vec<u8>), AuthorityError> {
        let key = KeyPair::generate()?;
        let certificate = params(&key).self_signed(&key)?;
        Ok((certificate.der().to_vec(), key.serialize_der()))
    }

    /// One that was made before; `roots` are who servers are believed by.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open(certificate: Vec<u8>, key: &[u8], roots: RootCertStore) -> Result<Self, AuthorityError> {
        let key = KeyPair::try_from(key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut upstream = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        upstream.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            certificate: certificate.into(),
            issuer: Issuer::new(params(&key), key),
            key: KeyPair::generate()?,
            made: Mutex::default(),
            upstream: Arc::new(upstream),
        })
    }

    /// What servers are asked with: their certificates are checked as ever.
    pub(super) fn upstream(&self) -> Arc<ClientConfig> {
        self.upstream.clone()
    }

    /// What a program inside is answered with in the place of `host`.
    pub(super) fn server(&self, host: &HostName) -> Result<Arc<ServerConfig>, AuthorityError> {
        if let Some((at, config)) = lock(&self.made).get(host)
            && at.elapsed() < FRESH
        {
            return Ok(config.clone());
        }
        let mut params = CertificateParams::new(vec![host.as_str().to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        let now = OffsetDateTime::now_utc();
        (params.not_before, params.not_after) = (now - time::Duration::days(1), now + time::Duration::days(DAYS));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&self.key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), self.certificate.clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let mut made = lock(&self.made);
        if made.len() >= KEPT {
            made.clear();
        }
        made.insert(host.clone(), (Instant::now(), config.clone()));
        Ok(config)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// What its certificate says: the same each time, so that what it signs names it.
fn params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Aether on this machine");
    // Two machines have two names: programs look authorities up by them.
    let own: String = key.public_key_raw().iter().rev().take(8).map(|byte| format!("{byte:02x}")).collect();
    name.push(DnType::OrganizationalUnitName, own);
    params.distinguished_name = name;
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - time::Duration::days(1), now + time::Duration::days(AUTHORITY_DAYS));
    // It signs hosts and no further authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_signs_is_believed_by_who_trusts_it_alone() {
        let (certificate, key) = Authority::make().expect("made");
        let authority = Authority::open(certificate.clone(), &key, RootCertStore::empty()).expect("opened");
        let host = HostName::parse("a.test").expect("name");
        let config = authority.server(&host).expect("signed");
        assert!(Arc::ptr_eq(&config, &authority.server(&host).expect("kept")));
        let shakes = |roots: &[Vec<u8>], name: &'static str| {
            let mut store = RootCertStore::empty();
            for root in roots {
                store.add(root.clone().into()).expect("a certificate");
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
            let client = Arc::new(client.with_root_certificates(store).with_no_client_auth());
            let mut client = rustls::ClientConnection::new(client, name.try_into().expect("name")).expect("client");
            let mut server = rustls::ServerConnection::new(config.clone()).expect("server");
            while client.is_handshaking() || server.is_handshaking() {
                let mut bytes = Vec::new();
                client.write_tls(&mut bytes).expect("written");
                server.read_tls(&mut bytes.as_slice()).expect("read");
                if server.process_new_packets().is_err() {
                    return false;
                }
                let mut bytes = Vec::new();
                server.write_tls(&mut bytes).expect("written");
                client.read_tls(&mut bytes.as_slice()).expect("read");
                if client.process_new_packets().is_err() {
                    return false;
                }
            }
            true
        };
        assert!(shakes(std::slice::from_ref(&certificate), "a.test"));
        assert!(!shakes(&[certificate], "b.test"), "another host");
        let (other, _) = Authority::make().expect("made");
        assert!(!shakes(&[other], "a.test"), "another machine's");
        assert!(!shakes(&[], "a.test"));
    }
}
