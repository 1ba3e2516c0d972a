//! Patterns of rules: `*` in texts, `*` and `**` in paths.

/// Does the whole text match, with `*` for any characters? Linear in practice, never exponential.
pub fn text(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Is this host the one of the pattern: exact, or below a `*.suffix`? Names have no case and may end with a dot.
pub fn host(pattern: &str, host: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let (pattern, host) = (plain(pattern), plain(host));
    pattern == "*"
        || pattern == host
        || pattern.strip_prefix('*').is_some_and(|suffix| suffix.starts_with('.') && host.ends_with(suffix))
}

/// How a path stands to a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// It matches.
    pub itself: bool,
    /// It, or a directory above it, matches.
    pub covered: bool,
    /// Something below it could match.
    pub above: bool,
}

/// Compares an absolute path without `.` and `..` to a pattern.
pub fn path(pattern: &str, path: &str) -> Place {
    let parts = |text: &str| text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (parts(pattern), parts(path));
    // Places in the pattern that can be reached with the parts of the path so far.
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    skip(&pattern, &mut at);
    let mut covered = at[pattern.len()];
    for part in &path {
        let mut next = vec![false; pattern.len() + 1];
        for (i, wanted) in pattern.iter().enumerate().filter(|(i, _)| at[*i]) {
            if wanted == "**" {
                next[i] = true;
            } else if text(wanted, part) {
                next[i + 1] = true;
            }
        }
        skip(&pattern, &mut next);
        at = next;
        covered |= at[pattern.len()];
    }
    Place { itself: at[pattern.len()], covered, above: at[..pattern.len()].contains(&true) }
}

/// `**` also stands for nothing.
fn skip(pattern: &[String], at: &mut [bool]) {
    for (i, part) in pattern.iter().enumerate() {
        if at[i] && part == "**" {
            at[i + 1] = true;
        }
    }
}

/// Without `.`, `..` and doubled slashes, as far as the text alone says.
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (pattern, whole, expected) in [
            ("cargo *", "cargo test", true),
            ("cargo *", "cargo", false),
            ("*rm*", "a rm b", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(text(pattern, whole), expected, "{pattern} {whole}");
        }
        assert!(!text(&"*a".repeat(200), &"a".repeat(150)), "and it returns");
    }

    #[test]
    fn hosts() {
        assert!(host("a.test", "A.test.") && host("*.a.test", "b.a.test") && host("*", "x"));
        assert!(!host("*.a.test", "a.test") && !host("a.test", "ba.test") && !host("*a.test", "ba.test"));
    }

    #[test]
    fn paths() {
        let place = |pattern, whole| {
            let place = path(pattern, whole);
            (place.itself, place.covered, place.above)
        };
        assert_eq!(place("/a/keys", "/a/keys"), (true, true, false));
        assert_eq!(place("/a/keys", "/a/keys/b"), (false, true, false));
        assert_eq!(place("/a/keys", "/a"), (false, false, true));
        assert_eq!(place("/a/keys", "/a/keysx"), (false, false, false));
        assert_eq!(place("/a/*.rs", "/a/x.rs"), (true, true, false));
        assert_eq!(place("/a/*.rs", "/a/b/x.rs"), (false, false, false));
        assert_eq!(place("/a/**", "/a"), (true, true, true));
        assert_eq!(place("/a/**/x", "/a/b/c/x"), (true, true, true));
        assert_eq!(place("**/.env", "/a/b/.env"), (true, true, true));
        assert_eq!(place("**/.env", "/a"), (false, false, true));
        assert_eq!(place("/a/**/x", "/b"), (false, false, false));
        assert_eq!(normal("/a/./b//../c/../../d"), "/d");
    }
}
