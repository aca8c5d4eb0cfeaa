//! [`Status`]: one context of a commit, as the merge button and branch rules see it.

use http::Method;
use serde_json::json;

use super::client::Call;
use super::{ApiError, Client};

/// Characters of a description.
pub const DESCRIPTION_LIMIT: usize = 140;

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being measured.
    Pending,
    /// Good.
    Success,
    /// Not good enough.
    Failure,
    /// It could not be told.
    Error,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }
}

/// The status of a commit in one context.
#[derive(Debug, Clone)]
pub struct Status<'a> {
    /// Its name, such as `iter8/slo`.
    pub context: &'a str,
    /// What it says.
    pub state: State,
    /// The same in a sentence; cut where it is too long.
    pub description: &'a str,
    /// Where it leads.
    pub target_url: Option<&'a str>,
}

impl Status<'_> {
    /// Sets it on a commit.
    pub async fn set(&self, client: &Client, commit: &str) -> Result<(), ApiError> {
        let mut body = json!({
            "state": self.state.word(),
            "context": self.context,
            "description": clipped(self.description),
        });
        if let Some(url) = self.target_url {
            body["target_url"] = url.into();
        }
        let call = Call {
            method: Method::POST,
            path: &client.repository().path(&format!("statuses/{commit}")),
            body: Some(&body),
            permission: "statuses: write",
            // The last one of a context counts: the same one twice says the same.
            repeatable: true,
        };
        client.send(&call).await.map(drop)
    }
}

/// One line of at most [`DESCRIPTION_LIMIT`] characters, cut between words.
fn clipped(text: &str) -> String {
    let text: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let text = text.join(" ");
    if text.chars().count() <= DESCRIPTION_LIMIT {
        return text;
    }
    let mut short = String::new();
    let mut room = DESCRIPTION_LIMIT - 1;
    for word in text.split_inclusive(' ') {
        let length = word.chars().count();
        if length > room {
            break;
        }
        room -= length;
        short.push_str(word);
    }
    if short.is_empty() {
        short = text.chars().take(DESCRIPTION_LIMIT - 1).collect();
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_short_line() {
        assert_eq!(
            clipped("2 of 5\nobjectives\tnot met"),
            "2 of 5 objectives not met"
        );
        for text in ["word ".repeat(100), "x".repeat(400), "ü".repeat(141)] {
            let short = clipped(&text);
            let length = short.chars().count();
            assert!(length <= DESCRIPTION_LIMIT && length > 100, "{length}: {short}");
            assert!(short.ends_with('…'), "{short}");
        }
        let fits = "ü".repeat(140);
        assert_eq!(clipped(&fits), fits);
    }
}
