//! GitHub-flavoured Markdown for job summaries and comments: verdict, objectives, folded details with pictures.
//!
//! Detail is dropped step by step until the text fits; rendering never fails.

mod charts;
mod escape;

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Align, Format, Prose, Section, Sign, Table, Topic, View, number};
use escape::{Place, escaped, prose};

/// GitHub shows job summaries up to 1 MiB.
const SUMMARY_LIMIT: usize = 1024 * 1024;

/// GitHub-flavoured Markdown.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn file(&self) -> &'static str {
        "report.md"
    }

    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(render_within(view, SUMMARY_LIMIT).as_bytes())
    }
}

/// How much is told.
#[derive(Clone, Copy)]
struct Detail {
    /// The slowest requests.
    slowest: bool,
    /// Pictures.
    charts: bool,
    /// Folded sections.
    sections: bool,
    /// Rows of each table.
    rows: usize,
    /// Characters of a name.
    name: usize,
}

const STEPS: &[Detail] = &[
    Detail {
        slowest: true,
        charts: true,
        sections: true,
        rows: 100,
        name: 200,
    },
    Detail {
        slowest: false,
        charts: true,
        sections: true,
        rows: 100,
        name: 200,
    },
    Detail {
        slowest: false,
        charts: true,
        sections: true,
        rows: 30,
        name: 100,
    },
    Detail {
        slowest: false,
        charts: false,
        sections: true,
        rows: 30,
        name: 100,
    },
    Detail {
        slowest: false,
        charts: false,
        sections: true,
        rows: 10,
        name: 60,
    },
    Detail {
        slowest: false,
        charts: false,
        sections: false,
        rows: 10,
        name: 60,
    },
    Detail {
        slowest: false,
        charts: false,
        sections: false,
        rows: 3,
        name: 40,
    },
    Detail {
        slowest: false,
        charts: false,
        sections: false,
        rows: 0,
        name: 40,
    },
];

/// The report in at most `limit` bytes (a comment may have 65,536), with as much detail as fits.
pub fn render_within(view: &View, limit: usize) -> String {
    STEPS
        .iter()
        .map(|detail| render(view, *detail))
        .find(|text| text.len() <= limit)
        .unwrap_or_else(|| cut(&format!("## {}\n", escaped(&view.headline.line())), limit))
}

/// A text from outside as words in which nothing is markup, a link, a mention or a reference.
pub fn markdown_words(text: &str) -> String {
    escaped(text)
}

/// The first bytes of `text`, whole characters only.
fn cut(text: &str, limit: usize) -> String {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}

fn render(view: &View, detail: Detail) -> String {
    let mut out = format!("## {}\n\n", escaped(&view.headline.line()));
    for part in [&view.summary, &view.context] {
        if !part.is_empty() {
            out.push_str(&prose(part, detail.name, Place::Line));
            out.push_str("\n\n");
        }
    }
    for warning in view.warnings.iter().take(detail.rows) {
        let _ = write!(
            out,
            "> ⚠️ **Warning:** {}\n\n",
            prose(warning, detail.name, Place::Line)
        );
    }
    table(&mut out, &view.objectives_table(Sign::emoji), detail);
    if detail.sections {
        // The sentences on how it was measured have what matters of the load generator.
        let shown = |part: &&Section| {
            part.topic != Topic::Generator && (detail.slowest || part.topic != Topic::Slowest)
        };
        for part in view.sections.iter().filter(shown) {
            section(&mut out, view, part, detail);
        }
        measured(&mut out, view, detail);
    } else if !view.sections.is_empty() {
        out.push_str("Details were left out to fit the size limit; the report files have them.\n");
    }
    out
}

fn table(out: &mut String, table: &Table, detail: Detail) {
    if table.rows.is_empty() || detail.rows == 0 {
        return;
    }
    let line = |out: &mut String, cells: &mut dyn Iterator<Item = String>| {
        out.push('|');
        for cell in cells {
            let _ = write!(out, " {cell} |");
        }
        out.push('\n');
    };
    line(
        out,
        &mut table
            .columns
            .iter()
            .map(|column| column.title.replace(' ', "\u{a0}")),
    );
    let mut rules = table.columns.iter().map(|column| {
        match column.align {
            Align::Left => ":--",
            Align::Center => ":-:",
            Align::Right => "--:",
        }
        .to_owned()
    });
    line(out, &mut rules);
    for row in table.rows.iter().take(detail.rows) {
        line(
            out,
            &mut row.iter().map(|cell| prose(cell, detail.name, Place::Cell)),
        );
    }
    out.push('\n');
    if table.rows.len() > detail.rows {
        let more = number::count((table.rows.len() - detail.rows) as u64);
        let _ = writeln!(out, "and {more} more\n");
    }
}

fn folded(out: &mut String, title: &str, open: bool, body: &str) {
    let open = if open { " open" } else { "" };
    let _ = write!(
        out,
        "<details{open}><summary>{title}</summary>\n\n{body}</details>\n"
    );
}

fn section(out: &mut String, view: &View, section: &Section, detail: Detail) {
    let mut body = String::new();
    if section.topic == Topic::Versions && detail.charts {
        charts::push(&mut body, view);
    }
    table(&mut body, &section.table, detail);
    for note in section.notes.iter().take(detail.rows) {
        let _ = writeln!(body, "- {}", prose(note, detail.name * 5, Place::Line));
    }
    if !section.notes.is_empty() {
        body.push('\n');
    }
    let failed = section.topic == Topic::Tasks && view.outcome == crate::results::Outcome::Error;
    folded(out, &section.title, failed, &body);
}

fn measured(out: &mut String, view: &View, detail: Detail) {
    let mut body = String::new();
    for told in &view.measured {
        let _ = writeln!(body, "- {}", prose(told, detail.name, Place::Line));
    }
    if let Some(command) = &view.reproduce {
        let command = Prose::new().code(command.as_str());
        let _ = writeln!(body, "- Reproduce: {}", prose(&command, 4000, Place::Line));
    }
    if !body.is_empty() {
        body.push('\n');
        folded(out, "How this was measured", false, &body);
    }
}
