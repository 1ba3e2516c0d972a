//! Sizes and times, read and written as people do.

use aether_protocol::Timestamp;

/// Reads a size: `1048576`, `512M`, `1G`, `1.5GiB` (all powers of 1024).
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err("a size is a number with K, M, G or T, for example 512M or 1.5G".to_owned()),
    };
    let value: f64 = number.parse().map_err(|_| "a size starts with a number, for example 512M or 1.5G".to_owned())?;
    let bytes = value * f64::from(1_u32 << (shift % 30)) * if shift >= 30 { f64::from(1_u32 << 30) } else { 1.0 };
    // 2^53: the last size that a JSON number carries exactly.
    if !(1.0..=9_007_199_254_740_992.0).contains(&bytes) {
        return Err("the size is out of range".to_owned());
    }
    Ok(bytes as u64)
}

/// Writes a size: `17 B`, `1.5 KiB`, `512 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1023.95 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 || (value - value.round()).abs() < 0.05 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Writes a span: `4s`, `3m 20s`, `2h 5m`, `3d 4h`.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Seconds between two points in time; nothing when the clock jumped back or one is unreadable.
pub(crate) fn between(from: &Timestamp, to: &Timestamp) -> Option<u64> {
    u64::try_from(to.unix_millis()? - from.unix_millis()?).ok().map(|millis| millis / 1000)
}

/// CPUs in use as a percentage of one CPU.
pub(crate) fn cpu(cpus: f64) -> String {
    let percent = cpus * 100.0;
    if percent >= 99.95 { format!("{percent:.0}%") } else { format!("{percent:.1}%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("1048576", 1 << 20),
            ("512M", 512 << 20),
            ("512m", 512 << 20),
            ("1G", 1 << 30),
            ("1.5GiB", 3 << 29),
            ("64KB", 64 << 10),
            ("2T", 2 << 40),
            ("8 MiB", 8 << 20),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "M", "-1", "1X", "1.2.3G", "0", "99999999T", "1e9", "0x10", "inf", "nan"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_spans_are_written() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (512 << 20, "512 MiB"), ((1 << 30) - 1, "1 GiB")]
        {
            assert_eq!(size(bytes), text);
        }
        for (seconds, text) in [(0, "0s"), (61, "1m 1s"), (7500, "2h 5m"), (90_000, "1d 1h")] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!((cpu(0.0), cpu(0.123), cpu(1.5)), ("0.0%".into(), "12.3%".into(), "150%".into()));
    }
}
