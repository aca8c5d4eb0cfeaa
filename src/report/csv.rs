//! Every metric on a line (RFC 4180), for spreadsheets. Text that a spreadsheet would run as a formula is made text.

use std::io::{self, Write};

use super::{Format, View, number};
use crate::metrics::Unit;

/// Comma-separated values: version, endpoint, metric, value, unit.
#[derive(Debug, Clone, Copy)]
pub struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn file(&self) -> &'static str {
        "report.csv"
    }

    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"version,endpoint,metric,value,unit\r\n")?;
        for row in &view.metrics {
            write!(
                out,
                "{},{},{},{},{}\r\n",
                field(&row.version),
                field(row.endpoint.as_deref().unwrap_or_default()),
                field(&row.metric),
                number::plain(row.value),
                match row
                    .provided
                    .as_ref()
                    .and_then(|provided| provided.unit.as_deref())
                {
                    Some(foreign) if row.unit == Unit::Plain => field(foreign),
                    Some(_) | None => unit(row.unit).to_owned(),
                }
            )?;
        }
        for row in &view.rewards {
            for contender in &row.contenders {
                let (version, metric) = (
                    field(&contender.version),
                    field(&format!("chance of {} {}", row.goal, row.metric)),
                );
                if let Some(chance) = contender.chance {
                    write!(out, "{version},,{metric},{},fraction\r\n", number::plain(chance))?;
                }
            }
        }
        for weight in &view.weights {
            write!(
                out,
                "{},,weight,{},percent\r\n",
                field(&weight.version),
                weight.percent
            )?;
        }
        Ok(())
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "count",
        Unit::Fraction => "fraction",
        Unit::Milliseconds => "ms",
        Unit::PerSecond => "per second",
        Unit::Bytes => "bytes",
        Unit::Plain => "",
    }
}

/// Quoted where needed; an apostrophe before what spreadsheets take for a formula.
fn field(text: &str) -> String {
    let formula = text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠',
    ]);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    let text = text.replace('\0', "");
    if text.contains([',', '"', '\n', '\r', ';', '\t', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn formulas_become_text_and_separators_are_quoted() {
        assert_eq!(field("=HYPERLINK(1)"), "\"'=HYPERLINK(1)\"");
        assert_eq!(field("@SUM(A1)"), "\"'@SUM(A1)\"");
        assert_eq!(field("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(field("plain"), "plain");
    }
}
