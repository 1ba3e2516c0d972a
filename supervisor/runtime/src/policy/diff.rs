//! The change of a file, for whoever decides about it.

use similar::TextDiff;

/// Bytes of a file that are compared.
pub const LARGEST: usize = 256 << 10;
/// Characters of a change that are shown.
const SHOWN: usize = 16_000;

/// The unified diff of a file that is `old` (`None`: it does not exist) and becomes `new`.
pub fn unified(path: &str, old: Option<&[u8]>, new: &str) -> String {
    let from = old.map_or("/dev/null", |_| path);
    let Ok(before) = std::str::from_utf8(old.unwrap_or_default()) else {
        return format!("--- {from}\n+++ {path}\n(what is there now is no text)\n{}", crate::text::ends(new, SHOWN, ""));
    };
    if before.len() >= LARGEST || new.len() >= LARGEST {
        let text = crate::text::ends(new, SHOWN, "");
        return format!("--- {from}\n+++ {path}\n(too large to compare: {} bytes become {})\n{text}", before.len(), new.len());
    }
    let diff = TextDiff::configure().timeout(std::time::Duration::from_millis(200)).diff_lines(before, new);
    let text = diff.unified_diff().context_radius(3).header(from, path).to_string();
    if text.is_empty() { format!("--- {from}\n+++ {path}\n(nothing changes)\n") } else { crate::text::ends(&text, SHOWN, "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_and_bounded() {
        let text = unified("/a", Some(b"one\ntwo\n"), "one\nthree\n");
        assert_eq!(text, "--- /a\n+++ /a\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n");
        assert!(unified("/a", None, "x\n").starts_with("--- /dev/null\n+++ /a\n"));
        assert!(unified("/a", Some(&[0xff, 0xfe]), "x").contains("no text"));
        assert!(unified("/a", Some(b"same"), "same").contains("nothing changes"));
        assert!(unified("/a", None, &"line\n".repeat(100_000)).chars().count() < SHOWN + 200);
    }
}
