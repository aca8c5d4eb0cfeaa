//! [`check`]: values that no template reads. One that is misspelt would leave its label out, and the metrics of everything
//! would be judged.

use std::collections::BTreeSet;

use super::input::{Provider, items};
use super::prometheus::Shorthand;
use super::window;
use crate::diagnostic::did_you_mean;
use crate::spec::{Decoder, Key, Node, Value};
use crate::tasks::inputs::TemplateSource;
use crate::template::Names;

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
        TemplateSource::Ready(template) => Some(template.names()),
        TemplateSource::File(_) | TemplateSource::Url(_) => None,
    });
    let Some(mut all) = ready.collect::<Option<Vec<Names>>>() else {
        return;
    };
    all.extend(shorthand.into_iter().flat_map(Shorthand::template_names));
    let is_read = |name: &String| {
        all.iter()
            .any(|names| names.fields.contains(name) || names.quoted.contains(name))
    };
    let given = given(with);
    let known = |key: &&Key| {
        let computed = window::KEYS.iter().chain(&window::COMPUTED);
        key.name == NAME || computed.into_iter().any(|name| *name == key.name)
    };
    let mut told = BTreeSet::new();
    for key in given.iter().filter(|key| !known(key) && !is_read(&key.name)) {
        if !told.insert(&key.name) {
            continue;
        }
        let message = format!("no template reads the value `{}`", key.name);
        let fields: BTreeSet<&String> = all.iter().flat_map(|names| &names.fields).collect();
        let absent = fields
            .into_iter()
            .filter(|field| given.iter().all(|key| key.name != **field));
        match did_you_mean(&key.name, absent.map(String::as_str)) {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::CustomMetricsKind;
    use crate::secret::Mask;
    use crate::spec::{Decoder, Node, SourceFile};
    use crate::tasks::TaskKind as _;

    /// What is said of these values where a query is this text.
    fn said(query: &str, values: &str) -> Vec<(bool, String)> {
        let text = format!(
            "prometheus: {{url: 'http://db:9090', queries: {{up: {query}}}}}\nvalues: {{{values}}}\n"
        );
        let source = SourceFile::new("experiment.yaml", text);
        let node = Node::parse(&source).expect("yaml");
        let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
        CustomMetricsKind.parse(&node, &mut decoder);
        let wrong = decoder.has_errors();
        let found = decoder.into_diagnostics().into_iter();
        found.map(|found| (wrong, found.message)).collect()
    }

    #[test]
    fn the_text_around_actions_reads_nothing() {
        let query = r#"'up{ {{ if .Namespace }}namespace="{{ .Namespace }}"{{ end }} }'"#;
        let unread = "no template reads the value `namespace`".to_owned();
        assert_eq!(said(query, "namespace: prod"), [(true, unread)]);
        assert_eq!(said(query, "Namespace: prod"), []);
        let stray = "no template reads the value `team`".to_owned();
        assert_eq!(
            said("'team{a.team=\"x\"} {{/* .team */}}'", "team: a"),
            [(false, stray)]
        );
    }

    #[test]
    fn a_name_in_quotes_is_read() {
        assert_eq!(said(r#"'up{ {{ index . "my-app" }} }'"#, "my-app: shop"), []);
        assert_eq!(said(r#"'up{{ if hasKey . "a" }}_a{{ end }}'"#, "a: b"), []);
    }
}
