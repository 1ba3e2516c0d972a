//! What can be said of a command line without running it.
//!
//! Not much: a program can start others, read names from files and build commands from pieces. So there are two answers: what stands
//! there in plain sight ([`commands`]), and whether that is all there is ([`is_plain`]).

/// Programs that start no other program and change nothing, whatever their arguments.
const PLAIN: &[&str] = &[
    "basename",
    "cat",
    "cd",
    "cksum",
    "cmp",
    "comm",
    "cut",
    "date",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "egrep",
    "expr",
    "false",
    "fgrep",
    "fold",
    "free",
    "getconf",
    "grep",
    "groups",
    "head",
    "hexdump",
    "hostname",
    "id",
    "join",
    "ls",
    "md5sum",
    "nl",
    "nproc",
    "od",
    "paste",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "seq",
    "sha1sum",
    "sha256sum",
    "sleep",
    "stat",
    "tac",
    "tail",
    "test",
    "tr",
    "true",
    "uname",
    "uniq",
    "uptime",
    "wc",
    "whoami",
];

/// Words that run what follows them.
const BEFORE: &[&str] = &[
    "!", "builtin", "command", "do", "else", "elif", "env", "exec", "if", "nice", "nohup", "setsid", "stdbuf", "sudo", "then",
    "time", "timeout", "until", "while", "xargs",
];

/// The simple commands of a line, words joined by single blanks, quotes and backslashes taken away; each also without the
/// directory of its program and without words that only run what follows.
pub fn commands(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for words in split(line) {
        let mut rest = words.as_slice();
        loop {
            if rest.is_empty() {
                break;
            }
            push(&mut found, rest.join(" "));
            if let Some((first, others)) = rest.split_first() {
                let name = first.rsplit('/').next().unwrap_or(first);
                if name != first {
                    push(
                        &mut found,
                        std::iter::once(name).chain(others.iter().map(String::as_str)).collect::<Vec<_>>().join(" "),
                    );
                }
                // `env A=b timeout 5 rm x`: whatever word could begin the command is tried.
                let runs_next = BEFORE.contains(&name) || first.contains('=');
                if !runs_next && !words.first().is_some_and(|w| BEFORE.contains(&w.rsplit('/').next().unwrap_or(w))) {
                    break;
                }
                rest = others;
            }
        }
    }
    found
}

fn push(found: &mut Vec<String>, command: String) {
    if !found.contains(&command) {
        found.push(command);
    }
}

/// Every word of a line, quotes and backslashes taken away.
pub fn words(line: &str) -> Vec<String> {
    split(line).into_iter().flatten().collect()
}

/// Is everything that it runs in plain sight, and harmless: nothing but [`PLAIN`] programs, and no text that a shell would act upon?
pub fn is_plain(line: &str) -> bool {
    !line.contains(['$', '`', '<', '>', '(', ')', '{', '}', '\\', '\'', '"'])
        && split(line).iter().all(|words| words.first().is_some_and(|program| PLAIN.contains(&program.as_str())))
}

/// Can a pattern that allows be compared with it: one simple command, nothing expanded, nothing redirected?
pub fn is_single(line: &str) -> bool {
    !line.contains(['$', '`', '<', '>', '(', ')', '{', '}', ';', '&', '|', '\n', '\r', '#', '!']) && split(line).len() == 1
}

/// Words of each simple command. What a shell would expand stays as it is written.
fn split(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut open) = (Vec::new(), Vec::new(), String::new(), false);
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), c) => word.push(c),
            // Inside double quotes a command can still be substituted.
            (None, '\'' | '"') => {
                quote = Some(c);
                open = true;
            }
            (_, '\\') => {
                match chars.next() {
                    Some('\n') | None => {}
                    Some(next) => word.push(next),
                }
                open = true;
            }
            (_, '`' | '(' | ')') | (None, ';' | '&' | '|' | '\n' | '\r' | '{' | '}') => {
                if c == '(' && word.ends_with('$') {
                    word.pop();
                }
                end_word(&mut words, &mut word, &mut open);
                if !words.is_empty() {
                    all.push(std::mem::take(&mut words));
                }
            }
            (None, '<' | '>') => {
                end_word(&mut words, &mut word, &mut open);
            }
            (None, c) if c.is_whitespace() => end_word(&mut words, &mut word, &mut open),
            (_, c) => word.push(c),
        }
    }
    end_word(&mut words, &mut word, &mut open);
    if !words.is_empty() {
        all.push(words);
    }
    all
}

fn end_word(words: &mut Vec<String>, word: &mut String, open: &mut bool) {
    if !word.is_empty() || *open {
        words.push(std::mem::take(word));
    }
    *open = false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_is_found_however_it_is_dressed() {
        for line in [
            "rm -rf x",
            "cd /; rm   -rf x",
            "true && rm -rf x",
            "r\\m -rf x",
            "'rm' -rf \"x\"",
            "/bin/rm -rf x",
            "echo $(rm -rf x)",
            "echo `rm -rf x`",
            "echo \"$(rm -rf x)\"",
            "env A=b timeout 5 rm -rf x",
            "A=b rm -rf x",
            "if true; then rm -rf x; fi",
            "(rm -rf x)",
            "ls | xargs rm -rf x",
            "sudo /usr/bin/rm -rf x &",
        ] {
            assert!(commands(line).iter().any(|command| command == "rm -rf x"), "{line}: {:?}", commands(line));
        }
        assert!(!commands("echo rm -rf x").contains(&"rm -rf x".to_owned()), "it is only said");
    }

    #[test]
    fn only_what_is_all_there_is_is_plain() {
        for line in ["ls -l /tmp", "cat a | grep b | wc -l", "pwd; id"] {
            assert!(is_plain(line), "{line}");
        }
        for line in [
            "sh -c x",
            "python3 -c x",
            "./x",
            "/tmp/ls",
            "ls $(x)",
            "echo x > ~/.profile",
            "eval x",
            "find . -exec x",
            "A=1 ls",
            "git log",
            "l\\s",
            "echo 'x'",
            "make",
            "xargs x",
            "cat <(x)",
            "env ls",
        ] {
            assert!(!is_plain(line), "{line}");
        }
    }

    #[test]
    fn only_a_single_command_can_be_allowed_by_a_pattern() {
        assert!(is_single("cargo test --all") && is_single("grep 'a b' c"));
        for line in
            ["cargo test; rm x", "cargo test $(rm x)", "cargo test\nrm x", "cargo test > x", "cargo test & rm x", "a || b", ""]
        {
            assert!(!is_single(line), "{line}");
        }
    }
}
