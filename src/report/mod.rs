//! What a result looks like: one [`View`], rendered by many formats. A format lays out and escapes; it computes
//! nothing. The view holds raw text from targets and files, so escaping is every format's own duty.

mod csv;
mod html;
mod json;
mod junit;
mod markdown;
pub mod number;
mod openmetrics;
mod prose;
mod table;
mod text;
mod view;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod shard_tests;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

pub use csv::Csv;
pub use html::Html;
pub use json::Json;
pub use junit::Junit;
pub use markdown::{Markdown, markdown_words, render_within};
pub use openmetrics::OpenMetrics;
pub use prose::{Kind, Piece, Prose};
pub(crate) use prose::{clipped, visible};
pub use table::{Align, Column, Section, Table, Topic};
pub use text::Text;
pub use view::{
    ChartSet, Distribution, Headline, LoadRow, Mark, MetricRow, ObjectiveRow, PhaseBar, PhasePart,
    RequestRow, RewardRow, Share, Sign, SlowRow, Spread, TaskRow, TimePoint, Timeline, TimingRow, View,
};

/// A way to write a view.
pub trait Format: Sync {
    /// As users ask for it: `markdown`.
    fn name(&self) -> &'static str;

    /// The file it is written to in the output folder: `report.md`.
    fn file(&self) -> &'static str;

    /// Writes the view.
    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()>;
}

/// All formats, in the order of the documentation.
pub static FORMATS: &[&dyn Format] = &[
    &Text { colour: false },
    &Markdown,
    &Html,
    &Json,
    &Junit,
    &Csv,
    &OpenMetrics,
];

/// The format of a name.
pub fn format(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().find(|format| format.name() == name).copied()
}
