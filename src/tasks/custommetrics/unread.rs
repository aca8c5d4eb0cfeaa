//! [`check`]: values that no template reads. One that is misspelt would leave its label out, and the metrics of everything
//! would be judged.

use std::collections::BTreeSet;

use super::input::{Provider, items};
use super::prometheus::Shorthand;
use super::window;
use crate::diagnostic::did_you_mean;
use crate::spec::{Decoder, Key, Node, Value};
use crate::tasks::inputs::TemplateSource;

/// What a version is called, which templates need not read.
const NAME: &str = "name";

/// Reports the values that no template reads; nothing is known of templates that are not there yet.
pub(super) fn check(
    providers: &[Provider],
    shorthand: Option<&Shorthand>,
    with: &Node,
    decoder: &mut Decoder<'_>,
) {
    let ready = providers.iter().map(|provider| match &provider.source {
        TemplateSource::Ready(template) => Some(template.source()),
        TemplateSource::File(_) | TemplateSource::Url(_) => None,
    });
    let Some(mut sources) = ready.collect::<Option<Vec<&str>>>() else {
        return;
    };
    sources.extend(shorthand.into_iter().flat_map(Shorthand::sources));
    let words: BTreeSet<&str> = sources.iter().flat_map(|source| words(source)).collect();
    let fields: BTreeSet<&str> = sources.iter().flat_map(|source| fields(source)).collect();
    let given = given(with);
    let known = |key: &&Key| {
        let computed = window::KEYS.iter().chain(&window::COMPUTED);
        key.name == NAME || computed.into_iter().any(|name| *name == key.name)
    };
    let mut told = BTreeSet::new();
    for key in given
        .iter()
        .filter(|key| !known(key) && !words.contains(key.name.as_str()))
    {
        if !told.insert(&key.name) {
            continue;
        }
        let message = format!("no template reads the value `{}`", key.name);
        let absent = fields
            .iter()
            .filter(|field| given.iter().all(|key| key.name != **field));
        match did_you_mean(&key.name, absent.copied()) {
            Some(meant) => decoder.stray(&key.at, message, Some(format!("did you mean `{meant}`?"))),
            None => decoder.warning(&key.at, message, None),
        }
    }
}

/// The keys of all values.
fn given(with: &Node) -> Vec<&Key> {
    let list = |name: &str| with.field(name).map_or(&[][..], |(_, node)| items(node));
    let values = with.field("values").map(|(_, node)| node).into_iter();
    let of_versions = ["versionValues", "versionInfo"].into_iter().flat_map(list);
    let named = list("versions")
        .iter()
        .filter_map(|version| version.get("values"));
    let maps = values.chain(of_versions).chain(named);
    maps.flat_map(entries).map(|(key, _)| key).collect()
}

fn entries(node: &Node) -> &[(Key, Node)] {
    if let Value::Map(entries) = &node.value {
        entries
    } else {
        &[]
    }
}

fn words(source: &str) -> impl Iterator<Item = &str> {
    source.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// What is read of the values, and of what is in them: words behind a point.
fn fields(source: &str) -> impl Iterator<Item = &str> {
    source
        .split('.')
        .skip(1)
        .filter_map(|rest| words(rest).next().filter(|word| !word.is_empty()))
}
