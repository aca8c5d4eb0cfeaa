//! [`ApiError`]: why GitHub did not do what it was asked, and what the user can do about it.

use std::time::Duration;

use crate::net::client::ClientError;

/// Why GitHub did not do what it was asked. None of its texts holds the token.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nothing to show who we are with.
    #[error("there is no token")]
    NoToken,
    /// Text that cannot stand in a header.
    #[error("the token is no text that can be sent")]
    Token(#[source] http::header::InvalidHeaderValue),
    /// A variable that must hold an address or a name holds something else.
    #[error("{variable} is {value:?}, which is not {wanted}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// The client cannot be set up.
    #[error("the client of GitHub's API cannot be set up")]
    Setup(#[source] ClientError),
    /// 401: wrong, expired or revoked.
    #[error("GitHub does not accept the token ({message})")]
    Unauthorized {
        /// In GitHub's words.
        message: String,
    },
    /// 403: the token may not do this.
    #[error("the token may not do this ({message})")]
    Forbidden {
        /// The line below `permissions:` that allows it.
        permission: &'static str,
        /// In GitHub's words.
        message: String,
    },
    /// 403: a setting of the repository or its organization stands against it.
    #[error("the repository does not let jobs open pull requests ({message})")]
    Setting {
        /// In GitHub's words.
        message: String,
    },
    /// 404: it is not there, or the token may not see it.
    #[error("{path} is not there, or the token may not see it")]
    NotFound {
        /// What was asked for.
        path: String,
        /// The line below `permissions:` that shows it in a private repository.
        permission: &'static str,
    },
    /// 403, 410 or 423: nobody may write there any more.
    #[error("the conversation is locked ({message})")]
    Locked {
        /// In GitHub's words.
        message: String,
    },
    /// 422: longer than GitHub stores.
    #[error("the text is too long for GitHub")]
    TooLong,
    /// Another 4xx.
    #[error("GitHub refused it with {status} ({message})")]
    Refused {
        /// The status.
        status: u16,
        /// In GitHub's words.
        message: String,
    },
    /// 403 or 429: too many requests, of us or of somebody with the same token.
    #[error("GitHub's rate limit is reached{}", wait_text(*.wait))]
    RateLimited {
        /// How long GitHub wants us to wait, if it says.
        wait: Option<Duration>,
    },
    /// 5xx.
    #[error("GitHub's API failed with {status}")]
    Server {
        /// The status.
        status: u16,
        /// How long GitHub wants us to wait, if it says.
        wait: Option<Duration>,
    },
    /// No answer.
    #[error("GitHub's API cannot be reached")]
    Unreachable(#[source] ClientError),
    /// An answer that is not GitHub's.
    #[error("the answer is not one of GitHub's API ({reason})")]
    Unexpected {
        /// What is odd about it.
        reason: String,
    },
    /// All calls of a run together have only so much time.
    #[error("the time for calls of GitHub's API is used up")]
    OutOfTime,
}

fn wait_text(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| {
        format!(", for another {} s", wait.as_secs().max(1))
    })
}

impl ApiError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoToken => "leave `token` to its default, or give one that is not empty".to_owned(),
            Self::Variable { variable, .. } => format!("the runner sets {variable}; do not change it"),
            Self::Setup(_) => "look at the proxy and the certificates of this machine".to_owned(),
            Self::Unauthorized { .. } | Self::Token(_) => {
                "it is wrong, has expired or was revoked: give `token` another".to_owned()
            }
            Self::Forbidden { permission, .. } => {
                format!("add `{permission}` below the job's `permissions:`")
            }
            Self::Setting { .. } => {
                "tick \"Allow GitHub Actions to create and approve pull requests\" below Settings > Actions > General, or give `token` another".to_owned()
            }
            Self::NotFound { permission, .. } => {
                format!("in a private repository the job needs `{permission}` below its `permissions:`")
            }
            Self::Locked { .. } => "unlock the conversation, or switch `comment` off".to_owned(),
            Self::TooLong => "the job summary has all of it".to_owned(),
            Self::Refused { .. } => "the job summary has the report".to_owned(),
            Self::RateLimited { .. } => "the job summary has the report; run the job again later".to_owned(),
            Self::Server { .. } => {
                "https://www.githubstatus.com may say more; run the job again later".to_owned()
            }
            Self::Unreachable(_) | Self::OutOfTime => {
                "the job summary has the report; run the job again when the API answers".to_owned()
            }
            Self::Unexpected { .. } => "does GITHUB_API_URL lead to GitHub, or to a proxy's page?".to_owned(),
        }
    }

    /// Whether GitHub refused with these words, in lower case.
    pub(super) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.to_lowercase().contains(words))
    }

    /// Whether the same request may succeed in a while.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Server { .. } | Self::Unreachable(_)
        )
    }

    /// Whether GitHub surely did nothing; after a 5xx, a time-out or a broken connection it may have.
    pub(super) fn undone(&self) -> bool {
        match self {
            Self::Server { .. } | Self::Unexpected { .. } => false,
            Self::Unreachable(error) => error.never_sent(),
            Self::NoToken
            | Self::Token(_)
            | Self::Variable { .. }
            | Self::Setup(_)
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Setting { .. }
            | Self::NotFound { .. }
            | Self::Locked { .. }
            | Self::TooLong
            | Self::Refused { .. }
            | Self::RateLimited { .. }
            | Self::OutOfTime => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_never_reached_github_is_surely_undone() {
        let refused = ApiError::Unreachable(ClientError::Refused("a:1".into()));
        let reset = ApiError::Unreachable(ClientError::Reset {
            url: "http://a/".into(),
        });
        let server = ApiError::Server {
            status: 502,
            wait: None,
        };
        assert!(refused.undone() && refused.passes());
        assert!(!reset.undone() && reset.passes());
        assert!(!server.undone() && server.passes());
        let limited = ApiError::RateLimited { wait: None };
        assert!(limited.undone() && limited.passes());
        assert!(!ApiError::TooLong.passes());
    }

    #[test]
    fn a_missing_permission_is_named() {
        let error = ApiError::Forbidden {
            permission: "pull-requests: write",
            message: "Resource not accessible by integration".into(),
        };
        assert!(
            error.hint().contains("`pull-requests: write`"),
            "{}",
            error.hint()
        );
    }
}
