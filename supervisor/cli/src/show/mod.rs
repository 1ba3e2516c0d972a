//! How things look: colours, units, tables, text that cannot harm a terminal, one line per event.

pub(crate) mod events;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod units;
