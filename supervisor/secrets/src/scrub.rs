//! Takes a secret out of a stream of bytes, whatever pieces it comes in.

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use crate::Value;

/// Puts asterisks where the secret stands, in its plain form and the usual encodings. Lengths stay, so `Content-Length` holds.
///
/// Only bytes that may be the beginning of the secret are held back, so a stream of events is not delayed.
#[derive(Default)]
pub struct Scrubber {
    needles: Vec<Zeroizing<Vec<u8>>>,
    held: Zeroizing<Vec<u8>>,
    found: u64,
}

impl Scrubber {
    /// For one value.
    pub fn new(value: &Value) -> Self {
        let mut scrubber = Self::default();
        scrubber.add(value);
        scrubber
    }

    /// For one more value.
    pub fn add(&mut self, value: &Value) {
        let bytes = value.expose().as_bytes();
        self.needle(bytes.to_vec());
        for pad in 0..3 {
            self.needle(encoded_inside(bytes, pad, &STANDARD_NO_PAD));
            self.needle(encoded_inside(bytes, pad, &URL_SAFE_NO_PAD));
        }
        self.needle(STANDARD.encode(bytes).into_bytes());
        let hex =
            |upper: bool| bytes.iter().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect::<String>();
        self.needle(hex(false).into_bytes());
        self.needle(hex(true).into_bytes());
        self.needle(percent(bytes).into_bytes());
        self.needle(value.expose().replace('\\', "\\\\").replace('"', "\\\"").into_bytes());
        self.needle(bytes.iter().rev().copied().collect());
        // The longest first: a form that holds another is taken as a whole.
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    }

    fn needle(&mut self, needle: Vec<u8>) {
        let needle = Zeroizing::new(needle);
        if needle.len() >= crate::value::MIN_BYTES && !self.needles.contains(&needle) {
            self.needles.push(needle);
        }
    }

    /// Times the secret was found.
    pub const fn found(&self) -> u64 {
        self.found
    }

    /// The next bytes of the stream; gives what can go on.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        self.mask(&mut all);
        let keep = self.needles.iter().map(|needle| suffix(&all, needle)).max().unwrap_or(0);
        let at = all.len() - keep;
        self.held = Zeroizing::new(all.get(at..).unwrap_or_default().to_vec());
        all.get(..at).unwrap_or_default().to_vec()
    }

    /// The rest, when the stream has ended.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.held)
    }

    /// A whole text.
    pub fn whole(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = bytes.to_vec();
        self.mask(&mut all);
        all
    }

    fn mask(&mut self, all: &mut [u8]) {
        for needle in &self.needles {
            let mut from = 0;
            while let Some(at) = find(all, needle, from) {
                from = at + needle.len();
                if let Some(place) = all.get_mut(at..from) {
                    place.fill(b'*');
                }
                self.found += 1;
            }
        }
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").field("found", &self.found).finish_non_exhaustive()
    }
}

/// Where `needle` stands in `all` at or after `from`.
fn find(all: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = needle.first()?;
    let mut at = from;
    loop {
        at += all.get(at..)?.iter().position(|byte| byte == first)?;
        if all.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// Length of the longest end of `all` that the needle begins with.
fn suffix(all: &[u8], needle: &[u8]) -> usize {
    let longest = needle.len().saturating_sub(1).min(all.len());
    (1..=longest).rev().find(|length| all.ends_with(needle.get(..*length).unwrap_or_default())).unwrap_or(0)
}

/// What base64 of any text surely holds when the value stands in it after `pad` bytes modulo 3: the characters that depend on
/// nothing but the value.
fn encoded_inside(bytes: &[u8], pad: usize, engine: &impl Engine) -> Vec<u8> {
    let padded = Zeroizing::new([&[0; 2][..pad], bytes].concat());
    let text = engine.encode(&*padded);
    // Each character carries 6 bits: the first that holds none of the padding, the last that is full.
    let (from, to) = ((pad * 8).div_ceil(6), padded.len() * 8 / 6);
    text.as_bytes().get(from..to).unwrap_or_default().to_vec()
}

fn percent(bytes: &[u8]) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    bytes.iter().map(|b| if plain(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "sk-canary/0123+\"secret\"";

    fn scrubber() -> Scrubber {
        Scrubber::new(&Value::new(SECRET.to_owned()).expect("value"))
    }

    /// Every form in which the attack catalogue looks for a key.
    fn forms() -> Vec<String> {
        let hex: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
        vec![
            SECRET.to_owned(),
            SECRET.chars().rev().collect(),
            STANDARD.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            hex.clone(),
            hex.to_uppercase(),
            percent(SECRET.as_bytes()),
            SECRET.replace('"', "\\\""),
        ]
    }

    #[test]
    fn every_form_goes_and_lengths_stay() {
        for form in forms() {
            let text = format!("before {form} after");
            let clean = String::from_utf8(scrubber().whole(text.as_bytes())).expect("text");
            assert_eq!(clean.len(), text.len());
            assert!(clean.starts_with("before ") && clean.ends_with(" after") && !clean.contains(&form), "{clean}");
        }
    }

    #[test]
    fn base64_of_a_text_around_the_secret_goes_too() {
        for before in ["", "u", "us", "use", "user:"] {
            let text = STANDARD.encode(format!("{before}{SECRET}:and more"));
            let mut scrubber = scrubber();
            scrubber.whole(text.as_bytes());
            assert_eq!(scrubber.found(), 1, "{before:?}");
        }
    }

    #[test]
    fn a_stream_without_the_secret_is_not_delayed() {
        let mut scrubber = scrubber();
        assert_eq!(scrubber.push(b"data: {\"x\": 1}\n\n"), b"data: {\"x\": 1}\n\n");
        assert_eq!(scrubber.push(b"data: sk-ca"), b"data: ");
        assert_eq!(scrubber.push(b"t\n\n"), b"sk-cat\n\n");
        assert_eq!((scrubber.finish(), scrubber.found()), (Vec::new(), 0));
    }

    proptest! {
        #[test]
        fn cutting_the_stream_hides_nothing(cuts in prop::collection::vec(1_usize..40, 1..60), form in 0_usize..8) {
            let form = forms().swap_remove(form);
            let text = format!("aa sk-{form} s {form}{form} sk-canary");
            let (mut scrubber, mut out, mut at) = (scrubber(), Vec::new(), 0);
            for cut in cuts {
                let end = (at + cut).min(text.len());
                out.extend(scrubber.push(&text.as_bytes()[at..end]));
                at = end;
            }
            out.extend(scrubber.push(&text.as_bytes()[at..]));
            out.extend(scrubber.finish());
            let out = String::from_utf8(out).expect("text");
            prop_assert_eq!(out.len(), text.len());
            prop_assert!(!out.contains(&form));
            prop_assert!(out.starts_with("aa sk-") && out.ends_with("sk-canary"));
        }
    }
}
