//! [`forward`]: `mode: publish`. What a run left behind that could not write (a fork's) becomes a comment and a status.
//!
//! The artifact is hostile until proven otherwise: commit and pull request are those of the event, everything is rendered
//! anew from numbers, and no link, path or command of it is passed on.

use std::path::Path;
use std::sync::Arc;

use super::args::LogLevel;
use super::console::Console;
use super::exit::Exit;
use super::post::{Poster, Posts, Told};
use super::publish::{for_artifact, verdicts};
use crate::diagnostic::Diagnostic;
use crate::platform::github::rest::{Client, Subject};
use crate::platform::github::{INPUTS, Input, Inputs, TestedRun, artifact};
use crate::platform::{Env, Publication};
use crate::report::{Prose, View, render_within};
use crate::results::ExperimentResult;
use crate::secret::Secret;
use crate::tasks::TaskError;

/// Inputs that mean something here: there is no load, no file and no pull request.
const MEANT: &[&str] = &[
    "mode",
    "artifact",
    "summary",
    "comment",
    "commentKey",
    "status",
    "token",
    "validateSLOs",
    "logLevel",
];

/// What is published.
pub(super) struct Forwarded {
    /// Summary, outputs and annotations.
    pub publication: Publication,
    /// How the process ends: whatever was measured, what is asked of this one is to publish it.
    pub exit: Exit,
}

/// Checks the artifact and posts what it says; or says why it is not used.
pub(super) async fn forward(inputs: &Inputs, env: &Env, console: &Console) -> Result<Forwarded, Diagnostic> {
    let (run, result) = read(inputs, env)?;
    let token = inputs.text("token");
    let client = Client::new(env, token.map(Secret::new).as_ref());
    let asked = match &client {
        Ok(client) if is_posting(inputs) => run.pull_request(client).await.ok(),
        Ok(_) | Err(_) => None,
    };
    // What cannot be asked cannot be posted either; that is told then.
    let (number, settled) = (asked.flatten(), asked.is_some());
    check_number(&result, number)?;
    let mut result = trusted(result, &run, number);
    // Whether a broken objective is a failure is for whoever publishes to say, not for a fork.
    result.validate_slos = inputs.flag("validateSLOs").unwrap_or(true);
    result.conclude();
    let view = view(&result, &run);
    console.say(LogLevel::Info, &view.headline.line());
    let subject = Subject {
        commit: Some(run.commit.clone()),
        pull_request: number,
        settled,
        of_a_fork: false,
        run: run.run,
        run_url: run.url(),
    };
    let poster = Poster::about(subject, console, env, token, inputs.text("commentKey"));
    let poster = Arc::new(poster);
    let posts = Posts::of(inputs, env, console, Arc::clone(&poster)).map_err(first)?;
    let told = Told {
        outcome: result.outcome,
        reason: &view.reason,
        verdicts: verdicts(&view),
        started: run.started,
        text: &|room| render_within(&view, room),
    };
    posts.finish(&told, None).await;
    let outcome = poster.posted();
    let exit = Exit::Pass.if_written(outcome.annotations.is_empty());
    let mut publication = for_artifact(&view, inputs.flag("summary").unwrap_or(true));
    publication.add(outcome);
    Ok(Forwarded { publication, exit })
}

/// Whether anything is to be posted for which the pull request must be known.
fn is_posting(inputs: &Inputs) -> bool {
    inputs.text("comment").is_some_and(|when| when != "never") || inputs.text("status").is_some()
}

fn first(found: Vec<Diagnostic>) -> Diagnostic {
    let none = || Diagnostic::error("the inputs cannot be used");
    found.into_iter().find(Diagnostic::is_error).unwrap_or_else(none)
}

fn refuse(error: &(impl std::error::Error + 'static), hint: &str) -> Diagnostic {
    Diagnostic::error(TaskError::from_error(error).message).hint(hint)
}

/// The run and what its artifact says; the same commit in both.
fn read(inputs: &Inputs, env: &Env) -> Result<(TestedRun, ExperimentResult), Diagnostic> {
    let useless = INPUTS.iter().find(|input| {
        let given = inputs.text(input.name);
        !MEANT.contains(&input.name) && given.is_some() && given != input.default
    });
    if let Some(Input { name, .. }) = useless {
        let diagnostic = Diagnostic::error(format!(
            "`{name}` would change nothing: `mode: publish` tests nothing"
        ));
        return Err(diagnostic.at(Inputs::place(name)).hint("leave it out"));
    }
    if !is_posting(inputs) {
        return Err(Diagnostic::error("`mode: publish` would publish nothing")
            .at(Inputs::place("mode"))
            .hint("give `comment: always`, `comment: on-change` or a `status`"));
    }
    let run = TestedRun::of(env).map_err(|error| {
        let hint = "start the workflow with `on: {workflow_run: {workflows: [NAME], types: [completed]}}`";
        refuse(&error, hint)
    })?;
    let Some(folder) = inputs.text("artifact") else {
        let message = "`mode: publish` needs `artifact`, the folder with the downloaded artifact";
        let hint = "download it before this step: actions/download-artifact with `run-id: ${{ github.event.workflow_run.id }}`";
        return Err(Diagnostic::error(message)
            .at(Inputs::place("artifact"))
            .hint(hint));
    };
    let result = artifact::read(Path::new(folder)).map_err(|error| {
        refuse(
            &error,
            "nothing of the artifact is used; did the run come as far as to upload its results?",
        )
    })?;
    let measured = result.environment.commit.as_deref().unwrap_or_default();
    if !measured.eq_ignore_ascii_case(&run.commit) {
        let message = format!(
            "the artifact is about another commit than the run, which is of {}",
            run.commit
        );
        let hint = "nothing of it is used: whoever wrote it may not speak for that commit";
        return Err(Diagnostic::error(message).hint(hint));
    }
    Ok((run, result))
}

/// The pull request is that of event and API; an artifact that names another one lies.
fn check_number(result: &ExperimentResult, number: Option<u64>) -> Result<(), Diagnostic> {
    match (result.environment.pull_request, number) {
        (Some(said), Some(number)) if said != number => {
            let message = format!("the artifact is about pull request {said}, and the run is of {number}");
            let hint = "nothing of it is used: whoever wrote it may not speak for that pull request";
            Err(Diagnostic::error(message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// The result with nothing in it that leads somewhere or that somebody might type.
fn trusted(mut result: ExperimentResult, run: &TestedRun, number: Option<u64>) -> ExperimentResult {
    let environment = &mut result.environment;
    environment.commit = Some(run.commit.clone());
    environment.commit_url = run.commit_url();
    environment.run_url = run.url();
    environment.pull_request = number;
    environment.reproduce = None;
    for version in &mut result.insights.versions {
        for load in &mut version.loads {
            load.reproduce = None;
        }
    }
    if let Some(history) = &mut result.history {
        history.commit_url = None;
    }
    result
}

fn view(result: &ExperimentResult, run: &TestedRun) -> View {
    let mut view = View::of(result);
    if let Some(fork) = run.fork() {
        let told = Prose::from("measured in a run of ")
            .code(fork)
            .text(", whose author decides what it reports.");
        view.warnings.insert(0, told);
    }
    view
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::fixture::{broken, hostile};
    use crate::report::{FORMATS, render_within};

    /// The numbers, lists and texts of a value.
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                found.push(at.to_owned());
                for (n, item) in items.iter().enumerate() {
                    places(item, &format!("{at}/{n}"), found);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    places(field, &format!("{at}/{name}"), found);
                }
            }
            Value::Number(_) | Value::Null => found.push(at.to_owned()),
            Value::String(_) | Value::Bool(_) => {}
        }
    }

    /// Every list with three items at most.
    fn shorten(value: &mut Value) {
        match value {
            Value::Array(items) => {
                items.truncate(3);
                items.iter_mut().for_each(shorten);
            }
            Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| shorten(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn no_number_of_a_result_from_outside_is_a_panic() {
        let numbers = [
            json!(0),
            json!(1_000_000_000_000_000_u64),
            json!(-1e15),
            json!(5e-324),
            json!([]),
        ];
        let mut read = 0;
        for result in [broken(), hostile()] {
            let mut result = result;
            result.insights.versions.truncate(1);
            for version in &mut result.insights.versions {
                version.loads.truncate(1);
            }
            let mut whole = serde_json::to_value(&result).expect("JSON");
            shorten(&mut whole);
            let mut all = Vec::new();
            places(&whole, "", &mut all);
            for (n, at) in all.iter().enumerate() {
                // Two of them at each place, other ones at the next.
                for number in numbers.iter().cycle().skip(n).take(2) {
                    let mut value = whole.clone();
                    *value.pointer_mut(at).expect("a place") = number.clone();
                    let Ok(mut result) = artifact::from_text(Path::new("x"), &value.to_string()) else {
                        continue;
                    };
                    read += 1;
                    result.conclude();
                    let view = View::of(&result);
                    assert!(render_within(&view, 65_536).len() <= 65_536);
                    if read % 32 == 0 {
                        for format in FORMATS {
                            format.render(&view, &mut Vec::new()).expect("rendered");
                        }
                    }
                }
            }
        }
        assert!(read > 100, "only {read} variants");
    }
}
