//! [`Tips`]: the commits of ours that a branch may point to, told in the second line of its pull request.
//!
//! What a commit says of itself stays when somebody amends or rebases it; its sha does not.

use std::collections::BTreeSet;
use std::fmt;

const OPEN: &str = "<!-- iter8:commits ";
const CLOSE: &str = " -->";
/// Bytes of a sha and the space before it.
const ONE: usize = 41;

/// Shas of commits that we made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tips(BTreeSet<String>);

impl Tips {
    /// A single one.
    pub(super) fn of(sha: &str) -> Self {
        Self([sha.to_owned()].into())
    }

    /// Those that a text tells of.
    pub(super) fn parse(body: &str) -> Self {
        let inside = body
            .lines()
            .nth(1)
            .and_then(|line| line.strip_prefix(OPEN)?.strip_suffix(CLOSE));
        Self(
            inside
                .into_iter()
                .flat_map(str::split_whitespace)
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Whether a commit is among them.
    pub(super) fn has(&self, sha: &str) -> bool {
        self.0.contains(sha)
    }

    /// Adds others.
    pub(super) fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// A text that tells of these; `body` tells of others, or of none.
    pub(super) fn within(&self, body: &str) -> String {
        let (mark, rest) = body.split_once('\n').unwrap_or((body, ""));
        let told = rest.starts_with(OPEN);
        let rest = if told {
            rest.split_once('\n').map_or("", |(_, rest)| rest)
        } else {
            rest
        };
        format!("{}\n{self}\n{rest}", mark.trim_end_matches('\r'))
    }

    /// Bytes that the line takes, also with another commit.
    pub(super) fn room(&self) -> usize {
        self.to_string().len() + ONE
    }
}

impl fmt::Display for Tips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<&str> = self.0.iter().map(String::as_str).collect();
        write!(f, "{OPEN}{}{CLOSE}", all.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_back_and_the_text_stays() {
        let mut tips = Tips::of("aaa");
        let first = tips.within("<!-- mark -->\ntext\nmore");
        assert_eq!(Tips::parse(&first), tips);
        // The web page writes other line ends.
        assert_eq!(Tips::parse(&first.replace('\n', "\r\n")), tips);
        tips.add(Tips::of("bbb"));
        let second = tips.within(&first);
        assert_eq!(
            second,
            "<!-- mark -->\n<!-- iter8:commits aaa bbb -->\ntext\nmore"
        );
        assert!(Tips::parse(&second).has("bbb") && !Tips::parse("text\naaa").has("aaa"));
    }
}
