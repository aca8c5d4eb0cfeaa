//! What a run changed in a cluster, and what became of that.

use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};
use crate::results::{ExperimentResult, ObjectChange};

/// Most changes that are listed.
const MOST: usize = 100;

/// One row for each change; which field of which object it is stands below, once.
pub(super) fn section(result: &ExperimentResult) -> Section {
    let mut table = Table::new(&[
        ("Task", Align::Right),
        ("Object", Align::Left),
        ("From", Align::Left),
        ("To", Align::Left),
        ("After", Align::Right),
        ("Verdict", Align::Left),
        ("Then", Align::Left),
    ]);
    let row = |change: &ObjectChange| {
        let after = change.at.duration_since(result.started).as_secs_f64().max(0.0);
        let name = change.object.rsplit_once('/').map_or("", |(_, name)| name);
        vec![
            change.task.to_string().into(),
            Prose::new().code(name),
            change.from.as_str().into(),
            change.to.as_str().into(),
            number::duration(after).into(),
            change
                .outcome
                .map_or_else(Prose::new, |outcome| outcome.name().into()),
            then(change),
        ]
    };
    let shown = &result.changes[..result.changes.len().min(MOST)];
    table.rows = shown.iter().map(row).collect();
    let is_first = |(index, change): &(usize, &ObjectChange)| {
        !shown[..*index].iter().any(|before| before.is_of_same(change))
    };
    let mut notes: Vec<Prose> = shown
        .iter()
        .enumerate()
        .filter(is_first)
        .map(|(_, change)| named(change).text(": ").code(change.field.as_str()))
        .collect();
    notes.extend(shown.iter().filter_map(story));
    let more = result.changes.len() - shown.len();
    if more > 0 {
        notes.push(Prose::from(format!(
            "{} more changes.",
            number::count(more as u64)
        )));
    }
    Section {
        topic: Topic::Changes,
        title: "Changes in the cluster".to_owned(),
        table: table.without_empty_columns(),
        notes,
    }
}

fn named(change: &ObjectChange) -> Prose {
    Prose::new()
        .code(change.object.as_str())
        .text(" in ")
        .code(change.namespace.as_str())
}

/// What became of a change.
fn then(change: &ObjectChange) -> Prose {
    if change.dry_run {
        return "only tried".into();
    }
    match (&change.rolled_back, &change.error) {
        (_, Some(_)) => Prose::from("left as it is").strong(),
        (Some(_), None) => Prose::from("rolled back").strong(),
        (None, None) => "stands".into(),
    }
}

/// The same in a sentence, where there is more to say.
fn story(change: &ObjectChange) -> Option<Prose> {
    let told = match (&change.rolled_back, &change.error) {
        (_, Some(error)) => error.clone(),
        (Some(back), None) => format!("rolled back to {}: {}", back.to, back.why),
        (None, None) => return None,
    };
    Some(Prose::from(format!("task {}: ", change.task)).text(told))
}

/// What is not as it should be in the cluster.
pub(super) fn warnings(result: &ExperimentResult) -> impl Iterator<Item = Prose> {
    result.changes.iter().filter_map(|change| {
        let error = change.error.as_ref()?;
        Some(named(change).text(format!(": {error}.")))
    })
}
