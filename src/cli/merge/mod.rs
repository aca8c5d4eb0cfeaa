//! `iter8 merge`: one verdict from the results of several shards. It sends nothing and judges once.

mod files;

use super::args::{LogLevel, Merge, Output};
use super::console::Console;
use super::exit::Exit;
use super::note::Note;
use super::session::{Ending, formats, here};
use super::shown::{print, show};
use super::stored::earlier;
use crate::diagnostic::Diagnostic;
use crate::platform::github::{INPUTS, Input, Inputs};
use crate::platform::{Context, Env, Platform};
use crate::results::merge::Merger;
use crate::results::{ExperimentResult, MOST_SHARDS, read_bounded};
use crate::tasks::TaskError;

/// Merges what was named, writes and prints the report.
pub(super) async fn merge(
    args: Merge,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
) -> Result<Exit, Exit> {
    let refuse = |found: Diagnostic| {
        console.diagnostics(&[found]);
        Exit::Usage
    };
    let usage = |message: String| refuse(Diagnostic::error(message));
    let printed = formats(std::slice::from_ref(&args.format)).map_err(usage)?;
    let reports = formats(&args.output.reports).map_err(usage)?;
    let note = Note::of(env, console, platform).map_err(refuse)?;
    let (earlier, unread) = earlier(args.history.as_deref());
    let context = platform.context(env);
    console.diagnostics(&context.notes);
    console.diagnostics(unread.as_slice());
    let asked = Order {
        named: &args.results,
        shards: args.shards,
        output: &args.output,
    };
    let result = asked.result(&context, platform.name(), console).map_err(refuse)?;
    let ending = Ending {
        console,
        output: &args.output,
        earlier: earlier.as_ref(),
    };
    args.output.clear();
    let finished = ending.write(result, &reports, Vec::new());
    let shown = match printed.first() {
        Some(format) if format.name() != "text" => print(*format, &finished.view, console),
        _ => show(&finished.view, console, env),
    };
    finished.say_where(console, &args.output, None);
    if let Some(note) = note {
        note.report(&finished).await;
    }
    Ok(finished
        .publish(&args.output, console, env, platform)
        .if_written(shown.is_ok()))
}

/// Inputs that mean something where results are merged: nothing is sent.
const MEANT: &[&str] = &[
    "merge",
    "shards",
    "summary",
    "comment",
    "commentKey",
    "status",
    "history",
    "reports",
    "outputDir",
    "token",
    "pullRequest",
    "pullRequestBase",
    "pullRequestBranch",
    "pullRequestTitle",
    "pullRequestBody",
    "pullRequestRepository",
    "pullRequestChanges",
    "validateSLOs",
    "logLevel",
];

/// How many shards the inputs say there are, if they do; and whether all of them mean something.
pub(super) fn shards(inputs: &Inputs) -> Result<Option<u32>, Diagnostic> {
    let useless = INPUTS.iter().find(|input| {
        let given = inputs.text(input.name);
        !MEANT.contains(&input.name) && given.is_some() && given != input.default
    });
    if let Some(Input { name, .. }) = useless {
        let message = format!("`{name}` would change nothing: `merge` sends nothing");
        let found = Diagnostic::error(message).at(Inputs::place(name));
        return Err(found.hint("leave it out, or give it to the jobs whose results are merged"));
    }
    let Some(text) = inputs.text("shards") else {
        return Ok(None);
    };
    let count = text.trim().parse().ok();
    let count = count.filter(|count| (1..=MOST_SHARDS).contains(count));
    count.map(Some).ok_or_else(|| {
        let message = format!("expected a number of shards up to {MOST_SHARDS}, found `{text}`");
        Diagnostic::error(message).at(Inputs::place("shards"))
    })
}

/// What is to be merged.
pub(super) struct Order<'a> {
    /// Files, folders and patterns.
    pub(super) named: &'a [String],
    /// How many shards there are, if that is said.
    pub(super) shards: Option<u32>,
    /// Where the merged result goes.
    pub(super) output: &'a Output,
}

impl Order<'_> {
    /// The merged result; or why there is none. Nothing is written but that a result of before, which would be taken for
    /// this one's, is set aside.
    pub(super) fn result(
        &self,
        context: &Context,
        platform: &str,
        console: &Console,
    ) -> Result<ExperimentResult, Diagnostic> {
        let found = files::find(self.named).inspect_err(|_wrong| self.output.set_aside())?;
        let same = |path: &std::path::PathBuf| {
            let own = self.output.result();
            matches!((path.canonicalize(), own.canonicalize()), (Ok(path), Ok(own)) if path == own)
        };
        if let Some(input) = found.results.iter().find(|path| same(path)) {
            let message = format!("the merged result would take the place of {}", input.display());
            return Err(Diagnostic::error(message).hint("give another --outputDir"));
        }
        let merged = self.merged(&found, context, platform, console);
        if merged.is_err() {
            self.output.set_aside();
        }
        merged
    }

    fn merged(
        &self,
        found: &files::Found,
        context: &Context,
        platform: &str,
        console: &Console,
    ) -> Result<ExperimentResult, Diagnostic> {
        let wrong = |error: &(dyn std::error::Error + 'static)| {
            Diagnostic::error(TaskError::from_error(error).message)
        };
        for folder in &found.empty {
            let text = format!("warning: {} {}", folder.display(), files::lacks(folder));
            console.say(LogLevel::Warning, &text);
        }
        let mut merger = Merger::new(self.shards);
        merger.expect(found.empty.len());
        for path in &found.results {
            let result = read_bounded(path).map_err(|error| wrong(&error))?;
            let file = path.display().to_string();
            merger.add(&file, result).map_err(|error| wrong(&error))?;
        }
        let environment = here(context, platform, None);
        merger.finish(environment).map_err(|error| wrong(&error))
    }
}
