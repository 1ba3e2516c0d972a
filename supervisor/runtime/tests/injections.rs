//! How many of two hundred texts that give a model orders the guard suspects.
//!
//! `injections.json` has them: what a page, a file, a result, a message or an argument says, in twenty languages and thirty disguises.
//! The guard's shapes were written by who wrote these texts, so their share is an upper bound of what it does with others'.
//! `AETHER_UPDATE=1` writes the figures into docs/CONTROL.md.

use std::{collections::BTreeMap, env, fs};

use aether_runtime::policy::guard;
use serde::Deserialize;

const TEXTS: &str = include_str!("injections.json");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONTROL.md");
const BEGIN: &str = "<!-- figures of the guard -->\n";
const END: &str = "<!-- end of the figures -->";

#[derive(Deserialize)]
struct Injection {
    channel: String,
    language: String,
    way: String,
    text: String,
}

fn share(texts: &[&Injection]) -> String {
    let found = texts.iter().filter(|one| !guard::scan(&one.text).is_empty()).count();
    format!("{found} of {}", texts.len())
}

fn table(all: &[Injection]) -> String {
    let all: Vec<&Injection> = all.iter().collect();
    let only = |keep: &dyn Fn(&Injection) -> bool| -> Vec<&Injection> { all.iter().copied().filter(|one| keep(one)).collect() };
    let mut rows = vec![
        ("all".to_owned(), all.clone()),
        ("English, as it is".to_owned(), only(&|one| one.language == "en" && !is_disguise(one))),
        ("other languages".to_owned(), only(&|one| one.language != "en")),
        ("in disguise".to_owned(), only(&|one| is_disguise(one))),
    ];
    let mut channels = BTreeMap::<&str, Vec<&Injection>>::new();
    for one in &all {
        channels.entry(&one.channel).or_default().push(one);
    }
    rows.extend(channels.into_iter().map(|(channel, texts)| (format!("channel: {channel}"), texts)));
    let mut text = "| texts that give orders | suspected |\n| --- | ---: |\n".to_owned();
    for (name, texts) in rows {
        text += &format!("| {name} | {} |\n", share(&texts));
    }
    text
}

/// The same order in other letters or codes, after those that were written out.
fn is_disguise(one: &Injection) -> bool {
    const WRITTEN: &[&str] = &[
        "plain",
        "hidden html",
        "comment",
        "markdown image",
        "markdown link",
        "template tag",
        "meta tag",
        "role tag",
        "code comment",
        "task list",
        "csv",
        "json",
        "mail",
        "fake turn",
        "false memory",
        "worm",
        "file name",
        "broken json",
        "branch name",
    ];
    !WRITTEN.contains(&one.way.as_str())
}

#[test]
fn the_page_says_how_many_injections_are_suspected() {
    let all: Vec<Injection> = serde_json::from_str(TEXTS).expect("the texts");
    assert_eq!(all.len(), 200);
    for (i, one) in all.iter().enumerate().filter(|(_, one)| guard::scan(&one.text).is_empty()) {
        println!("not suspected: {i} {} {} {}: {}", one.channel, one.language, one.way, one.text);
    }
    let table = table(&all);
    println!("{table}");
    let page = fs::read_to_string(PAGE).expect("docs/CONTROL.md");
    let (before, rest) = page.split_once(BEGIN).expect("a place for the figures");
    let (_, after) = rest.split_once(END).expect("the end of the figures");
    let now = format!("{before}{BEGIN}{table}{END}{after}");
    if env::var_os("AETHER_UPDATE").is_some() {
        fs::write(PAGE, &now).expect("write");
    }
    assert!(env::var_os("AETHER_UPDATE").is_some() || page == now, "AETHER_UPDATE=1 writes the new figures:\n{table}");
}
