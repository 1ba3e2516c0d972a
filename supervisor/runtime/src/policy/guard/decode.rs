//! The readings of a text: plain, decoded, and with letters that only look like others made those others.

use base64::Engine as _;

/// Decoded in decoded in decoded is not followed further.
const DEPTH: u32 = 2;
/// Encoded runs of one text that are decoded.
const RUNS: usize = 64;
/// Shortest encoded run, characters: words and hashes are shorter or decode to no text.
const SHORTEST: usize = 20;

/// The text itself and everything that is found encoded in it.
pub fn readings(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    add_decoded(text, DEPTH, &mut all);
    all
}

/// The readings in small letters, one blank between words, disguises taken off; the plain one first.
pub(super) fn folded(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut push = |reading: String| {
        if !all.contains(&reading) {
            all.push(reading);
        }
    };
    let plain = squeezed(&text.to_lowercase());
    push(plain.clone());
    for reading in readings(text) {
        let reading = fold(&reading);
        push(spelled_out(&reading));
        push(digits_to_letters(&reading));
        push(reading);
    }
    all
}

/// What stands in the invisible tag characters (U+E0000 and up), if it is a word or more.
pub(super) fn tags(text: &str) -> Option<String> {
    let hidden: String = text
        .chars()
        .filter_map(|c| char::from_u32((c as u32).checked_sub(0xe_0000)?))
        .filter(|c| (' '..='~').contains(c))
        .collect();
    // Three flags of countries' parts are made of tags as well: a few letters, after a black flag.
    let flags = text.matches('\u{1f3f4}').count() * 6;
    let letters = hidden.chars().collect::<std::collections::BTreeSet<_>>();
    (hidden.chars().count() > flags + 3 && letters.len() > 2).then_some(hidden)
}

fn add_decoded(text: &str, depth: u32, all: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    let mut found = Vec::new();
    if text.matches('%').count() >= 4 {
        found.extend(percent(text));
    }
    if text.matches("&#").count() >= 4 {
        found.extend(numbered(text, "&#", ';'));
    }
    if text.matches("\\u").count() >= 4 {
        found.extend(numbered(text, "\\u", '\\'));
    }
    if text.contains('\u{202e}') || text.contains("ackward") {
        found.push(text.chars().rev().collect());
    }
    for run in text
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_')))
        .filter(|run| run.len() >= SHORTEST)
        .take(RUNS)
    {
        found.extend(hex(run).or_else(|| base64(run)));
    }
    // A code broken into lines is one code, also between lines of something else.
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for block in lines.split(|line| line.starts_with("--") || !is_code(line)).filter(|block| block.len() > 1).take(RUNS) {
        let joined = block.concat();
        found.extend(hex(&joined).or_else(|| base64(&joined)));
    }
    for decoded in found {
        add_decoded(&decoded, depth - 1, all);
        all.push(decoded);
    }
}

fn is_code(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|c| c.is_ascii_alphanumeric() || b"+/=-_".contains(&c))
}

/// Characters by number: `&#73;`, `&#x49;`, `\u0049`.
fn numbered(text: &str, mark: &str, end: char) -> Option<String> {
    let mut parts = text.split(mark);
    let mut decoded = parts.next()?.to_owned();
    for part in parts {
        let (digits, radix) = match (mark, part.strip_prefix(['x', 'X'])) {
            ("&#", Some(digits)) => (digits, 16),
            ("&#", None) => (part, 10),
            _ => (part, 16),
        };
        let most = if mark == "&#" { 7 } else { 4 };
        let length = digits.bytes().take(most).take_while(|digit| (*digit as char).is_digit(radix)).count();
        let (number, rest) = digits.split_at_checked(length)?;
        match u32::from_str_radix(number, radix).ok().and_then(char::from_u32) {
            Some(letter) => decoded.push(letter),
            None => decoded.push_str(mark),
        }
        decoded.push_str(rest.strip_prefix(end).unwrap_or(rest));
    }
    (decoded != text).then_some(decoded)
}

fn percent(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code =
            if bytes[i] == b'%' { text.get(i + 1..i + 3).and_then(|code| u8::from_str_radix(code, 16).ok()) } else { None };
        decoded.push(code.unwrap_or(bytes[i]));
        i += if code.is_some() { 3 } else { 1 };
    }
    let decoded = String::from_utf8(decoded).ok()?;
    (decoded != text).then_some(decoded)
}

fn hex(run: &str) -> Option<String> {
    let run = run.strip_prefix("0x").unwrap_or(run);
    if !run.len().is_multiple_of(2) || !run.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let bytes = (0..run.len()).step_by(2).map(|i| u8::from_str_radix(run.get(i..i + 2)?, 16).ok());
    words(bytes.collect::<Option<Vec<u8>>>()?)
}

fn base64(run: &str) -> Option<String> {
    let standard: String = run
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    // A cut code has a rest that is none.
    let whole = standard.len() - if standard.len() % 4 == 1 { 1 } else { 0 };
    let engine = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    words(engine.decode(standard.get(..whole)?).ok()?)
}

/// Bytes that are text with blanks in it, or a code again; anything else decodes to noise.
fn words(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let odd = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    (odd == 0 && (text.contains(' ') || (text.len() >= SHORTEST && is_code(&text)))).then_some(text)
}

/// Small letters of the Latin alphabet for everything that looks like them, invisible characters left out.
fn fold(text: &str) -> String {
    squeezed(&text.chars().filter(|c| !invisible(*c)).map(plain).collect::<String>().to_lowercase())
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The letter that a person takes this one for.
fn plain(c: char) -> char {
    const LOOKS: &[(&str, &str)] = &[
        ("аеорсухіјѕԁһԛԝкмтвнгпи", "aeopcyxijsdhqwkmtbhrnu"),
        ("АЕОРСУХІЈЅВНКМТ", "aeopcyxijsbhkmt"),
        ("αεοριυνκτχη", "aeopiuvktxn"),
        ("ΑΕΟΡΙΥΝΚΤΧΗΒΖΜ", "aeopiynktxhbzm"),
        ("ıłøđħŧƒɡɩɪʏʀɴᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍᴏᴘꜱᴛᴜᴠᴡᴢ", "ilodhtfgiiyrnabcdefghjklmopstuvwz"),
        ("àáâãäåāăąçćčèéêëēęěìíîïīñńňòóôõöōřśšţťùúûüūůýÿžźż", "aaaaaaaaaccceeeeeeeiiiiinnnoooooorsсttuuuuuuyyzzz"),
        ("’‘`´", "''''"),
    ];
    let code = c as u32;
    match code {
        0..=0x7f => return c,
        // Full width.
        0xff01..=0xff5e => return char::from_u32(code - 0xfee0).unwrap_or(c),
        // Circled letters.
        0x24b6..=0x24e9 => return char::from_u32(u32::from(b'a') + (code - 0x24b6) % 26).unwrap_or(c),
        // Letters of mathematics: alphabets of 26 capital and 26 small letters.
        0x1d400..=0x1d6a3 => return char::from_u32(u32::from(b'a') + (code - 0x1d400) % 26).unwrap_or(c),
        0x1f130..=0x1f149 => return char::from_u32(u32::from(b'a') + code - 0x1f130).unwrap_or(c),
        _ => {}
    }
    let found = LOOKS.iter().find_map(|(from, to)| {
        let place = from.chars().position(|one| one == c)?;
        to.chars().nth(place)
    });
    found.unwrap_or(c)
}

/// `i g n o r e` is a word.
fn spelled_out(text: &str) -> String {
    let words: Vec<&str> = text.split([' ', '-', '.', '_', '*']).collect();
    let mut out = String::new();
    let mut i = 0;
    while i < words.len() {
        let run = words[i..].iter().take_while(|word| word.chars().count() == 1).count();
        if !out.is_empty() {
            out.push(' ');
        }
        if run >= 4 {
            out.push_str(&words[i..i + run].concat());
            i += run;
        } else {
            out.push_str(words[i]);
            i += 1;
        }
    }
    out
}

/// `1gn0r3` is a word.
fn digits_to_letters(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '!' | '|' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            c => c,
        })
        .collect()
}
