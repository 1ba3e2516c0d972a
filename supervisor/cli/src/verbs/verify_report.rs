//! `aether verify-report`

use std::{io::Write as _, path::PathBuf};

use aether_protocol::{SignedReport, canonical_json};
use clap::Args;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;

use super::Context;
use crate::{
    failure::Failure,
    show::{
        style::{Style, Tone},
        text::one_line,
    },
};

/// Longest file that can be a report, bytes.
const MOST: u64 = 4 << 20;

/// Check the signature of an isolation report; needs no supervisor
///
/// Get one with: aether inspect --isolation --json AGENT > FILE
/// Without --key the report is checked against the key it carries itself: compare that key with the one of the host
/// (GET /api/v1/system/report-key). Exit status 1 when it is not what was signed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VerifyReport {
    /// The report
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Public key that must have signed it, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

impl VerifyReport {
    pub(crate) fn run(self, context: &Context) -> Result<u8, Failure> {
        let read = |error: std::io::Error| Failure::file("read", &self.file, &error);
        if std::fs::metadata(&self.file).map_err(read)?.len() > MOST {
            return Err(Failure::local(format!("{} is too long to be a report", self.file.display()), ""));
        }
        let bytes = std::fs::read(&self.file).map_err(read)?;
        let result = verify(&bytes, self.key.as_deref());
        let mut out = std::io::stdout().lock();
        let style = Style::stdout();
        if context.json {
            let answer = match &result {
                Ok(signed) => serde_json::json!({ "valid": true, "full": signed.report.full, "publicKey": signed.public_key }),
                Err(cause) => serde_json::json!({ "valid": false, "cause": cause }),
            };
            writeln!(out, "{answer}")?;
            return Ok(u8::from(result.is_err()));
        }
        match result {
            Ok(signed) => {
                let report = &signed.report;
                writeln!(out, "{} {} at {}", style.paint(Tone::Good, "signed:"), one_line(report.name.as_str()), report.at.0)?;
                writeln!(out, "key: {}", signed.public_key)?;
                if self.key.is_none() {
                    writeln!(out, "note: this is the report's own key; give --key HEX to know whose it is")?;
                }
                let missing: Vec<_> =
                    report.layers.iter().filter(|layer| !layer.active).map(|layer| one_line(&layer.name)).collect();
                if !missing.is_empty() {
                    writeln!(out, "{} {}", style.paint(Tone::Bad, "reduced isolation, missing:"), missing.join(", "))?;
                }
                Ok(0)
            }
            Err(cause) => {
                writeln!(out, "{} {cause}", style.paint(Tone::Bad, "NOT VALID:"))?;
                Ok(1)
            }
        }
    }
}

/// The report, if these bytes are one that was signed. There is one spelling of a report, so every byte counts; only one line
/// end may follow.
fn verify(bytes: &[u8], wanted: Option<&str>) -> Result<SignedReport, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    if canonical_json(&value) != text {
        return Err("it is not spelt as it was signed".to_owned());
    }
    let signed: SignedReport = serde_json::from_value(value.clone()).map_err(|error| format!("it is not a report: {error}"))?;
    if wanted.is_some_and(|wanted| wanted.trim().to_ascii_lowercase() != signed.public_key) {
        return Err(format!("it was signed with another key: {}", one_line(&signed.public_key)));
    }
    let key = hex::<32>(&signed.public_key).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    let key = key.ok_or("its public key is none")?;
    let signature = hex::<64>(&signed.signature).ok_or("its signature is none")?;
    key.verify_strict(canonical_json(&value["report"]).as_bytes(), &Signature::from_bytes(&signature))
        .map_err(|_| "its signature does not fit: it is not what the service signed")?;
    Ok(signed)
}

/// `N` bytes from exactly as many lower-case digits as they take.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || digits.iter().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::json;

    use super::*;

    fn report() -> Vec<u8> {
        let report = json!({
            "agent": "abcdefghijkl", "name": "a", "pid": 7, "startTicks": 9, "bootId": "b", "kernel": "6.18", "version": "1",
            "at": "2026-01-01T00:00:00.000Z", "auditNumber": 3, "auditHash": "00", "full": true,
            "layers": [{"name": "seccomp", "active": true, "expected": "2", "problem": "", "evidence": ["Seccomp: 2"]}],
        });
        let key = SigningKey::from_bytes(&[7; 32]);
        let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let signature = text(&key.sign(canonical_json(&report).as_bytes()).to_bytes());
        let public = text(key.verifying_key().as_bytes());
        canonical_json(&json!({ "report": report, "publicKey": public, "signature": signature })).into_bytes()
    }

    #[test]
    fn what_was_signed_is_valid_with_its_key_only() {
        let good = report();
        let signed = verify(&good, None).expect("valid");
        assert!(verify(&good, Some(&signed.public_key)).is_ok());
        assert!(verify(&good, Some(&"0".repeat(64))).is_err());
        assert!(verify(&[&good[..], b"\n"].concat(), None).is_ok());
        assert!(verify(&[&good[..], b"\n\n"].concat(), None).is_err());
    }

    #[test]
    fn every_changed_byte_is_found() {
        let good = report();
        for at in 0..good.len() {
            for change in [1, 2, 0x20, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= change;
                assert!(verify(&bad, None).is_err(), "byte {at} ^ {change:#x}: {}", String::from_utf8_lossy(&bad));
            }
        }
        assert!(verify(&good[..good.len() - 1], None).is_err());
    }
}
