//! Pictures that an agent reads reach the models that see, in each provider's own format, and no other; the journal never holds one.

mod common;
#[path = "../../llm/tests/common/mod.rs"]
mod wire;

use std::{fs, path::Path};

use aether_llm::{Completion, CompletionRequest, Delta, Endpoint, Interface, LlmError, Message, Provider, Remote, Sight};
use aether_runtime::{Control, Outcome};
use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use common::{Memory, Scripted, Shell, goal, run, run_goal};
use serde_json::{Value, json};
use wire::{Server, turns::turn};

/// The begin of a PNG of that size, and a few bytes of its own.
fn png(width: u32, own: &[u8]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &600_u32.to_be_bytes(), own].concat()
}

fn read(path: &str) -> (&'static str, Value) {
    ("read_file", json!({ "path": path }))
}

/// Has a model of this interface read a picture and what is none; the second question, and the journal.
async fn asked(home: &Path, interface: Interface, sight: Sight) -> (Value, Memory) {
    let first = turn(interface, "I look.", &["pic.dat", "wide.png", "fake.png", "huge.gif"].map(read));
    let last = turn(interface, "Seen.", &[("complete", json!({"summary": "seen"}))]);
    let server = Server::play(vec![first.answer(usize::MAX), last.answer(usize::MAX)]).await;
    let endpoint = Endpoint::new("p", interface, &server.url, None, "m");
    let provider = Remote::new(Endpoint { images: sight, ..endpoint }).expect("provider");
    let (outcome, journal) = run(home, "look", &provider).await;
    assert_eq!(outcome, Outcome::Completed("seen".into()), "{interface:?}");
    let sent = server.requests.lock().expect("lock")[1].clone();
    let (_, body) = sent.split_once("\r\n\r\n").expect("body");
    (serde_json::from_str(body).expect("json"), journal)
}

#[tokio::test]
async fn a_picture_reaches_a_model_that_sees_in_every_format() {
    let home = tempfile::tempdir().expect("dir");
    let picture = png(800, b"what is to be seen");
    let encoded = BASE64_STANDARD.encode(&picture);
    // What a file is, its bytes say, not its name.
    fs::write(home.path().join("pic.dat"), &picture).expect("picture");
    fs::write(home.path().join("wide.png"), png(8001, b"")).expect("picture");
    fs::write(home.path().join("fake.png"), b"\x89PNG\r\n\x1a\n and nothing else").expect("file");
    let mut huge = b"GIF89a\x20\x03\x58\x02".to_vec();
    huge.resize(3500 * 1024 + 1, 0);
    fs::write(home.path().join("huge.gif"), huge).expect("picture");
    let url = format!("data:image/png;base64,{encoded}");
    for interface in Interface::ALL {
        let (body, journal) = asked(home.path(), interface, Sight::Said(true)).await;
        let place = match interface {
            Interface::Chat => json!({"type": "image_url", "image_url": {"url": url}}),
            Interface::Responses => json!({"type": "input_image", "image_url": url}),
            Interface::Anthropic => {
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded}})
            }
            Interface::Gemini => json!({"inlineData": {"mimeType": "image/png", "data": encoded}}),
            Interface::Ollama => json!({"images": [encoded]}),
        };
        assert!(holds(&body, &place), "{interface:?}: {body}");
        let text = body.to_string();
        assert_eq!(text.matches(&encoded).count(), 1, "{interface:?}: once");
        for told in [
            format!("PNG image, 800 × 600 pixels, {} bytes", picture.len()),
            "wide.png has 8001 × 600 pixels, at most 8000 in each direction can be shown".to_owned(),
            "fake.png begins like a PNG image, but is none".to_owned(),
            "huge.gif is a GIF image of more than 3500 KiB".to_owned(),
        ] {
            assert!(text.contains(&told), "{interface:?}: {told} is not in {text}");
        }
        let kept = serde_json::to_string(&*journal.history.lock().expect("lock")).expect("json");
        assert!(!kept.contains(&encoded) && kept.contains("\"sum\":\""), "the journal has its sum alone: {kept}");

        let (body, _) = asked(home.path(), interface, Sight::Said(false)).await;
        let text = body.to_string();
        assert!(!text.contains(&encoded), "{interface:?}: a model that does not see is sent nothing");
        assert!(text.contains("pic.dat: an image, which this model cannot see"), "{interface:?}: {text}");
    }
}

/// Is there an object in `value` with all fields of `wanted`?
fn holds(value: &Value, wanted: &Value) -> bool {
    let fields = wanted.as_object().expect("an object");
    let here = value.as_object().is_some_and(|object| fields.iter().all(|(key, value)| object.get(key) == Some(value)));
    here || match value {
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(fields) => fields.values().any(|item| holds(item, wanted)),
        _ => false,
    }
}

/// A script that sees.
struct Seeing(Scripted);

#[async_trait]
impl Provider for Seeing {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn default_model(&self) -> String {
        self.0.default_model()
    }

    fn sees(&self, _: Option<&str>) -> bool {
        true
    }

    async fn complete(&self, request: CompletionRequest, on: &mut (dyn FnMut(Delta) + Send)) -> Result<Completion, LlmError> {
        self.0.complete(request, on).await
    }
}

/// The pictures of each question, by their last byte, and the results without one.
fn shown(provider: &Seeing) -> Vec<(Vec<u8>, Vec<String>)> {
    let asked = provider.0.asked.lock().expect("lock");
    let of = |request: &CompletionRequest| {
        let images = request.messages.iter().flat_map(Message::images);
        let words = request.messages.iter().filter_map(|message| match message {
            Message::Tool { text, images, .. } if images.is_empty() => Some(text.clone()),
            _ => None,
        });
        (images.map(|image| *image.data.last().expect("bytes")).collect(), words.collect())
    };
    asked.iter().map(of).collect()
}

#[tokio::test]
async fn old_pictures_are_left_out_and_changed_ones_are_not_shown() {
    let home = tempfile::tempdir().expect("dir");
    for n in 0..10 {
        fs::write(home.path().join(format!("{n}.png")), png(8, &[n])).expect("picture");
    }
    let mut turns: Vec<_> = (0..10).map(|n| vec![read(&format!("{n}.png"))]).collect();
    turns.push(vec![("complete", json!({"summary": "seen"}))]);
    let provider = Seeing(Scripted::new(turns));
    let (journal, hands, control) = (Memory::default(), Shell::new(home.path()), Control::new(50));
    let goal = goal(home.path(), "look");
    // Cut off as the last picture has been read, and begun again when one of them is another and one is gone.
    journal.cut_at(63);
    tokio::select! {
        outcome = run_goal(&goal, &provider, &hands, &journal, &control) => panic!("it was not cut off: {outcome:?}"),
        () = journal.cut_reached.notified() => {}
    }
    let before = shown(&provider);
    assert_eq!(before[8].0, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(before[9].0, [4, 5, 6, 7, 8]);
    assert!(before[9].1[0].contains("0.png: the image is left out by now; read_file shows it again"), "{:?}", before[9].1);
    let read_by_then = before.len();
    fs::write(home.path().join("6.png"), png(8, b"another")).expect("picture");
    fs::remove_file(home.path().join("7.png")).expect("removed");
    journal.cut_at(0);
    let outcome = run_goal(&goal, &provider, &hands, &journal, &control).await;
    assert_eq!(outcome, Outcome::Completed("seen".into()));
    let after = shown(&provider);
    let (images, words) = after.get(read_by_then..).and_then(<[_]>::last).expect("a question after the cut");
    assert_eq!(images, &[4, 5, 8, 9]);
    assert!(words.iter().any(|text| text.contains("6.png: the image has changed since")), "{words:?}");
    assert!(words.iter().any(|text| text.contains("7.png: the image cannot be read any more")), "{words:?}");
}
