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
    hidden: Vec<Hidden>,
    shown: Vec<Secret>,
}

/// A text of which the first bytes are no secret: the host of an address.
#[derive(Debug)]
struct Hidden {
    text: Secret,
    public: usize,
}

impl Hidden {
    fn text(&self) -> &str {
        self.text.expose()
    }

    /// What stands for it, or for its first half.
    fn stars(&self) -> String {
        format!("{}***", &self.text()[..self.public])
    }
}

impl Mask {
    /// Remembers a secret (each line of it too, as GitHub does, and as it stands between quotes in YAML and JSON), if it has
    /// at least 6 characters.
    pub fn add(&self, value: &str) {
        for part in std::iter::once(value).chain(value.lines()).map(str::trim) {
            let is_shown = self.list().shown.iter().any(|known| known.expose() == part);
            if part.chars().count() < SHORTEST || is_shown {
                continue;
            }
            for form in forms(part) {
                self.hide("", &form);
            }
        }
    }

    /// Remembers a secret that is one behind a text that is none, as a path is behind the host of an address.
    pub fn add_behind(&self, public: &str, secret: &str) {
        self.hide(public, secret);
    }

    fn hide(&self, public: &str, secret: &str) {
        let List { hidden, shown } = &mut *self.list();
        let text = format!("{public}{secret}");
        let is_known = hidden.iter().any(|known| known.text() == text)
            || shown.iter().any(|known| known.expose() == text);
        if text.chars().count() < SHORTEST || secret.is_empty() || is_known {
            return;
        }
        hidden.push(Hidden {
            text: Secret::new(text),
            public: public.len(),
        });
        // Longest first, so that a secret inside another one cannot leave the rest of it visible.
        hidden.sort_by_key(|secret| std::cmp::Reverse(secret.text().len()));
    }

    /// Says that a text is shown, as the name of a version is: it is no secret, wherever else it is given.
    pub fn reveal(&self, value: &str) {
        let mut list = self.list();
        let shown = forms(value);
        list.hidden
            .retain(|secret| !shown.iter().any(|form| secret.text() == form));
        list.shown.push(Secret::new(value));
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `text` with every secret replaced by `***`.
    pub fn apply(&self, text: &str) -> String {
        let list = &self.list().hidden;
        let masked = list.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.text()) {
                text.replace(secret.text(), &secret.stars())
            } else {
                text
            }
        });
        // A text that was cut may end in the middle of a secret.
        let end = masked.trim_end_matches('…').len();
        let begun = |hidden: &&Hidden| {
            let secret = hidden.text();
            let starts = secret
                .char_indices()
                .map(|(at, _)| at)
                .filter(|at| *at >= SHORTEST && *at > hidden.public);
            starts
                .rev()
                .find(|length| masked[..end].ends_with(&secret[..*length]))
        };
        match list
            .iter()
            .filter_map(|hidden| Some((begun(&hidden)?, hidden)))
            .max_by_key(|(length, _)| *length)
        {
            Some((length, hidden)) => {
                format!("{}{}{}", &masked[..end - length], hidden.stars(), &masked[end..])
            }
            None => masked,
        }
    }

    /// The secrets, for the platform that registers them with its own log filter.
    pub fn secrets(&self) -> Vec<Secret> {
        self.list()
            .hidden
            .iter()
            .map(|hidden| hidden.text.clone())
            .collect()
    }
}

/// A text as it is, as it stands between the quotes of JSON and of YAML, and as it stands in URLs and forms.
fn forms(text: &str) -> Vec<String> {
    let escaped = serde_json::Value::from(text).to_string();
    let mut forms = vec![
        text.to_owned(),
        escaped[1..escaped.len() - 1].to_owned(),
        text.replace('\'', "''"),
    ];
    for kept in KEPT {
        for hex in [Hex::Upper, Hex::Lower] {
            let encoded = percent_encoded(text, kept, hex);
            forms.extend([encoded.replace("%20", "+"), encoded]);
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// Characters beside letters and digits that are not percent-encoded: nowhere; by scripts in browsers; in a form; in a
/// user name; in a segment of a path and in a path, with and without `^`; in a query; in the query of an `http` URL.
const KEPT: &[&str] = &[
    "-._~",
    "-._~!'()*",
    "-._*",
    "-._~!'()*$&+,%",
    "-._~!'()*$&+,:;=@[]|\\",
    "-._~!'()*$&+,:;=@[]|\\^",
    "-._~!'()*$&+,:;=@[]|\\/%",
    "-._~!'()*$&+,:;=@[]|\\/%^",
    "-._~!'()*$&+,:;=@[]|\\/%?^`{}",
    "-._~!()*$&+,:;=@[]|\\/%?^`{}",
];

/// The digits of an encoded byte.
#[derive(Clone, Copy)]
enum Hex {
    Upper,
    Lower,
}

fn percent_encoded(text: &str, kept: &str, hex: Hex) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_kept = byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte);
        match hex {
            _ if is_kept => out.push(char::from(byte)),
            Hex::Upper => out.push_str(&format!("%{byte:02X}")),
            Hex::Lower => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
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
    fn a_secret_is_masked_however_a_url_encodes_it() {
        let secret = "p\u{e4}ss w0rd/+=%{x}^'`|";
        let mask = Mask::default();
        mask.add(secret);
        let mut url: url::Url = "https://me@app.example/".parse().expect("a URL");
        url.set_username(secret).expect("a user");
        let mut forms = vec![url.to_string()];
        let mut url: url::Url = "https://app.example/".parse().expect("a URL");
        url.set_path(secret);
        forms.push(url.to_string());
        url.set_path("");
        url.path_segments_mut().expect("a path").push(secret);
        forms.push(url.to_string());
        url.set_query(Some(secret));
        forms.push(url.to_string());
        url.query_pairs_mut().clear().append_pair("key", secret);
        forms.push(url.to_string());
        for form in forms {
            let shown = mask.apply(&form);
            assert!(
                shown.contains("***") && !shown.contains("w0rd"),
                "{form}: {shown}"
            );
        }
    }

    #[test]
    fn what_stands_before_a_secret_is_shown() {
        let mask = Mask::default();
        mask.add_behind("hooks.example.com", "/services/status");
        for (text, shown) in [
            ("at hooks.example.com", "at hooks.example.com"),
            (
                "https://hooks.example.com/services/status?",
                "https://hooks.example.com***?",
            ),
            ("https://hooks.example.com/serv", "https://hooks.example.com***"),
            ("no /services/status", "no /services/status"),
        ] {
            assert_eq!(mask.apply(text), shown);
        }
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
