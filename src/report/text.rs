//! The report for terminals and logs: 80 columns, symbols with words, the verdict first and last.
//!
//! A log line that begins with `::` or holds `##[` is a command to GitHub's runner, so foreign text never gets there.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement};
use unicode_width::UnicodeWidthStr as _;

use super::prose::{Kind, clipped, visible};
use super::{Align, Format, ObjectiveRow, Prose, Section, Sign, Table, Topic, View};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Longest name in a sentence.
const LONGEST_NAME: usize = 60;
/// Longest words in a cell.
const LONGEST_CELL: usize = 34;
/// Cells up to this width are never wrapped.
const SHORT_CELL: u16 = 14;
/// Most rows of a table.
const MOST_ROWS: usize = 40;
/// Most rows of a table that says everything about its matter: objectives and values that were asked for by name.
const ALL_ROWS: usize = 1000;
/// What failures were like, in words.
const EXAMPLE: &str = "First example";
/// Columns that are too wide for 80 columns: the sentences below say the same, or the page of the report does.
const TOO_WIDE: &[&str] = &["Target", EXAMPLE, "Processor", "Result"];
/// Longest example.
const LONGEST_EXAMPLE: usize = 200;

/// Plain text.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Whether verdicts are coloured with ANSI codes.
    pub colour: bool,
}

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn file(&self) -> &'static str {
        "report.txt"
    }

    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()> {
        for line in lines(view) {
            writeln!(out, "{}", self.coloured(&harmless(&line)))?;
        }
        Ok(())
    }
}

impl Text {
    /// Titled tables as this format draws them.
    pub fn tables(tables: &[(&'static str, Table)]) -> String {
        let mut lines = Vec::new();
        for (title, table) in tables {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push((*title).to_owned());
            push_table(&mut lines, table, MOST_ROWS);
        }
        lines.push(String::new());
        let lines: Vec<String> = lines.iter().map(|line| harmless(line)).collect();
        lines.join("\n")
    }

    /// Colours a line by the sign it begins with.
    fn coloured(self, line: &str) -> String {
        let code = |sign| match sign {
            Sign::Met => "32",
            Sign::NotMet | Sign::NoData => "31",
            Sign::Unsure => "33",
            Sign::Skipped => "2",
        };
        let signs = [Sign::NotMet, Sign::NoData, Sign::Unsure, Sign::Met];
        if let Some(sign) = signs
            .into_iter()
            .find(|sign| self.colour && line.starts_with(sign.emoji()))
        {
            return format!("\u{1b}[1;{}m{line}\u{1b}[0m", code(sign));
        }
        let begins = |sign: &Sign| self.colour && line.starts_with(&format!("{}\u{a0}", sign.glyph()));
        let Some(sign) = signs.into_iter().find(begins) else {
            return line.to_owned();
        };
        let end = line.find("  ").unwrap_or(line.len());
        format!("\u{1b}[{}m{}\u{1b}[0m{}", code(sign), &line[..end], &line[end..])
    }
}

/// Keeps the runner from reading commands, without changing the width.
fn harmless(line: &str) -> String {
    let line = line.replace("##[", "##(");
    if line.trim_start().starts_with("::") {
        format!("|{}", line.trim_start())
    } else {
        line
    }
}

fn lines(view: &View) -> Vec<String> {
    let verdict = clipped(&visible(&view.headline.line()), WIDTH - 1);
    let mut lines = vec![verdict.clone(), String::new()];
    let prose = |lines: &mut Vec<String>, prose: &Prose, indent: &str| {
        if !prose.is_empty() {
            wrap(lines, &words(prose, LONGEST_NAME), indent);
        }
    };
    prose(&mut lines, &view.summary, "");
    prose(&mut lines, &view.context, "");
    for warning in &view.warnings {
        prose(
            &mut lines,
            &Prose::from("!\u{a0}warning: ").then(warning.clone()),
            "  ",
        );
    }
    objectives(&mut lines, view);
    for part in &view.sections {
        // The slowest requests are too wide for a table, and one says enough; sentences below have what matters of the
        // load generator.
        if part.topic == Topic::Slowest {
            slowest(&mut lines, view);
        } else if part.topic != Topic::Generator {
            section(&mut lines, part);
        }
    }
    if !view.measured.is_empty() {
        lines.push(String::new());
        lines.push("How this was measured".to_owned());
        for told in &view.measured {
            prose(&mut lines, &Prose::from("- ").then(told.clone()), "  ");
        }
    }
    if let Some(command) = &view.reproduce {
        lines.push(String::new());
        lines.push("Reproduce".to_owned());
        lines.push(format!("$ {}", visible(command)));
    }
    lines.push(String::new());
    lines.push(verdict);
    lines
}

fn objectives(lines: &mut Vec<String>, view: &View) {
    let mut table = view.objectives_table(Sign::glyph);
    if table.rows.is_empty() {
        return;
    }
    // One column says mark and verdict; what else there is to say stands below the table.
    table.columns[0].align = Align::Left;
    for (cells, row) in table.rows.iter_mut().zip(&view.objectives) {
        cells[0] = format!("{}\u{a0}{}", row.sign.glyph(), row.verdict.replace(' ', "\u{a0}")).into();
        cells.pop();
    }
    table.columns.pop();
    lines.push(String::new());
    push_table(lines, &table, ALL_ROWS);
    for row in view
        .objectives
        .iter()
        .filter(|row| row.words != row.verdict)
        .take(MOST_ROWS)
    {
        let more = row.name.clone().text(format!(": {}", row.words));
        wrap(lines, &words(&marked(row).then(more), LONGEST_CELL), "  ");
    }
}

fn marked(row: &ObjectiveRow) -> Prose {
    format!("{}\u{a0}", row.sign.glyph()).into()
}

fn slowest(lines: &mut Vec<String>, view: &View) {
    if let Some(row) = view.slowest.first() {
        lines.push(String::new());
        let told = Prose::from("Slowest request: ").then(row.words.clone());
        wrap(lines, &words(&told, LONGEST_NAME + 10), "  ");
    }
}

fn section(lines: &mut Vec<String>, section: &Section) {
    lines.push(String::new());
    lines.push(section.title.clone());
    let mut table = section.table.clone();
    let examples = examples(&table);
    for index in (0..table.columns.len()).rev() {
        if TOO_WIDE.contains(&table.columns[index].title) {
            table.columns.remove(index);
            for row in table.rows.iter_mut().filter(|row| index < row.len()) {
                row.remove(index);
            }
        }
    }
    let most = if section.topic == Topic::Provided {
        ALL_ROWS
    } else {
        MOST_ROWS
    };
    push_table(lines, &table, most);
    for example in examples {
        wrap(lines, &example, "  ");
    }
    for note in &section.notes {
        wrap(
            lines,
            &words(&Prose::from("- ").then(note.clone()), LONGEST_NAME),
            "  ",
        );
    }
}

/// The examples of a table as sentences, each once.
fn examples(table: &Table) -> Vec<String> {
    let Some(column) = table.columns.iter().position(|column| column.title == EXAMPLE) else {
        return Vec::new();
    };
    let mut told: Vec<String> = Vec::new();
    for row in table.rows.iter().take(MOST_ROWS) {
        let example = row.get(column).filter(|example| !example.is_empty());
        let Some((what, example)) = row.first().zip(example) else {
            continue;
        };
        let line = format!(
            "- {}: {}",
            words(what, LONGEST_CELL),
            words(example, LONGEST_EXAMPLE)
        );
        if !told.contains(&line) {
            told.push(line);
        }
    }
    told
}

fn push_table(lines: &mut Vec<String>, table: &Table, most: usize) {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(comfy_table::TableStyle::new());
    drawn.set_content_arrangement(ContentArrangement::Dynamic);
    drawn.set_width(u16::try_from(WIDTH).unwrap_or(80));
    drawn.set_header(table.columns.iter().map(|column| column.title));
    for row in table.rows.iter().take(most) {
        drawn.add_row(row.iter().map(|cell| words(cell, LONGEST_CELL)));
    }
    let widths = drawn.column_max_content_widths();
    for ((column, drawn), width) in table.columns.iter().zip(drawn.column_iter_mut()).zip(widths) {
        drawn.set_padding((0, 2));
        drawn.set_cell_alignment(match column.align {
            Align::Left => CellAlignment::Left,
            Align::Center | Align::Right => CellAlignment::Right,
        });
        // Only long words may wrap, numbers and verdicts never.
        if column.align != Align::Left || width <= SHORT_CELL {
            drawn.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    lines.extend(drawn.lines().map(|line| line.trim_end().to_owned()));
    if table.rows.len() > most {
        lines.push(format!("and {} more", table.rows.len() - most));
    }
}

/// The words of a sentence, foreign names clipped.
fn words(prose: &Prose, longest: usize) -> String {
    prose
        .0
        .iter()
        .map(|piece| match piece.kind {
            Kind::Code => clipped(&visible(&piece.text), longest),
            // Terminals need no help against breaks, and some draw a box for it.
            Kind::Text | Kind::Link(_) => visible(&piece.text).replace('\u{2060}', ""),
        })
        .collect()
}

/// Breaks between words at 80 columns.
fn wrap(lines: &mut Vec<String>, text: &str, indent: &str) {
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word = clipped(word, WIDTH - indent.len());
        if !line.trim().is_empty() && line.width() + 1 + word.width() > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.trim().is_empty() {
        lines.push(line);
    }
}
