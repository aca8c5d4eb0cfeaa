//! [`command`]: what to type to repeat a run.

use std::path::Path;

use url::Url;

use super::assemble::Given;
use crate::net::display_url;

/// Fields whose values are URLs: shown without user information and query.
const URLS: &[&str] = &["url", "payloadURL", "proxy"];

/// The command that repeats a run from a terminal. Secrets are masked where it is stored.
pub(super) fn command(given: &Given, file: Option<&Path>) -> String {
    let mut words = vec!["iter8".to_owned(), "run".to_owned()];
    words.extend(file.map(|file| quoted(&file.display().to_string())));
    for (key, values, _) in &given.load {
        for value in values {
            let shown = if URLS.contains(&key.as_str()) {
                shown(value)
            } else {
                value.clone()
            };
            words.push(format!("--{key}"));
            words.push(quoted(&shown));
        }
    }
    for (key, value, _) in &given.judge {
        words.push(format!("--{key}"));
        words.push(quoted(value));
    }
    for (text, _) in &given.objectives {
        words.push("--slo".to_owned());
        words.push(quoted(text));
    }
    words.join(" ")
}

fn shown(text: &str) -> String {
    Url::parse(text).map_or_else(
        |_| text.split(['?', '#']).next().unwrap_or_default().to_owned(),
        |url| display_url(&url),
    )
}

fn quoted(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_repeated_by_its_flags_without_what_a_url_hides() {
        let given = Given {
            load: vec![
                (
                    "url".into(),
                    vec!["https://me:pw@app.example/a?token=x".into()],
                    String::new(),
                ),
                (
                    "headers".into(),
                    vec!["a: it's".into(), "b: c".into()],
                    String::new(),
                ),
            ],
            objectives: vec![("http/error-rate <= 1%".into(), String::new())],
            ..Given::default()
        };
        assert_eq!(
            command(&given, None),
            r"iter8 run --url https://app.example/a --headers 'a: it'\''s' --headers 'b: c' --slo 'http/error-rate <= 1%'"
        );
    }
}
