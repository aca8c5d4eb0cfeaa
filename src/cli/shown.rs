//! Prints a report on stdout: stdout is data, stderr is talk.

use std::io::{IsTerminal as _, Write};

use super::args::Colour;
use super::console::{Console, use_colour, visible};
use super::exit::Exit;
use crate::platform::Env;
use crate::report::{Format, Text, View};

/// Prints the text report.
pub(super) fn show(view: &View, console: &Console, env: &Env) -> Result<(), Exit> {
    let colour = use_colour(
        if console.colour() {
            Colour::Auto
        } else {
            Colour::Never
        },
        std::io::stdout().is_terminal(),
        env,
    );
    let mut bytes = Vec::new();
    let rendered = Text { colour }.render(view, &mut bytes);
    // For readers of the log, of whom the platform is one.
    let inert = |()| console.inert(&String::from_utf8_lossy(&bytes)).into_bytes();
    write(rendered.map(inert), console)
}

/// Prints a report for programs, byte by byte as the file would be: their formats escape line ends, or are redirected.
pub(super) fn print(format: &dyn Format, view: &View, console: &Console) -> Result<(), Exit> {
    let mut bytes = Vec::new();
    let rendered = format.render(view, &mut bytes);
    write(rendered.map(|()| bytes), console)
}

/// Prints text of ours as it is.
pub(super) fn print_text(text: &str, console: &Console) -> Result<(), Exit> {
    write(Ok(text.as_bytes().to_owned()), console)
}

/// Prints a line of a text from elsewhere, and says whether anybody reads.
pub(super) fn print_line(line: &str, console: &Console) -> Result<bool, Exit> {
    let text = console.inert(&visible(&console.mask.apply(line)));
    pipe(Ok(format!("{text}\n").into_bytes()), console)
}

/// Nobody may read: that is no error.
fn write(bytes: std::io::Result<Vec<u8>>, console: &Console) -> Result<(), Exit> {
    pipe(bytes, console).map(|_| ())
}

/// Whether anybody reads: `iter8 report | head` closes the pipe, and nothing is wrong.
fn pipe(bytes: std::io::Result<Vec<u8>>, console: &Console) -> Result<bool, Exit> {
    let mut out = std::io::stdout().lock();
    match bytes.and_then(|bytes| out.write_all(&bytes).and_then(|()| out.flush())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            console.say(
                super::args::LogLevel::Error,
                &format!("error: cannot write to stdout: {error}"),
            );
            Err(Exit::Output)
        }
    }
}
