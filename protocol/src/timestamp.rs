//! Points in time on the wire.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point in time: RFC 3339 in UTC with milliseconds, for example `2026-11-20T19:54:00.123Z`.
///
/// Only shown to people; order and time-outs never depend on it (clocks jump).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Timestamp(pub String);

impl Timestamp {
    /// The host's wall clock now.
    pub fn now() -> Self {
        Self::from_unix_millis((OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64)
    }

    /// From milliseconds since the Unix epoch; values outside the calendar become the epoch.
    pub fn from_unix_millis(millis: i64) -> Self {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let whole = at.replace_nanosecond(0).unwrap_or(at);
        let text = whole.format(&Rfc3339).unwrap_or_default();
        Self(format!("{}.{:03}Z", text.trim_end_matches('Z'), at.millisecond()))
    }

    /// Milliseconds since the Unix epoch; `None` when the text is not RFC 3339.
    pub fn unix_millis(&self) -> Option<i64> {
        let at = OffsetDateTime::parse(&self.0, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn keeps_milliseconds_both_ways() {
        let at = Timestamp::from_unix_millis(1_700_000_000_007);
        assert_eq!(at.0, "2023-11-14T22:13:20.007Z");
        assert_eq!(at.unix_millis(), Some(1_700_000_000_007));
    }
}
