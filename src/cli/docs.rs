//! The reference, generated from the code: the tables of the README are these, and a test holds them equal.

use super::exit::Exit;
use crate::metrics::Timing;
use crate::platform::github::{inputs_markdown, outputs_markdown};
use crate::tasks::TASKS;

/// Names of the sections.
pub const SECTIONS: &[&str] = &["tasks", "metrics", "exit-codes", "inputs", "outputs"];

/// One section in Markdown.
pub fn section(name: &str) -> Option<String> {
    match name {
        "tasks" => Some(tasks()),
        "metrics" => Some(metrics()),
        "exit-codes" => Some(exit_codes()),
        "inputs" => Some(inputs_markdown()),
        "outputs" => Some(outputs_markdown()),
        _ => None,
    }
}

/// All sections.
pub fn everything() -> String {
    let sections: Vec<String> = SECTIONS
        .iter()
        .filter_map(|name| Some(format!("## {name}\n\n{}", section(name)?)))
        .collect();
    sections.join("\n")
}

fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|")
}

fn tasks() -> String {
    let mut out = String::new();
    for kind in TASKS {
        out.push_str(&format!(
            "**`{}`**: {}\n\n| Field | Type | Meaning |\n| --- | --- | --- |\n",
            kind.name(),
            kind.about()
        ));
        for field in kind.fields() {
            let names: Vec<String> = std::iter::once(field.key)
                .chain(field.aliases.iter().copied())
                .map(|name| format!("`{name}`"))
                .collect();
            out.push_str(&format!(
                "| {} | {} | {} |\n",
                names.join(", "),
                cell(field.kind),
                cell(field.about)
            ));
        }
        out.push('\n');
    }
    out
}

fn metrics() -> String {
    let mut out = String::from("| Metric | Unit | Meaning |\n| --- | --- | --- |\n");
    for (name, unit, about) in [
        ("request-count", "count", "requests sent"),
        (
            "error-count",
            "count",
            "requests without a complete answer, with an unexpected one, or with a status in `errorRanges`",
        ),
        ("error-rate", "fraction", "errors ÷ requests"),
        ("throughput", "per second", "answered requests in a second"),
        ("timeouts", "count", "requests that ran into their `timeout`"),
        ("unsent", "count", "requests that were due and never sent"),
        ("bytes-received", "bytes", "bodies received"),
        (
            "status-2xx",
            "count",
            "answers with a status of the class; also 1xx, 3xx, 4xx, 5xx",
        ),
        ("cold-start", "ms", "latency of the first request"),
    ] {
        out.push_str(&format!("| `http/{name}` | {unit} | {about} |\n"));
    }
    for (name, about) in [
        (
            "status-unavailable",
            "calls that ended with this status code; also the other codes, and `status-ok`",
        ),
        ("messages-sent", "messages sent"),
        ("messages-received", "messages received"),
    ] {
        out.push_str(&format!("| `grpc/{name}` | count | {about} |\n"));
    }
    for timing in Timing::ALL {
        let prefix = if timing.is_of_messages() { "grpc" } else { "http" };
        out.push_str(&format!(
            "| `{prefix}/{}-STAT` | ms | {} |\n",
            timing.name(),
            timing.about()
        ));
    }
    out.push_str("\n`STAT` is `mean`, `stddev`, `min`, `max` or any percentile such as `p95` or `p99.9`. ");
    out.push_str("An endpoint's metric is `http-NAME/…`; with endpoints `http/…` is their union. ");
    out.push_str("Calls of gRPC have the same metrics under `grpc/`, but no `status-2xx`.\n");
    out
}

fn exit_codes() -> String {
    let mut out = String::from("| Code | Outcome | Meaning |\n| --: | --- | --- |\n");
    for exit in Exit::ALL {
        let (outcome, about) = exit.about();
        out.push_str(&format!("| {} | {outcome} | {about} |\n", exit.code()));
    }
    out
}
