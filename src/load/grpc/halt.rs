//! [`Halt`]: ends a load that cannot make its own calls. That is no failure of who is called.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Shared by all workers of a load.
#[derive(Debug, Clone)]
pub(super) struct Halt {
    why: Arc<OnceLock<Unmade>>,
    stop: CancellationToken,
}

/// A call that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmade {
    /// `package.Service/Method`.
    pub(super) method: String,
    /// The number of the call.
    pub(super) n: u64,
    /// In words.
    pub(super) why: String,
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, n, why } = self;
        write!(f, "{method}: call {n} (counted from 0) cannot be made: {why}")
    }
}

impl Halt {
    /// Of a load that also ends with `shutdown`.
    pub(super) fn new(shutdown: &CancellationToken) -> Self {
        Self {
            why: Arc::default(),
            stop: shutdown.child_token(),
        }
    }

    /// What the load ends with.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Ends the load. The first reason is the one that is told.
    pub(super) fn because(&self, unmade: Unmade) {
        let _ = self.why.set(unmade);
        self.stop.cancel();
    }

    /// Why it was ended, if it was.
    pub(super) fn reason(&self) -> Option<&Unmade> {
        self.why.get()
    }
}
