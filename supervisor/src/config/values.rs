//! Values with a form of their own: sizes, the volume, the address of the TCP listener.

use std::net::SocketAddr;

use aether_sandbox::spawner::VolumeSize;
use serde::{Deserialize, Deserializer};

/// Size of the volume: `auto` (four fifths of what is free when it is made), a size, or `none`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume(pub VolumeSize);

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let size = match text.as_str() {
            "auto" => VolumeSize::Auto,
            "none" => VolumeSize::None,
            size => parse_size(size).map(VolumeSize::Bytes).ok_or_else(|| {
                serde::de::Error::custom(format!("{text:?} is neither \"auto\" nor \"none\" nor a size such as \"100G\""))
            })?,
        };
        Ok(Self(size))
    }
}

/// A size: bytes, or text such as `512M` or `2G` (powers of 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Bytes(u64),
            Text(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Bytes(bytes) => Ok(Self(bytes)),
            Raw::Text(text) => parse_size(&text)
                .map(Self)
                .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a size such as \"512M\" or \"2G\""))),
        }
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Where TCP clients are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// On this address; port 0 picks a free one.
    At(SocketAddr),
    /// Nowhere.
    None,
}

impl Default for Listen {
    fn default() -> Self {
        Self::At(SocketAddr::from(([127, 0, 0, 1], 3001)))
    }
}

impl std::str::FromStr for Listen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        text.parse().map(Self::At).map_err(|_| format!("{text:?} is neither ADDRESS:PORT nor \"none\""))
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_addresses() {
        assert_eq!(parse_size("512M"), Some(512 << 20));
        assert_eq!(parse_size("2GiB"), Some(2 << 30));
        assert_eq!(parse_size("x"), None);
        assert_eq!("none".parse(), Ok(Listen::None));
        assert!("localhost".parse::<Listen>().is_err());
    }
}
