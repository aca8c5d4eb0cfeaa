//! Iter8 0.8: its tasks and metrics become those of 0.9.

use super::border::{Border, Tasks, name, rename_metrics, rename_task};
use crate::spec::node::Value;

/// Its task that 0.8.29 renamed.
pub(super) const TASKS: &[(&str, &str)] = &[(
    "gen-load-and-collect-metrics",
    "gen-load-and-collect-metrics-http",
)];

/// What the names of its metrics begin with.
pub(super) const METRICS: &str = "built-in/";

/// Metrics up to 0.8.28, before there was one for gRPC.
const PLAIN: &[(&str, &str)] = &[
    ("request-count", "request-count"),
    ("error-count", "error-count"),
    ("error-rate", "error-rate"),
    ("mean-latency", "latency-mean"),
    ("stddev-latency", "latency-stddev"),
    ("min-latency", "latency-min"),
    ("max-latency", "latency-max"),
];

/// Turns its tasks into those of 0.9.
pub(super) fn upgrade(tasks: &mut Tasks, border: &mut Border<'_>) {
    for task in tasks {
        rename_task(task, TASKS);
        rename_metrics(task, metric);
        if name(task).is_none()
            && let Some(with) = task.find_mut("with")
            && let Some((key, template)) = with.take("template")
        {
            if template.value == Value::Bool(true) {
                let message = "scripts that are templates were given up by 0.8.34";
                let hint = "write what the template gave, or use the variables of the environment";
                border.error(&key.at, message, hint);
            } else {
                border.warning(
                    &key.at,
                    "`template` changes nothing: scripts are no templates",
                    "",
                );
            }
        }
    }
}

/// What 0.9 calls a metric.
pub(super) fn metric(old: &str) -> Option<String> {
    let name = old.strip_prefix(METRICS)?;
    if let Some(name) = name.strip_prefix("http-") {
        return Some(format!("http/{name}"));
    }
    if let Some(name) = name.strip_prefix("grpc-") {
        return Some(format!("grpc/{name}"));
    }
    if let Some((_, new)) = PLAIN.iter().find(|(old, _)| *old == name) {
        return Some(format!("http/{new}"));
    }
    let percent = name.strip_prefix('p')?;
    percent.parse::<f64>().ok()?;
    Some(format!("http/latency-p{percent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_both_halves_of_0_8_have_a_name_in_0_9() {
        for (old, new) in [
            ("built-in/request-count", Some("http/request-count")),
            ("built-in/mean-latency", Some("http/latency-mean")),
            ("built-in/p95.0", Some("http/latency-p95.0")),
            ("built-in/http-latency-p97.5", Some("http/latency-p97.5")),
            ("built-in/grpc-latency/p95", Some("grpc/latency/p95")),
            ("built-in/pretty", None),
            ("http/error-rate", None),
        ] {
            assert_eq!(metric(old).as_deref(), new, "{old}");
        }
    }
}
