//! What Prometheus answers (<https://prometheus.io/docs/prometheus/latest/querying/api/>), and `prometheus:`, which asks
//! it without a template.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::provider_spec::Kind;
use super::query::{How, Query};
use crate::jq::Reading;
use crate::spec::{Decode, Decoder, Node, Period, Value};
use crate::tasks::inputs::{NetInput, Places, Sender, Target, merge_schemas};
use crate::template::{Absent, Functions, Random, Template, TemplateError, Value as Data};

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
        Ok(template) => Some(Asked { input, template }),
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

    /// What is asked for a version with these values, `seconds` after its start.
    pub(super) fn queries(&self, values: &Data, seconds: i64) -> Result<Vec<Query>, TemplateError> {
        let window = match self.window {
            Some(Period(window)) => format!("{}ms", window.as_millis().max(1)),
            None => format!("{seconds}s"),
        };
        self.queries
            .0
            .iter()
            .map(|(name, asked)| {
                let text = asked
                    .template
                    .render_with(values, Absent::Refused, &mut Random::from_system())?;
                let mut url = self.url.clone();
                url.query_pairs_mut()
                    .append_pair("query", &text.replace(WINDOW, &window));
                Ok(Query {
                    metric: format!("{}/{name}", self.provider),
                    kind: asked.input.kind.map(|kind| kind.0).unwrap_or_default(),
                    unit: asked.input.unit.clone(),
                    description: asked.input.description.clone(),
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

/// An answer of the HTTP API.
#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<AnswerData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerData {
    result_type: String,
    result: serde_json::Value,
}

/// A series and its value at the time of the query.
#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// The error that an answer is about, if it is one.
pub(super) fn error(body: &[u8]) -> Option<String> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let error = answer.error.filter(|_| answer.status == "error")?;
    Some(format!("Prometheus says: {error}"))
}

/// Whether an answer of Prometheus is an empty list.
pub(super) fn is_empty(body: &[u8]) -> bool {
    let answer: Result<Answer, _> = serde_json::from_slice(body);
    let data = answer.ok().and_then(|answer| answer.data);
    data.is_some_and(|data| data.result.as_array().is_some_and(Vec::is_empty))
}

/// The only value of an answer.
pub(super) fn read(body: &[u8]) -> Reading {
    if let Some(error) = error(body) {
        return Reading::Fault(error);
    }
    let answer: Result<Answer, _> = serde_json::from_slice(body);
    let Some(data) = answer
        .ok()
        .filter(|answer| answer.status == "success")
        .and_then(|answer| answer.data)
    else {
        return Reading::Fault("the answer is not one of Prometheus's HTTP API (check `url`)".to_owned());
    };
    let samples = match data.result_type.as_str() {
        "scalar" => serde_json::from_value(data.result).map(|value| {
            vec![Sample {
                metric: BTreeMap::new(),
                value,
            }]
        }),
        "vector" => serde_json::from_value(data.result),
        other => {
            return Reading::Fault(format!(
                "the query gives a {other}, not a number for each series: aggregate it over time, for example with `avg_over_time`"
            ));
        }
    };
    let samples: Vec<Sample> = match samples {
        Ok(samples) => samples,
        Err(error) => return Reading::Fault(format!("the answer of Prometheus cannot be read: {error}")),
    };
    match samples.as_slice() {
        [] => Reading::Nothing("the query has an empty result".to_owned()),
        [only] => match only.value.1.parse::<f64>() {
            Ok(value) if value.is_finite() => Reading::Value(value),
            _ => Reading::Nothing(format!("the value is {}", only.value.1)),
        },
        [first, second, ..] => Reading::Fault(format!(
            "the query gives {} series, such as {} and {}: make one of them, for example with `sum(…)`",
            samples.len(),
            labels(first),
            labels(second)
        )),
    }
}

fn labels(sample: &Sample) -> String {
    let labels: Vec<String> = sample
        .metric
        .iter()
        .filter(|(name, _)| name.as_str() != "__name__")
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    let name = sample
        .metric
        .get("__name__")
        .map(String::as_str)
        .unwrap_or_default();
    format!("{name}{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(result: &str) -> Reading {
        read(
            format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#)
                .as_bytes(),
        )
    }

    #[test]
    fn one_series_is_a_value_and_none_is_nothing() {
        assert_eq!(
            vector(r#"[{"metric":{},"value":[1.5,"42.5"]}]"#),
            Reading::Value(42.5)
        );
        assert!(matches!(vector("[]"), Reading::Nothing(why) if why.contains("empty result")));
        for odd in ["NaN", "+Inf"] {
            let read = vector(&format!(r#"[{{"metric":{{}},"value":[1,"{odd}"]}}]"#));
            assert!(matches!(read, Reading::Nothing(why) if why.contains(odd)));
        }
        let scalar = read(br#"{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}"#);
        assert_eq!(scalar, Reading::Value(7.0));
    }

    #[test]
    fn several_series_and_other_answers_are_faults_in_words() {
        let two = r#"[{"metric":{"__name__":"up","job":"a"},"value":[1,"1"]},{"metric":{"job":"b"},"value":[1,"0"]}]"#;
        let says = |read: Reading, text: &str| {
            assert!(
                matches!(&read, Reading::Fault(why) if why.contains(text)),
                "{read:?}"
            );
        };
        says(vector(two), "2 series, such as up{job=\"a\"} and {job=\"b\"}");
        says(
            read(br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#),
            "parse error",
        );
        says(
            read(br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#),
            "avg_over_time",
        );
        says(read(b"[1]"), "not one of Prometheus");
    }
}
