//! `comment`, `status` and `pullrequest`: what a run tells where people look, in the middle of an experiment.
//!
//! These tasks say what is to be published; a [`Publisher`] does it. What cannot be published fails no task.

mod changes;
mod comment;
mod pull_request;
mod status;
mod values;
mod wording;

use futures_util::future::BoxFuture;

use super::{RunContext, Task, TaskError, TaskOutput};
use crate::results::ExperimentResult;

pub use changes::{Changes, Rendered};
pub(super) use comment::CommentKind;
pub use comment::When;
pub use pull_request::PullRequest;
pub(super) use pull_request::PullRequestKind;
pub(super) use status::StatusKind;
pub use wording::Wording;

/// What is to be published.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// A comment on the pull request that the run is about.
    Comment {
        /// When it is written.
        when: When,
        /// Tells the comments of a pull request apart; that of the job if not given.
        key: Option<String>,
    },
    /// A status of the commit that the run is about.
    Status {
        /// Its name.
        context: String,
    },
    /// A pull request that edits files.
    PullRequest(Box<PullRequest>),
}

/// Publishes what the run has come to so far.
pub trait Publisher: Send + Sync {
    /// Does it, and says in a sentence what became of it, also when that is nothing.
    fn publish<'a>(&'a self, ask: &'a Ask, so_far: &'a ExperimentResult) -> BoxFuture<'a, String>;
}

/// A task that publishes.
struct PublishTask {
    ask: Ask,
    about: String,
}

impl Task for PublishTask {
    fn about(&self) -> String {
        self.about.clone()
    }

    fn tells(&self) -> bool {
        true
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(async move {
            let publishing = context.publisher.publish(&self.ask, so_far);
            let note = tokio::select! {
                note = publishing => note,
                () = context.shutdown.cancelled() => "stopped before it was done".to_owned(),
            };
            Ok(TaskOutput {
                notes: vec![note],
                ..TaskOutput::default()
            })
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Publishes nothing.
    pub(in crate::tasks) struct Nobody;

    impl Publisher for Nobody {
        fn publish<'a>(&'a self, ask: &'a Ask, _: &'a ExperimentResult) -> BoxFuture<'a, String> {
            Box::pin(async move { format!("not published: {ask:?}") })
        }
    }
}
