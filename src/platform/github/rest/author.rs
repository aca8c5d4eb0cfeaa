//! [`Me`]: as whom the token writes, because anybody can paste a mark into a comment of their own.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::Client;
use super::client::Call;

/// Who wrote a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Author {
    #[serde(default)]
    pub login: String,
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// As whom the token writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Me {
    /// This account.
    Login(String),
    /// GitHub did not say. Then it is a program: people cannot write under such a name.
    SomeBot,
}

impl Me {
    /// Asks; an app's token may ask GraphQL only, a person's asks either.
    pub(super) async fn of(client: &Client) -> Self {
        let name = if client.of_an_app() {
            viewer(client).await
        } else {
            user(client).await
        };
        name.map_or(Self::SomeBot, Self::Login)
    }

    /// Whether a comment is ours.
    pub(super) fn wrote(&self, author: &Author) -> bool {
        match self {
            Self::Login(login) => login.eq_ignore_ascii_case(&author.login),
            Self::SomeBot => author.kind == "Bot" || author.login.ends_with("[bot]"),
        }
    }
}

const NOTHING: &str = "no permission";

async fn user(client: &Client) -> Option<String> {
    let answer = client.send(&Call::get("/user", NOTHING)).await.ok()?;
    let author: Author = answer.json().ok()?;
    Some(author.login).filter(|login| !login.is_empty())
}

async fn viewer(client: &Client) -> Option<String> {
    let body = json!({ "query": "query { viewer { login } }" });
    let call = Call {
        method: Method::POST,
        path: client.graphql(),
        body: Some(&body),
        permission: NOTHING,
        // It only reads.
        repeatable: true,
    };
    let answer: serde_json::Value = client.send(&call).await.ok()?.json().ok()?;
    let login = answer["data"]["viewer"]["login"].as_str()?;
    (!login.is_empty()).then(|| login.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_never_some_bot() {
        let author = |login: &str, kind: &str| Author {
            login: login.into(),
            kind: kind.into(),
        };
        assert!(Me::SomeBot.wrote(&author("github-actions[bot]", "Bot")));
        assert!(Me::SomeBot.wrote(&author("github-actions[bot]", "")));
        assert!(!Me::SomeBot.wrote(&author("mallory", "User")));
        let me = Me::Login("github-actions[bot]".into());
        assert!(me.wrote(&author("GitHub-Actions[bot]", "Bot")));
        assert!(!me.wrote(&author("dependabot[bot]", "Bot")));
        assert!(!me.wrote(&author("", "")));
    }
}
