//! `iter8 k report`: renders the result of a group, as `iter8 report` does one that is stored here.

use std::time::Duration;

use super::args::ReportOf;
use super::store;
use crate::cli::commands::render;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::diagnostic::Diagnostic;
use crate::platform::Env;

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(20);

/// Prints the report; the exit code says only whether that worked.
pub(super) async fn report(args: ReportOf, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let format = args.format.read(console)?;
    let (cluster, group) = args.group.open(env, console).await?;
    let stored = store::read(&cluster, &group, ANSWER).await;
    let stored = stored.map_err(|error| super::unstored(&error, console))?;
    let Some(result) = stored.result else {
        let (name, revision) = (&group.name, stored.revision);
        let message = format!("the group {name} has no result of its revision {revision} yet");
        let hint = "`iter8 k assert` waits for it, and `iter8 k log` shows what the run says";
        console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
        return Err(Exit::Usage);
    };
    render(&result, format, console, env)
}
