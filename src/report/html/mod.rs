//! One HTML page that needs nothing else: no script, no network, no font. Charts are drawn inline, colours follow the
//! reader's preference, and a content security policy forbids everything but the page's own style.

mod scale;
mod svg;

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::prose::{Kind, clipped, visible};
use super::{Align, Format, ObjectiveRow, Prose, Section, Sign, Table, Topic, View, number};
use crate::results::Outcome;

const STYLE: &str = include_str!("report.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// Most rows of a table; more make a page that no browser likes.
const MOST_ROWS: usize = 1000;
/// Most of the slowest requests that are shown as commands.
const MOST_TRACED: usize = 20;
/// Longest name shown.
const LONGEST: usize = 400;

/// One page.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn file(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(page(view).into_string().as_bytes())
    }
}

fn page(view: &View) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (visible(&view.headline.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (top(view))
                main {
                    (objectives(view))
                    (charts(view))
                    @for part in &view.sections { (section(view, part)) }
                    (measured(view))
                }
                footer { "iter8 " (view.iter8_version) " · " time { (format!("{:.0}", view.started)) } }
            }
        }
    }
}

fn top(view: &View) -> Markup {
    let tone = tone(view.headline.sign);
    html! {
        header class=(tone) {
            div class="wide" {
                h1 { span class="sign" { (view.headline.sign.emoji()) } " " (visible(&view.headline.title)) }
                @if !view.summary.is_empty() { p class="summary" { (prose(&view.summary)) } }
                @if !view.context.is_empty() { p class="context" { (prose(&view.context)) } }
            }
        }
        @if !view.warnings.is_empty() {
            div class="wide warnings" {
                @for warning in view.warnings.iter().take(MOST_ROWS) {
                    p { span class="sign" { "⚠️" } " " (prose(warning)) }
                }
            }
        }
    }
}

fn tone(sign: Sign) -> &'static str {
    match sign {
        Sign::Met => "met",
        Sign::NotMet => "not-met",
        Sign::Unsure => "unsure",
        Sign::NoData => "no-data",
        Sign::Skipped => "skipped",
    }
}

/// Text with its meaning; maud escapes it.
fn prose(prose: &Prose) -> Markup {
    html! {
        @for piece in &prose.0 {
            @let text = match piece.kind {
                Kind::Code | Kind::Link(_) => clipped(&visible(&piece.text), LONGEST),
                Kind::Text => visible(&piece.text),
            };
            @if piece.strong { strong { (run(&piece.kind, &text)) } } @else { (run(&piece.kind, &text)) }
        }
    }
}

fn run(kind: &Kind, text: &str) -> Markup {
    html! {
        @match kind {
            Kind::Text => { (text) }
            Kind::Code => { code { (text) } }
            Kind::Link(url) => { a href=(url) rel="noopener noreferrer" { (text) } }
        }
    }
}

fn objectives(view: &View) -> Markup {
    if view.objectives.is_empty() {
        return html! {};
    }
    let first = view.objectives.first().map(|row| row.version.as_str());
    let several = view
        .objectives
        .iter()
        .any(|row| Some(row.version.as_str()) != first);
    html! {
        section class="card" {
            h2 { "Objectives" }
            div class="scroll" {
                table class="objectives" {
                    thead {
                        tr {
                            th { "Verdict" }
                            th { "Objective" }
                            @if several { th { "Version" } }
                            th class="right" { "Measured" }
                            th class="center" { "95 % interval" }
                            th class="right" { "Limit" }
                            th class="bar" { }
                        }
                    }
                    tbody {
                        @for row in view.objectives.iter().take(MOST_ROWS) { (objective(row, several)) }
                    }
                }
            }
            (more(view.objectives.len()))
        }
    }
}

fn objective(row: &ObjectiveRow, several: bool) -> Markup {
    html! {
        tr {
            td { span class={ "pill " (tone(row.sign)) } { (row.sign.emoji()) " " (row.verdict) } }
            td {
                (prose(&row.name))
                @if row.words != row.verdict { div class="words" { (visible(&row.words)) } }
            }
            @if several { td class="version" { code { (clipped(&visible(&row.version), LONGEST)) } } }
            td class="right" { @if row.decides() { strong { (row.measured) } } @else { (row.measured) } }
            td class="center soft range" { (row.interval) }
            td class="right limit-cell" { (row.limit_text) }
            td class="bar" { (svg::interval(row)) }
        }
    }
}

fn more(rows: usize) -> Markup {
    html! {
        @if rows > MOST_ROWS { p class="soft" { "and " (number::count((rows - MOST_ROWS) as u64)) " more" } }
    }
}

fn charts(view: &View) -> Markup {
    html! {
        @for set in &view.charts {
            section class="card" {
                h2 { "Latency of " (prose(&set.title)) }
                div class="charts" {
                    (svg::distribution(&set.distribution))
                    @for timeline in &set.timelines { (svg::timeline(timeline, set.timelines.len() > 1, svg::highest(&set.timelines))) }
                }
            }
        }
        @if !view.phases.is_empty() {
            section class="card" {
                h2 { "Mean time of a request, by phase" }
                (svg::phases(&view.phases))
            }
        }
    }
}

fn section(view: &View, section: &Section) -> Markup {
    let folded = match section.topic {
        Topic::Rewards
        | Topic::Changes
        | Topic::Versions
        | Topic::History
        | Topic::Loops
        | Topic::Endpoints
        | Topic::Provided
        | Topic::Distributions => false,
        Topic::Phases | Topic::Slowest | Topic::Answers | Topic::Generator | Topic::Shards => true,
        Topic::Tasks => view.outcome != Outcome::Error,
    };
    let body = html! {
        (table(&section.table))
        @if section.topic == Topic::Slowest { (traced(view)) }
        @if !section.notes.is_empty() {
            ul { @for note in section.notes.iter().take(MOST_ROWS) { li { (prose(note)) } } }
        }
    };
    html! {
        section class="card" {
            @if folded {
                details { summary { h2 { (section.title) } } (body) }
            } @else {
                h2 { (section.title) }
                (body)
            }
        }
    }
}

fn table(table: &Table) -> Markup {
    let side = |align| match align {
        Align::Left => "left",
        Align::Center => "center",
        Align::Right => "right",
    };
    html! {
        div class="scroll" {
            table {
                thead { tr { @for column in &table.columns { th class=(side(column.align)) { (column.title) } } } }
                tbody {
                    @for row in table.rows.iter().take(MOST_ROWS) {
                        tr {
                            @for (cell, column) in row.iter().zip(&table.columns) {
                                td class=(side(column.align)) { (prose(cell)) }
                            }
                        }
                    }
                }
            }
        }
        (more(table.rows.len()))
    }
}

fn measured(view: &View) -> Markup {
    html! {
        section class="card" {
            h2 { "How this was measured" }
            @for told in &view.measured { p { (prose(told)) } }
            @if let Some(command) = &view.reproduce {
                p { "Reproduce:" }
                pre class="command" { code { (visible(command)) } }
            }
            (requests(view))
            @if !view.experiment.text.is_empty() {
                details {
                    summary { "The experiment: " code { (clipped(&visible(&view.experiment.name), LONGEST)) } }
                    pre { code { (view.experiment.text.replace('\0', "")) } }
                }
            }
        }
    }
}

/// The commands that send one request of each load again.
fn requests(view: &View) -> Markup {
    html! {
        @if !view.requests.is_empty() {
            details {
                summary { "One request with curl" }
                @for row in view.requests.iter().take(MOST_ROWS) {
                    p { (prose(&row.title)) }
                    pre class="command" { code { (visible(&row.command)) } }
                }
                (more(view.requests.len()))
            }
        }
    }
}

/// The commands that send the slowest requests again with their trace contexts.
fn traced(view: &View) -> Markup {
    let rows = || {
        let rows = view
            .slowest
            .iter()
            .filter_map(|row| Some((row, row.reproduce.as_deref()?)));
        rows.take(MOST_TRACED)
    };
    html! {
        @if rows().next().is_some() {
            details {
                summary { "Sent again with curl, in the same trace" }
                @for (row, command) in rows() {
                    p { (prose(&row.words)) }
                    pre class="command" { code { (visible(command)) } }
                }
            }
        }
    }
}
