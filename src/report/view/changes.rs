//! What a run changed in a cluster, and what became of that.

use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};
use crate::results::{ExperimentResult, ObjectChange};

/// Most changes that are listed.
const MOST: usize = 100;

/// One row for each change.
pub(super) fn section(result: &ExperimentResult) -> Section {
    let mut table = Table::new(&[
        ("Task", Align::Right),
        ("Object", Align::Left),
        ("Field", Align::Left),
        ("From", Align::Left),
        ("To", Align::Left),
        ("After", Align::Right),
        ("Verdict", Align::Left),
        ("Then", Align::Left),
    ]);
    let row = |change: &ObjectChange| {
        let after = change.at.duration_since(result.started).as_secs_f64().max(0.0);
        vec![
            change.task.to_string().into(),
            Prose::new().code(format!("{} in {}", change.object, change.namespace)),
            Prose::new().code(change.field.as_str()),
            change.from.as_str().into(),
            change.to.as_str().into(),
            number::duration(after).into(),
            change
                .outcome
                .map_or_else(Prose::new, |outcome| outcome.name().into()),
            then(change),
        ]
    };
    table.rows = result.changes.iter().take(MOST).map(row).collect();
    let more = result.changes.len().saturating_sub(MOST);
    let notes = (more > 0).then(|| Prose::from(format!("{} more changes.", number::count(more as u64))));
    Section {
        topic: Topic::Changes,
        title: "Changes in the cluster".to_owned(),
        table: table.without_empty_columns(),
        notes: notes.into_iter().collect(),
    }
}

/// What became of a change.
fn then(change: &ObjectChange) -> Prose {
    if change.dry_run {
        return "only tried".into();
    }
    match (&change.rolled_back, &change.error) {
        (_, Some(error)) => Prose::from(error.as_str()).strong(),
        (Some(back), None) => Prose::from(format!("rolled back to {}: {}", back.to, back.why)).strong(),
        (None, None) => "stands".into(),
    }
}

/// What is not as it should be in the cluster.
pub(super) fn warnings(result: &ExperimentResult) -> impl Iterator<Item = Prose> {
    result.changes.iter().filter_map(|change| {
        let error = change.error.as_ref()?;
        let who = Prose::new().code(format!("{} in {}", change.object, change.namespace));
        Some(who.text(format!(": {error}.")))
    })
}
