//! In what two experiments differ, by name: a task, an objective, a field of the file, a word of the command.

use std::collections::BTreeSet;

use crate::results::fingerprint::OWN;
use crate::results::{ExperimentResult, TaskRecord};
use crate::slo::Terms;
use crate::spec::{Node, SourceFile, Value};

/// Longest value that is shown, in characters.
const LONGEST: usize = 80;

/// The first task that is another; what it is to do counts where all send parts of it.
pub(super) fn tasks(first: &ExperimentResult, other: &ExperimentResult, divided: bool) -> Option<String> {
    let (mine, theirs) = (&first.tasks, &other.tasks);
    if mine.len() != theirs.len() {
        return Some(format!(
            "their tasks differ: one has {}, the other {}",
            mine.len(),
            theirs.len()
        ));
    }
    let same = |(mine, theirs): &(&TaskRecord, &TaskRecord)| {
        mine.name == theirs.name && (!divided || mine.about == theirs.about)
    };
    let (mine, theirs) = mine.iter().zip(theirs).find(|pair| !same(pair))?;
    let told = |task: &TaskRecord| clipped(&format!("{} {}", task.name, task.about));
    Some(format!(
        "their tasks differ: number {} is `{}` in one, `{}` in the other",
        mine.index,
        told(mine),
        told(theirs)
    ))
}

/// The first objective or reward that only one of them has.
pub(super) fn terms(first: &[Terms], other: &[Terms]) -> Option<String> {
    if first == other {
        return None;
    }
    let all = |terms: &[Terms]| -> BTreeSet<String> {
        let objectives = terms.iter().flat_map(|terms| &terms.objectives);
        let rewards = terms.iter().flat_map(|terms| &terms.rewards);
        let rewards = rewards.map(|reward| format!("reward {reward}"));
        objectives.map(ToString::to_string).chain(rewards).collect()
    };
    let (mine, theirs) = (all(first), all(other));
    let alone = mine.symmetric_difference(&theirs).next();
    Some(match alone {
        Some(alone) => format!("their objectives differ: only one of them has {alone}"),
        None => {
            "their objectives differ in what decides them: onInconclusive, minRequests, warn or a condition"
                .to_owned()
        }
    })
}

/// The first place at which the texts differ. Loads that are no parts of one plan may differ in how much is sent.
pub(super) fn text(first: &ExperimentResult, other: &ExperimentResult, divided: bool) -> Option<String> {
    let (mine, theirs) = (&first.experiment.text, &other.experiment.text);
    if mine == theirs {
        return None;
    }
    let read = |text: &str| Node::parse(&SourceFile::new("experiment", text)).ok();
    let (mine, theirs) = read(mine).zip(read(theirs)).unzip();
    let place = |own: &[&str]| place(mine.as_ref()?, theirs.as_ref()?, own);
    if mine.is_some() && !divided && place(OWN).is_none() {
        return None;
    }
    let own = if divided { &[] } else { OWN };
    let place = place(own).map_or_else(String::new, |place| format!(" at `{place}`"));
    Some(format!("the text of their experiments differs{place}"))
}

/// What flags and inputs made of the text; earlier results do not say.
pub(super) fn commands(first: &ExperimentResult, other: &ExperimentResult) -> Option<String> {
    let (mine, theirs) = (&first.experiment.fingerprint, &other.experiment.fingerprint);
    if mine
        .as_ref()
        .zip(theirs.as_ref())
        .is_none_or(|(mine, theirs)| mine == theirs)
    {
        return None;
    }
    let mut told = "flags or inputs made different experiments of the same text".to_owned();
    let commands = (&first.environment.reproduce, &other.environment.reproduce);
    if let (Some(mine), Some(theirs)) = commands {
        let (mine, theirs) = unlike(mine, theirs);
        if !mine.is_empty() || !theirs.is_empty() {
            told += &format!(": `{}` in one, `{}` in the other", clipped(mine), clipped(theirs));
        }
    }
    Some(told)
}

/// Two texts without the words with which both begin, and end.
fn unlike<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    let same = |(mine, theirs): &(&str, &str)| mine == theirs;
    let begin: usize = one
        .split_inclusive(' ')
        .zip(other.split_inclusive(' '))
        .take_while(same)
        .map(|(word, _)| word.len())
        .sum();
    let (one, other) = (&one[begin..], &other[begin..]);
    let end: usize = one
        .rsplit(' ')
        .zip(other.rsplit(' '))
        .take_while(same)
        .map(|(word, _)| word.len() + 1)
        .sum();
    let cut = |text: &'a str| &text[..text.len().saturating_sub(end)];
    (cut(one), cut(other))
}

/// Where two trees first differ: `spec[0].with.url`. `own` are fields that each may have for itself.
fn place(one: &Node, other: &Node, own: &[&str]) -> Option<String> {
    match (&one.value, &other.value) {
        (Value::Map(mine), Value::Map(theirs)) => {
            let counts = |name: &str| !own.contains(&name.to_ascii_lowercase().as_str());
            let [mut mine, mut theirs] =
                [mine, theirs].map(|map| map.iter().filter(|(key, _)| counts(&key.name)));
            loop {
                match (mine.next(), theirs.next()) {
                    (None, None) => return None,
                    (Some((key, mine)), Some((other, theirs))) if key.name == other.name => {
                        if let Some(inside) = place(mine, theirs, own) {
                            return Some(joined(&key.name, &inside));
                        }
                    }
                    (Some((key, _)), _) | (None, Some((key, _))) => return Some(key.name.clone()),
                }
            }
        }
        (Value::List(mine), Value::List(theirs)) => {
            let longer = (mine.len() != theirs.len()).then(|| format!("[{}]", mine.len().min(theirs.len())));
            let mut pairs = mine.iter().zip(theirs).enumerate();
            let inside = pairs.find_map(|(index, (mine, theirs))| {
                place(mine, theirs, own).map(|inside| joined(&format!("[{index}]"), &inside))
            });
            inside.or(longer)
        }
        (mine, theirs) => (mine != theirs).then(String::new),
    }
}

fn joined(outer: &str, inner: &str) -> String {
    match inner.chars().next() {
        None => outer.to_owned(),
        Some('[') => format!("{outer}{inner}"),
        Some(_) => format!("{outer}.{inner}"),
    }
}

fn clipped(text: &str) -> String {
    let short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short + "…"
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(one: &str, other: &str, own: &[&str]) -> Option<String> {
        let read = |text: &str| Node::parse(&SourceFile::new("experiment", text)).expect("YAML");
        place(&read(one), &read(other), own)
    }

    #[test]
    fn a_difference_is_named_by_its_place() {
        let text = "spec:\n- task: http\n  with: {url: http://a, qps: 5}\n- run: x\n";
        assert_eq!(differ(text, text, &[]), None);
        for (from, to, place) in [
            ("http://a", "http://b", "spec[0].with.url"),
            ("qps: 5", "qps: 6", "spec[0].with.qps"),
            ("qps", "rps", "spec[0].with.qps"),
            ("- run: x\n", "", "spec[1]"),
            ("- run: x\n", "loop: 3\n", "spec[1]"),
        ] {
            assert_eq!(differ(text, &text.replace(from, to), &[]).as_deref(), Some(place));
        }
        assert_eq!(differ(text, &text.replace("qps: 5", "qps: 6"), &["qps"]), None);
        assert_eq!(differ(text, &text.replace(", qps: 5", ""), &["qps"]), None);
    }

    #[test]
    fn commands_are_told_without_what_they_share() {
        for (one, other, unlike) in [
            ("a --b 1 --c 2", "a --b 1 --d 3 --c 2", ("", "--d 3")),
            ("a --b 1", "a --b 2", ("1", "2")),
            ("a", "a", ("", "")),
            ("a b", "c d e", ("a b", "c d e")),
        ] {
            assert_eq!(super::unlike(one, other), unlike, "{one} / {other}");
        }
    }
}
