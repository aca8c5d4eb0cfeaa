//! [`Constraint`]: which versions of a chart were asked for, as Helm reads it: `0.9.x`, `~0.9`, `>=0.8 <0.11`, `0.8.x || 0.9.x`.

use std::str::FromStr;

/// A minor release of Iter8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// As in `0.9`: 0.
    pub major: u64,
    /// As in `0.9`: 9.
    pub minor: u64,
}

impl Release {
    /// A release of 0.
    pub(super) const fn zero(minor: u64) -> Self {
        Self { major: 0, minor }
    }
}

/// Patches of a minor release that are tried: more than there ever were.
const PATCHES: u64 = 100;

type Version = (u64, u64, u64);

/// Alternatives, of which one must hold; each is a list of bounds, all of which must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint(Vec<Vec<Range>>);

/// Versions from the first up to before the second; or all others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    from: Version,
    to: Option<Version>,
    negated: bool,
}

/// The text is no constraint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version, and no range of versions such as 0.9.x")]
pub struct NotAConstraint(String);

impl Constraint {
    /// Whether some release of these is allowed.
    pub fn allows_any(&self, releases: &[Release]) -> bool {
        releases.iter().any(|release| {
            (0..PATCHES).any(|patch| {
                let version = (release.major, release.minor, patch);
                let holds = |bounds: &Vec<Range>| bounds.iter().all(|bound| bound.holds(version));
                self.0.iter().any(holds)
            })
        })
    }
}

impl Range {
    fn holds(&self, version: Version) -> bool {
        let inside = version >= self.from && self.to.is_none_or(|to| version < to);
        inside != self.negated
    }
}

impl FromStr for Constraint {
    type Err = NotAConstraint;

    fn from_str(text: &str) -> Result<Self, NotAConstraint> {
        let wrong = || NotAConstraint(text.to_owned());
        let all: Option<Vec<Vec<Range>>> = text.split("||").map(alternative).collect();
        all.map(Self).ok_or_else(wrong)
    }
}

fn alternative(text: &str) -> Option<Vec<Range>> {
    // A range with a hyphen has blanks around it.
    if let Some((from, to)) = text.split_once(" - ") {
        let (from, to) = (bound(from.trim())?, bound(&format!("<={}", to.trim()))?);
        return Some(vec![Range { to: None, ..from }, to]);
    }
    // An operator may stand apart from its version.
    let mut words: Vec<String> = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        match words.last_mut() {
            Some(last) if !last.contains(|letter: char| letter.is_ascii_alphanumeric() || letter == '*') => {
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    if words.is_empty() {
        return None;
    }
    words.iter().map(|word| bound(word)).collect()
}

fn bound(text: &str) -> Option<Range> {
    let version = text.trim_start_matches(['<', '>', '=', '!', '~', '^']);
    let operator = &text[..text.len() - version.len()];
    let given = parts(version)?;
    let number = |index: usize| given.get(index).copied().unwrap_or(0);
    let from = (number(0), number(1), number(2));
    // Up to where a version is the same as far as it is written.
    let after = match given.len() {
        0 => None,
        1 => Some((from.0 + 1, 0, 0)),
        2 => Some((from.0, from.1 + 1, 0)),
        _ => Some((from.0, from.1, from.2 + 1)),
    };
    let range = |from, to, negated| Some(Range { from, to, negated });
    match operator {
        "" | "=" | "==" => range(from, after, false),
        "!=" => range(from, after, true),
        ">=" | "=>" => range(from, None, false),
        ">" => range(after?, None, false),
        "<" => range((0, 0, 0), Some(from), false),
        "<=" | "=<" => range((0, 0, 0), after, false),
        "~" | "~>" => match given.len() {
            3.. => range(from, Some((from.0, from.1 + 1, 0)), false),
            _ => range(from, after, false),
        },
        "^" => match (from, given.len()) {
            ((0, 0, _), 3..) | (_, 0) => range(from, after, false),
            ((0, minor, _), 2..) => range(from, Some((0, minor + 1, 0)), false),
            ((major, ..), _) => range(from, Some((major + 1, 0, 0)), false),
        },
        _ => None,
    }
}

/// The numbers of a version up to the first wildcard.
fn parts(text: &str) -> Option<Vec<u64>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split(['-', '+']).next().unwrap_or(text);
    if text.is_empty() || text.split('.').count() > 3 {
        return None;
    }
    let mut numbers = Vec::new();
    for part in text.split('.') {
        if matches!(part, "x" | "X" | "*") {
            break;
        }
        // Nobody has more; and one more can be added.
        numbers.push(part.parse().ok().filter(|number| *number < 1_000_000)?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(text: &str) -> Option<bool> {
        let releases = [Release::zero(8), Release::zero(9), Release::zero(10)];
        let constraint: Constraint = text.parse().ok()?;
        Some(constraint.allows_any(&releases))
    }

    #[test]
    fn ranges_are_those_of_helm() {
        for (text, expected) in [
            ("0.9.x", true),
            ("v0.9.0", true),
            ("0.9", true),
            ("0", true),
            ("*", true),
            ("~0.9.4", true),
            ("~0.9", true),
            ("^0.9.1", true),
            ("^0.7", false),
            (">=0.8, <0.9", true),
            (">= 0.11", false),
            (">0.10.3", true),
            (">0.10", false),
            ("<0.8", false),
            ("<=0.8", true),
            ("1.x", false),
            ("0.7.x || 0.9.x", true),
            ("0.11.x || 0.12.x", false),
            ("0.7 - 0.9", true),
            ("0.11 - 0.13", false),
            ("!=0.9.x", true),
            ("0.9.0-rc.1", true),
        ] {
            assert_eq!(allows(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "latest",
            "0.9.x.y",
            ">",
            "0..9",
            "99999999999999999999",
            "||",
            "0.9.x ||",
        ] {
            assert_eq!(allows(text), None, "{text}");
        }
    }
}
