//! The `with:` of `custommetrics`, also as the tasks of Iter8 before 0.11 had it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::prometheus::Shorthand;
use super::provider_spec::{Prefix, ProviderSpec};
use super::{unread, window};
use crate::metrics::MetricName;
use crate::spec::{Decoder, Map, Node, Period, Value};
use crate::tasks::Tested;
use crate::tasks::inputs::{NetInput, Places, ProxyInput, Sender, Source, TemplateSource, Tree};
use crate::template::{Absent, Budget, Random, Value as Data};

/// Most versions of one task.
const MOST: usize = 100;
/// Name of the only version, as in load tasks.
const DEFAULT: &str = "default";
/// What files of specs end in, up to 0.10.
const FILE: &str = "metrics.yaml";
/// A window to try templates with.
const TRIAL: i64 = 60;

crate::fields! {
    /// What is asked of providers.
    pub(super) struct CustomInput in "a `custommetrics` task" {
        /// Provider templates by the name of the provider, which stands before the names of its metrics: URLs, paths of
        /// files, or the templates themselves.
        templates: Map<TemplateSource> = ["templates"],
        /// Prometheus without a template: `{url, queries: {NAME: PROMQL}}`.
        prometheus: Shorthand = ["prometheus"],
        /// Values for the templates, the same for all versions; with `startingTime` (RFC 3339) the window begins there.
        values: Tree = ["values"],
        /// Values per version, put over `values`; a key `name` names the version.
        version_values: Vec<Tree> = ["versionValues", "versionInfo"],
        /// Versions by name, instead of `versionValues`: each `{name, values, baseline}`.
        versions: Vec<VersionInput> = ["versions"],
        /// As up to Iter8 0.10: providers whose specs are the files NAME.metrics.yaml beside the experiment.
        providers: Vec<String> = ["providers"],
        /// Time for the answer to a query; default 10s.
        timeout: Period = ["timeout"],
        /// File with certificates (PEM) that are trusted in addition to the system's.
        ca_cert: Source = ["caCert"],
        /// Accept any certificate; default false.
        insecure_skip_verify: bool = ["insecureSkipVerify"],
        /// URL of an HTTP proxy, or `none`; default from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
        proxy: ProxyInput = secret ["proxy"],
    }
}

crate::fields! {
    /// A version.
    pub(super) struct VersionInput in "a version" {
        /// Its name.
        name: String = ["name"],
        /// Its values, put over those of the task.
        values: Tree = ["values"],
        /// Whether the others are compared with it: it is shown, not judged.
        baseline: bool = ["baseline"],
    }
}

/// A provider and where its template comes from.
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) source: TemplateSource,
    /// Whether the spec's own name goes first, as up to 0.10.
    pub(super) names_itself: bool,
    /// Its metrics with their units, if they are known already.
    pub(super) known: Option<BTreeMap<String, Option<String>>>,
}

impl Provider {
    pub(super) fn prefix(&self) -> Prefix<'_> {
        if self.names_itself {
            Prefix::Own(&self.name)
        } else {
            Prefix::Given(&self.name)
        }
    }
}

/// A version and what templates see of it.
pub(super) struct Version {
    pub(super) tested: Tested,
    pub(super) values: Data,
}

/// A task, checked.
pub(super) struct Checked {
    pub(super) providers: Vec<Provider>,
    pub(super) shorthand: Option<Shorthand>,
    pub(super) versions: Vec<Version>,
    pub(super) timeout: Option<Period>,
    pub(super) sender: Sender,
}

impl CustomInput {
    /// Checks what only shows when the fields are seen together, and tries the templates that are there.
    pub(super) fn check(self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Checked> {
        let before = decoder.errors();
        let net = NetInput {
            ca_cert: self.ca_cert.clone(),
            insecure_skip_verify: self.insecure_skip_verify,
            proxy: self.proxy.clone(),
            ..NetInput::default()
        };
        let sender = net.check(Places::of(with), decoder);
        let versions = self.versions(with, decoder);
        let mut providers = self.providers(with, decoder);
        if let (Some(providers), Some(versions)) = (&mut providers, &versions) {
            let mut budget = Budget::of_task();
            for provider in providers.iter_mut() {
                try_out(provider, versions, &mut budget, with, decoder);
            }
            if let Some(shorthand) = &self.prometheus {
                try_shorthand(shorthand, versions, &mut budget, with, decoder);
            }
            unread::check(providers, self.prometheus.as_ref(), with, decoder);
        }
        if decoder.errors() > before {
            return None;
        }
        Some(Checked {
            providers: providers?,
            shorthand: self.prometheus,
            versions: versions?,
            timeout: self.timeout,
            sender: sender?,
        })
    }

    fn providers(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Vec<Provider>> {
        let mut providers: Vec<Provider> = Vec::new();
        for (name, source) in self.templates.iter().flat_map(|map| &map.0) {
            providers.push(provider(name, source.clone(), false));
        }
        let at = |field: &str| with.field(field).map_or(with, |(_, node)| node);
        for name in self.providers.iter().flatten() {
            let path = decoder.path(&format!("{name}.{FILE}"));
            let source = TemplateSource::file(path, at("providers"), decoder)?;
            providers.push(provider(name, source, true));
        }
        let nothing = ["templates", "providers", "prometheus"]
            .iter()
            .all(|field| with.field(field).is_none());
        if nothing && with.field("versionInfo").is_some() {
            providers.extend(Self::beside(with, decoder)?);
        } else if nothing {
            let hint =
                "give `templates: {NAME: URL or file}`, or `prometheus: {url, queries: {NAME: PROMQL}}`";
            decoder.error(
                &with.at,
                "a `custommetrics` task needs `templates` or `prometheus`",
                Some(hint.to_owned()),
            );
            return None;
        }
        for (field, given) in [
            ("templates", self.templates.as_ref().map(|map| map.0.len())),
            ("providers", self.providers.as_ref().map(Vec::len)),
        ] {
            if given == Some(0) {
                let message = format!("`{field}` is empty: nothing would be measured");
                decoder.error(&at(field).at, message, None);
            }
        }
        let shorthand = self
            .prometheus
            .as_ref()
            .map(|shorthand| shorthand.provider.as_str());
        let mut seen = BTreeSet::new();
        for name in providers
            .iter()
            .map(|provider| provider.name.as_str())
            .chain(shorthand)
        {
            let place = &with
                .field("templates")
                .or_else(|| with.field("prometheus"))
                .map_or(with, |(_, node)| node)
                .at;
            if !seen.insert(name) {
                let hint = "give `prometheus` another name with `provider:`".to_owned();
                decoder.error(place, format!("there are two providers `{name}`"), Some(hint));
            }
            if !matches!(format!("{name}/x").parse(), Ok(MetricName::Custom { .. })) || name.contains('/') {
                let message = format!("a provider cannot be called `{name}`");
                let hint = "`http` and `grpc` are load tasks; a name has no `/`".to_owned();
                decoder.error(place, message, Some(hint));
            }
        }
        Some(providers)
    }

    /// All specs in the folder, as up to 0.9.
    fn beside(with: &Node, decoder: &mut Decoder<'_>) -> Option<Vec<Provider>> {
        let folder = decoder.path("");
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(FILE))
            .collect();
        names.sort();
        if names.is_empty() {
            let message = format!("there is no file *{FILE} in {}", shown(&folder));
            let hint = "give `providers: [NAME]` for NAME.metrics.yaml, or `templates: {NAME: URL or file}`";
            decoder.missing(&with.at, message, Some(hint.to_owned()));
            return None;
        }
        let mut providers = Vec::new();
        for file in names {
            let name = file.trim_end_matches(FILE).trim_end_matches('.');
            let source = TemplateSource::file(decoder.path(&file), with, decoder)?;
            providers.push(provider(
                if name.is_empty() { "metrics" } else { name },
                source,
                true,
            ));
        }
        Some(providers)
    }

    fn versions(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Vec<Version>> {
        let at = |field: &str| with.field(field).map_or(with, |(_, node)| node);
        let nothing = || Data::map(BTreeMap::default()).unwrap_or_default();
        let base = self
            .values
            .as_ref()
            .map_or_else(nothing, |values| values.0.clone());
        let old = ["versionValues", "versionInfo"]
            .into_iter()
            .find(|field| with.field(field).is_some());
        if let (Some(old), Some(_)) = (old, with.field("versions")) {
            let message = format!("`versions` and `{old}` are both given");
            decoder.error(&at("versions").at, message, Some("keep one of them".to_owned()));
            return None;
        }
        let listed: Vec<(String, bool, &Data, &Node)> = match (&self.versions, &self.version_values) {
            (Some(versions), _) => {
                let nodes = items(at("versions"));
                let named = versions.iter().zip(nodes).map(|(version, node)| {
                    let name = version
                        .name
                        .as_deref()
                        .map(str::trim)
                        .filter(|name| !name.is_empty());
                    if name.is_none() {
                        decoder.error(&node.at, "a version needs `name`", None);
                    }
                    let values = version.values.as_ref().map_or(&base, |values| &values.0);
                    Some((name?.to_owned(), version.baseline == Some(true), values, node))
                });
                named.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?
            }
            (None, Some(values)) if !values.is_empty() => {
                let nodes = items(at(old.unwrap_or("versionValues")));
                let names = names(values);
                names
                    .into_iter()
                    .zip(values)
                    .zip(nodes)
                    .map(|((name, values), node)| (name, false, &values.0, node))
                    .collect()
            }
            _ => vec![(DEFAULT.to_owned(), false, &base, at("values"))],
        };
        if listed.is_empty() || listed.len() > MOST {
            let message = format!("{} versions; a task has 1 to {MOST}", listed.len());
            decoder.error(&at("versions").at, message, None);
            return None;
        }
        let mut versions: Vec<Version> = Vec::new();
        for (name, baseline, own, node) in listed {
            decoder.mask().reveal(&name);
            if versions.iter().any(|known| known.tested.name == name) {
                decoder.error(&node.at, format!("there are two versions `{name}`"), None);
            }
            // Each begins with the values of all: what one adds, the next does not have.
            match Data::merged(&base, own) {
                Ok(values) => versions.push(Version {
                    tested: Tested { name, baseline },
                    values,
                }),
                Err(why) => decoder.error(&node.at, why, None),
            }
            if let Some(version) = versions.last() {
                check_times(&version.values, &[node, at("values")], decoder);
            }
        }
        if versions.iter().filter(|version| version.tested.baseline).count() > 1 {
            decoder.error(
                &at("versions").at,
                "there are two baselines",
                Some("versions are compared with one".to_owned()),
            );
        }
        Some(versions)
    }
}

fn provider(name: &str, source: TemplateSource, names_itself: bool) -> Provider {
    Provider {
        name: name.trim().to_owned(),
        source,
        names_itself,
        known: None,
    }
}

fn shown(folder: &Path) -> String {
    match folder.display().to_string() {
        text if text.is_empty() => "this folder".to_owned(),
        text => text,
    }
}

pub(super) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)
        | Value::Map(_) => std::slice::from_ref(node),
    }
}

/// By their key `name` if each has one of its own; else numbered as in Iter8, and as in load tasks where there is one.
fn names(values: &[Tree]) -> Vec<String> {
    let own: Vec<String> = values
        .iter()
        .filter_map(|values| match values.0.get("name") {
            Some(Data::Text(name)) if !name.trim().is_empty() => Some(name.trim().to_owned()),
            _ => None,
        })
        .collect();
    let different: BTreeSet<&String> = own.iter().collect();
    if different.len() == values.len() {
        return own;
    }
    match values.len() {
        1 => vec![DEFAULT.to_owned()],
        many => (0..many).map(|index| format!("version {index}")).collect(),
    }
}

/// A start that cannot be read is a mistake where it stands; what is computed is not to be given.
fn check_times(values: &Data, nodes: &[&Node], decoder: &mut Decoder<'_>) {
    let place = |keys: &[&str]| {
        let places = nodes
            .iter()
            .flat_map(|node| [node.get("values"), Some(*node)])
            .flatten();
        let mut found = places.filter_map(|node| keys.iter().find_map(|key| node.get(key)));
        found.next().map_or(&nodes[0].at, |node| &node.at).clone()
    };
    let now = jiff::Timestamp::now();
    let start =
        window::start(values).and_then(|start| start.map_or(Ok(1), |start| window::elapsed(start, now)));
    if let Err(why) = start {
        let hint = "leave it out to begin with the run".to_owned();
        decoder.error(
            &place(&window::KEYS),
            format!("`startingTime`: {why}"),
            Some(hint),
        );
    }
    if let Some(given) = window::COMPUTED.iter().find(|key| values.get(key).is_some()) {
        let hint = "give `startingTime` instead".to_owned();
        let message = format!("`{given}` is computed: what is given here is not used");
        decoder.warning(&place(&window::COMPUTED), message, Some(hint));
    }
}

/// Renders and reads a template that is there already, so that mistakes in it are found before the run.
fn try_out(
    provider: &mut Provider,
    versions: &[Version],
    budget: &mut Budget,
    with: &Node,
    decoder: &mut Decoder<'_>,
) {
    let TemplateSource::Ready(template) = provider.source.clone() else {
        return;
    };
    let given = with
        .get("templates")
        .and_then(|templates| templates.get(&provider.name));
    let at = given
        .or_else(|| with.get("providers"))
        .map_or(&with.at, |node| &node.at)
        .clone();
    let mut known = BTreeMap::new();
    let name = provider.name.clone();
    for version in versions {
        let values = match with_window(&version.values, TRIAL, provider.names_itself) {
            Ok(values) => values,
            Err(why) => return decoder.error(&at, why, None),
        };
        let random = &mut Random::from_system();
        let rendered = template.render_within(&values, Absent::Refused, random, budget);
        let text = match rendered {
            Ok(text) => text,
            Err(error) => {
                return decoder.error(&at, format!("the template of `{name}`: {error}"), error.hint);
            }
        };
        match budget.spend(|| ProviderSpec::read(&provider.prefix(), &text, decoder.mask())) {
            Ok(spec) => known.extend(spec.queries.into_iter().map(|query| (query.metric, query.unit))),
            Err(problems) => {
                for problem in problems {
                    decoder.error(&at, format!("the template of `{name}`: {problem}"), None);
                }
                return;
            }
        }
    }
    provider.known = Some(known);
}

fn try_shorthand(
    shorthand: &Shorthand,
    versions: &[Version],
    budget: &mut Budget,
    with: &Node,
    decoder: &mut Decoder<'_>,
) {
    let at = with
        .field("prometheus")
        .map_or(&with.at, |(_, node)| &node.at)
        .clone();
    for version in versions {
        let tried = with_window(&version.values, TRIAL, false).and_then(|values| {
            shorthand
                .queries(&values, TRIAL, budget)
                .map_err(|error| error.to_string())
        });
        if let Err(why) = tried {
            return decoder.error(&at, format!("a query of `{}`: {why}", shorthand.provider), None);
        }
    }
}

/// The values with the length of the window, under the names that templates know.
pub(super) fn with_window(values: &Data, seconds: i64, old: bool) -> Result<Data, String> {
    let names = if old {
        &window::COMPUTED[..]
    } else {
        &window::COMPUTED[..1]
    };
    let entries = names.iter().map(|name| ((*name).to_owned(), Data::Int(seconds)));
    Data::merged(values, &Data::map(entries.collect())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Mask;
    use crate::spec::SourceFile;
    use crate::template::{Functions, Template};

    #[test]
    fn all_renderings_of_a_task_share_their_time() {
        let source = SourceFile::new("experiment.yaml", "values: {}\n");
        let with = Node::parse(&source).expect("yaml");
        let versions = [Version {
            tested: Tested {
                name: DEFAULT.to_owned(),
                baseline: false,
            },
            values: Data::map(BTreeMap::new()).expect("a map"),
        }];
        let text = "url: http://db/\nmetrics: [{name: up, jqExpression: .n}]\n";
        let template = Template::parse(text, Functions::Iter8).expect("a template");
        let said = |mut budget: Budget| {
            let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
            let mut provider = provider("db", TemplateSource::Ready(template.clone().into()), false);
            try_out(&mut provider, &versions, &mut budget, &with, &mut decoder);
            let found = decoder.into_diagnostics().into_iter();
            found.map(|found| found.message).collect::<Vec<_>>()
        };
        assert_eq!(said(Budget::of_task()), <[String; 0]>::default());
        let late = said(Budget::used_up());
        assert!(
            late.len() == 1 && late[0].contains("for all of its versions"),
            "{late:?}"
        );
    }
}
