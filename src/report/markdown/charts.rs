//! Pictures that GitHub draws: Mermaid `xychart-beta` (the name that every version since 10.9 knows), at most two
//! lines each. There is no legend, so the title names the colours, and Mermaid's own first line is almost white.

use super::escape::title;
use crate::report::{ChartSet, TimePoint, View};
use std::fmt::Write as _;

/// Red and grey, readable on white and on black.
const PALETTE: &str = "#e5534b, #8b949e";
/// Blue and red: median and tail.
const TIME_PALETTE: &str = "#4493f8, #e5534b";
/// Longest version name in a title.
const LONGEST_NAME: usize = 20;

/// Adds the pictures of the most telling stream.
pub(super) fn push(out: &mut String, view: &View) {
    if let Some(set) = view.charts.first() {
        distribution(out, set);
        over_time(out, set);
    }
}

fn chart(out: &mut String, palette: &str, lines: &[String]) {
    out.push_str("```mermaid\n%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": \"");
    out.push_str(palette);
    out.push_str("\"}}}}%%\nxychart-beta\n");
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
    out.push_str("```\n\n");
}

fn numbers(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<String> = values.map(|value| format!("{value:.2}")).collect();
    format!("line [{}]", values.join(", "))
}

fn labels(labels: impl Iterator<Item = String>) -> String {
    let labels: Vec<String> = labels
        .map(|label| format!("\"{}\"", label.replace('\u{a0}', " ")))
        .collect();
    format!("x-axis [{}]", labels.join(", "))
}

fn distribution(out: &mut String, set: &ChartSet) {
    let picture = &set.distribution;
    if picture.edges.len() < 2 {
        return;
    }
    let spreads = || picture.spreads.iter().take(2);
    let who: Vec<String> = spreads()
        .zip(["red", "grey"])
        .map(|(spread, colour)| format!("{colour}: {}", title(&spread.version, LONGEST_NAME)))
        .collect();
    let whose = title(&set.title.plain(), LONGEST_NAME);
    let who = match who.as_slice() {
        [_] => String::new(),
        several => format!(" ({})", several.join(", ")),
    };
    let mut lines = vec![
        format!("title \"{whose}: % answered within …{who}\""),
        labels(picture.edges.iter().map(|edge| edge.label.clone())),
        "y-axis \"%\" 0 --> 100".to_owned(),
    ];
    lines.extend(spreads().map(|spread| numbers(spread.reached.iter().copied())));
    chart(out, PALETTE, &lines);
}

fn over_time(out: &mut String, set: &ChartSet) {
    let Some(timeline) = set.timelines.first() else {
        return;
    };
    let points: Vec<(&TimePoint, f64, f64)> = timeline
        .few
        .iter()
        .filter_map(|point| Some((point, point.p50?, point.p95?)))
        .collect();
    if points.len() < 2 {
        return;
    }
    let highest = points.iter().map(|(.., p95)| *p95).fold(0.001, f64::max);
    let whose = title(&set.title.plain(), LONGEST_NAME);
    chart(
        out,
        TIME_PALETTE,
        &[
            format!("title \"{whose}: latency over time (blue: p50, red: p95)\""),
            labels(points.iter().map(|(point, ..)| format!("{:.1}", point.seconds)))
                .replace("x-axis ", "x-axis \"seconds from start\" "),
            format!("y-axis \"ms\" 0 --> {highest:.1}"),
            numbers(points.iter().map(|(_, p50, _)| *p50)),
            numbers(points.iter().map(|(_, _, p95)| *p95)),
        ],
    );
}
