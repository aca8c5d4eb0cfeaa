//! Charts as inline SVG: every shape that means something has a `<title>`, which browsers show on hover.

use maud::{Markup, html};
use std::fmt::Write as _;

use super::scale::{Scale, place, round_steps};
use crate::metrics::Unit;
use crate::report::number;
use crate::report::prose::{clipped, visible};
use crate::report::view::{Distribution, Mark, ObjectiveRow, PhaseBar, Spread, TimePoint, Timeline};

/// A drawing's size and the frame inside of it.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 268.0;
const LEFT: f64 = 68.0;
const RIGHT: f64 = 512.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 240.0;
/// Longest name in a legend.
const LONGEST: usize = 28;

/// A corner of a polyline.
type Point = (f64, f64);

fn name(text: &str) -> String {
    clipped(&visible(text), LONGEST)
}

fn view_box(height: f64) -> String {
    format!("0 0 {WIDTH} {height}")
}

/// `M x y L x y …`
fn path(points: &[Point]) -> String {
    let mut out = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        out.push(if index == 0 { 'M' } else { 'L' });
        let _ = write!(out, "{} {}", place(*x), place(*y));
    }
    out
}

fn text(class: &str, x: f64, y: f64, words: &str) -> Markup {
    html! { text class=(class) x=(place(x)) y=(place(y)) { (words) } }
}

fn rect(class: &str, from: Point, to: Point, hover: &str) -> Markup {
    html! {
        rect class=(class) x=(place(from.0)) y=(place(from.1))
            width=(place((to.0 - from.0).max(0.0))) height=(place((to.1 - from.1).max(0.0))) {
            @if !hover.is_empty() { title { (hover) } }
        }
    }
}

fn line(class: &str, from: Point, to: Point) -> Markup {
    html! { line class=(class) x1=(place(from.0)) y1=(place(from.1)) x2=(place(to.0)) y2=(place(to.1)) {} }
}

/// An entry of a legend: class and words.
fn legend(entries: &[(&str, String)]) -> Markup {
    html! {
        p class="legend" {
            @for (class, words) in entries { span { i class=(class) {} " " (words) } }
        }
    }
}

/// Interval, value and limit of an objective on one small axis.
pub(super) fn interval(row: &ObjectiveRow) -> Markup {
    let Some(value) = row.value else {
        return html! {};
    };
    let known = [Some(value), row.low, row.high, Some(row.limit)];
    let highest = known
        .into_iter()
        .flatten()
        .filter(|value| value.is_finite())
        .fold(0.0, f64::max)
        * 1.15;
    if highest <= 0.0 || value < 0.0 {
        return html! {};
    }
    let scale = Scale::linear((0.0, highest), (4.0, 136.0));
    let (low, high) = (
        scale.at(row.low.unwrap_or(0.0)),
        scale.at(row.high.unwrap_or(highest)),
    );
    let tone = super::tone(row.sign);
    let hover = format!(
        "measured {}, 95 % interval {}, limit {}",
        row.measured, row.interval, row.limit_text
    );
    html! {
        svg class="interval" viewBox="0 0 140 24" role="img" aria-label=(hover) {
            title { (hover) }
            (line("axis", (4.0, 12.0), (136.0, 12.0)))
            @if !row.interval.is_empty() { (line(&format!("range {tone}"), (low, 12.0), (high.max(low + 1.0), 12.0))) }
            (line("limit", (scale.at(row.limit), 2.0), (scale.at(row.limit), 22.0)))
            circle class={ "value " (tone) } cx=(place(scale.at(value))) cy="12" r="4.5" {}
        }
    }
}

fn limit_lines(limits: &[Mark], scale: &Scale, upright: bool) -> Markup {
    html! {
        @for (index, limit) in limits.iter().enumerate() {
            @let at = scale.at(limit.milliseconds);
            @let class = if limit.broken { "limit broken" } else { "limit" };
            @if upright {
                (line(class, (at, TOP), (at, BOTTOM)))
                @let class = if at > WIDTH / 2.0 { "limit-label end" } else { "limit-label" };
                @let shift = if at > WIDTH / 2.0 { -5.0 } else { 5.0 };
                (text(class, at + shift, TOP + 12.0 + 15.0 * (index % 8) as f64, &limit.label))
            } @else {
                (line(class, (LEFT, at), (RIGHT, at)))
                (text("limit-label end", RIGHT - 4.0, at - 5.0, &limit.label))
            }
        }
    }
}

/// Histogram (bars, left axis) and cumulative share (line, right axis) with the limits drawn in.
pub(super) fn distribution(picture: &Distribution) -> Markup {
    let ends = |spread: &Spread| Some((spread.shares.first()?.low, spread.shares.last()?.high));
    let Some((low, high)) = picture.spreads.first().and_then(ends) else {
        return html! {};
    };
    let x = Scale::logarithmic((low, high), (LEFT, RIGHT));
    let shares = picture.spreads.iter().flat_map(|spread| &spread.shares);
    let tallest = shares.map(|share| share.percent).fold(0.0, f64::max).max(1e-9);
    let y = Scale::linear((0.0, tallest * 1.05), (BOTTOM, TOP));
    let cumulative = Scale::linear((0.0, 100.0), (BOTTOM, TOP));
    let spreads: Vec<(&Spread, &str)> = picture.spreads.iter().zip(["tested", "baseline"]).collect();
    let entries: Vec<(&str, String)> = spreads
        .iter()
        .map(|(spread, class)| (*class, name(&spread.version)))
        .chain([("cdf-key", "share answered within (right axis)".to_owned())])
        .collect();
    html! {
        figure {
            figcaption { "Distribution" }
            svg viewBox=(view_box(HEIGHT)) role="img" aria-label="Distribution of latencies" {
                @for step in round_steps(tallest) {
                    (line("grid", (LEFT, y.at(step)), (RIGHT, y.at(step))))
                    (text("tick end", LEFT - 6.0, y.at(step) + 4.0, &number::measured(step / 100.0, Unit::Fraction)))
                }
                @for percent in [50.0, 100.0] {
                    (text("tick", RIGHT + 5.0, cumulative.at(percent) + 4.0, &format!("{percent}\u{a0}%")))
                }
                (ticks(&picture.ticks, &x))
                @for (spread, class) in spreads.iter().rev() { (bars(spread, class, &x, &y)) }
                @for (spread, class) in spreads.iter().rev() {
                    @let corners: Vec<Point> = spread.shares.iter()
                        .map(|share| (x.at(share.high), cumulative.at(share.cumulative))).collect();
                    path class={ "cdf " (class) } d=(path(&corners)) {}
                }
                (limit_lines(&picture.limits, &x, true))
                @if let Some((spread, _)) = spreads.first() {
                    @for share in &spread.shares {
                        (rect("hover", (x.at(share.low), TOP), (x.at(share.high), BOTTOM), &share.words))
                    }
                }
            }
            (legend(&entries))
        }
    }
}

fn ticks(ticks: &[Mark], x: &Scale) -> Markup {
    // Labels need about 55 units each; others keep their line only.
    let mut free_from = 0.0;
    let mut labelled = 0;
    html! {
        @for tick in ticks {
            @let at = x.at(tick.milliseconds);
            (line("grid", (at, BOTTOM), (at, BOTTOM + 5.0)))
            @if at >= free_from {
                @let class = if labelled % 2 == 1 { "tick middle odd" } else { "tick middle" };
                (text(class, at, BOTTOM + 19.0, &tick.label))
                @let () = { free_from = at + 55.0; labelled += 1; };
            }
        }
    }
}

fn bars(spread: &Spread, class: &str, x: &Scale, y: &Scale) -> Markup {
    html! {
        g class={ "bars " (class) } {
            @for share in spread.shares.iter().filter(|share| share.count > 0) {
                (rect("", (x.at(share.low) + 0.4, y.at(share.percent)), (x.at(share.high) - 0.4, BOTTOM), ""))
            }
        }
    }
}

/// The highest p95 of several timelines: versions are compared on one axis.
pub(super) fn highest(timelines: &[Timeline]) -> f64 {
    let points = timelines.iter().flat_map(|timeline| &timeline.points);
    points.filter_map(|point| point.p95).fold(0.0, f64::max)
}

/// p50 and p95 over time up to `highest` milliseconds, errors as bars at the foot.
pub(super) fn timeline(picture: &Timeline, named: bool, highest: f64) -> Markup {
    let (Some(first), Some(last)) = (picture.points.first(), picture.points.last()) else {
        return html! {};
    };
    let end = last.seconds + picture.step;
    // A limit far above everything measured would press the lines flat.
    let limits: Vec<Mark> = picture
        .limits
        .iter()
        .filter(|limit| limit.milliseconds < highest * 2.5)
        .cloned()
        .collect();
    let top = limits
        .iter()
        .map(|limit| limit.milliseconds)
        .fold(highest, f64::max)
        * 1.08;
    let x = Scale::linear((first.seconds, end), (LEFT, RIGHT));
    let y = Scale::linear((0.0, top), (BOTTOM, TOP));
    let errors: u64 = picture.points.iter().map(|point| point.errors).sum();
    let mut entries = vec![("p50", "p50".to_owned()), ("p95", "p95".to_owned())];
    if errors > 0 {
        entries.push(("errors", number::counted(errors, "error")));
    }
    html! {
        figure {
            figcaption { "Over time" @if named { ": " (name(&picture.version)) } }
            svg viewBox=(view_box(HEIGHT)) role="img" aria-label="Latency and errors over time" {
                @for step in round_steps(top) {
                    (line("grid", (LEFT, y.at(step)), (RIGHT, y.at(step))))
                    (text("tick end", LEFT - 6.0, y.at(step) + 4.0, &number::measured(step, Unit::Milliseconds)))
                }
                @for (index, step) in round_steps(end).into_iter().enumerate() {
                    @let class = if index % 2 == 1 { "tick middle odd" } else { "tick middle" };
                    (text(class, x.at(step), BOTTOM + 19.0, &number::duration(step)))
                }
                (error_bars(picture, &x))
                (course("p95", picture, &x, &y, |point| point.p95))
                (course("p50", picture, &x, &y, |point| point.p50))
                (limit_lines(&limits, &y, false))
                @for point in &picture.points {
                    (rect("hover", (x.at(point.seconds), TOP), (x.at(point.seconds + picture.step), BOTTOM), &point.words))
                }
            }
            (legend(&entries))
        }
    }
}

/// One line; spans without answers leave a gap.
fn course(
    class: &str,
    picture: &Timeline,
    x: &Scale,
    y: &Scale,
    value: fn(&TimePoint) -> Option<f64>,
) -> Markup {
    let mut runs: Vec<Vec<Point>> = vec![Vec::new()];
    for point in &picture.points {
        match (value(point), runs.last_mut()) {
            (Some(value), Some(run)) => run.push((x.at(point.seconds + picture.step / 2.0), y.at(value))),
            _ => runs.push(Vec::new()),
        }
    }
    html! {
        @for run in runs.iter().filter(|run| !run.is_empty()) {
            @if let [(at, height)] = run.as_slice() {
                circle class={ "dot " (class) } cx=(place(*at)) cy=(place(*height)) r="2" {}
            } @else {
                path class={ "course " (class) } d=(path(run)) {}
            }
        }
    }
}

fn error_bars(picture: &Timeline, x: &Scale) -> Markup {
    let share = |point: &TimePoint| point.errors as f64 / point.requests.max(1) as f64;
    let y = Scale::linear((0.0, 1.0), (BOTTOM, TOP));
    html! {
        @for point in picture.points.iter().filter(|point| point.errors > 0) {
            // At least two units high, so that a single error is seen.
            @let top = y.at(share(point)).min(BOTTOM - 2.0);
            (rect("errors", (x.at(point.seconds), top), (x.at(point.seconds + picture.step), BOTTOM), ""))
        }
    }
}

const PHASES: &[(&str, &str)] = &[
    ("waiting", "c0"),
    ("name resolution", "c1"),
    ("connect", "c2"),
    ("TLS", "c3"),
    ("first byte", "c4"),
    ("body", "c5"),
];

/// A stacked bar per endpoint and version. Names stand above their bars, so that long ones have room.
pub(super) fn phases(bars: &[PhaseBar]) -> Markup {
    let longest = bars.iter().map(|bar| bar.milliseconds).fold(0.0, f64::max);
    let seen = |name: &str| {
        bars.iter()
            .any(|bar| bar.parts.iter().any(|part| part.name == name))
    };
    let entries: Vec<(&str, String)> = PHASES
        .iter()
        .filter(|(name, _)| seen(name))
        .map(|(name, class)| (*class, (*name).to_owned()))
        .collect();
    html! {
        div class="phases" {
            @for bar in bars { (phase(bar, longest)) }
        }
        (legend(&entries))
    }
}

fn phase(bar: &PhaseBar, longest: f64) -> Markup {
    let scale = Scale::linear((0.0, longest), (0.0, 1000.0));
    let class = |name: &str| {
        PHASES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("c5", |(_, class)| *class)
    };
    let mut start = 0.0;
    html! {
        div class="phase" {
            span { (super::prose(&bar.title)) }
            span class="right" { (bar.total) }
            svg viewBox="0 0 1000 26" preserveAspectRatio="none" role="img" aria-label=(bar.total) {
                @for part in &bar.parts {
                    @let from = scale.at(start);
                    @let to = scale.at(start + part.milliseconds);
                    (rect(class(part.name), (from, 0.0), (to.max(from + 1.0), 26.0), &format!("{} {}", part.name, part.text)))
                    @let () = { start += part.milliseconds; };
                }
            }
        }
    }
}
