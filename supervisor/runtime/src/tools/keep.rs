//! Long results are kept whole in the home and shown in part.

use crate::{HandsError, text, toolset::Site};

/// Saves a long result in the home and shows its ends.
pub(crate) async fn keep(whole: &str, site: &Site<'_>) -> Result<String, HandsError> {
    let name = match site.position {
        0 => format!("step-{}.txt", site.step),
        n => format!("step-{}-{}.txt", site.step, n + 1),
    };
    let path = format!("{}/.aether/outputs/{name}", site.goal.home);
    let note = match site.hands.write_file(&path, whole.as_bytes()).await {
        Ok(()) => format!(": all of it in {path}, read_file pages through it"),
        Err(HandsError::Refused(why)) => format!("; it could not be saved: {}", text::one_line(&why, 200)),
        Err(lost) => return Err(lost),
    };
    Ok(text::ends(whole, text::OBSERVATION, &note))
}
