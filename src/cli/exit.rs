//! [`Exit`]: how the process ends. The one mapping from outcomes to codes.

use std::process::ExitCode;

use crate::results::Outcome;

/// An exit code and its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every objective met, or none given; or the command did what it was asked.
    Pass,
    /// At least one objective not met; a condition of `assert` not met.
    Fail,
    /// Wrong usage or invalid experiment; nothing was sent.
    Usage,
    /// A task could not run.
    Error,
    /// The data cannot tell, and that was to fail.
    Inconclusive,
    /// No data for an objective, or the measurement cannot be trusted.
    Invalid,
    /// The outcome was a pass, but a requested file or pull request could not be written.
    Output,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// All, in the order of the reference.
    pub const ALL: &[Self] = &[
        Self::Pass,
        Self::Fail,
        Self::Usage,
        Self::Error,
        Self::Inconclusive,
        Self::Invalid,
        Self::Output,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Usage => 2,
            Self::Error => 3,
            Self::Inconclusive => 4,
            Self::Invalid => 5,
            Self::Output => 6,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The outcome's name and the meaning, for the reference.
    pub fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::Pass => (
                "pass",
                "every objective met (also: no objectives, or `validateSLOs: false`); of a shard: measured, which `iter8 merge` judges",
            ),
            Self::Fail => ("fail", "at least one objective not met"),
            Self::Usage => ("–", "wrong usage or invalid experiment; nothing was sent"),
            Self::Error => (
                "error",
                "a task could not run: not ready in time, name not resolved, script failed, not one connection",
            ),
            Self::Inconclusive => (
                "inconclusive",
                "the data cannot tell, and `onInconclusive` is `fail`",
            ),
            Self::Invalid => (
                "invalid",
                "no data for an objective, or the measurement cannot be trusted (the target was a login page, the generator was the bottleneck)",
            ),
            Self::Output => (
                "–",
                "the outcome was `pass`, but a requested file or pull request could not be written",
            ),
            Self::Interrupted => (
                "interrupted",
                "SIGINT: what was measured is kept, marked and reported",
            ),
            Self::Terminated => ("interrupted", "SIGTERM: the same"),
        }
    }

    /// The same, unless something that was asked for could not be written: that spoils a pass and nothing else.
    #[must_use]
    pub fn if_written(self, written: bool) -> Self {
        if self == Self::Pass && !written {
            Self::Output
        } else {
            self
        }
    }

    /// The code of an outcome; which signal interrupted is told by its name.
    pub fn of(outcome: Outcome, signal: Option<&str>) -> Self {
        match outcome {
            // What comes of it is told where the shards are merged.
            Outcome::Pass | Outcome::Measured => Self::Pass,
            Outcome::Fail => Self::Fail,
            Outcome::Error => Self::Error,
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::Invalid => Self::Invalid,
            Outcome::Interrupted if signal == Some("SIGTERM") => Self::Terminated,
            Outcome::Interrupted => Self::Interrupted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
