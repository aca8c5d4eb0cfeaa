//! `iter8 action`: the container's entry point in GitHub Actions. Inputs in; summary, outputs and annotations out.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::{LogLevel, Output};
use super::assemble::Given;
use super::check::check;
use super::console::Console;
use super::exit::Exit;
use super::post::{Posted, Posts, Told};
use super::publish::{for_usage, masked, mistake, mistakes, publication, verdicts};
use super::reproduce::command;
use super::run::{DEFAULT_FILE, Opened, read};
use super::session::{Finished, Session, formats};
use super::shown::show;
use super::signals::Signals;
use crate::diagnostic::Diagnostic;
use crate::platform::github::Inputs;
use crate::platform::{Context, Env, Platform, Publication};
use crate::report::render_within;
use crate::results::{Outcome, SourceInfo};
use crate::tasks::Reach;

const READY_TIMEOUT: &str = "60s";
/// Inputs that are fields of the load.
const LOAD: &[&str] = &[
    "host",
    "call",
    "baselineURL",
    "numRequests",
    "duration",
    "qps",
    "connections",
    "method",
    "headers",
    "payloadStr",
    "contentType",
    "timeout",
];

/// Runs what the inputs say and publishes.
pub(super) async fn action(
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    signals: Signals,
) -> Result<Exit, Exit> {
    // Masks come first: nothing that is printed later may show a secret.
    if let Some(token) = env.get("INPUT_TOKEN") {
        console.mask.add(token.trim());
        console.register_secrets();
    }
    let stage = Stage {
        console,
        env,
        platform,
    };
    let exit = stage.start(signals).await;
    if exit == Err(Exit::Usage) {
        output(env.get("INPUT_OUTPUTDIR"), Vec::new()).set_aside();
    }
    exit
}

struct Stage<'a> {
    console: &'a Console,
    env: &'a Env,
    platform: &'static dyn Platform,
}

/// Why nothing was measured.
enum Stop {
    /// Inputs or experiment cannot be used; this was shown.
    Mistakes(Vec<Diagnostic>),
    /// A second signal.
    Quit(Exit),
}

/// Where results go, relative to the workspace.
fn output(folder: Option<&str>, reports: Vec<String>) -> Output {
    Output {
        run_dir: PathBuf::from("."),
        output_dir: PathBuf::from(folder.map_or("iter8-results", str::trim)),
        reports,
    }
}

impl Stage<'_> {
    async fn start(&self, signals: Signals) -> Result<Exit, Exit> {
        let inputs = match Inputs::read(self.env) {
            Ok(inputs) => inputs,
            Err(found) => return Err(self.refused(self.mistakes(found), None).await),
        };
        let context = self.platform.context(self.env);
        let mut posts = Posts::of(&inputs, self.env, self.console);
        match self.perform(&inputs, context, signals, posts.as_mut()).await {
            Ok(exit) => Ok(exit),
            Err(stop) => Err(self.refused(stop, posts.as_mut()).await),
        }
    }

    async fn perform(
        &self,
        inputs: &Inputs,
        context: Context,
        signals: Signals,
        mut posts: Option<&mut Posts<'_>>,
    ) -> Result<Exit, Stop> {
        let refuse = |message: String, input: &str| {
            self.mistakes(vec![Diagnostic::error(message).at(Inputs::place(input))])
        };
        let reports: Vec<String> = inputs.lines("reports").into_iter().map(str::to_owned).collect();
        let formats = formats(&reports).map_err(|message| refuse(message, "reports"))?;
        let given = given(inputs, &context);
        self.console.diagnostics(&context.notes);
        let file = self.file(inputs, &given)?;
        let output = output(inputs.text("outputDir"), reports);
        let Opened { source, root, found } =
            read(file.as_deref(), &given).map_err(|found| self.mistakes(found))?;
        let checked = check(&source, &root, Path::new("."), self.env, self.console, &[]).and(found);
        let found = checked.diagnostics.clone();
        let pipeline = checked
            .or_usage(self.console)
            .map_err(|_shown| Stop::Mistakes(found.clone()))?;
        if let Some(posts) = posts.as_deref_mut() {
            posts.begin().await;
        }
        let session = Session {
            console: self.console,
            output: &output,
            source: SourceInfo {
                name: source.name().to_owned(),
                text: source.text().to_owned(),
            },
            context,
            platform: self.platform.name(),
            reach: Reach::Container,
            validate_slos: inputs.flag("validateSLOs").unwrap_or(true),
            reproduce: Some(command(&given, file.as_deref())),
            earlier: None,
        };
        let finished = session
            .run(&pipeline, &formats, signals)
            .await
            .map_err(Stop::Quit)?;
        let shown = show(&finished.view, self.console, self.env).is_ok();
        let summary = inputs.flag("summary").unwrap_or(true);
        let mut publication = publication(&finished, &output.files(), summary);
        publication.annotations.extend(found.iter().map(Into::into));
        if let Some(posts) = posts {
            publication.add(self.report(posts, &finished).await);
        }
        let published = self.publish(&publication);
        Ok(finished.exit.if_written(shown && published))
    }

    /// The file to run, if one is; without anything to run there is nothing to say but how.
    fn file(&self, inputs: &Inputs, given: &Given) -> Result<Option<PathBuf>, Stop> {
        if let Some(file) = inputs.text("experiment") {
            return Ok(Some(PathBuf::from(file)));
        }
        if given.has_target() {
            return Ok(None);
        }
        if Path::new(DEFAULT_FILE).exists() {
            return Ok(Some(PathBuf::from(DEFAULT_FILE)));
        }
        let mut diagnostic = Diagnostic::error(
            "nothing to test: no `url`, no `host`, no `experiment`, and no ./experiment.yaml",
        );
        diagnostic = diagnostic.hint("give `url:`, or check the repository out before this step (actions/checkout) and give `experiment:`");
        Err(self.mistakes(vec![diagnostic]))
    }

    /// Shows mistakes; nothing was sent.
    fn mistakes(&self, found: Vec<Diagnostic>) -> Stop {
        self.console.diagnostics(&found);
        Stop::Mistakes(found)
    }

    /// Publishes mistakes.
    async fn refused(&self, stop: Stop, posts: Option<&mut Posts<'_>>) -> Exit {
        let found = match stop {
            Stop::Mistakes(found) => found,
            Stop::Quit(exit) => return exit,
        };
        let mut publication = for_usage(&found);
        if let Some(posts) = posts {
            let told = Told {
                outcome: Outcome::Error,
                reason: &mistake(&found),
                verdicts: String::new(),
                started: Timestamp::now().as_second(),
                text: &|room| mistakes(&found, room),
            };
            publication.add(self.post(posts, &told).await);
        }
        self.publish(&publication);
        Exit::Usage
    }

    /// Posts the end of a run.
    async fn report(&self, posts: &mut Posts<'_>, finished: &Finished) -> Posted {
        let Finished { result, view, .. } = finished;
        let told = Told {
            outcome: result.outcome,
            reason: &view.reason,
            verdicts: verdicts(view),
            started: result.started.as_second(),
            text: &|room| render_within(view, room),
        };
        self.post(posts, &told).await
    }

    /// Posts comment and status, unless a signal asks to end.
    async fn post(&self, posts: &mut Posts<'_>, told: &Told<'_>) -> Posted {
        let Ok(mut signals) = Signals::listen() else {
            return posts.finish(told).await;
        };
        tokio::select! {
            posted = posts.finish(told) => posted,
            (name, _) = signals.next() => {
                let text = format!("{name}: comment and status may not be up to date");
                self.console.say(LogLevel::Warning, &text);
                Posted::default()
            }
        }
    }

    fn publish(&self, publication: &Publication) -> bool {
        let mut out = std::io::stdout().lock();
        let publication = masked(publication.clone(), &self.console.mask);
        match self.platform.publish(self.env, &publication, &mut out) {
            Ok(()) => true,
            Err(error) => {
                let message = crate::tasks::TaskError::from_error(&error).message;
                self.console.say(LogLevel::Error, &format!("error: {message}"));
                false
            }
        }
    }
}

fn given(inputs: &Inputs, context: &Context) -> Given {
    let place = |name: &str| Inputs::place(name).source;
    let mut load: Vec<(String, Vec<String>, String)> = Vec::new();
    match (inputs.text("url"), &context.target_url) {
        (Some(url), _) => load.push(("url".into(), vec![url.to_owned()], place("url"))),
        // The event's URL is for runs that say nothing else.
        (None, Some(url)) if inputs.text("experiment").is_none() && inputs.text("host").is_none() => {
            load.push((
                "url".into(),
                vec![url.clone()],
                "the event's deployment URL".into(),
            ));
        }
        (None, _) => {}
    }
    for name in LOAD {
        let values: Vec<String> = match *name {
            "headers" => inputs.lines(name).into_iter().map(str::to_owned).collect(),
            _ => inputs.text(name).map(str::to_owned).into_iter().collect(),
        };
        if !values.is_empty() {
            load.push(((*name).to_owned(), values, place(name)));
        }
    }
    let judge = inputs.text("onInconclusive").map(|value| {
        (
            "onInconclusive".to_owned(),
            value.to_owned(),
            place("onInconclusive"),
        )
    });
    Given {
        load,
        objectives: inputs
            .lines("slos")
            .into_iter()
            .map(|text| (text.to_owned(), place("slos")))
            .collect(),
        judge: judge.into_iter().collect(),
        ready_timeout: inputs
            .text("readyTimeout")
            .map(|text| (text.to_owned(), place("readyTimeout"))),
        patience: READY_TIMEOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Colour;
    use crate::platform::github::GitHub;

    /// The outputs of the action for an experiment that cannot be used.
    async fn refused(experiment: &Path) -> String {
        let outputs = tempfile::NamedTempFile::new().expect("a file");
        let env = Env::from_iter([
            ("INPUT_EXPERIMENT", experiment.display().to_string()),
            ("GITHUB_OUTPUT", outputs.path().display().to_string()),
        ]);
        let console = Console::new(LogLevel::Panic, Colour::Never, &env, &GitHub);
        let signals = Signals::listen().expect("signals");
        let exit = action(&console, &env, &GitHub, signals).await;
        assert_eq!(exit, Err(Exit::Usage));
        std::fs::read_to_string(outputs.path()).expect("outputs")
    }

    #[tokio::test]
    async fn the_reason_says_where_a_file_is_no_yaml() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bad.yaml");
        std::fs::write(&file, "spec:\n- {url: [\n").expect("written");
        let outputs = refused(&file).await;
        assert!(outputs.contains("bad.yaml:2:9: not usable YAML"), "{outputs}");
    }

    #[tokio::test]
    async fn the_reason_says_why_a_file_cannot_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let outputs = refused(&folder.path().join("none.yaml")).await;
        assert!(outputs.contains("none.yaml: No such file"), "{outputs}");
    }
}
