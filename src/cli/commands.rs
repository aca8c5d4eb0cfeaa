//! The short commands: report, version, schema, completions.

use clap::CommandFactory as _;

use super::args::{Args, LogLevel, Printed, Report, SchemaOf};
use super::console::Console;
use super::exit::Exit;
use super::session::formats;
use super::shown::{print, print_text, show};
use crate::charts;
use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::report::{Format, View};
use crate::results::{self, ExperimentResult};
use crate::tasks::experiment_schema;

/// Renders a stored result; the exit code says only whether that worked.
pub(super) fn report(args: &Report, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let format = args.format.read(console)?;
    let result = args.stored.read().map_err(|unread| {
        console.diagnostics(&[unread.diagnostic()]);
        Exit::Usage
    })?;
    render(&result, format, console, env)
}

impl Printed {
    /// The format that is meant; none for people at a terminal.
    pub(super) fn read(&self, console: &Console) -> Result<Option<&'static dyn Format>, Exit> {
        let found = formats(std::slice::from_ref(&self.format)).map_err(|message| {
            console.say(LogLevel::Error, &format!("error: {message}"));
            Exit::Usage
        })?;
        Ok(found.into_iter().find(|format| format.name() != "text"))
    }
}

/// Prints a result in a format.
pub(super) fn render(
    result: &ExperimentResult,
    format: Option<&dyn Format>,
    console: &Console,
    env: &Env,
) -> Result<Exit, Exit> {
    let view = View::of(result);
    match format {
        Some(format) => print(format, &view, console)?,
        None => show(&view, console, env)?,
    }
    Ok(Exit::Pass)
}

/// Prints the version.
pub(super) fn version(short: bool, console: &Console) -> Result<Exit, Exit> {
    let number = env!("CARGO_PKG_VERSION");
    print_text(
        &if short {
            format!("v{number}\n")
        } else {
            format!("iter8 {number}\n")
        },
        console,
    )?;
    Ok(Exit::Pass)
}

/// Prints a schema.
pub(super) fn schema(of: SchemaOf, chart: Option<&str>, console: &Console) -> Result<Exit, Exit> {
    let schema = match of {
        SchemaOf::Chart => schema_of(chart, console)?,
        SchemaOf::Experiment | SchemaOf::Result if chart.is_some() => {
            let message = "error: only the schema of a `chart` has a name behind it";
            console.say(LogLevel::Error, message);
            return Err(Exit::Usage);
        }
        SchemaOf::Experiment => experiment_schema(),
        SchemaOf::Result => results::schema(),
    };
    print_text(&format!("{schema:#}\n"), console)?;
    Ok(Exit::Pass)
}

/// The schema of a chart's values.
fn schema_of(name: Option<&str>, console: &Console) -> Result<serde_json::Value, Exit> {
    let found = charts::find(name.unwrap_or(charts::DEFAULT));
    found.map(charts::schema).map_err(|(message, hint)| {
        console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
        Exit::Usage
    })
}

/// Says why there is nothing to download, to who has a script of Iter8 0.8 to 0.11.
pub(super) fn hub(words: &[String], console: &Console) -> Exit {
    let named = words.iter().find_map(|word| charts::find(word).ok());
    let chart = named.map_or("CHART", charts::Chart::name);
    let hint = format!(
        "leave this command out; `iter8 launch -c {chart}` runs the chart, and `iter8 schema chart {chart}` lists its values"
    );
    let message = "charts are built in: there is nothing for `hub` to download";
    console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
    Exit::Usage
}

/// Prints completions.
pub(super) fn completions(shell: clap_complete::Shell, console: &Console) -> Result<Exit, Exit> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "iter8", &mut bytes);
    print_text(&String::from_utf8_lossy(&bytes), console)?;
    Ok(Exit::Pass)
}
