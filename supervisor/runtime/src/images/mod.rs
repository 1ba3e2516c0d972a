//! Pictures that results show. The journal has the name and the sum of the file, never its bytes: they are read from the home again
//! for each run of the loop.

mod kind;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aether_llm::Image;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{CallOutcome, Hands, HandsError, History, toolset::Site};

pub(crate) use kind::media_type;

/// Bytes of the largest picture that is shown: with base64, what the strictest provider takes of one.
const LARGEST: usize = 3500 << 10;
/// Pixels of its longer side.
const LONGEST: u32 = 8000;
/// Pictures of a conversation that stay, when older ones are left out; they are left out in groups of that size, so that what a
/// provider has cached of the conversation stays of use.
const KEPT: usize = 4;
/// Bytes of all pictures of a conversation.
const TOGETHER: u64 = 12 << 20;
/// Tokens that a picture takes, roughly, with any provider.
const TOKENS: u64 = 1500;

/// A picture that a result shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownImage {
    /// Its file, absolute, inside.
    pub path: String,
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
    pub media_type: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits: another file of that name is not shown in its place.
    pub sum: String,
}

/// Reads a file that begins like a picture.
pub(crate) async fn read(path: &str, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
    let whole = site.path(path);
    let bytes = site.hands.read_file(&whole, 0, LARGEST + 1).await?;
    let Some(media_type) = media_type(&bytes) else {
        return Ok(CallOutcome::failed(format!("{path} changed while it was read")));
    };
    let kind = kind::name(media_type);
    if bytes.len() > LARGEST {
        let most = LARGEST >> 10;
        return Ok(CallOutcome::failed(format!(
            "{path} is a {kind} image of more than {most} KiB: make a smaller one of it first"
        )));
    }
    let Some((width, height)) = kind::size(&bytes) else {
        return Ok(CallOutcome::failed(format!("{path} begins like a {kind} image, but is none: its size cannot be read")));
    };
    if width.max(height) > LONGEST {
        let why = format!(
            "{path} has {width} × {height} pixels, at most {LONGEST} in each direction can be shown: scale it down first"
        );
        return Ok(CallOutcome::failed(why));
    }
    let text = format!("{kind} image, {width} × {height} pixels, {} bytes", bytes.len());
    let image = ShownImage { path: whole, media_type: media_type.to_owned(), bytes: bytes.len() as u64, sum: sum(&bytes) };
    Ok(CallOutcome { images: vec![image], ..CallOutcome::done(text) })
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The newest pictures of the steps that are told whole, as far as they are shown.
fn newest(history: &History, summed_up: usize) -> Vec<&ShownImage> {
    let steps = history.steps.iter().skip(summed_up);
    let mut all: Vec<&ShownImage> = steps.flat_map(|step| step.outcomes.iter().flatten()).flat_map(|o| &o.images).collect();
    let out = if all.len() > 2 * KEPT { (all.len() - KEPT - 1) / KEPT * KEPT } else { 0 };
    all.drain(..out);
    let mut together = 0;
    let fitting = all.iter().rev().take_while(|image| {
        together += image.bytes;
        together <= TOGETHER
    });
    let fitting = fitting.count();
    all.split_off(all.len() - fitting)
}

/// Tokens that they take, estimated.
pub(crate) fn tokens(history: &History, summed_up: usize) -> u64 {
    newest(history, summed_up).len() as u64 * TOKENS
}

/// What is in the place of each picture, by its sum.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    blind: bool,
    images: HashMap<String, Result<Arc<Image>, String>>,
}

impl Shown {
    /// The picture, or a line in its place.
    pub(crate) fn of(&self, image: &ShownImage) -> Result<Image, String> {
        let because = |why: &str| Err(format!("[{}: {why}]", image.path));
        match self.images.get(&image.sum) {
            Some(Ok(image)) => Ok(image.as_ref().clone()),
            Some(Err(why)) => because(why),
            None if self.blind => because("an image, which this model cannot see"),
            None => because("the image is left out by now; read_file shows it again"),
        }
    }
}

/// The pictures of a run.
#[derive(Default)]
pub(crate) struct Album(Mutex<HashMap<String, Arc<Image>>>);

impl Album {
    /// What a model is shown of a history.
    ///
    /// # Errors
    /// [`HandsError::Lost`]: the sandbox cannot be reached.
    pub(crate) async fn open(
        &self,
        history: &History,
        summed_up: usize,
        sees: bool,
        hands: &dyn Hands,
    ) -> Result<Shown, HandsError> {
        let mut shown = Shown { blind: !sees, ..Shown::default() };
        if !sees {
            return Ok(shown);
        }
        let mut kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for wanted in newest(history, summed_up) {
            if shown.images.contains_key(&wanted.sum) {
                continue;
            }
            let image = match kept.remove(&wanted.sum) {
                Some(image) => Ok(image),
                None => load(wanted, hands).await?.map(Arc::new),
            };
            shown.images.insert(wanted.sum.clone(), image);
        }
        let known = shown.images.iter().filter_map(|(sum, image)| Some((sum.clone(), image.clone().ok()?)));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known.collect();
        Ok(shown)
    }
}

async fn load(wanted: &ShownImage, hands: &dyn Hands) -> Result<Result<Image, String>, HandsError> {
    let ShownImage { path, media_type, .. } = wanted;
    match hands.read_file(path, 0, LARGEST + 1).await {
        Ok(data) if sum(&data) == wanted.sum => Ok(Ok(Image { media_type: media_type.clone(), data })),
        Ok(_) => Ok(Err("the image has changed since; read_file shows it as it is now".to_owned())),
        Err(HandsError::Refused(why)) => {
            Ok(Err(format!("the image cannot be read any more ({})", crate::text::one_line(&why, 200))))
        }
        Err(lost) => Err(lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RecordedStep, StepIntent};

    fn history(sizes: &[u64]) -> History {
        let step = |(i, bytes): (usize, &u64)| RecordedStep {
            intent: StepIntent { step: i as u32 + 1, thought: String::new(), usage: None, calls: Vec::new() },
            outcomes: vec![Some(CallOutcome {
                images: vec![ShownImage { path: "/p".into(), media_type: "image/png".into(), bytes: *bytes, sum: i.to_string() }],
                ..CallOutcome::done("")
            })],
        };
        History { steps: sizes.iter().enumerate().map(step).collect(), messages: Vec::new() }
    }

    fn first(sizes: &[u64], summed_up: usize) -> (usize, usize) {
        let history = history(sizes);
        let shown = newest(&history, summed_up);
        (shown.first().map_or(usize::MAX, |image| image.sum.parse().expect("number")), shown.len())
    }

    #[test]
    fn old_pictures_are_left_out_first_and_seldom() {
        assert_eq!(first(&[1; 8], 0), (0, 8));
        assert_eq!(first(&[1; 9], 0), (4, 5));
        assert_eq!(first(&[1; 12], 0), (4, 8));
        assert_eq!(first(&[1; 13], 0), (8, 5));
        assert_eq!(first(&[1; 12], 10), (10, 2), "a step that is summed up shows nothing");
        assert_eq!(first(&[5 << 20, 5 << 20, 5 << 20], 0), (1, 2), "together they are bounded");
        assert_eq!(tokens(&history(&[1; 3]), 0), 3 * TOKENS);
    }
}
