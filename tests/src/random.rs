//! Requests by chance: the same ones for the same seed.

use serde_json::{Map, Value, json};

use crate::routes::resolved;

/// `xorshift64*` (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled"): enough for tests.
#[derive(Debug, Clone)]
pub struct Random(u64);

/// Texts that have broken programs: other languages' quotes, ends of strings, paths, terminals, numbers out of range.
pub const TEXTS: [&str; 44] = [
    "",
    " ",
    "x",
    "nobody",
    "target",
    ".",
    "..",
    "../../../../etc/passwd",
    "/proc/self/mem",
    "//",
    "-rf",
    "--help",
    "a;id",
    "$(id)",
    "`id`",
    "a\nb",
    "a\r\nX: y",
    "a\0b",
    "'; DROP TABLE agents; --",
    "\" OR \"\"=\"",
    "%' OR 1=1 --",
    "* NEAR MATCH \"",
    "%s%n%s%n",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "<img src=x onerror=alert(1)>",
    "\u{1b}]52;c;eA==\u{7}",
    "\u{202e}evil",
    "\u{feff}",
    "\u{1f980}",
    "ﷺﷺﷺﷺﷺﷺﷺﷺ",
    "e\u{301}\u{301}\u{301}\u{301}",
    "0",
    "-1",
    "1.5",
    "1e400",
    "18446744073709551616",
    "NaN",
    "null",
    "true",
    "%00",
    "%2e%2e%2f",
    "%ff%fe",
    "a00000000000.1",
];

impl Random {
    /// From a seed; 0 counts as 1.
    pub const fn new(seed: u64) -> Self {
        Self(if seed == 0 { 1 } else { seed })
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Some text.
    pub fn text(&mut self) -> String {
        match self.below(20) {
            0 => "a".repeat(self.below(5000)),
            1 => (0..self.below(40)).filter_map(|_| char::from_u32(u32::try_from(self.below(0x11_0000)).ok()?)).collect(),
            _ => (*self.pick(&TEXTS)).to_owned(),
        }
    }

    /// A value for a schema of the document: mostly one that fits, sometimes one that does not.
    pub fn value(&mut self, document: &Value, schema: &Value, depth: usize) -> Value {
        if depth > 8 || self.one_in(15) {
            return self.anything();
        }
        let schema = resolved(document, schema);
        for alternatives in ["oneOf", "anyOf", "allOf"] {
            if let Some(all) = schema[alternatives].as_array().filter(|all| !all.is_empty()) {
                let all = all.clone();
                if alternatives != "allOf" {
                    return self.value(document, self.clone().pick(&all), depth + 1);
                }
                let parts: Vec<Value> = all.iter().map(|part| self.value(document, part, depth + 1)).collect();
                let fields = parts.iter().filter_map(Value::as_object).flatten();
                return Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect());
            }
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.is_empty()) {
            return self.clone().pick(words).clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().cloned().unwrap_or_default(),
            kind => kind.clone(),
        };
        match kind.as_str().unwrap_or("") {
            "object" => self.object(document, schema, depth),
            "array" => (0..self.below(4)).map(|_| self.value(document, &schema["items"], depth + 1)).collect(),
            "boolean" => self.one_in(2).into(),
            "integer" | "number" => self.number(),
            "string" => self.text().into(),
            _ => self.anything(),
        }
    }

    fn object(&mut self, document: &Value, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let wanted = required.iter().any(|required| required == name.as_str());
            if if wanted { !self.one_in(30) } else { self.one_in(3) } {
                object.insert(name.clone(), self.value(document, schema, depth + 1));
            }
        }
        if schema["additionalProperties"].is_object() {
            for _ in 0..self.below(3) {
                object.insert(self.text(), self.value(document, &schema["additionalProperties"], depth + 1));
            }
        } else if self.one_in(20) {
            object.insert(self.text(), self.anything());
        }
        Value::Object(object)
    }

    fn number(&mut self) -> Value {
        match self.below(8) {
            0 => json!(-1),
            1 => json!(u64::MAX),
            2 => json!(i64::MIN),
            3 => json!(0.5),
            4 => json!(1e308),
            5 => json!(u32::MAX),
            _ => json!(self.below(200)),
        }
    }

    fn anything(&mut self) -> Value {
        match self.below(7) {
            0 => Value::Null,
            1 => self.one_in(2).into(),
            2 => self.number(),
            3 => json!([]),
            4 => json!({}),
            5 => json!([[{ "a": self.text() }]]),
            _ => self.text().into(),
        }
    }

    /// Bytes of a request, changed in a few places.
    pub fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len().max(1));
            match self.below(6) {
                0 if !bytes.is_empty() => bytes[at] = self.byte(),
                1 => bytes.insert(at, self.byte()),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                3 => bytes.truncate(at.max(1)),
                4 => bytes.splice(at..at, b"\r\n".iter().copied()).for_each(drop),
                _ => {
                    let part = bytes[at..(at + self.below(40)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part).for_each(drop);
                }
            }
        }
        bytes
    }
}

/// Text as it may stand in an address (RFC 3986, "unreserved" as it is).
pub fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
