//! Metrics in the OpenMetrics text format 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), for a push
//! gateway or a file collector. Families are whole, units are suffixes, counters end in `_total`, the end is marked.

use std::io::{self, Write};

use super::{Format, LoadRow, View, number};
use crate::metrics::code::Code;

/// OpenMetrics text.
#[derive(Debug, Clone, Copy)]
pub struct OpenMetrics;

impl Format for OpenMetrics {
    fn name(&self) -> &'static str {
        "openmetrics"
    }

    fn file(&self) -> &'static str {
        "metrics.txt"
    }

    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()> {
        run(view, out)?;
        counters(view, out)?;
        times(view, out)?;
        provided(view, out)?;
        objectives(view, out)?;
        out.write_all(b"# EOF\n")
    }
}

fn head(out: &mut dyn Write, name: &str, kind: &str, unit: &str, help: &str) -> io::Result<()> {
    writeln!(out, "# TYPE {name} {kind}")?;
    if !unit.is_empty() {
        writeln!(out, "# UNIT {name} {unit}")?;
    }
    writeln!(out, "# HELP {name} {help}")
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn run(view: &View, out: &mut dyn Write) -> io::Result<()> {
    head(out, "iter8_run", "info", "", "The run and its outcome.")?;
    let of_run = labels(&[
        ("outcome", view.outcome.name()),
        ("iter8_version", &view.iter8_version),
    ]);
    writeln!(out, "iter8_run_info{of_run} 1")?;
    head(
        out,
        "iter8_run_duration_seconds",
        "gauge",
        "seconds",
        "Duration of the run.",
    )?;
    writeln!(out, "iter8_run_duration_seconds {}", number::plain(view.seconds))
}

fn of_load(row: &LoadRow) -> [(&'static str, &str); 3] {
    [
        ("version", row.version.as_str()),
        ("protocol", row.protocol),
        ("endpoint", row.endpoint.as_deref().unwrap_or_default()),
    ]
}

/// Name, unit, help and value of a counter family.
type Counter = (&'static str, &'static str, &'static str, fn(&LoadRow) -> u64);

fn counters(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let families: [Counter; 4] = [
        ("iter8_requests", "", "Requests sent.", |row| row.requests),
        ("iter8_errors", "", "Requests that count as errors.", |row| {
            row.errors
        }),
        ("iter8_unsent", "", "Requests due and never sent.", |row| {
            row.unsent
        }),
        (
            "iter8_received_bytes",
            "bytes",
            "Bytes of bodies received.",
            |row| row.bytes_received,
        ),
    ];
    for (name, unit, help, value) in families {
        if view.loads.is_empty() {
            continue;
        }
        head(out, name, "counter", unit, help)?;
        for row in &view.loads {
            writeln!(out, "{name}_total{} {}", labels(&of_load(row)), value(row))?;
        }
    }
    messages(view, out)?;
    if view.loads.iter().any(|row| !row.statuses.is_empty()) {
        head(out, "iter8_answers", "counter", "", "Answers by status.")?;
        for row in &view.loads {
            for (status, count) in &row.statuses {
                let status = if row.protocol == "grpc" {
                    Code(*status).to_string()
                } else {
                    status.to_string()
                };
                let mut pairs = of_load(row).to_vec();
                pairs.push(("status", &status));
                writeln!(out, "iter8_answers_total{} {count}", labels(&pairs))?;
            }
        }
    }
    Ok(())
}

/// Of loads that have any.
fn messages(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let families: [Counter; 2] = [
        ("iter8_messages_sent", "", "Messages sent.", |row| {
            row.messages_sent
        }),
        ("iter8_messages_received", "", "Messages received.", |row| {
            row.messages_received
        }),
    ];
    for (name, unit, help, value) in families {
        let mut rows = view.loads.iter().filter(|row| value(row) > 0).peekable();
        if rows.peek().is_some() {
            head(out, name, "counter", unit, help)?;
        }
        for row in rows {
            writeln!(out, "{name}_total{} {}", labels(&of_load(row)), value(row))?;
        }
    }
    Ok(())
}

fn times(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let mut timings: Vec<&'static str> = Vec::new();
    for timing in view.loads.iter().flat_map(|row| &row.timings) {
        if !timings.contains(&timing.timing) {
            timings.push(timing.timing);
        }
    }
    for timing in timings {
        let name = format!("iter8_{}_seconds", timing.replace('-', "_"));
        head(
            out,
            &name,
            "summary",
            "seconds",
            "Times of the load, as in iter8's metric names.",
        )?;
        for row in &view.loads {
            for times in row.timings.iter().filter(|times| times.timing == timing) {
                let pairs = of_load(row);
                for (quantile, seconds) in &times.quantiles {
                    let quantile = number::plain(*quantile);
                    let mut pairs = pairs.to_vec();
                    pairs.push(("quantile", &quantile));
                    writeln!(out, "{name}{} {}", labels(&pairs), number::plain(*seconds))?;
                }
                let labels = labels(&pairs);
                writeln!(out, "{name}_count{labels} {}", times.count)?;
                writeln!(out, "{name}_sum{labels} {}", number::plain(times.sum_seconds))?;
            }
        }
    }
    Ok(())
}

fn provided(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = view.metrics.iter().filter(|row| row.provided.is_some()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    head(
        out,
        "iter8_provided",
        "gauge",
        "",
        "Values from metric providers.",
    )?;
    for row in rows {
        let mut pairs = vec![("version", row.version.as_str()), ("metric", row.metric.as_str())];
        pairs.extend(
            row.provided
                .as_ref()
                .and_then(|provided| provided.unit.as_deref())
                .map(|unit| ("unit", unit)),
        );
        let labels = labels(&pairs);
        writeln!(out, "iter8_provided{labels} {}", number::plain(row.value))?;
    }
    Ok(())
}

fn objectives(view: &View, out: &mut dyn Write) -> io::Result<()> {
    if view.objectives.is_empty() {
        return Ok(());
    }
    let of = |row: &super::ObjectiveRow| labels(&[("version", &row.version), ("objective", &row.objective)]);
    head(
        out,
        "iter8_objective_met",
        "gauge",
        "",
        "1 when met, 0 when not met, NaN when not judged.",
    )?;
    for row in &view.objectives {
        let met = match row.judged {
            crate::slo::Verdict::Met => "1",
            crate::slo::Verdict::NotMet => "0",
            crate::slo::Verdict::Undecided
            | crate::slo::Verdict::NoData
            | crate::slo::Verdict::NotAssessed => "NaN",
        };
        writeln!(out, "iter8_objective_met{} {met}", of(row))?;
    }
    head(
        out,
        "iter8_objective_limit",
        "gauge",
        "",
        "The limit in the unit of the objective.",
    )?;
    for row in &view.objectives {
        writeln!(
            out,
            "iter8_objective_limit{} {}",
            of(row),
            number::plain(row.limit)
        )?;
    }
    if view.objectives.iter().any(|row| row.value.is_some()) {
        head(
            out,
            "iter8_objective_value",
            "gauge",
            "",
            "The measured value in the unit of the objective.",
        )?;
        for row in &view.objectives {
            if let Some(value) = row.value {
                writeln!(out, "iter8_objective_value{} {}", of(row), number::plain(value))?;
            }
        }
    }
    Ok(())
}
