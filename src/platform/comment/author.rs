//! [`Me`]: whether a comment is ours.

/// Who wrote a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub(in crate::platform) struct Author {
    /// The account's name.
    #[serde(default, alias = "username")]
    pub login: String,
    /// `Bot` or `User`, where the platform tells them apart.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// As whom the token writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::platform) enum Me {
    /// This account.
    Login(String),
    /// The platform did not say. Then it is a program: people cannot write under such a name.
    SomeBot,
}

impl Me {
    /// Whether a comment is ours.
    pub(super) fn wrote(&self, author: &Author) -> bool {
        match self {
            Self::Login(login) => login.eq_ignore_ascii_case(&author.login),
            Self::SomeBot => author.kind == "Bot" || author.login.ends_with("[bot]"),
        }
    }
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
