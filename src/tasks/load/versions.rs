//! [`Version`]: which versions a task tests, from `versions`, the baseline's target (`baselineURL`) or `version`.

use std::collections::BTreeSet;

use super::LoadKind;
use super::input::{EndpointInput, LoadInput, VersionInput};
use crate::spec::{Decoder, Key, Node, Value};
use crate::tasks::Tested;
use crate::tasks::inputs::Places;

/// Name of the version of a task that names none.
pub(in crate::tasks) const DEFAULT: &str = "default";
const BASELINE: &str = "baseline";
/// Most versions of one task.
const MOST: usize = 100;

/// A version of the application.
pub(in crate::tasks) struct Version<K: LoadKind> {
    /// Its name.
    pub(super) name: String,
    /// Whether it is the one that others are compared with.
    pub(super) baseline: bool,
    /// Where it differs from the task.
    pub(super) fields: Option<EndpointInput<K>>,
}

impl<K: LoadKind> Version<K> {
    /// One that differs in nothing from the task.
    pub(super) fn alone(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            baseline: false,
            fields: None,
        }
    }

    /// What of it is in the result.
    pub(super) fn tested(self) -> Tested {
        Tested {
            name: self.name,
            baseline: self.baseline,
        }
    }
}

/// The versions of a task, at least one; `None` if they cannot be used, which has been reported.
pub(in crate::tasks) fn versions<K: LoadKind>(
    input: &LoadInput<K>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<Version<K>>> {
    let whole = &input.whole;
    let places = Places::of(&input.base.node);
    let mut refuse = |field: &str, message: &str, hint: &str| {
        decoder.error(places.at(field), message, Some(hint.to_owned()));
    };
    let baseline = K::BASELINE.key;
    match (&whole.versions, &input.baseline) {
        (Some(_), Some(_)) => {
            let hint = format!("leave `{baseline}` out and say `baseline: true` in `versions`");
            refuse(
                baseline,
                &format!("`versions` and `{baseline}` are both given"),
                &hint,
            );
            None
        }
        (Some(_), None) if whole.version.is_some() => {
            let hint = "leave it out: each of them has its `name`";
            refuse("version", "`versions` and `version` are both given", hint);
            None
        }
        (Some(listed), None) => list(listed, places, decoder),
        (None, Some(target)) => {
            let name = whole.version.as_deref().unwrap_or(DEFAULT);
            if name == BASELINE {
                let hint = "give it another name";
                refuse(
                    "version",
                    &format!("`baseline` is the version of `{baseline}`"),
                    hint,
                );
                return None;
            }
            let (_, written) = input.base.node.field(baseline)?;
            let key = Key {
                name: K::WORDS.target.to_owned(),
                at: written.at.clone(),
            };
            let node = Node {
                value: Value::Map(vec![(key, written.clone())]),
                at: written.at.clone(),
            };
            let fields = EndpointInput {
                fields: K::aimed(target),
                weight: None,
                node,
            };
            Some(vec![
                Version {
                    name: BASELINE.to_owned(),
                    baseline: true,
                    fields: Some(fields),
                },
                Version::alone(name),
            ])
        }
        (None, None) => Some(vec![Version::alone(whole.version.as_deref().unwrap_or(DEFAULT))]),
    }
}

fn list<K: LoadKind>(
    listed: &[VersionInput<K>],
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<Version<K>>> {
    let number = listed.len();
    if number < 2 {
        let hint = "give at least two; a single one is named by `version: NAME`";
        let message = format!("`versions` are compared, and there {} {number}", are(number));
        decoder.error(places.at("versions"), message, Some(hint.to_owned()));
        return None;
    }
    if number > MOST {
        let message = format!("{number} versions; a task has at most {MOST}");
        decoder.error(places.at("versions"), message, None);
        return None;
    }
    let mut valid = true;
    let mut names = BTreeSet::new();
    for version in listed {
        if !names.insert(version.name.as_str()) {
            let at = Places::of(&version.fields.node).at("name");
            let message = format!("another version is called `{}`, too", version.name);
            decoder.error(at, message, Some("give each a name of its own".to_owned()));
            valid = false;
        }
    }
    let baseline = baseline(listed, decoder)?;
    let versions = listed.iter().enumerate().map(|(index, version)| Version {
        name: version.name.clone(),
        baseline: index == baseline,
        fields: Some(version.fields.clone()),
    });
    valid.then(|| versions.collect())
}

fn are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// Which version is the baseline: the one that says so, or the first.
fn baseline<K: LoadKind>(listed: &[VersionInput<K>], decoder: &mut Decoder<'_>) -> Option<usize> {
    let says_so: Vec<usize> = (0..listed.len())
        .filter(|index| listed[*index].baseline == Some(true))
        .collect();
    match says_so.as_slice() {
        [] if listed[0].baseline == Some(false) => {
            let at = Places::of(&listed[0].fields.node).at("baseline");
            let hint = "the first version is, unless another one says `baseline: true`";
            decoder.error(at, "no version is the baseline", Some(hint.to_owned()));
            None
        }
        [] => Some(0),
        [only] => Some(*only),
        [first, others @ ..] => {
            for other in others {
                let at = Places::of(&listed[*other].fields.node).at("baseline");
                let message = format!("`{}` is the baseline already", listed[*first].name);
                let hint = "the others are compared with one version";
                decoder.error(at, message, Some(hint.to_owned()));
            }
            None
        }
    }
}
