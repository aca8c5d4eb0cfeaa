//! [`Mark`]: the hidden first line of a comment, by which a later run finds it and knows what it was about.

use std::collections::BTreeMap;
use std::fmt;

const OPEN: &str = "<!-- iter8:comment ";
const CLOSE: &str = " -->";
/// Bytes of an encoded key; what is longer is told apart by a number.
const LONGEST_KEY: usize = 300;

/// Which run this is; a later one has a higher number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// Raised when somebody runs it again; GitHub counts from 1.
    pub attempt: u64,
}

/// What a comment was about. Anybody can write one: it is believed of a comment of our own only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Tells the comments of a pull request apart.
    pub key: String,
    /// The commit under test.
    pub commit: String,
    /// The run.
    pub run: Run,
    /// Start of the measurement, in seconds since 1970.
    pub started: i64,
    /// How it ended.
    pub outcome: String,
    /// [`fingerprint`] of the verdicts.
    pub verdicts: String,
}

impl Mark {
    /// The mark at the start of a comment.
    pub(in crate::platform) fn parse(body: &str) -> Option<Self> {
        let line = body.trim_start_matches('\u{feff}').strip_prefix(OPEN)?;
        let (inside, _) = line.split_once(CLOSE)?;
        let fields: BTreeMap<&str, &str> = inside
            .split(' ')
            .filter_map(|field| field.split_once('='))
            .collect();
        let text = |name: &str| fields.get(name).map(|text| (*text).to_owned());
        let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
        Some(Self {
            key: text("key")?,
            commit: text("commit").unwrap_or_default(),
            run: Run {
                id: number("run").unwrap_or_default(),
                attempt: number("attempt").unwrap_or_default(),
            },
            started: fields
                .get("started")
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            outcome: text("outcome").unwrap_or_default(),
            verdicts: text("verdicts").unwrap_or_default(),
        })
    }

    /// Whether a comment is of the same key.
    pub(super) fn is_kin(&self, other: &Self) -> bool {
        encoded(&self.key) == other.key
    }

    /// Whether what `other` tells must not be replaced by what this tells. `head` is the head of the pull request, if
    /// it is known: only what is about the head replaces anything, whichever run is the later one. Also where the comment is
    /// about neither: `on-change` leaves it when the head has the same verdicts.
    pub(in crate::platform) fn is_older_than(&self, other: &Self, head: Option<&str>) -> bool {
        if self.commit != other.commit
            && let Some(head) = head
            && (!self.commit.is_empty() || other.commit == head)
        {
            return self.commit != head;
        }
        if self.run.id == other.run.id {
            return self.run.attempt < other.run.attempt;
        }
        // An earlier run that somebody ran again may well have measured later.
        self.run.id < other.run.id && (self.run.attempt <= 1 || self.started <= other.started)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{OPEN}key={} commit={} run={} attempt={} started={} outcome={} verdicts={}{CLOSE}",
            encoded(&self.key),
            encoded(&self.commit),
            self.run.id,
            self.run.attempt,
            self.started,
            self.outcome,
            self.verdicts
        )
    }
}

/// A key in which nothing can end the mark, the comment or the field.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02x}"));
        }
    }
    if text.len() > LONGEST_KEY {
        text.truncate(LONGEST_KEY);
        text.push_str(&format!("%{}", fingerprint([key])));
    }
    text
}

/// 16 hexadecimal digits that differ where the texts do, today and in later versions (FNV-1a).
pub fn fingerprint<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        // The end of a text counts too.
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(commit: &str, id: u64, attempt: u64, started: i64) -> Mark {
        Mark {
            key: "ci / load / 0".into(),
            commit: commit.into(),
            run: Run { id, attempt },
            started,
            outcome: "pass".into(),
            verdicts: fingerprint(["a"]),
        }
    }

    #[test]
    fn a_mark_is_read_back() {
        let written = mark("abc", 7, 2, 1_700_000_000);
        let read = Mark::parse(&format!("{written}\n## headline\n")).expect("a mark");
        assert!(written.is_kin(&read));
        assert_eq!((read.run, read.started), (written.run, written.started));
        assert_eq!(
            (read.commit, read.outcome, read.verdicts),
            (written.commit, written.outcome, written.verdicts)
        );
    }

    #[test]
    fn a_key_cannot_end_the_mark() {
        for key in ["--> <img src=x>", "a key=b", "\n", "ä--", &"x y".repeat(400)] {
            let written = Mark {
                key: key.to_owned(),
                ..mark("abc", 1, 1, 0)
            };
            let text = written.to_string();
            assert_eq!(
                (text.matches("--").count(), text.lines().count()),
                (2, 1),
                "{text}"
            );
            assert!(written.is_kin(&Mark::parse(&text).expect("a mark")), "{text}");
        }
        let long = |tail: &str| Mark {
            key: format!("{}{tail}", "x".repeat(400)),
            ..Mark::default()
        };
        assert!(!long("a").is_kin(&Mark::parse(&long("b").to_string()).expect("a mark")));
    }

    #[test]
    fn only_the_start_of_a_comment_counts() {
        let quoted = format!("> {}", mark("abc", 1, 1, 0));
        for text in [
            "",
            "<!-- iter8:comment ",
            "<!-- other -->",
            &quoted,
            "<!-- iter8:comment commit=a -->",
        ] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_head_wins_and_then_the_later_run() {
        let older = |ours: &Mark, theirs: &Mark, head| ours.is_older_than(theirs, head);
        let (a, b) = (mark("aaa", 1, 1, 10), mark("bbb", 2, 1, 20));
        assert!(older(&a, &b, None) && !older(&b, &a, None));
        assert!(older(&b, &a, Some("aaa")) && !older(&a, &b, Some("aaa")));
        assert!(older(&a, &b, Some("ccc")) && older(&b, &a, Some("ccc")));
        let unknown = mark("", 2, 1, 20);
        assert!(!older(&unknown, &a, Some("ccc")) && older(&unknown, &a, Some("aaa")));
        let again = mark("aaa", 1, 2, 30);
        assert!(older(&a, &again, None) && !older(&again, &a, None));
        assert!(!older(&again, &b, None), "ran again after the later run");
        assert!(!older(&a, &a, None), "two jobs of one run");
    }
}
