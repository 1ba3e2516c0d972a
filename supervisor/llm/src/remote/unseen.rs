//! Images that a model cannot take, or that its provider refused: words stand in their place.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Image, Message};

/// Kinds of images that every provider takes.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Refused images that are known; older ones are tried again.
const KNOWN: usize = 256;
/// Of an image that was refused.
pub(super) const NOT_TAKEN: &str = "that the provider did not take";

/// Images that the provider refused, by what they are.
#[derive(Clone, Default)]
pub(super) struct Refused(Arc<Mutex<VecDeque<u64>>>);

impl Refused {
    /// Leaves out what the model cannot take, and what was refused before.
    pub(super) fn describe(&self, messages: &mut [Message], sees: bool) {
        leave_out(messages, "that this model cannot see", |image| !sees || !IMAGES.contains(&image.media_type.as_str()));
        let known: Vec<u64> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        if !known.is_empty() {
            leave_out(messages, NOT_TAKEN, |image| known.contains(&sum(image)));
        }
    }

    /// These were refused.
    pub(super) fn remember(&self, images: Vec<u64>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(images);
        let old = known.len().saturating_sub(KNOWN);
        known.drain(..old);
    }
}

/// Every image that messages show.
pub(super) fn shown(messages: &[Message]) -> Vec<u64> {
    messages.iter().flat_map(Message::images).map(sum).collect()
}

fn sum(image: &Image) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.data.hash(&mut hasher);
    hasher.finish()
}

/// Puts words in the place of the images that `is_out` names.
pub(super) fn leave_out(messages: &mut [Message], why: &str, is_out: impl Fn(&Image) -> bool) {
    for message in messages {
        let (Message::User { text, images } | Message::Tool { text, images, .. }) = message else { continue };
        for image in images.iter().filter(|image| is_out(image)) {
            let line = format!("[an image ({}, {} bytes) {why}]", image.media_type, image.data.len());
            *text = if text.is_empty() { line } else { format!("{text}\n{line}") };
        }
        images.retain(|image| !is_out(image));
    }
}
