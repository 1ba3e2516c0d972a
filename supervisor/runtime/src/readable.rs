//! A web page as text that a model can read.

/// What a page says: its title, then its text with headings, lists, and where links lead. Scripts, styles and forms of the page are
/// left out. It reads what it can of any input and never fails.
pub fn readable(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.text(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("<!--") {
            rest = after.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let named = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!' || c == '?');
        if !named {
            page.text("<");
            rest = &rest[1..];
            continue;
        }
        let (tag, after) = split_tag(&rest[1..]);
        rest = after;
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        if matches!(name.as_str(), "script" | "style" | "noscript" | "template" | "svg" | "iframe") && !tag.starts_with('/') {
            rest = if tag.ends_with('/') { rest } else { past_end(rest, &name) };
            continue;
        }
        page.tag(&name, tag);
    }
    page.text(rest);
    page.end()
}

/// A tag up to its `>`, which may stand in quotes before, and what follows.
fn split_tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return (&text[..at], &text[at + 1..]),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    // A quote that is never closed hides no more than its own tag.
    text.split_once('>').unwrap_or((text, ""))
}

/// What follows the end of an element that is left out.
fn past_end<'a>(text: &'a str, name: &str) -> &'a str {
    let close = format!("</{name}");
    let bytes = text.as_bytes();
    let found = bytes.windows(close.len()).position(|window| window.eq_ignore_ascii_case(close.as_bytes()));
    found.map_or("", |at| text[at..].split_once('>').map_or("", |(_, after)| after))
}

#[derive(Default)]
struct Page {
    title: String,
    in_title: bool,
    verbatim: bool,
    out: String,
    /// Where the link that is open leads, and where its text begins.
    link: Option<(String, usize)>,
}

impl Page {
    fn text(&mut self, raw: &str) {
        let text = entities(raw);
        if self.in_title {
            self.title.push_str(&text);
        } else if self.verbatim {
            self.out.push_str(&text);
        } else {
            if text.starts_with(char::is_whitespace) {
                self.space();
            }
            for (i, word) in text.split_whitespace().enumerate() {
                if i > 0 {
                    self.out.push(' ');
                }
                self.out.push_str(word);
            }
            if text.ends_with(char::is_whitespace) {
                self.space();
            }
        }
    }

    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
    }

    /// Ends the line, and leaves `empty` lines after it.
    fn lines(&mut self, empty: usize) {
        if self.verbatim {
            return;
        }
        self.out.truncate(self.out.trim_end_matches(' ').len());
        let have = self.out.len() - self.out.trim_end_matches('\n').len();
        if !self.out.is_empty() {
            self.out.extend(std::iter::repeat_n('\n', (empty + 1).saturating_sub(have)));
        }
    }

    fn tag(&mut self, name: &str, tag: &str) {
        let opens = !tag.starts_with('/');
        match name {
            "title" => self.in_title = opens && self.title.is_empty(),
            "pre" => {
                self.verbatim = false;
                self.lines(1);
                self.verbatim = opens;
            }
            "br" => self.out.push('\n'),
            "li" if opens => {
                self.lines(0);
                self.out.push_str("- ");
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.lines(1);
                if opens {
                    let depth = name.as_bytes().get(1).map_or(1, |digit| usize::from(digit - b'0'));
                    self.out.extend(std::iter::repeat_n('#', depth));
                    self.out.push(' ');
                }
            }
            "p" | "table" | "ul" | "ol" | "blockquote" | "article" | "section" | "main" | "hr" => self.lines(1),
            "div" | "tr" | "dt" | "dd" | "header" | "footer" | "nav" | "form" | "figure" | "li" | "option" => self.lines(0),
            "td" | "th" if opens && !self.out.ends_with('\n') => self.out.push_str(" | "),
            "a" if opens => {
                let target = attribute(tag, "href").filter(|href| href.contains('/') && !href.starts_with("javascript:"));
                self.link = target.map(|href| (href, self.out.len()));
            }
            "a" => {
                if let Some((href, from)) = self.link.take()
                    && self.out.get(from..).is_some_and(|text| !text.trim().is_empty() && text.trim() != href)
                {
                    self.out.truncate(self.out.trim_end_matches(' ').len());
                    self.out.push_str(&format!(" ({href})"));
                }
            }
            "img" => {
                if let Some(alt) = attribute(tag, "alt").filter(|alt| !alt.trim().is_empty()) {
                    self.text(&format!(" [image: {alt}] "));
                }
            }
            _ => {}
        }
    }

    fn end(self) -> String {
        let title = self.title.split_whitespace().collect::<Vec<_>>().join(" ");
        let body = self.out.trim();
        match (title.is_empty(), body.is_empty()) {
            (true, _) => body.to_owned(),
            (false, true) => title,
            (false, false) => format!("{title}\n\n{body}"),
        }
    }
}

/// The value of an attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let at = lower
        .match_indices(name)
        .find(|(at, _)| lower[..*at].ends_with(char::is_whitespace) && lower[at + name.len()..].trim_start().starts_with('='))?;
    let value = tag.get(at.0 + name.len()..)?.trim_start().strip_prefix('=')?.trim_start();
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split(char::is_whitespace).next()?,
    };
    Some(entities(value))
}

/// `&amp;` and its kin.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let decoded =
            rest.char_indices().take(12).find(|(_, c)| *c == ';').and_then(|(end, _)| Some((entity(&rest[..end])?, end)));
        match decoded {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "copy" => '©',
        "mdash" => '—',
        "ndash" => '–',
        "hellip" => '…',
        "laquo" => '«',
        "raquo" => '»',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "bull" => '•',
        "middot" => '·',
        "euro" => '€',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_text() {
        let page = "<!DOCTYPE html><html><head><title>The\n tide &amp; us</title><style>p{color:red}</style>\
            <script>if (a < b) { alert('</p>') }</script></head><body><!-- <p>hidden</p> --><h2>At <b>noon</b></h2>\
            <p>It turns.<br>Then   it\n ebbs: 3 &lt; 4 < 5.</p><ul><li>one<li><a href=\"/two\">two</a></ul>\
            <table><tr><td>a</td><td>b</td></tr></table><pre>  x\n    y</pre><img alt='a boat' src=x></body></html>";
        let expected = "The tide & us\n\n## At noon\n\nIt turns.\nThen it ebbs: 3 < 4 < 5.\n\n- one\n- two (/two)\n\na | b\n\n  x\n    y\n\n[image: a boat]";
        assert_eq!(readable(page), expected);
    }

    #[test]
    fn broken_pages_never_fail() {
        let parts = [
            "<",
            ">",
            "<a href='",
            "\"",
            "</",
            "<script",
            "é",
            "&#x110000;",
            "&#65;",
            "&",
            "<!--",
            "<pre>",
            "<h9>",
            "İ href=",
            "=",
            "x",
        ];
        let mut seed = 7_u32;
        for _ in 0..5000 {
            let page: String = (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    parts[(seed >> 16) as usize % parts.len()]
                })
                .collect();
            let _ = readable(&page);
        }
    }
}
