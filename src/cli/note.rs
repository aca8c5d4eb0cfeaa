//! [`Note`]: the note of a run on a merge request of GitLab. Best effort: what cannot be written is told, and never
//! changes how the run ends.

use jiff::Timestamp;

use super::args::LogLevel;
use super::console::Console;
use super::post::{Told, words_for};
use super::publish::{counted, mistake, mistakes, unsent, verdicts};
use super::session::Finished;
use super::signals::Signals;
use crate::diagnostic::Diagnostic;
use crate::platform::comment::{Draft, Kept, When};
use crate::platform::gitlab::{Client, GitLab, MergeRequest, NoteError, key, run};
use crate::platform::{Env, Platform};
use crate::report::render_within;
use crate::results::Outcome;
use crate::secret::Secret;
use crate::tasks::TaskError;

/// When a note is written: as the action's input `comment`.
const WHEN: &str = "ITER8_COMMENT";
/// Tells the notes of a merge request apart: as the action's input `commentKey`.
const KEY: &str = "ITER8_COMMENT_KEY";
/// A token that may write notes.
const TOKEN: &str = "ITER8_GITLAB_TOKEN";

/// The note that the variables ask for.
pub(super) struct Note<'a> {
    console: &'a Console,
    env: &'a Env,
    when: When,
}

impl<'a> Note<'a> {
    /// What the variables of a job of GitLab ask for; `None` if it is nothing. The token is masked from now on.
    pub(super) fn of(
        env: &'a Env,
        console: &'a Console,
        platform: &dyn Platform,
    ) -> Result<Option<Self>, Diagnostic> {
        if platform.name() != GitLab.name() {
            return Ok(None);
        }
        if let Some(token) = token(env) {
            console.mask.add(token);
        }
        let text = env.get(WHEN).unwrap_or("never").trim();
        if text == "never" {
            return Ok(None);
        }
        let when = When::parse(text).ok_or_else(|| {
            let wrong = format!("the variable {WHEN} is {text:?}");
            Diagnostic::error(wrong).hint("it may be never, always, on-fail or on-change")
        })?;
        Ok(Some(Self { console, env, when }))
    }

    /// Writes the end of a run.
    pub(super) async fn report(&self, finished: &Finished) {
        let Finished { result, view, .. } = finished;
        // A run that was stopped has nothing to say that is better than what is there.
        if result.outcome == Outcome::Interrupted {
            return;
        }
        let told = Told {
            outcome: result.outcome,
            reason: &view.reason,
            verdicts: verdicts(view),
            started: result.started.as_second(),
            text: &|room| render_within(view, room),
        };
        self.tell(&told).await;
    }

    /// Writes why nothing was sent.
    pub(super) async fn mistakes(&self, found: &[Diagnostic]) {
        let told = Told {
            outcome: Outcome::Error,
            reason: &mistake(found),
            verdicts: String::new(),
            started: Timestamp::now().as_second(),
            text: &|room| mistakes(&unsent(&counted(found)), found, room),
        };
        self.tell(&told).await;
    }

    /// Writes the note, unless a signal asks to end.
    async fn tell(&self, told: &Told<'_>) {
        let Some(request) = MergeRequest::of(self.env) else {
            let text = "this pipeline is that of no merge request: no comment";
            return self.console.say(LogLevel::Info, text);
        };
        let Ok(mut signals) = Signals::listen() else {
            return self.explain(&request, self.keep(&request, told).await);
        };
        tokio::select! {
            kept = self.keep(&request, told) => self.explain(&request, kept),
            (name, _) = signals.next() => {
                let text = format!("warning: {name}: the comment may not be up to date");
                self.console.say(LogLevel::Warning, &text);
            }
        }
    }

    async fn keep(&self, request: &MergeRequest, told: &Told<'_>) -> Result<Kept, NoteError> {
        let token = token(self.env).map(Secret::new);
        let client = Client::new(self.env, token.as_ref())?;
        let key = self.env.get(KEY).map_or_else(|| key(self.env), str::to_owned);
        let key = self.console.mask.apply(&key);
        let commit = GitLab.context(self.env).commit;
        let draft = Draft {
            mark: told.mark(&key, commit, run(self.env)),
            when: self.when,
            passed: told.outcome == Outcome::Pass,
            text: &|room| told.signed(&key, &self.console.mask, room),
        };
        request.keep(&client, &draft).await
    }

    fn explain(&self, request: &MergeRequest, kept: Result<Kept, NoteError>) {
        let (level, text) = match kept {
            Ok(kept) => (LogLevel::Info, words_for(&kept)),
            Err(NoteError::NoToken) if request.of_a_fork => {
                let text = format!(
                    "no comment: the merge request is from a fork, whose jobs do not get {TOKEN}; the job's artifacts have the report"
                );
                (LogLevel::Info, text)
            }
            Err(error) => {
                let why = TaskError::from_error(&error).message;
                let text = format!("warning: no comment: {why}; {}", error.hint());
                (LogLevel::Warning, text)
            }
        };
        self.console.say(level, &text);
    }
}

fn token(env: &Env) -> Option<&str> {
    env.get(TOKEN).map(str::trim).filter(|token| !token.is_empty())
}
