//! `aether profile`

use std::io::Write as _;

use aether_protocol::{AgentProfile, Reflection};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        style::{Style, Tone},
        text::one_line,
    },
};

/// Runs that are shown.
const SHOWN: usize = 10;

/// Show what an agent is known for: its runs, counted, and what models thought of them
#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
}

impl Profile {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let answer = context.client.get(&uri(&self.agent, "/profile")).await?;
        if context.json {
            writeln!(std::io::stdout(), "{}", answer.raw()?)?;
            return Ok(0);
        }
        let profile: AgentProfile = answer.data()?;
        let runs: Vec<Reflection> = context.client.get(&uri(&self.agent, "/reflections")).await?.data()?;
        let mut out = std::io::stdout().lock();
        let AgentProfile { completed, failed, steps, calls, calls_failed, ratings, rating_sum, expertise, notes } = profile;
        writeln!(out, "goals     {completed} reached, {failed} not reached")?;
        writeln!(out, "steps     {steps}, with {calls} calls of tools, {calls_failed} of them failed")?;
        let rated = if ratings == 0 {
            "no model rated a run".to_owned()
        } else {
            format!("{:.1} of 5 on average, {ratings} runs rated", rating_sum as f64 / ratings as f64)
        };
        writeln!(out, "rating    {rated}")?;
        let good = if expertise.is_empty() { "it says nothing of itself".to_owned() } else { expertise.join(", ") };
        writeln!(out, "good at   {}", one_line(&good))?;
        if !notes.is_empty() {
            writeln!(out, "notes     {}", one_line(&notes))?;
        }
        let style = Style::stdout();
        for run in runs.iter().take(SHOWN) {
            let tone = if run.outcome == "completed" { Tone::Good } else { Tone::Bad };
            let rating = run.rating.map_or_else(|| "-".to_owned(), |rating| format!("{rating}/5"));
            let outcome = style.paint(tone, &one_line(&run.outcome));
            writeln!(out, "{}  {}  {outcome}  {rating}  {}", run.at.0, run.agent, one_line(&run.summary))?;
        }
        Ok(0)
    }
}
