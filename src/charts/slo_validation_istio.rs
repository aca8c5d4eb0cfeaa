//! The chart `slo-validation-istio` of 0.10.23: metrics that Istio keeps in Prometheus, and upper limits.

use serde_json::{Value as Json, json};
use url::Url;

use super::iter8::warn_of_cluster;
use super::objectives::{ShortNames, upper_limits};
use super::shape::{AnyMap, Anything, Limits, Raw, Shape, Text, shapes};
use super::values::{key, list, map, merge, string, task, with_types};
use super::{Chart, MetricNames, Release, Rendered};
use crate::spec::{Decode, Decoder, Key, Node, Value};

/// What a workload in the mesh is judged by.
pub(super) struct SloValidationIstio;

/// File with the queries, beside the experiment.
const FILE: &str = "istio.metrics.yaml";
/// Where Istio's documentation puts Prometheus.
const PROMETHEUS: &str = "http://prometheus.istio-system:9090/api/v1/query";
/// What earlier releases added to `endpoint`.
const QUERY: &str = "/api/v1/query";

shapes! {
    /// The version that is judged.
    Version: "map" = json!({
        "type": "object",
        "properties": {
            "destination_workload": { "type": "string" },
            "destination_workload_namespace": { "type": "string" },
            "startingTime": { "type": "string" },
        },
        "required": ["destination_workload"],
    });
}

crate::fields! {
    /// The values.
    struct Values in "the values of the chart `slo-validation-istio`" {
        /// URL of Prometheus' query API.
        provider_url: Raw<Text> = ["providerURL"],
        /// The same without `/api/v1/query`.
        endpoint: Raw<Text> = ["endpoint"],
        /// Proxy that reports: `source` (default) or `destination`.
        reporter: Raw<Text> = ["reporter"],
        /// The workload: `destination_workload`, `destination_workload_namespace`, `startingTime`.
        version: Raw<Version> = ["versionInfo"],
        /// Only requests with this response code count in the denominators.
        response_code: Raw<Text> = ["response_code"],
        /// Upper limits by metric, beside `istio/error-rate: 0`.
        slos: Raw<Limits> = ["SLOs"],
        /// Only `istio`.
        providers: Raw<Anything> = ["providers"],
        /// Never used; `versionInfo` has it.
        workload: Raw<Anything> = ["destination_workload"],
        /// Never used; `versionInfo` has it.
        namespace: Raw<Anything> = ["destination_workload_namespace"],
        /// Never used; `versionInfo` has it.
        start: Raw<Anything> = ["startingTime"],
        /// In Kubernetes: when it runs.
        cronjob_schedule: Raw<Text> = ["cronjobSchedule"],
        /// In Kubernetes: image, version, runner, log level.
        iter8lib: Raw<AnyMap> = ["iter8lib"],
        /// Values of charts around this one.
        global: Raw<AnyMap> = ["global"],
    }
}

impl Chart for SloValidationIstio {
    fn name(&self) -> &'static str {
        "slo-validation-istio"
    }

    fn about(&self) -> &'static str {
        "Upper limits on what Istio measured of a workload, asked of Prometheus."
    }

    fn releases(&self) -> &'static [Release] {
        const { &[Release::zero(10)] }
    }

    fn runner(&self) -> Option<&'static str> {
        Some("cronjob")
    }

    fn schema(&self) -> Json {
        let mut schema = Values::schema();
        schema["required"] = json!(["versionInfo"]);
        schema
    }

    fn render(&self, values: &Node, _: MetricNames, decoder: &mut Decoder<'_>) -> Rendered {
        let mut spec = Vec::new();
        let mut files = Vec::new();
        if let Some(read) = Values::decode(values, decoder) {
            refuse_misplaced(&read, values, decoder);
            refuse_address(read.provider_url.as_ref(), true, decoder);
            refuse_address(read.endpoint.as_ref(), false, decoder);
            if let Some(version) = version(&read, values, decoder) {
                let queries = Queries::of(&read, &version, decoder);
                files.push((FILE, format!("{}{}", super::heading(self.name()), queries.text())));
                spec.push(metrics(&version, values));
            }
            spec.extend(limits(&read, values, decoder));
        }
        warn_of_cluster(values, &["cronjobSchedule", "iter8lib"], decoder);
        Rendered {
            experiment: map(vec![(key("spec", values), list(spec, values))], values),
            files,
        }
    }
}

/// Values that Iter8 took and never looked at: what was meant would not be measured.
fn refuse_misplaced(read: &Values, values: &Node, decoder: &mut Decoder<'_>) {
    for (name, given) in [
        ("destination_workload", &read.workload),
        ("destination_workload_namespace", &read.namespace),
        ("startingTime", &read.start),
    ] {
        if given.is_some()
            && let Some((key, _)) = values.field(name)
        {
            let hint = format!("write versionInfo.{name}");
            decoder.error(&key.at, format!("`{name}` stands at the wrong level"), Some(hint));
        }
    }
    let Some(Raw(providers, ..)) = &read.providers else {
        return;
    };
    let is_istio = |node: &Node| node.as_text() == Some("istio");
    let Value::List(items) = &providers.value else {
        decoder.mismatch(providers, "a list with `istio`");
        return;
    };
    for item in items.iter().filter(|item| !is_istio(item)) {
        decoder.error(
            &item.at,
            "this chart asks `istio` only",
            Some("the task `custommetrics` asks others".into()),
        );
    }
}

/// An address of Prometheus that nobody can ask: with its path, or without. What is put in later is looked at then.
fn refuse_address(raw: Option<&Raw<Text>>, with_path: bool, decoder: &mut Decoder<'_>) {
    let Some(node) = raw.map(|Raw(node, ..)| node) else {
        return;
    };
    let Some(text) = node.as_text().map(str::trim).filter(|text| !text.contains('{')) else {
        return;
    };
    let example = if with_path {
        PROMETHEUS
    } else {
        PROMETHEUS.trim_end_matches(QUERY)
    };
    let message = match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
            "Prometheus is asked by a URL that begins with http:// or https://"
        }
        Ok(url) if with_path && url.path() == "/" => "the URL of Prometheus has no path: queries have one",
        Ok(_) => return,
        Err(_) => "Prometheus is asked by a URL that begins with http:// or https://",
    };
    decoder.error(&node.at, message, Some(format!("for example {example}")));
}

/// The version: a map with a workload.
fn version(read: &Values, values: &Node, decoder: &mut Decoder<'_>) -> Option<Node> {
    let hint = || Some("give versionInfo.destination_workload, the workload that is judged".to_owned());
    let Some(Raw(version, ..)) = &read.version else {
        decoder.error(&values.at, "the values name no workload", hint());
        return None;
    };
    if !matches!(version.value, Value::Map(_)) {
        decoder.mismatch(version, "a map with `destination_workload`");
        return None;
    }
    if version.field("destination_workload").is_none() {
        decoder.error(&version.at, "`versionInfo` names no workload", hint());
    }
    Some(with_types(version))
}

fn metrics(version: &Node, values: &Node) -> Node {
    let templates = map(vec![(key("istio", values), string(FILE, values))], values);
    let with = vec![
        (key("templates", values), templates),
        (
            key("versionValues", version),
            list(vec![version.clone()], version),
        ),
    ];
    task("custommetrics", &map(with, values))
}

fn limits(read: &Values, values: &Node, decoder: &mut Decoder<'_>) -> Option<Node> {
    let zero = Node {
        value: Value::Int(0),
        at: values.at.clone(),
    };
    // Judged even when values name no limit, as ever.
    let base = map(vec![(key("istio/error-rate", values), zero)], values);
    let all = match &read.slos {
        Some(Raw(own, ..)) => merge(base, own.clone()),
        None => base,
    };
    let names = ShortNames {
        protocol: "istio",
        allowed: MetricNames::Full,
    };
    upper_limits(&all, names, decoder)
}

/// What Prometheus is asked.
struct Queries {
    url: String,
    labels: String,
    /// Put before the labels of denominators.
    of_code: String,
}

impl Queries {
    fn of(read: &Values, version: &Node, decoder: &mut Decoder<'_>) -> Self {
        let mut text = |raw: Option<&Raw<Text>>| {
            let node = with_types(&raw?.0);
            if let Value::String(text) = &node.value {
                Some(text.clone())
            } else if let Value::Int(number) = &node.value {
                Some(number.to_string())
            } else {
                decoder.mismatch(&node, "a string");
                None
            }
        };
        let url = text(read.provider_url.as_ref());
        let endpoint = text(read.endpoint.as_ref());
        let endpoint = endpoint.map(|url| format!("{}{QUERY}", url.trim_end_matches('/')));
        let reporter = text(read.reporter.as_ref()).unwrap_or_else(|| "source".to_owned());
        let code = text(read.response_code.as_ref());
        let mut labels = vec![label("reporter", &reporter)];
        // Without a namespace the workload is meant wherever it is.
        for name in ["destination_workload", "destination_workload_namespace"] {
            if version.field(name).is_some() {
                labels.push(label(name, &format!("{{{{.{name}}}}}")));
            }
        }
        Self {
            url: url.or(endpoint).unwrap_or_else(|| PROMETHEUS.to_owned()),
            labels: labels.concat(),
            of_code: code.map(|code| label("response_code", &code)).unwrap_or_default(),
        }
    }

    fn sum(&self, series: &str, first: &str) -> String {
        let labels = &self.labels;
        format!(
            "(sum(last_over_time({series}{{\n{first}{labels}}}[{{{{.elapsedTimeSeconds}}}}s])) or on() vector(0))"
        )
    }

    fn text(&self) -> String {
        let requests = "istio_requests_total";
        let buckets = "istio_request_duration_milliseconds_bucket";
        let errors = "  response_code=~'5..',\n";
        let counted = self.sum(requests, &self.of_code);
        let bound = |le: &str, code: &str| self.sum(buckets, &format!("  le='{le}',\n{code}"));
        let metrics = [
            (
                "request-count",
                "counter",
                "Number of requests",
                self.sum(requests, ""),
            ),
            (
                "error-count",
                "counter",
                "Number of requests that failed",
                self.sum(requests, errors),
            ),
            (
                "error-rate",
                "gauge",
                "Fraction of requests that failed",
                format!("{}/{counted}", self.sum(requests, errors)),
            ),
            (
                "le500ms-latency-percentile",
                "gauge",
                "Fraction of requests that took at most 500 ms",
                format!("{}/{}", bound("500", &self.of_code), bound("+Inf", &self.of_code)),
            ),
            (
                "latency-mean",
                "gauge",
                "Mean latency in ms",
                format!(
                    "{}/{counted}",
                    self.sum("istio_request_duration_milliseconds_sum", "")
                ),
            ),
        ];
        let at = Node::text("chart", "");
        let metrics = metrics.into_iter().map(|(name, kind, about, query)| {
            let param = vec![
                (key("name", &at), string("query", &at)),
                (key("value", &at), string(query, &at)),
            ];
            let fields = [
                ("name", string(name, &at)),
                ("type", string(kind, &at)),
                ("description", string(about, &at)),
                ("params", list(vec![map(param, &at)], &at)),
                ("jqExpression", string(".data.result[0].value[1] | tonumber", &at)),
            ];
            map(
                fields
                    .into_iter()
                    .map(|(name, node)| (key(name, &at), node))
                    .collect(),
                &at,
            )
        });
        let whole = [
            ("url", string(self.url.clone(), &at)),
            ("provider", string("istio", &at)),
            ("method", string("GET", &at)),
            ("metrics", list(metrics.collect(), &at)),
        ];
        let entries: Vec<(Key, Node)> = whole
            .into_iter()
            .map(|(name, node)| (key(name, &at), node))
            .collect();
        super::written(&map(entries, &at))
    }
}

fn label(name: &str, value: &str) -> String {
    // In a label, quotes and backslashes are escaped; braces are the template's.
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("  {name}=\"{value}\",\n")
}
