//! [`command`]: what to type to repeat a run.

use std::path::Path;

use url::Url;

use super::assemble::Given;
use super::load_flags::{flag, is_boolean};
use super::origin::absolute;
use super::shard::SHARD;
use crate::net::display_url;
use crate::results::Shard;
use crate::tasks::{is_harmless, quoted};

/// Fields whose values are URLs: shown without user information, and with stars for their query.
const URLS: &[&str] = &["url", "baselineURL", "payloadURL"];
/// Fields whose values are paths or URLs.
const FETCHED: &[&str] = &["proto", "protoset", "data-file", "binary-file", "metadata-file"];
/// Fields whose values may be secrets, whatever they look like.
const HIDDEN: &[&str] = &["payloadStr", "basicAuth", "bearerToken", "proxy"];
/// Fields that hold names and values.
const PAIRS: &[&str] = &["headers", "metadata", "reflect-metadata"];
const STARS: &str = "***";

/// The command that repeats a run from a terminal, without what may be secret.
pub(super) fn command(given: &Given, file: Option<&Path>) -> String {
    let mut words = vec!["iter8".to_owned(), "run".to_owned()];
    words.extend(file.map(|file| quoted(&file.display().to_string())));
    for (key, values, _) in &given.load {
        for value in values {
            if is_boolean(key) {
                // Its value is optional, and therefore part of the word.
                words.push(format!("--{}={}", flag(key), quoted(value)));
                continue;
            }
            words.push(format!("--{}", flag(key)));
            words.push(quoted(&shown(key, value)));
        }
    }
    for guard in &given.guards {
        words.push(format!("--{}", flag("headers")));
        words.push(quoted(&format!("{}: {STARS}", guard.header)));
    }
    for (key, value, _) in &given.judge {
        words.push(format!("--{key}"));
        words.push(quoted(value));
    }
    if let Some((text, _)) = &given.ready_timeout {
        words.push("--readyTimeout".to_owned());
        words.push(quoted(text));
    }
    for (text, _) in &given.objectives {
        words.push("--slo".to_owned());
        words.push(quoted(text));
    }
    words.join(" ")
}

/// The same for a shard. The start that all of them agreed on is over when one is repeated.
pub(super) fn of_shard(command: &str, shard: Option<&Shard>) -> String {
    match shard {
        None => command.to_owned(),
        // Which has no flag for it.
        Some(Shard { number, .. }) if command.starts_with("iter8 launch ") => {
            format!("{SHARD}={number} {command}")
        }
        Some(Shard { number, .. }) => format!("{command} --shard {number}"),
    }
}

/// A value as far as it may be shown. Nothing is left to masks: those know only some secrets, and not their quoted form.
fn shown(key: &str, value: &str) -> String {
    if URLS.contains(&key) || FETCHED.contains(&key) && value.contains("://") {
        absolute(value).map_or_else(|| STARS.to_owned(), |url| starred(&url))
    } else if PAIRS.contains(&key) {
        let pair = value
            .split_once(':')
            .filter(|_| !value.trim_start().starts_with('{'));
        pair.map_or_else(
            || STARS.to_owned(),
            |(name, _)| format!("{}: {STARS}", name.trim()),
        )
    } else if HIDDEN.contains(&key) || key == "data" && !is_harmless(value) {
        STARS.to_owned()
    } else {
        value.to_owned()
    }
}

/// A URL with stars for a query: without one it would be another request.
fn starred(url: &Url) -> String {
    let shown = display_url(url);
    match url.query() {
        Some(query) if !query.is_empty() => format!("{shown}?{STARS}"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;
    use crate::cli::load_flags::LoadFlags;

    fn load(fields: &[(&str, &[&str])]) -> Given {
        let field = |(key, values): &(&str, &[&str])| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            ((*key).to_owned(), values, String::new())
        };
        Given {
            load: fields.iter().map(field).collect(),
            ..Given::default()
        }
    }

    #[test]
    fn a_run_is_repeated_by_its_flags_without_what_a_url_hides() {
        let given = Given {
            objectives: vec![("http/error-rate <= 1%".into(), String::new())],
            ready_timeout: Some(("5s".into(), String::new())),
            ..load(&[
                ("url", &["https://me:pw@app.example/a?token=x"]),
                ("qps", &["5"]),
                ("method", &["it's"]),
            ])
        };
        assert_eq!(
            command(&given, None),
            r"iter8 run --url 'https://app.example/a?***' --qps 5 --method 'it'\''s' --readyTimeout 5s --slo 'http/error-rate <= 1%'"
        );
    }

    #[test]
    fn a_shard_is_repeated_as_one() {
        let number = "3/8".parse().expect("a shard");
        let start_at = Some(jiff::Timestamp::UNIX_EPOCH);
        let shard = Shard { number, start_at };
        for (whole, part) in [
            ("iter8 run --qps 5", "iter8 run --qps 5 --shard 3/8"),
            ("iter8 launch -c iter8", "ITER8_SHARD=3/8 iter8 launch -c iter8"),
        ] {
            assert_eq!(of_shard(whole, Some(&shard)), part);
            assert_eq!(of_shard(whole, None), whole);
        }
    }

    #[test]
    fn a_boolean_is_one_word_so_that_the_line_can_be_typed() {
        let given = load(&[
            ("insecureSkipVerify", &["true"]),
            ("followRedirects", &["false"]),
            ("qps", &["5"]),
        ]);
        let line = command(&given, None);
        assert_eq!(
            line,
            "iter8 run --insecureSkipVerify=true --followRedirects=false --qps 5"
        );
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let flags = LoadFlags::augment_args(clap::Command::new("run"));
        let matches = flags.try_get_matches_from(words).expect("flags");
        let typed = LoadFlags::from_arg_matches(&matches).expect("flags");
        let values = ["insecureSkipVerify", "followRedirects", "qps"].map(|key| {
            let field = typed.0.iter().find(|(known, _)| *known == key);
            field.and_then(|(_, values)| values.last()).map(String::as_str)
        });
        assert_eq!(values, [Some("true"), Some("false"), Some("5")]);
    }

    #[test]
    fn what_may_be_a_secret_is_never_shown() {
        let given = load(&[
            ("url", &["s3cret@app.example/a?s3cret"]),
            ("headers", &["X-Auth-Key: it's s3cret", "s3cret"]),
            ("payloadStr", &[r#"{"password": "s3cret"}"#]),
            ("payloadURL", &["https://s3cret@body.example/b#s3cret"]),
            ("basicAuth", &["me:s3cret"]),
            ("bearerToken", &["s3cret"]),
            ("proxy", &["s3cret@proxy.example:3128"]),
            ("data", &[r#"{"password": "s3cret"}"#]),
        ]);
        assert_eq!(
            command(&given, Some(Path::new("a b.yaml"))),
            "iter8 run 'a b.yaml' --url 'http://app.example/a?***' --headers 'X-Auth-Key: ***' --headers '***' --payloadStr '***' \
             --payloadURL https://body.example/b --basicAuth '***' --bearerToken '***' --proxy '***' --data '***'"
        );
        assert_eq!(shown("url", "http://s3cret@:1:2"), "***");
        for (data, hidden) in [
            (r#"{"item": "book", "amount": {{.RequestNumber}}}"#, false),
            ("rows.csv", false),
            (r#"{"item": "${ITEM}"}"#, true),
            (r#"{"apiKey": "abc"}"#, true),
            ("https://me:pw@app.example/rows.csv", true),
        ] {
            assert_eq!(shown("data", data) == "***", hidden, "{data}");
        }
    }
}
