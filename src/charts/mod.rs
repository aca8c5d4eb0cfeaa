//! Iter8's charts, built in: values in, an experiment out. One file per chart.
//!
//! # Why code
//! Iter8 rendered text templates: a value of the wrong type or name vanished or broke the YAML around it. Here values are a
//! tree ([`Node`]) that knows where each was written, and so is what is made of them; it is read like the tree of a file.

mod generated;
mod iter8;
mod json;
mod load;
mod load_test;
mod load_test_grpc;
mod load_test_http;
mod objectives;
mod pod;
mod ready;
mod result_url;
mod runner;
mod set;
mod shape;
mod slo_validation_istio;
mod values;
mod version;
mod webhook;
mod work;

#[cfg(test)]
mod tests;

use crate::diagnostic::did_you_mean;
use crate::spec::{Decoder, Node, SourceFile, Value};

pub use generated::{
    file_manifest_heading, heading, is_generated, is_replaceable, manifest_heading, read_leniently,
    stored_heading,
};
pub use json::of_json;
pub use pod::{Pod, Variable};
pub use result_url::{ResultUrl, Whose};
pub use runner::{Runner, names as runner_values, take_runner};
pub use set::{Flag, ReadFile, apply};
pub use values::{merge, written};
pub use version::{Constraint, Release};
pub use work::Work;

/// Every chart. The schema, the reference pages and several tests iterate over it.
pub static CHARTS: &[&dyn Chart] = &[
    &iter8::Iter8,
    &load_test_http::LoadTestHttp,
    &load_test_grpc::LoadTestGrpc,
    &load_test::LoadTest,
    &slo_validation_istio::SloValidationIstio,
];

/// The chart that is meant where none is named, as since Iter8 0.11.
pub const DEFAULT: &str = "iter8";

/// A chart: how it is named and what it makes of values.
pub trait Chart: Sync {
    /// As after `-c`.
    fn name(&self) -> &'static str;
    /// One sentence.
    fn about(&self) -> &'static str;
    /// The minor releases of Iter8 that had it.
    fn releases(&self) -> &'static [Release];
    /// What runs it in Kubernetes where values do not say: `job` or `cronjob`.
    fn runner(&self) -> Option<&'static str> {
        None
    }
    /// The JSON Schema of its values.
    fn schema(&self) -> serde_json::Value;
    /// The experiment of some values; what is wrong with them goes to the decoder, and as much as can be read is made.
    fn render(&self, values: &Node, names: MetricNames, decoder: &mut Decoder<'_>) -> Rendered;
}

/// How metrics may be named in values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricNames {
    /// Also as in 0.8, without what measures them: `error-rate`.
    Any,
    /// Only in full, as since 0.9: `http/error-rate`.
    Full,
}

/// What a chart made.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The experiment: a map with `spec`.
    pub experiment: Node,
    /// Files that it refers to: name and text.
    pub files: Vec<(&'static str, String)>,
}

/// A chart by its name, or by the path of its folder or archive; what is wrong with it else, and what to try.
pub fn find(name: &str) -> Result<&'static dyn Chart, (String, String)> {
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
    let known = || CHARTS.iter().map(|chart| chart.name());
    if let Some(chart) = CHARTS.iter().find(|chart| chart.name() == last) {
        return Ok(*chart);
    }
    let names: Vec<&str> = known().collect();
    let all = format!("built in are {}", names.join(", "));
    let hint = match did_you_mean(last, known()) {
        Some(near) => format!("did you mean `{near}`? {all}"),
        None => all,
    };
    Err((format!("there is no chart `{name}`"), hint))
}

/// Whether a file holds values of the chart `iter8` rather than an experiment: `tasks:`, and no `spec:`.
pub fn is_values(root: &Node) -> bool {
    root.get("spec").is_none()
        && root
            .get("tasks")
            .is_some_and(|tasks| matches!(tasks.value, Value::List(_)))
}

/// Whether any chart has a value of this name, in any case.
pub fn is_value(name: &str) -> bool {
    let knows = |schema: serde_json::Value| {
        let mut known = schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys);
        known.any(|known| known.eq_ignore_ascii_case(name))
    };
    CHARTS.iter().any(|chart| knows(chart.schema()))
}

/// The schema of a chart's values, complete.
pub fn schema(chart: &dyn Chart) -> serde_json::Value {
    let mut schema = chart.schema();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["$id"] = format!("https://iter8.tools/schemas/charts/{}/v1.json", chart.name()).into();
    schema["title"] = format!("values of the chart {}", chart.name()).into();
    schema["description"] = chart.about().into();
    schema
}

/// The source to name where a chart's experiment is shown.
pub fn source(chart: &dyn Chart, rendered: &Rendered) -> SourceFile {
    SourceFile::new(format!("chart {}", chart.name()), written(&rendered.experiment))
}
