//! The short commands: report, validate, version, schema, completions.

use std::path::Path;

use clap::CommandFactory as _;

use super::args::{Args, LogLevel, Report, SchemaOf, Validate};
use super::assemble::Given;
use super::check::check;
use super::console::Console;
use super::exit::Exit;
use super::run::{Opened, read, unreadable};
use super::session::formats;
use super::shown::{print, print_text, show};
use crate::charts;
use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::report::View;
use crate::results;
use crate::tasks::{TaskError, experiment_schema};

/// Renders a stored result; the exit code says only whether that worked.
pub(super) fn report(args: &Report, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let usage = |message: String| {
        console.say(LogLevel::Error, &format!("error: {message}"));
        Exit::Usage
    };
    let format = formats(std::slice::from_ref(&args.format)).map_err(usage)?;
    let result = args
        .stored
        .read()
        .map_err(|error| usage(TaskError::from_error(&error).message))?;
    let view = View::of(&result);
    match format.first() {
        Some(format) if format.name() != "text" => print(*format, &view, console)?,
        _ => show(&view, console, env)?,
    }
    Ok(Exit::Pass)
}

/// Checks a file and sends nothing.
pub(super) fn validate(args: &Validate, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let Opened { source, root, found } =
        read(Some(&args.file), &Given::default()).map_err(|found| unreadable(&found, console))?;
    let folder = args
        .file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let checked = check(&source, &root, folder, env, console, &[]).and(found);
    let pipeline = checked.or_usage(console)?;
    let mut text = format!("{}: valid, {} tasks\n", source.name(), pipeline.steps.len());
    for step in &pipeline.steps {
        let condition = step
            .condition
            .as_ref()
            .map(|condition| format!(" (if {})", condition.text()))
            .unwrap_or_default();
        text.push_str(&format!(
            "  {} {}: {}{condition}\n",
            step.index,
            step.name,
            pipeline.about(step)
        ));
    }
    print_text(&console.inert(&console.mask.apply(&text)), console)?;
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

/// Prints completions.
pub(super) fn completions(shell: clap_complete::Shell, console: &Console) -> Result<Exit, Exit> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "iter8", &mut bytes);
    print_text(&String::from_utf8_lossy(&bytes), console)?;
    Ok(Exit::Pass)
}
