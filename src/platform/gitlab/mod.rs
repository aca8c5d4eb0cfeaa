//! [`GitLab`]: collapsible log sections, the variables of GitLab CI, and notes on merge requests; reports travel as job
//! artifacts.

mod client;
mod error;
mod note;

use std::io::Write;

use jiff::Timestamp;

use super::{Context, Env, Platform, Publication, PublishError};

pub use client::Client;
pub use error::NoteError;
pub use note::{MergeRequest, NOTE_LIMIT, key, run};

/// GitLab CI, any tier.
#[derive(Debug, Clone, Copy)]
pub struct GitLab;

/// A section's name: letters, digits and `_`, the same for the same title.
fn section(title: &str) -> String {
    let name: String = title
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(40)
        .collect();
    format!("iter8_{name}")
}

impl Platform for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn detect(&self, env: &Env) -> bool {
        env.is_true("GITLAB_CI")
    }

    fn context(&self, env: &Env) -> Context {
        let text = |name: &str| env.get(name).map(str::to_owned);
        // A merged-results pipeline runs on a temporary merge commit.
        let commit = text("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| text("CI_COMMIT_SHA"));
        Context {
            commit_url: text("CI_PROJECT_URL")
                .zip(commit.as_ref())
                .map(|(project, commit)| format!("{project}/-/commit/{commit}")),
            commit,
            run_url: text("CI_JOB_URL"),
            pull_request: MergeRequest::of(env).map(|request| request.iid),
            target_url: None,
            notes: Vec::new(),
        }
    }

    fn publish(&self, _: &Env, _: &Publication, _: &mut dyn Write) -> Result<(), PublishError> {
        Ok(())
    }

    // https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
    fn open_group(&self, title: &str, now: Timestamp) -> String {
        let title = self.inert(title).replace('\n', " ");
        format!(
            "\x1b[0Ksection_start:{}:{}[collapsed=true]\r\x1b[0K{title}\n",
            now.as_second(),
            section(&title)
        )
    }

    fn close_group(&self, title: &str, now: Timestamp) -> String {
        let title = self.inert(title).replace('\n', " ");
        format!(
            "\x1b[0Ksection_end:{}:{}\r\x1b[0K\n",
            now.as_second(),
            section(&title)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_request_is_linked_by_its_own_commit() {
        let context = GitLab.context(&Env::from_iter([
            ("CI_COMMIT_SHA", "merge"),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "head"),
            ("CI_PROJECT_URL", "https://gitlab.example/g/p"),
            ("CI_MERGE_REQUEST_IID", "42"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "5"),
        ]));
        assert_eq!(
            context.commit_url.as_deref(),
            Some("https://gitlab.example/g/p/-/commit/head")
        );
        assert_eq!(context.pull_request, Some(42));
    }

    #[test]
    fn a_section_begins_and_ends_under_one_name() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(
            GitLab.open_group("Task 1: http", now),
            "\x1b[0Ksection_start:1700000000:iter8_task_1__http[collapsed=true]\r\x1b[0KTask 1: http\n"
        );
        assert!(
            GitLab
                .close_group("Task 1: http", now)
                .contains("section_end:1700000000:iter8_task_1__http\r")
        );
    }

    #[test]
    fn text_of_the_target_opens_no_section() {
        assert!(
            !GitLab
                .untrusted("\x1b[0Ksection_start:1:x\r\x1b[0Kgot you\r\n")
                .contains('\r')
        );
    }
}
