//! Who did what, as a chain of records, and the one way to write JSON that hashes and signatures are made over.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// One record. `hash` is SHA-256 over the hash of the record before and the fields of this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// Its number, from 1, without gaps.
    #[ts(type = "number")]
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who: an owner, `nobody` for a refused stranger, `service` for the service itself.
    pub who: String,
    /// What, for example `agent.kill`.
    pub action: String,
    /// On what: an agent id, a path, an address.
    pub subject: String,
    /// How it ended.
    #[ts(type = "unknown")]
    #[schema(value_type = Object)]
    pub outcome: Value,
    /// Its place in the chain, in hexadecimal digits.
    pub hash: String,
}

/// What checking the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditCheck {
    /// Every record is there and as it was written.
    pub whole: bool,
    /// Records found good, from the first one on.
    #[ts(type = "number")]
    pub records: u64,
    /// Hash of the last record, when the chain is whole.
    pub head: Option<String>,
    /// Number of the first record that is not as it was written.
    #[ts(type = "number | null")]
    pub broken_at: Option<u64>,
    /// What is wrong with it; empty when the chain is whole.
    pub cause: String,
}

/// JSON with one spelling: no blanks, keys sorted by their bytes, text and numbers as `serde_json` writes them.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    let mut list = |open: char, close: char, parts: &mut dyn Iterator<Item = (Option<&String>, &Value)>| {
        text.push(open);
        for (at, (key, value)) in parts.enumerate() {
            if at > 0 {
                text.push(',');
            }
            if let Some(key) = key {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
            }
            write(value, text);
        }
        text.push(close);
    };
    match value {
        Value::Array(values) => list('[', ']', &mut values.iter().map(|value| (None, value))),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            list('{', '}', &mut fields.into_iter().map(|(key, value)| (Some(key), value)));
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling() {
        let value: Value = serde_json::from_str(r#"{ "b" : [1, {"z":null, "a":"\u00e9\n"}], "a": true }"#).expect("JSON");
        assert_eq!(canonical_json(&value), "{\"a\":true,\"b\":[1,{\"a\":\"é\\n\",\"z\":null}]}");
    }
}
