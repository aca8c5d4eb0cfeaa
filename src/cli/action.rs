//! `iter8 action`: the container's entry point in GitHub Actions. Inputs in; summary, outputs and annotations out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::args::{LogLevel, Output};
use super::assemble::Given;
use super::check::check;
use super::checkout::refusals;
use super::cluster::ClusterFlags;
use super::console::Console;
use super::deployment::{Lookup, Missing, refusal};
use super::exit::Exit;
use super::forward::forward;
use super::inputs::{GUARDS, READY_TIMEOUT, file, given, shard};
use super::launch::{Inline, from_inputs, store};
use super::merge;
use super::post::{Poster, Posts, Told};
use super::publish::{counted, for_usage, masked, mistake, mistakes, publication, unsent, verdicts};
use super::reproduce::{command, of_shard};
use super::run::{DEFAULT_FILE, Opened, read};
use super::session::{Ending, Finished, Session, formats};
use super::shown::show;
use super::signals::Signals;
use super::stored::earlier;
use crate::diagnostic::Diagnostic;
use crate::platform::github::{Event, Inputs};
use crate::platform::{Context, Env, Platform, Publication};
use crate::report::render_within;
use crate::results::{ExperimentResult, Outcome, SourceInfo, fingerprint};
use crate::spec::SourceFile;
use crate::tasks::{Pipeline, Publisher, Reach};

/// Runs what the inputs say and publishes.
pub(super) async fn action(
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    signals: Signals,
) -> Result<Exit, Exit> {
    // Masks come first: nothing that is printed later may show a secret.
    let secrets = GUARDS.iter().map(|(input, _)| *input).chain(["token"]);
    for value in secrets.filter_map(|input| env.get(&format!("INPUT_{}", input.to_uppercase()))) {
        console.mask.add(value.trim());
    }
    console.register_secrets();
    let stage = Stage {
        console,
        env,
        platform,
    };
    let exit = stage.start(signals).await;
    // What is merged may lie where results go.
    let others = is_publishing(env) || env.get("INPUT_MERGE").is_some();
    if matches!(exit, Err(Exit::Usage | Exit::Error)) && !others {
        output(env.get("INPUT_OUTPUTDIR"), Vec::new()).set_aside();
    }
    exit
}

/// Whether results of another run are to be published; the folder of results is not this run's then.
fn is_publishing(env: &Env) -> bool {
    env.get("INPUT_MODE")
        .is_some_and(|mode| mode.trim().eq_ignore_ascii_case("publish"))
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
    /// What is to be tested is not deployed yet; this was shown.
    NotYet(Diagnostic),
    /// What is to be tested could not be deployed; this was shown.
    Failed(Diagnostic),
    /// The event is of another environment, whose own run reports; this was shown.
    Another(Diagnostic),
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
    async fn start(&self, mut signals: Signals) -> Result<Exit, Exit> {
        let inputs = match Inputs::read(self.env) {
            Ok(inputs) => inputs,
            Err(found) => return Err(self.refused(self.mistakes(found), None).await),
        };
        if is_publishing(self.env) {
            return tokio::select! {
                exit = self.forward(&inputs) => exit,
                (_, exit) = signals.next() => Err(exit),
            };
        }
        let context = self.platform.context(self.env);
        let (token, key) = (inputs.text("token"), inputs.text("commentKey"));
        let poster = Arc::new(Poster::new(self.console, self.env, token, key));
        let posts = match Posts::of(&inputs, self.env, self.console, Arc::clone(&poster)) {
            Ok(posts) => posts,
            Err(found) => return Err(self.refused(self.mistakes(found), None).await),
        };
        let ended = if inputs.text("merge").is_some() {
            tokio::select! {
                ended = self.merge(&inputs, &context, &posts, &poster) => ended,
                (_, exit) = signals.next() => Err(Stop::Quit(exit)),
            }
        } else {
            self.perform(&inputs, context, signals, &posts, &poster).await
        };
        match ended {
            Ok(exit) => Ok(exit),
            Err(stop) => Err(self.refused(stop, Some((&posts, &poster))).await),
        }
    }

    /// Publishes what another run left behind.
    async fn forward(&self, inputs: &Inputs) -> Result<Exit, Exit> {
        match forward(inputs, self.env, self.console).await {
            Ok(forwarded) => {
                let published = self.publish(&forwarded.publication);
                Ok(forwarded.exit.if_written(published))
            }
            Err(why) => {
                let found = [why];
                self.console.diagnostics(&found);
                self.publish(&for_usage("nothing was published", &found));
                Err(Exit::Usage)
            }
        }
    }

    async fn perform(
        &self,
        inputs: &Inputs,
        mut context: Context,
        mut signals: Signals,
        posts: &Posts,
        poster: &Arc<Poster>,
    ) -> Result<Exit, Stop> {
        let refuse = |message: String, input: &str| {
            self.mistakes(vec![Diagnostic::error(message).at(Inputs::place(input))])
        };
        let reports: Vec<String> = inputs.lines("reports").into_iter().map(str::to_owned).collect();
        let formats = formats(&reports).map_err(|message| refuse(message, "reports"))?;
        for (input, other) in [("artifact", "mode: publish"), ("shards", "merge")] {
            if inputs.text(input).is_some() {
                let message = format!("`{input}` would change nothing without `{other}`");
                return Err(refuse(message, input));
            }
        }
        let shard = shard(inputs, self.env).map_err(|wrong| self.mistakes(vec![wrong]))?;
        // One that cannot be read is among the notes.
        let event = Event::of(self.env).unwrap_or_default();
        self.find_target(inputs, &event, &mut context, &mut signals, poster)
            .await?;
        let given = given(inputs, &context);
        let work = self.work(inputs, &given).await?;
        let output = output(inputs.text("outputDir"), reports);
        let fingerprint = fingerprint(&work.opened.root, &|text| self.console.mask.apply(text));
        let (source, mut pipeline, mut found) = self.prepared(&event, work.opened, work.file.as_deref())?;
        if let Some(shard) = &shard {
            let undivided = pipeline.divide(shard.number);
            if !undivided.is_empty() {
                return Err(self.mistakes(undivided));
            }
        }
        if store(&output.run_dir, &work.files, self.console).is_err() {
            let names = work.files.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            let message = format!("cannot write {}", names.join(", "));
            return Err(Stop::Mistakes(vec![Diagnostic::error(message)]));
        }
        let (earlier, unread) = earlier(inputs.text("history").map(Path::new));
        self.console.diagnostics(unread.as_slice());
        found.extend(unread);
        posts.begin().await;
        let session = Session {
            console: self.console,
            output: &output,
            source: SourceInfo {
                name: source.name().to_owned(),
                text: source.text().to_owned(),
                fingerprint: Some(fingerprint),
            },
            context,
            after_task: None,
            platform: self.platform.name(),
            reach: Reach::Container,
            validate_slos: inputs.flag("validateSLOs").unwrap_or(true),
            reproduce: work.reproduce.map(|command| of_shard(&command, shard.as_ref())),
            cluster: ClusterFlags::default().access(self.env, &self.console.mask),
            publisher: Arc::clone(poster) as Arc<dyn Publisher>,
            earlier,
            reused: None,
            revision: None,
            since: None,
            shard,
        };
        let finished = session
            .run(&pipeline, &formats, signals)
            .await
            .map_err(Stop::Quit)?;
        Ok(self
            .end(inputs, (posts, poster), &finished, (&output, &found))
            .await)
    }

    /// Merges what shards left behind.
    async fn merge(
        &self,
        inputs: &Inputs,
        context: &Context,
        posts: &Posts,
        poster: &Arc<Poster>,
    ) -> Result<Exit, Stop> {
        let refuse = |wrong: Diagnostic| self.mistakes(vec![wrong]);
        let shards = merge::shards(inputs).map_err(refuse)?;
        let reports: Vec<String> = inputs.lines("reports").into_iter().map(str::to_owned).collect();
        let formats = formats(&reports)
            .map_err(|message| refuse(Diagnostic::error(message).at(Inputs::place("reports"))))?;
        let output = output(inputs.text("outputDir"), reports);
        let named: Vec<String> = inputs.lines("merge").into_iter().map(str::to_owned).collect();
        let order = merge::Order {
            named: &named,
            shards,
            output: &output,
        };
        self.console.diagnostics(&context.notes);
        let result = order.result(context, self.platform.name(), self.console);
        let mut result = result.map_err(refuse)?;
        result.validate_slos &= inputs.flag("validateSLOs").unwrap_or(true);
        let (earlier, unread) = earlier(inputs.text("history").map(Path::new));
        self.console.diagnostics(unread.as_slice());
        output.clear();
        let ending = Ending {
            console: self.console,
            output: &output,
            earlier: earlier.as_ref(),
        };
        let finished = ending.write(result, &formats, Vec::new());
        Ok(self
            .end(inputs, (posts, poster), &finished, (&output, unread.as_slice()))
            .await)
    }

    /// Shows and publishes what came of it, and what else was found.
    async fn end(
        &self,
        inputs: &Inputs,
        (posts, poster): (&Posts, &Poster),
        finished: &Finished,
        (output, found): (&Output, &[Diagnostic]),
    ) -> Exit {
        let shown = show(&finished.view, self.console, self.env).is_ok();
        let summary = inputs.flag("summary").unwrap_or(true);
        let mut publication = publication(finished, &output.files(), summary);
        publication.annotations.extend(found.iter().map(Into::into));
        self.report(posts, finished).await;
        let outcome = poster.posted();
        let written = outcome.written;
        publication.add(outcome);
        let published = self.publish(&publication);
        finished.exit.if_written(shown && published && written)
    }

    /// What is to be run: a chart, inline values, a file, or what the other inputs say alone; those are put over it.
    async fn work(&self, inputs: &Inputs, given: &Given) -> Result<Inline, Stop> {
        let inline = from_inputs(inputs, self.env).await;
        if let Some(mut inline) = inline.map_err(|found| self.mistakes(found))? {
            let (root, found) = given.over(inline.opened.root, &inline.opened.source);
            inline.opened.root = root;
            inline.opened.found.extend(found);
            // A chart has no flags for what other inputs put over it.
            inline.reproduce = inline.reproduce.filter(|_| given.is_empty());
            return Ok(inline);
        }
        let file = file(inputs, given);
        Ok(Inline {
            opened: read(file.as_deref(), given).map_err(|found| self.mistakes(found))?,
            reproduce: Some(command(given, file.as_deref())),
            file,
            files: Vec::new(),
        })
    }

    /// The experiment, checked, and what is only doubtful about it.
    fn prepared(
        &self,
        event: &Event,
        Opened {
            source,
            root,
            era,
            found,
        }: Opened,
        file: Option<&Path>,
    ) -> Result<(SourceFile, Pipeline, Vec<Diagnostic>), Stop> {
        let folder = Path::new(".");
        let mut checked = check(&source, (&root, era), folder, self.env, self.console, &[]).and(found);
        if let Some(pipeline) = &checked.pipeline {
            let foreign = refusals(self.env, event, file, &checked.paths, pipeline);
            checked = checked.and(foreign);
        }
        let found = checked.diagnostics.clone();
        match checked.or_usage(self.console) {
            Ok(pipeline) => Ok((source, pipeline, found)),
            Err(_shown) => Err(Stop::Mistakes(found)),
        }
    }

    /// Looks for the URL of a deployment where nothing else says what is to be tested.
    async fn find_target(
        &self,
        inputs: &Inputs,
        event: &Event,
        context: &mut Context,
        signals: &mut Signals,
        poster: &Poster,
    ) -> Result<(), Stop> {
        self.console.diagnostics(&context.notes);
        if let Some(missing) = refusal(inputs, event) {
            return Err(self.missing(missing));
        }
        // The last three say nothing without a chart, which is said where they are read.
        let said = [
            "url",
            "host",
            "experiment",
            "values",
            "chart",
            "valuesFile",
            "chartRepo",
            "chartVersion",
        ]
        .into_iter()
        .find(|name| inputs.text(name).is_some());
        let file = Path::new(DEFAULT_FILE).exists().then_some("./experiment.yaml");
        if let Some(said) = said.or(file) {
            if said != "url"
                && let Some(url) = context.target_url.take()
            {
                let text = format!("`{said}` says what is tested, not the deployment: {url}");
                self.console.say(LogLevel::Info, &text);
            }
            return match inputs.text("environment") {
                Some(_) if !event.is_of_deployment => {
                    let message = format!("`environment` would change nothing: `{said}` says what is tested");
                    let diagnostic = Diagnostic::error(message).at(Inputs::place("environment"));
                    Err(self.mistakes(vec![diagnostic]))
                }
                _ => Ok(()),
            };
        }
        if context.target_url.is_some() {
            return Ok(());
        }
        let lookup = Lookup {
            console: self.console,
            env: self.env,
            inputs,
            event,
            poster,
            patience: READY_TIMEOUT,
        };
        let found = tokio::select! {
            found = lookup.url() => found,
            (_, exit) = signals.next() => return Err(Stop::Quit(exit)),
        };
        context.target_url = Some(found.map_err(|missing| self.missing(missing))?);
        Ok(())
    }

    /// Shows why there is nothing to test.
    fn missing(&self, missing: Missing) -> Stop {
        let shown = |diagnostic: Diagnostic, stop: fn(Diagnostic) -> Stop| {
            self.console.diagnostics(std::slice::from_ref(&diagnostic));
            stop(diagnostic)
        };
        match missing {
            Missing::Unknown(diagnostic) => self.mistakes(vec![diagnostic]),
            Missing::NotYet(diagnostic) => shown(diagnostic, Stop::NotYet),
            Missing::Failed(diagnostic) => shown(diagnostic, Stop::Failed),
            Missing::Another(diagnostic) => shown(diagnostic, Stop::Another),
        }
    }

    /// Shows mistakes; nothing was sent.
    fn mistakes(&self, found: Vec<Diagnostic>) -> Stop {
        self.console.diagnostics(&found);
        Stop::Mistakes(found)
    }

    /// Publishes why nothing was measured.
    async fn refused(&self, stop: Stop, posts: Option<(&Posts, &Poster)>) -> Exit {
        let waits = matches!(stop, Stop::NotYet(_));
        // What is there of the environment that is asked for stays.
        let posts = posts.filter(|_| !matches!(stop, Stop::Another(_)));
        let (headline, found, exit) = match stop {
            Stop::Mistakes(found) => (unsent(&counted(&found)), found, Exit::Usage),
            Stop::NotYet(why) => (unsent("the deployment is not ready"), vec![why], Exit::Error),
            Stop::Failed(why) => (unsent("the deployment failed"), vec![why], Exit::Error),
            Stop::Another(why) => (
                unsent("the deployment is of another environment"),
                vec![why],
                Exit::Usage,
            ),
            Stop::Quit(exit) => return exit,
        };
        let mut publication = for_usage(&headline, &found);
        if let Some((posts, poster)) = posts {
            let reason = mistake(&found);
            if waits {
                // The run that follows has more to say.
                posts.pending(&reason).await;
                self.publish(&publication);
                return exit;
            }
            let told = Told {
                outcome: Outcome::Error,
                reason: &reason,
                verdicts: String::new(),
                started: Timestamp::now().as_second(),
                text: &|room| mistakes(&headline, &found, room),
            };
            self.post(posts, &told, None).await;
            publication.add(poster.posted());
        }
        self.publish(&publication);
        exit
    }

    /// Posts the end of a run.
    async fn report(&self, posts: &Posts, finished: &Finished) {
        let Finished { result, view, .. } = finished;
        let told = Told {
            outcome: result.outcome,
            reason: &view.reason,
            verdicts: verdicts(view),
            started: result.started.as_second(),
            text: &|room| render_within(view, room),
        };
        self.post(posts, &told, Some(result)).await;
    }

    /// Posts what the inputs ask for, unless a signal asks to end.
    async fn post(&self, posts: &Posts, told: &Told<'_>, result: Option<&ExperimentResult>) {
        let Ok(mut signals) = Signals::listen() else {
            return posts.finish(told, result).await;
        };
        tokio::select! {
            () = posts.finish(told, result) => {}
            (name, _) = signals.next() => {
                let text = format!("{name}: comment, status and pull request may not be up to date");
                self.console.say(LogLevel::Warning, &text);
            }
        }
    }

    fn publish(&self, publication: &Publication) -> bool {
        let mut out = std::io::stdout().lock();
        let publication = masked(publication.clone(), self.console);
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

#[cfg(test)]
#[path = "action_tests.rs"]
mod tests;
