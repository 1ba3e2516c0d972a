//! Attacks that need more than one probe in one sandbox.

mod descriptors;
mod files;
mod lent;
mod limits;
mod peers;

use anyhow::Result;

use crate::{
    attack::Layer,
    bench::Bench,
    fingerprint::Fingerprint,
    report::{Report, Row, Verdict},
};

/// What an attempt answered, and what its control did.
struct Outcome<'a> {
    id: &'static str,
    promise: &'static str,
    attempt: &'a str,
    answer: String,
    /// Begin of an answer that is a refusal.
    refused: &'a [&'a str],
    by: Layer,
    control: &'static str,
    /// Did the control get through?
    control_holds: bool,
    note: &'static str,
}

type Part = fn(&Bench, &mut Report) -> Result<()>;

/// Runs all whose id begins with `wanted`.
pub(crate) fn run(bench: &Bench, wanted: Option<&str>, report: &mut Report) -> Result<()> {
    let parts: [(&str, Part); 5] =
        [("ESC-10", descriptors::run), ("ESC-11", lent::run), ("XA", peers::run), ("FS", files::run), ("RES", limits::run)];
    for (id, part) in parts {
        if wanted.is_none_or(|wanted| wanted.starts_with(id) || id.starts_with(wanted)) {
            let before = Fingerprint::take(bench)?;
            let done = part(bench, report);
            report.check(id, "runs to its end", done);
            report.check(id, "leaves the host as it was", before.same(&Fingerprint::take(bench)?));
        }
    }
    Ok(())
}

impl Outcome<'_> {
    fn judge(self) -> Row {
        let verdict = if !self.refused.iter().any(|refused| self.answer.starts_with(refused)) {
            Verdict::Fail(format!("answers {:?}, not {:?}", self.answer, self.refused))
        } else if self.control_holds {
            Verdict::Pass
        } else {
            Verdict::Inconclusive("the control did not get through".to_owned())
        };
        Row {
            id: self.id,
            promise: self.promise,
            attempt: self.attempt.to_owned(),
            answer: self.answer,
            layers: vec![self.by],
            control: self.control,
            note: self.note,
            verdict,
        }
    }
}
