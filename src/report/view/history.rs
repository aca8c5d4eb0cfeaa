//! The last result of the base branch beside this one: shown, never judged.

use super::known::{Known, metric_name};
use crate::metrics::MetricName;
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};
use crate::results::History;

/// Characters of a commit that tell it apart.
const SHORT_COMMIT: usize = 7;
const INFORMS: &str = "This informs and fails nothing: runs one after the other differ by machine and time of day, too. \
    `baselineURL` compares two versions side by side.";

/// What changed, as a table.
pub(super) fn section(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Metric", Align::Left),
        ("Before", Align::Right),
        ("This run", Align::Right),
        ("Ratio", Align::Right),
    ]);
    let mut notes = Vec::new();
    if let Some(history) = &known.result.history {
        for change in &history.changes {
            let unit = change.metric.unit();
            let ratio = change
                .ratio()
                .map_or_else(|| number::NONE.to_owned(), |ratio| number::ratio(ratio, None));
            table.rows.push(vec![
                metric_name(&change.metric),
                number::measured(change.before, unit).into(),
                number::measured(change.now, unit).into(),
                ratio.into(),
            ]);
        }
        notes.push(whose(history));
        notes.extend(
            history
                .differences
                .iter()
                .map(|words| Prose::from("Not measured alike, ").text(words.as_str()).text(".")),
        );
        notes.push(informs());
    }
    Section {
        topic: Topic::History,
        title: title(known),
        table: table.without_empty_columns(),
        notes,
    }
}

fn informs() -> Prose {
    let (before, after) = INFORMS.split_once("`baselineURL`").unwrap_or((INFORMS, ""));
    Prose::from(before).code("baselineURL").text(after)
}

/// The most telling change in short: details are folded.
fn title(known: &Known<'_>) -> String {
    let history = known.result.history.as_ref();
    let latency = history
        .into_iter()
        .flat_map(|history| &history.changes)
        .find(|change| {
            matches!(&change.metric, MetricName::Load(..))
                && change.metric.to_string().ends_with("/latency-p95")
        });
    let short = latency.map_or_else(String::new, |change| {
        let shown = |value| number::measured(value, change.metric.unit());
        format!(": p95 was {}, is {}", shown(change.before), shown(change.now))
    });
    format!("Beside the last result of the base{short}")
}

fn whose(history: &History) -> Prose {
    let told = Prose::from("Before: ");
    let told = match &history.commit {
        Some(commit) => {
            let short: String = commit.chars().take(SHORT_COMMIT).collect();
            told.link(short, history.commit_url.as_deref()).text(", ")
        }
        None => told,
    };
    told.text(format!(
        "started {:.0}, ended with {}.",
        history.started,
        history.outcome.name()
    ))
}

/// What became much worse under the same conditions.
pub(super) fn warnings(known: &Known<'_>) -> Vec<Prose> {
    let history = known.result.history.as_ref();
    let worse = history.into_iter().flat_map(History::worse);
    worse
        .map(|change| {
            let unit = change.metric.unit();
            let (before, now) = (
                number::measured(change.before, unit),
                number::measured(change.now, unit),
            );
            metric_name(&change.metric)
                .text(format!(
                    " is {now}, and was {before} in the last result of the base. No objective depends on it."
                ))
                .capitalised()
        })
        .collect()
}
