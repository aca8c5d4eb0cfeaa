//! Prints a report on stdout: stdout is data, stderr is talk.

use std::io::{IsTerminal as _, Write};

use super::args::Colour;
use super::console::{Console, use_colour};
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
    print(&Text { colour }, view, console)
}

/// Prints a report in any format.
pub(super) fn print(format: &dyn Format, view: &View, console: &Console) -> Result<(), Exit> {
    let mut bytes = Vec::new();
    let rendered = format.render(view, &mut bytes);
    write(
        rendered.map(|()| console.inert(&String::from_utf8_lossy(&bytes)).into_bytes()),
        console,
    )
}

/// Prints text of ours as it is.
pub(super) fn print_text(text: &str, console: &Console) -> Result<(), Exit> {
    write(Ok(text.as_bytes().to_owned()), console)
}

fn write(bytes: std::io::Result<Vec<u8>>, console: &Console) -> Result<(), Exit> {
    let mut out = std::io::stdout().lock();
    match bytes.and_then(|bytes| out.write_all(&bytes).and_then(|()| out.flush())) {
        // `iter8 report | head` closes the pipe: nothing is wrong.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            console.say(
                super::args::LogLevel::Error,
                &format!("error: cannot write to stdout: {error}"),
            );
            Err(Exit::Output)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
