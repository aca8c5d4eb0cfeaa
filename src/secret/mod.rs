//! [`Secret`]: text that must not be shown, and [`Mask`]: the rule that keeps it out of every output.

mod spelling;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spelling::Spelled;

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
}

impl Mask {
    /// Remembers a secret (each line of it too, as GitHub does), if it has at least 6 characters.
    pub fn add(&self, value: &str) {
        for part in std::iter::once(value).chain(value.lines()).map(str::trim) {
            let is_shown = self.list().shown.iter().any(|known| known.expose() == part);
            if part.chars().count() < SHORTEST || is_shown {
                continue;
            }
            self.hide("", part);
        }
    }

    /// Remembers a user and a password as HTTP sends them.
    pub fn add_basic(&self, user: &str, password: &str) {
        self.add(&STANDARD.encode(format!("{user}:{password}")));
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

    /// `text` with every secret replaced by `***`, however it is escaped there. A text that was cut may end in the middle of
    /// a secret, and so may what stands before `…`: whoever cuts a text of others puts that at its end.
    pub fn apply(&self, text: &str) -> String {
        let hidden: Vec<Spelled> = self
            .list()
            .hidden
            .iter()
            .map(|hidden| Spelled::new(hidden.text(), hidden.public))
            .collect();
        let mut masked = String::with_capacity(text.len());
        let mut shown_to = 0;
        for secret in spelling::found(text, &hidden) {
            masked.push_str(&text[shown_to..secret.start]);
            masked.push_str("***");
            shown_to = secret.end;
        }
        masked.push_str(&text[shown_to..]);
        masked
    }

    /// The secrets, the longest first, for the platform that registers them with its own log filter: in each form that it
    /// may meet.
    pub fn secrets(&self) -> Vec<Secret> {
        let forms = |hidden: &Hidden| match hidden.public {
            0 => forms(hidden.text()),
            _ => vec![hidden.text().to_owned()],
        };
        let mut all: Vec<String> = self.list().hidden.iter().flat_map(forms).collect();
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        all.into_iter().map(Secret::new).collect()
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
mod tests;
