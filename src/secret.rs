//! [`Secret`]: text that must not be shown, and [`Mask`]: the rule that keeps it out of every output.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value whose `Debug` prints stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Shorter values are left alone: masking them would hide ordinary text.
const SHORTEST: usize = 6;

/// The secrets of a run, shared by everything that prints. Cloning shares the list.
#[derive(Debug, Clone, Default)]
pub struct Mask(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    hidden: Vec<Secret>,
    shown: Vec<Secret>,
}

impl Mask {
    /// Remembers a secret (each line of it too, as GitHub does, and as it stands between quotes in YAML and JSON), if it has
    /// at least 6 characters.
    pub fn add(&self, value: &str) {
        let List { hidden, shown } = &mut *self.list();
        let parts = std::iter::once(value).chain(value.lines()).map(str::trim);
        for part in parts.filter(|part| part.chars().count() >= SHORTEST) {
            let escaped = serde_json::Value::from(part).to_string();
            let forms = [
                part.to_owned(),
                escaped[1..escaped.len() - 1].to_owned(),
                part.replace('\'', "''"),
            ];
            for form in forms {
                let mut known = hidden.iter().chain(&*shown);
                if !known.any(|known| known.expose() == form) {
                    hidden.push(Secret::new(form));
                }
            }
        }
        // Longest first, so that a secret inside another one cannot leave the rest of it visible.
        hidden.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// Says that a text is shown, as the name of a version is: it is no secret, wherever else it is given.
    pub fn reveal(&self, value: &str) {
        let mut list = self.list();
        list.hidden.retain(|secret| secret.expose() != value);
        list.shown.push(Secret::new(value));
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `text` with every secret replaced by `***`.
    pub fn apply(&self, text: &str) -> String {
        let list = &self.list().hidden;
        let masked = list.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.expose()) {
                text.replace(secret.expose(), "***")
            } else {
                text
            }
        });
        // A text that was cut may end in the middle of a secret.
        let end = masked.trim_end_matches('…').len();
        let begun = |secret: &Secret| {
            let secret = secret.expose();
            let starts = secret
                .char_indices()
                .map(|(at, _)| at)
                .filter(|at| *at >= SHORTEST);
            starts
                .rev()
                .find(|length| masked[..end].ends_with(&secret[..*length]))
        };
        match list.iter().filter_map(begun).max() {
            Some(length) => format!("{}***{}", &masked[..end - length], &masked[end..]),
            None => masked,
        }
    }

    /// The secrets, for the platform that registers them with its own log filter.
    pub fn secrets(&self) -> Vec<Secret> {
        self.list().hidden.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_vanish_and_short_values_stay() {
        let mask = Mask::default();
        mask.add("abc");
        mask.add("hunter2-token");
        mask.add("hunter2");
        assert_eq!(mask.apply("abc hunter2-token hunter2"), "abc *** ***");
        assert_eq!(format!("{mask:?}").matches("hunter2").count(), 0);
    }

    #[test]
    fn what_is_shown_is_no_secret_before_or_after() {
        let mask = Mask::default();
        mask.add("canary-1");
        mask.add("canary-1-token");
        mask.reveal("canary-1");
        mask.reveal("stable-1");
        mask.add("stable-1");
        assert_eq!(
            mask.apply("canary-1 canary-1-token stable-1"),
            "canary-1 *** stable-1"
        );
    }

    #[test]
    fn a_secret_is_masked_where_its_quotes_are_escaped() {
        let mask = Mask::default();
        mask.add(r#"it's "s3cret""#);
        for text in [
            r#"key: "it's \"s3cret\"""#,
            r#"key: 'it''s "s3cret"'"#,
            r#"it's "s3cret""#,
        ] {
            assert!(!mask.apply(text).contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn a_secret_that_was_cut_is_not_half_shown() {
        let mask = Mask::default();
        mask.add("hunter2-token");
        assert_eq!(mask.apply("header is hunter2-t"), "header is ***");
        assert_eq!(mask.apply("header is hunter2-tok…"), "header is ***…");
        assert_eq!(mask.apply("a hunt"), "a hunt");
        assert_eq!(mask.apply(""), "");
    }

    #[test]
    fn each_line_of_a_key_is_a_secret() {
        let mask = Mask::default();
        mask.add("-----BEGIN\nMIIEvQIBADAN\n");
        assert_eq!(mask.apply("x MIIEvQIBADAN"), "x ***");
    }
}
