//! [`ProviderSpec`]: what a template of Iter8 comes to: a URL, and a query with a jq expression for each metric.

use std::collections::BTreeSet;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use url::Url;

use super::query::{How, Query};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::jq;
use crate::metrics::ProvidedKind;
use crate::secret::Mask;
use crate::spec::{Decode, Decoder, Map, Node, SourceFile, Value};
use crate::tasks::inputs::{HttpMethod, Scalar, hide_headers};

/// As Iter8 sends with every query.
const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
/// Most metrics of one provider.
const MOST: usize = 10_000;

/// The metrics of a provider for one version.
#[derive(Debug)]
pub(super) struct ProviderSpec {
    /// What is to be asked.
    pub(super) queries: Vec<Query>,
    /// What a reader should know.
    pub(super) notes: Vec<String>,
}

crate::fields! {
    /// What a template comes to.
    struct SpecInput in "a provider spec" {
        /// Where queries go.
        url: Scalar = ["url"],
        /// Method; default GET.
        method: HttpMethod = ["method"],
        /// Headers of all queries.
        headers: Map<Scalar> = ["headers"],
        /// Name.
        provider: Scalar = ["provider"],
        /// The metrics.
        metrics: Vec<MetricInput> = ["metrics"],
    }
}

crate::fields! {
    /// A metric.
    struct MetricInput in "a metric" {
        /// Name, without that of the provider.
        name: Scalar = ["name"],
        /// What it is.
        description: Scalar = ["description"],
        /// `gauge` or `counter`.
        kind: Kind = ["type"],
        /// Unit.
        units: Scalar = ["units", "unit"],
        /// Parameters of the query.
        params: Vec<Parameter> = ["params"],
        /// Body of the query.
        body: Scalar = ["body"],
        /// Takes the value out of the answer.
        jq_expression: Scalar = ["jqExpression"],
    }
}

crate::fields! {
    /// A parameter.
    struct Parameter in "a parameter" {
        /// Name.
        name: Scalar = ["name"],
        /// Value.
        value: Scalar = ["value"],
    }
}

/// `gauge` or `counter`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kind(pub(super) ProvidedKind);

impl Decode for Kind {
    const TYPE: &'static str = "gauge or counter";

    fn schema() -> serde_json::Value {
        json!({ "enum": ["gauge", "counter"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "gauge" => Some(Self(ProvidedKind::Gauge)),
            "counter" => Some(Self(ProvidedKind::Counter)),
            _ => {
                decoder.unknown_word(node, &text, &["gauge", "counter"]);
                None
            }
        }
    }
}

impl ProviderSpec {
    /// Reads what the template of provider `prefix` came to. All that is wrong is listed; a metric is named in full in
    /// queries and problems.
    pub(super) fn read(prefix: &Prefix<'_>, text: &str, mask: &Mask) -> Result<Self, Vec<String>> {
        let source = SourceFile::new("the rendered template", text);
        let lines = |found: &[Diagnostic]| found.iter().map(line).collect::<Vec<_>>();
        let mut root = Node::parse(&source).map_err(|found| lines(&[found]))?;
        literally(&mut root);
        let mut notes = Vec::new();
        drop_unknown(
            &mut root,
            &SpecInput::FIELDS
                .iter()
                .map(|field| field.key)
                .collect::<Vec<_>>(),
            &mut notes,
        );
        let mut decoder = Decoder::new(&source, std::path::Path::new("."), &|_| None, mask.clone());
        let Value::Map(_) = &root.value else {
            let found = root.value.describe();
            return Err(vec![format!("it is {found}, not a map with `url` and `metrics`")]);
        };
        let read = SpecInput::decode(&root, &mut decoder);
        let spec = read.and_then(|input| queries(prefix, &input, &root, &mut decoder));
        let errors: Vec<Diagnostic> = decoder
            .into_diagnostics()
            .into_iter()
            .filter(Diagnostic::is_error)
            .collect();
        match spec {
            Some(queries) if errors.is_empty() => Ok(Self { queries, notes }),
            _ => Err(lines(&errors)),
        }
    }
}

/// What stands before the names of metrics.
#[derive(Debug, Clone, Copy)]
pub(super) enum Prefix<'a> {
    /// This, as a key of `templates` is.
    Given(&'a str),
    /// What the provider calls itself, and this if it does not.
    Own(&'a str),
}

fn queries(
    prefix: &Prefix<'_>,
    input: &SpecInput,
    root: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<Query>> {
    let own = stated(input.provider.as_ref().map(|name| name.0.as_str()));
    let before = match (prefix, &own) {
        (Prefix::Own(_), Some(own)) => own.clone(),
        (Prefix::Given(name) | Prefix::Own(name), _) => (*name).to_owned(),
    };
    let url = url(input, root, decoder);
    let headers = headers(input, root, decoder);
    let metrics = input.metrics.as_deref().unwrap_or_default();
    if metrics.is_empty() || metrics.len() > MOST {
        let message = format!("{} metrics; a provider has 1 to {MOST}", metrics.len());
        decoder.error(&root.at, message, Some("list them under `metrics:`".to_owned()));
    }
    let nodes = match root.get("metrics").map(|node| &node.value) {
        Some(Value::List(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    // All metrics are looked at before one that is wrong, or the URL, ends the reading.
    let read: Vec<_> = metrics
        .iter()
        .zip(nodes)
        .map(|(metric, node)| query(&before, metric, node, decoder))
        .collect();
    let (url, headers) = (url?, headers?);
    let mut seen = BTreeSet::new();
    let mut queries: Vec<Query> = Vec::with_capacity(metrics.len());
    for ((metric, node), found) in metrics.iter().zip(nodes).zip(read) {
        let (name, program) = found?;
        if !seen.insert(name.clone()) {
            decoder.error(&node.at, format!("there are two metrics {name}"), None);
        }
        queries.push(Query {
            metric: name,
            kind: metric.kind.map_or(ProvidedKind::default(), |kind| kind.0),
            unit: stated(metric.units.as_ref().map(|units| units.0.as_str())),
            description: stated(metric.description.as_ref().map(|text| text.0.as_str())),
            method: input
                .method
                .as_ref()
                .map_or(Method::GET, |method| method.0.clone()),
            url: with_parameters(&url, metric),
            headers: headers.clone(),
            body: metric
                .body
                .as_ref()
                .map_or_else(Default::default, |body| body.0.clone().into()),
            how: How::Jq(program),
        });
    }
    Some(queries)
}

/// What a text says, if anything.
pub(super) fn stated(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

fn url(input: &SpecInput, root: &Node, decoder: &mut Decoder<'_>) -> Option<Url> {
    let at = root.get("url").map_or(&root.at, |node| &node.at);
    let Some(text) = input
        .url
        .as_ref()
        .map(|url| url.0.trim())
        .filter(|url| !url.is_empty())
    else {
        if root
            .get("url")
            .is_none_or(|node| node.value == Value::Null || input.url.is_some())
        {
            decoder.error(
                at,
                "there is no `url`",
                Some("it says where queries go".to_owned()),
            );
        }
        return None;
    };
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
        Ok(_) | Err(_) => {
            let message = "`url` is no http:// or https:// URL";
            decoder.error(
                at,
                message,
                Some("for example http://prometheus:9090/api/v1/query".to_owned()),
            );
            None
        }
    }
}

fn headers(input: &SpecInput, root: &Node, decoder: &mut Decoder<'_>) -> Option<HeaderMap> {
    let at = root.get("headers").map_or(&root.at, |node| &node.at).clone();
    let listed = input
        .headers
        .as_ref()
        .map(|map| map.0.as_slice())
        .unwrap_or_default();
    let texts = listed.iter().map(|(name, value)| (name.clone(), value.0.clone()));
    hide_headers(&Map(texts.collect()), decoder.mask());
    let mut map = HeaderMap::new();
    let mut whole = true;
    for (name, value) in listed {
        let value = HeaderValue::from_str(value.0.trim());
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value) {
            map.append(name, value);
        } else {
            // Neither is shown: both may be secrets.
            decoder.error(&at, "a header holds characters that HTTP does not allow", None);
            whole = false;
        }
    }
    if !map.contains_key(CONTENT_TYPE) {
        map.insert(CONTENT_TYPE, JSON);
    }
    whole.then_some(map)
}

/// The full name of a metric and its expression.
fn query(
    before: &str,
    metric: &MetricInput,
    node: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<(String, String)> {
    let missing = |field: &str| node.get(field).is_none_or(|found| found.value == Value::Null);
    let name = metric
        .name
        .as_ref()
        .map(|name| name.0.trim())
        .filter(|name| !name.is_empty());
    if name.is_none() && (missing("name") || metric.name.is_some()) {
        decoder.error(&node.at, "a metric has no `name`", None);
    }
    let full = format!("{before}/{}", name?);
    if missing("jqExpression") {
        let hint = "it takes the value out of the answer, for example `.data.result[0].value[1] | tonumber`";
        decoder.error(
            &node.at,
            format!("{full} has no `jqExpression`"),
            Some(hint.to_owned()),
        );
    }
    let program = metric.jq_expression.as_ref()?.0.clone();
    if let Err(why) = jq::check(&program) {
        decoder.error(&node.at, format!("{full}: jqExpression: {why}"), None);
        return None;
    }
    Some((full, program))
}

fn with_parameters(url: &Url, metric: &MetricInput) -> Url {
    let mut url = url.clone();
    let parameters = metric.params.as_deref().unwrap_or_default();
    if !parameters.is_empty() {
        let mut pairs = url.query_pairs_mut();
        for parameter in parameters {
            let text = |part: &Option<Scalar>| part.as_ref().map(|part| part.0.clone()).unwrap_or_default();
            pairs.append_pair(&text(&parameter.name), &text(&parameter.value));
        }
    }
    url
}

/// In what a template came to, `${NAME}` is text.
fn literally(node: &mut Node) {
    match &mut node.value {
        Value::String(text) => node.value = Value::Text(std::mem::take(text)),
        Value::List(items) => items.iter_mut().for_each(literally),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| literally(node)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// Iter8 ignored keys that it did not know: those that are no slip of a known one are left out with a note.
fn drop_unknown(root: &mut Node, known: &[&str], notes: &mut Vec<String>) {
    let Value::Map(entries) = &mut root.value else {
        return;
    };
    entries.retain(|(key, _)| {
        let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(&key.name));
        let keeps = is_known || did_you_mean(&key.name, known.iter().copied()).is_some();
        if !keeps {
            notes.push(format!(
                "the provider spec has a field `{}` that means nothing",
                key.name
            ));
        }
        keeps
    });
}

fn line(found: &Diagnostic) -> String {
    let place = found.place.as_ref().and_then(|place| place.span.as_ref());
    let place = place
        .map(|span| format!("line {} of the rendered template: ", span.line))
        .unwrap_or_default();
    let hint = found
        .hint
        .as_ref()
        .map(|hint| format!(" ({hint})"))
        .unwrap_or_default();
    format!("{place}{}{hint}", found.message)
}
