//! [`GitHub`]: GitHub Actions and what works like it (GitHub Enterprise, Gitea, Forgejo, act).

mod action;
pub mod artifact;
mod command;
mod event;
mod files;
mod inputs;
mod nonce;
mod outputs;
mod read;
pub mod rest;
mod tested_run;

use std::io::Write;

use jiff::Timestamp;

use super::{Context, Env, Platform, Publication, PublishError};
use crate::diagnostic::Diagnostic;
use crate::secret::Secret;

pub use action::{action_yml, inputs_markdown, outputs_markdown};
pub use event::{Event, EventError, Lack};
pub use files::SUMMARY_LIMIT;
pub use inputs::{Group, INPUTS, Input, Kind};
pub use outputs::{OUTPUTS, OutputAbout};
pub use read::Inputs;
pub use tested_run::{TestedRun, TestedRunError};

/// GitHub Actions.
#[derive(Debug, Clone, Copy)]
pub struct GitHub;

impl Platform for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn detect(&self, env: &Env) -> bool {
        ["GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS"]
            .iter()
            .any(|name| env.is_true(name))
    }

    fn context(&self, env: &Env) -> Context {
        let mut notes = Vec::new();
        let event = match Event::of(env) {
            Ok(event) => event,
            Err(why) => {
                notes.push(Diagnostic::warning(why.to_string()));
                Event::default()
            }
        };
        let repository = env
            .get("GITHUB_REPOSITORY")
            .map(|name| format!("{}/{name}", server(env)));
        let commit = event.commit(env);
        Context {
            commit_url: repository
                .as_ref()
                .zip(commit.as_ref())
                .map(|(repository, commit)| format!("{repository}/commit/{commit}")),
            commit,
            run_url: repository.and_then(|repository| run_url(env, &repository)),
            pull_request: event.pull_request,
            target_url: event.target_url,
            notes,
        }
    }

    fn publish(&self, env: &Env, publication: &Publication, out: &mut dyn Write) -> Result<(), PublishError> {
        let log = out
            .write_all(command::annotations(&publication.annotations).as_bytes())
            .and_then(|()| out.flush())
            .map_err(PublishError::Log);
        let outputs = if publication.outputs.is_empty() {
            Ok(())
        } else {
            files::outputs(env, &publication.outputs)
        };
        let summary = publication
            .summary
            .as_ref()
            .map_or(Ok(()), |markdown| files::summary(env, markdown));
        outputs.and(summary).and(log)
    }

    fn mask(&self, secret: &Secret) -> String {
        command::mask(secret.expose())
    }

    fn open_group(&self, title: &str, _: Timestamp) -> String {
        command::open_group(title)
    }

    fn close_group(&self, _: &str, _: Timestamp) -> String {
        command::CLOSE_GROUP.to_owned()
    }

    fn untrusted(&self, text: &str) -> String {
        command::fenced(&self.inert(text))
    }
}

/// The address of the GitHub that a run is of, without a slash at its end.
pub fn server(env: &Env) -> &str {
    env.get("GITHUB_SERVER_URL")
        .unwrap_or("https://github.com")
        .trim_end_matches('/')
}

fn run_url(env: &Env, repository: &str) -> Option<String> {
    let run = env.get("GITHUB_RUN_ID")?;
    let attempt = env
        .get("GITHUB_RUN_ATTEMPT")
        .filter(|attempt| *attempt != "1")
        .map(|attempt| format!("/attempts/{attempt}"))
        .unwrap_or_default();
    Some(format!("{repository}/actions/runs/{run}{attempt}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Annotation, Level, Output};

    fn variables(event: &std::path::Path) -> Vec<(&'static str, String)> {
        vec![
            ("GITHUB_SERVER_URL", "https://ghe.example/".into()),
            ("GITHUB_REPOSITORY", "acme/shop".into()),
            ("GITHUB_SHA", "a".repeat(40)),
            ("GITHUB_RUN_ID", "7".into()),
            ("GITHUB_RUN_ATTEMPT", "2".into()),
            ("GITHUB_EVENT_NAME", "pull_request".into()),
            ("GITHUB_EVENT_PATH", event.display().to_string()),
        ]
    }

    #[test]
    fn links_are_of_the_head_commit_and_the_attempt() {
        let event = tempfile::NamedTempFile::new().unwrap();
        let head = "b".repeat(40);
        let payload = serde_json::json!({ "number": 42, "pull_request": { "head": { "sha": head } } });
        std::fs::write(event.path(), payload.to_string()).unwrap();
        let context = GitHub.context(&variables(event.path()).into_iter().collect());
        assert_eq!(
            context.commit_url,
            Some(format!("https://ghe.example/acme/shop/commit/{head}"))
        );
        assert_eq!(
            context.run_url.as_deref(),
            Some("https://ghe.example/acme/shop/actions/runs/7/attempts/2")
        );
        assert_eq!(context.pull_request, Some(42));
        assert_eq!(context.notes, []);
    }

    #[test]
    fn an_unreadable_event_is_a_note_and_the_rest_stays() {
        let context = GitHub.context(&variables("/nowhere".as_ref()).into_iter().collect());
        // GITHUB_SHA is a merge commit there, as for the comment and the status.
        assert_eq!(context.commit, None);
        assert!(context.run_url.is_some());
        assert!(context.notes[0].message.contains("/nowhere"), "{context:?}");
    }

    #[test]
    fn what_can_be_published_is_published_before_the_error() {
        let summary = tempfile::NamedTempFile::new().unwrap();
        let env = Env::from_iter([("GITHUB_STEP_SUMMARY", summary.path().display().to_string())]);
        let publication = Publication {
            summary: Some("# fail".into()),
            outputs: vec![Output::new("outcome", "fail")],
            annotations: vec![Annotation {
                level: Level::Error,
                title: "SLO".into(),
                message: "not met".into(),
                place: None,
            }],
        };
        let mut log = Vec::new();
        let error = GitHub.publish(&env, &publication, &mut log).unwrap_err();
        assert!(error.to_string().contains("GITHUB_OUTPUT"));
        assert_eq!(std::fs::read_to_string(summary.path()).unwrap(), "# fail\n");
        assert_eq!(log, b"::error title=SLO::not met\n");
    }
}
