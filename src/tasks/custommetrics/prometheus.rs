//! `prometheus:`, which asks Prometheus without a template.

use http::Method;
use serde_json::json;
use url::Url;

use super::provider_spec::{Kind, stated};
use super::query::{How, Query};
use crate::spec::{Decode, Decoder, Node, Period, Value};
use crate::tasks::inputs::{NetInput, Places, Sender, Target, merge_schemas};
use crate::template::{Absent, Budget, Functions, Names, Random, Template, TemplateError, Value as Data};

/// Where instant queries go, behind the address of the server.
const PATH: &str = "/api/v1/query";
/// Stands for the window in a query.
const WINDOW: &str = "$window";
/// What metrics are called without `provider`.
const NAME: &str = "prometheus";

crate::fields! {
    /// Prometheus, asked without a template.
    struct ShorthandInput in "`prometheus`" {
        /// URL of the server, for example http://prometheus:9090.
        url: Target = ["url"],
        /// Metrics: each a query in PromQL, or `{query, unit, description, type}`.
        queries: Queries = ["queries"],
        /// What stands before the names of the metrics; default `prometheus`.
        provider: String = ["provider"],
        /// What `$window` in a query stands for; default the time since `startingTime`, or since the start of the run.
        window: Period = ["window"],
        /// Time for the answer to a query; default that of the task.
        timeout: Period = ["timeout"],
    }
}

crate::fields! {
    /// A query with more to say about it.
    struct QueryInput in "a query" {
        /// PromQL.
        query: String = ["query"],
        /// Unit of the value.
        unit: String = ["unit", "units"],
        /// What it is.
        description: String = ["description"],
        /// `gauge` (default) or `counter`.
        kind: Kind = ["type"],
    }
}

/// The queries, by the name of their metric.
#[derive(Debug, Clone, PartialEq)]
struct Queries(Vec<(String, Asked)>);

#[derive(Debug, Clone)]
struct Asked {
    input: QueryInput,
    /// Its unit, if it has one.
    unit: Option<String>,
    template: Template,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input
    }
}

impl Decode for Queries {
    const TYPE: &'static str = "map of queries";

    fn schema() -> serde_json::Value {
        let text = json!({ "type": "string", "examples": ["sum(rate(http_requests_total[$window]))"] });
        json!({ "type": "object", "additionalProperties": { "anyOf": [text, QueryInput::schema()] } })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            decoder.mismatch(node, "a map from the names of metrics to queries");
            return None;
        };
        let read: Vec<_> = entries
            .iter()
            .map(|(key, node)| Some((key.name.trim().to_owned(), asked(node, decoder)?)))
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }
}

fn asked(node: &Node, decoder: &mut Decoder<'_>) -> Option<Asked> {
    let (input, at) = match &node.value {
        Value::Map(_) => (
            QueryInput::decode(node, decoder)?,
            node.get("query").unwrap_or(node),
        ),
        Value::String(_) | Value::Text(_) => {
            let input = QueryInput {
                query: Some(String::decode(node, decoder)?),
                ..QueryInput::default()
            };
            (input, node)
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
            decoder.mismatch(node, "a query in PromQL");
            return None;
        }
    };
    let Some(text) = input
        .query
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
    else {
        decoder.error(&at.at, "there is no query", Some("give one in PromQL".to_owned()));
        return None;
    };
    match Template::parse(text, Functions::Iter8) {
        Ok(template) => Some(Asked {
            unit: stated(input.unit.as_deref()),
            input,
            template,
        }),
        Err(error) => {
            decoder.error(&at.at, error.to_string(), error.hint);
            None
        }
    }
}

/// `prometheus:`, checked.
#[derive(Debug, Clone)]
pub(super) struct Shorthand {
    pub(super) provider: String,
    url: Url,
    queries: Queries,
    window: Option<Period>,
    pub(super) timeout: Option<Period>,
    pub(super) sender: Sender,
}

impl PartialEq for Shorthand {
    fn eq(&self, other: &Self) -> bool {
        self.provider == other.provider && self.url == other.url && self.queries == other.queries
    }
}

impl Decode for Shorthand {
    const TYPE: &'static str = "map";

    fn schema() -> serde_json::Value {
        merge_schemas(
            &[ShorthandInput::schema(), NetInput::schema()],
            &["url", "queries"],
        )
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "a map with the fields of `prometheus`")?;
        let input = ShorthandInput::read(&mut fields, decoder);
        let net = NetInput::read(&mut fields, decoder);
        fields.finish("`prometheus`", decoder);
        let sender = net.check(Places::of(node), decoder);
        for (field, given) in [("url", input.url.is_some()), ("queries", input.queries.is_some())] {
            if !given && node.field(field).is_none() {
                decoder.error(&node.at, format!("`prometheus` needs `{field}`"), None);
            }
        }
        let (queries, Target(mut url)) = (input.queries?, input.url?);
        if queries.0.is_empty() {
            decoder.error(&node.at, "`queries` is empty: nothing would be measured", None);
            return None;
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.ends_with(PATH) {
            url.set_path(&format!("{path}{PATH}"));
        }
        Some(Self {
            provider: input.provider.unwrap_or_else(|| NAME.to_owned()),
            url,
            queries,
            window: input.window,
            timeout: input.timeout,
            sender: sender?,
        })
    }
}

impl Shorthand {
    /// The names of its metrics, without that of the provider.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.queries.0.iter().map(|(name, _)| name.as_str())
    }

    /// What the queries name.
    pub(super) fn template_names(&self) -> impl Iterator<Item = Names> {
        self.queries.0.iter().map(|(_, asked)| asked.template.names())
    }

    /// The unit of a metric, if it is asked for.
    pub(super) fn unit(&self, metric: &str) -> Option<&Option<String>> {
        let name = metric.strip_prefix(&self.provider)?.strip_prefix('/')?;
        let (_, asked) = self.queries.0.iter().find(|(known, _)| known == name)?;
        Some(&asked.unit)
    }

    /// What is asked for a version with these values, `seconds` after its start.
    pub(super) fn queries(
        &self,
        values: &Data,
        seconds: i64,
        budget: &mut Budget,
    ) -> Result<Vec<Query>, TemplateError> {
        let window = match self.window {
            Some(Period(window)) => format!("{}ms", window.as_millis().max(1)),
            None => format!("{seconds}s"),
        };
        self.queries
            .0
            .iter()
            .map(|(name, asked)| {
                let random = &mut Random::from_system();
                let text = asked
                    .template
                    .render_within(values, Absent::Refused, random, budget)?;
                let mut url = self.url.clone();
                url.query_pairs_mut()
                    .append_pair("query", &text.replace(WINDOW, &window));
                Ok(Query {
                    metric: format!("{}/{name}", self.provider),
                    kind: asked.input.kind.map(|kind| kind.0).unwrap_or_default(),
                    unit: asked.unit.clone(),
                    description: stated(asked.input.description.as_deref()),
                    method: Method::GET,
                    url,
                    headers: self.sender.headers.clone(),
                    body: bytes::Bytes::new(),
                    how: How::Prometheus,
                })
            })
            .collect()
    }
}
