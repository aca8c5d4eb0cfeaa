//! [`line()`] and [`command`]: what to type to launch the same again, without what may be secret.

use super::args::ChartArgs;
use crate::charts::DEFAULT;
use crate::net::display_url;
use crate::tasks::quoted;

const STARS: &str = "***";
/// The last part of keys whose values are URLs.
const URLS: [&str; 4] = ["url", "baselineURL", "endpoint", "providerURL"];
/// The last part of keys whose values are no secrets, whatever they are.
const HARMLESS: [&str; 8] = [
    "tasks",
    "host",
    "call",
    "method",
    "contentType",
    "runner",
    "timeout",
    "duration",
];
/// Parts of keys under which secrets stand.
const SECRETIVE: [&str; 10] = [
    "slack",
    "headers",
    "metadata",
    "data",
    "payloadStr",
    "params",
    "basicAuth",
    "bearerToken",
    "token",
    "values",
];

/// The command of flags.
pub(super) fn line(args: &ChartArgs) -> String {
    let folder = args.former.source_dir.as_deref();
    let chart = args.chart.as_deref().or(folder).unwrap_or(DEFAULT);
    let mut words = vec![command(chart, &args.files)];
    let sets = [
        ("--set", &args.set),
        ("--set-string", &args.set_string),
        ("--set-file", &args.set_file),
    ];
    for (flag, texts) in sets {
        for text in texts {
            words.push(flag.to_owned());
            words.push(quoted(&shown(text)));
        }
    }
    words.join(" ")
}

/// The command of a chart and files of values.
pub(super) fn command(chart: &str, files: &[impl AsRef<str>]) -> String {
    let mut words = vec!["iter8 launch -c".to_owned(), quoted(chart)];
    for file in files {
        let file = file.as_ref();
        let file = file
            .parse()
            .map_or_else(|_| file.to_owned(), |url| display_url(&url));
        words.push("-f".to_owned());
        words.push(quoted(&file));
    }
    words.join(" ")
}

/// Assignments as far as they may be shown. Lists and escapes are not taken apart to show what is in them.
fn shown(text: &str) -> String {
    if text.contains(['{', '\\']) {
        return assignment(text);
    }
    let parts: Vec<String> = text.split(',').map(assignment).collect();
    parts.join(",")
}

/// An assignment as far as it may be shown: numbers, limits and what is known to be harmless.
fn assignment(text: &str) -> String {
    let Some((key, value)) = text.split_once('=') else {
        return STARS.to_owned();
    };
    let last = key.rsplit('.').next().unwrap_or(key);
    // A number may be a secret, too, where any text may stand.
    let may_be_secret = key.split('.').any(|part| SECRETIVE.contains(&part));
    let is_number = !may_be_secret && value.parse::<f64>().is_ok();
    let is_word = ["true", "false", "null"].contains(&value);
    // Several assignments, or an escape: nothing is taken apart to show it.
    let is_list = value.starts_with('{') && value.ends_with('}') && !value.contains('=');
    let is_one = is_list || !value.contains([',', '\\']);
    if is_number || is_word || is_one && HARMLESS.contains(&last) && !value.contains(['@', '=']) {
        return text.to_owned();
    }
    if is_one
        && !may_be_secret
        && URLS.contains(&last)
        && let Ok(url) = value.parse()
    {
        return format!("{key}={}", display_url(&url));
    }
    format!("{key}={STARS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_never_shown() {
        let args = ChartArgs {
            chart: Some("iter8".to_owned()),
            files: vec![
                "my values.yaml".to_owned(),
                "https://me:pw@h.example/v.yaml?t=1".to_owned(),
            ],
            set: [
                "tasks={http,assess}",
                "http.url=https://me:pw@h.example/a?token=s3cret",
                "http.qps=20",
                "http.headers.Authorization=Bearer s3cret",
                "http.headers.x-key=123456",
                "github.token=s3cret,http.qps=1",
                "tasks={http},slack.url=s3cret",
                "slack.url=https://hooks.example/services/T0/B0/s3cret",
                "s3cret",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..ChartArgs::default()
        };
        assert_eq!(
            line(&args),
            "iter8 launch -c iter8 -f 'my values.yaml' -f https://h.example/v.yaml --set 'tasks={http,assess}' \
             --set 'http.url=https://h.example/a' --set 'http.qps=20' --set 'http.headers.Authorization=***' --set 'http.headers.x-key=***' \
             --set 'github.token=***,http.qps=1' --set 'tasks=***' --set 'slack.url=***' --set '***'"
        );
    }
}
