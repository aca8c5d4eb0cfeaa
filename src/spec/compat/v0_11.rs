//! Iter8 0.11 to 1.x: today's form, with the result of earlier runs in the file and what charts left in it.

use super::Era;
use super::border::{Border, Tasks, name};
use super::tree::node_at;
use super::v0_9::adopt_downloads;
use crate::spec::node::{Node, Value};

/// Keys of the file that are no part of the experiment.
pub(super) const RESULT: &str = "result";
/// The same since 0.16.
pub(super) const METADATA: &str = "metadata";

/// What charts left in loads: values from which they made a task of its own.
const LEFTOVERS: &[&str] = &["warmupNumRequests", "warmupDuration"];

/// The era of the release that a file names as its writer.
pub(super) fn stated(root: &Node) -> Option<Era> {
    let of = |key: &str| root.find(key).and_then(|node| node.find("iter8Version"));
    let text = of(RESULT).or_else(|| of(METADATA)).and_then(Node::as_text)?;
    let mut numbers = text.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(if (major, minor) < (0, 16) {
        Era::V0_11
    } else {
        Era::V0_16
    })
}

/// Takes out of its tasks what nothing reads.
pub(super) fn upgrade(tasks: &mut Tasks, border: &mut Border<'_>) {
    for task in tasks {
        let kind = name(task).map(str::to_owned);
        if kind.as_deref() == Some("abnmetrics") {
            let message = "`abnmetrics` asked Iter8's own service of 0.11 to 0.14, which is gone";
            let hint = "read the metrics from where they are kept, with `custommetrics`";
            border.error(&task.at, message, hint);
        }
        let Some(with) = task.find_mut("with") else {
            continue;
        };
        match kind.as_deref() {
            Some("http") => {
                border.drop_leftovers(with, LEFTOVERS, "a chart of Iter8 made a task of it");
                if with.find("payloadFile").is_some() {
                    border.drop_leftovers(with, &["payloadURL"], "`payloadFile` is given");
                }
            }
            Some("grpc") => {
                border.drop_leftovers(with, LEFTOVERS, "a chart of Iter8 made a task of it");
                adopt_downloads(with, border);
            }
            Some("assess") => {
                if let Some(slos) = with.find_mut("SLOs") {
                    name_metrics(slos, border);
                }
            }
            Some(_) | None => {}
        }
    }
}

/// A metric of one word was never measured by anything: it is given a form that can be asked for, and found missing.
fn name_metrics(slos: &mut Node, border: &mut Border<'_>) {
    for side in ["upper", "lower"] {
        let Some(Node {
            value: Value::List(listed),
            ..
        }) = slos.find_mut(side)
        else {
            continue;
        };
        for metric in listed.iter_mut().filter_map(|slo| slo.find_mut("metric")) {
            let Some(text) = metric.as_text().filter(|text| !text.contains('/')) else {
                continue;
            };
            let named = format!("unknown/{text}");
            let message = format!("`{text}` is no metric: it is judged as `{named}`, which nothing measures");
            border.warning(&metric.at, message, "metrics are named like http/error-rate");
            *metric = node_at(Value::String(named), &metric.at);
        }
    }
}
