//! [`Tekton`]: results as small files, written verbatim and without a newline.
//!
//! All results of a step travel, as JSON, in a message of at most 4,096 bytes that steps share; a TaskRun whose results
//! are larger fails whatever they say. So each has a limit, all have one together, and what does not fit is cut where it
//! is a sentence and left out where it is not, with a line in the log. A result is a variable `ITER8_RESULT_…` with the
//! path to write to; the default is the Task's folder `/tekton/results`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Context, Env, Output, Platform, Publication, PublishError};

/// A step of a Tekton Task.
pub(super) struct Tekton;

const FOLDER: &str = "/tekton/results";
/// Outputs and the variables that say where they go, what matters most first.
const RESULTS: &[(&str, &str)] = &[
    ("outcome", "ITER8_RESULT_OUTCOME"),
    ("passed", "ITER8_RESULT_PASSED"),
    ("reason", "ITER8_RESULT_REASON"),
    ("requests", "ITER8_RESULT_REQUESTS"),
    ("errorRate", "ITER8_RESULT_ERROR_RATE"),
    ("latencyMean", "ITER8_RESULT_LATENCY_MEAN"),
    ("latencyP50", "ITER8_RESULT_LATENCY_P50"),
    ("latencyP95", "ITER8_RESULT_LATENCY_P95"),
    ("latencyP99", "ITER8_RESULT_LATENCY_P99"),
    ("winner", "ITER8_RESULT_WINNER"),
    ("weights", "ITER8_RESULT_WEIGHTS"),
    ("resultFile", "ITER8_RESULT_RESULT_FILE"),
    ("reportFile", "ITER8_RESULT_REPORT_FILE"),
];
/// Bytes of one result, as JSON.
const LIMIT: usize = 512;
/// Bytes of all results together, as JSON and with their names: half of what Tekton carries, as other steps of the Task
/// have results, too.
const ALL: usize = 2048;
/// Bytes around a result: `{"key":"…","value":"…","type":1},`.
const AROUND: usize = 32;

/// How many bytes a character takes in the JSON of Go, which writes `<`, `>` and `&` as six.
fn size(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    }
}

fn length(text: &str) -> usize {
    text.chars().map(size).sum()
}

/// As much of a sentence as fits, whole words if there are any.
fn clipped(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mut left = limit.saturating_sub('…'.len_utf8());
    let fits = |c: &char| {
        let fits = size(*c) <= left;
        left = left.saturating_sub(size(*c));
        fits
    };
    let short: String = text.chars().take_while(fits).collect();
    let words = short.rsplit_once(' ').map_or(short.as_str(), |(words, _)| words);
    let words = if words.len() * 2 < short.len() {
        &short
    } else {
        words
    };
    format!("{}…", words.trim_end())
}

/// What is written of the outputs, and what the log is told of it.
fn fitted(outputs: &[Output]) -> (Vec<(&'static str, &'static str, String)>, Vec<String>) {
    let mut room = ALL;
    let mut fitted = Vec::new();
    let mut told = Vec::new();
    for &(name, variable) in RESULTS {
        let Some(output) = outputs.iter().find(|output| output.name == name) else {
            continue;
        };
        let text = output.value.trim_end();
        let limit = LIMIT.min(room.saturating_sub(AROUND + name.len()));
        let mut value = text.to_owned();
        if length(text) > limit {
            let whole = length(text);
            value = if name == "reason" {
                clipped(text, limit)
            } else {
                String::new()
            };
            let kept = if value.is_empty() { "empty" } else { "cut" };
            told.push(format!(
                "the result `{name}` is {kept}: it has {whole} bytes, and Tekton has room for {limit}; result.json has all of it"
            ));
        }
        room = room.saturating_sub(AROUND + name.len() + length(&value));
        fitted.push((name, variable, value));
    }
    (fitted, told)
}

impl Platform for Tekton {
    fn name(&self) -> &'static str {
        "tekton"
    }

    fn detect(&self, env: &Env) -> bool {
        RESULTS.iter().any(|(_, variable)| env.get(variable).is_some()) || Path::new(FOLDER).is_dir()
    }

    /// Tekton sets no variables; a Task may pass these on from its parameters.
    fn context(&self, env: &Env) -> Context {
        let text = |name: &str| env.get(name).map(str::to_owned);
        Context {
            commit: text("ITER8_COMMIT"),
            commit_url: text("ITER8_COMMIT_URL"),
            run_url: text("ITER8_RUN_URL"),
            ..Context::default()
        }
    }

    fn publish(&self, env: &Env, publication: &Publication, out: &mut dyn Write) -> Result<(), PublishError> {
        let (fitted, told) = fitted(&publication.outputs);
        let mut first = Ok(());
        for (name, variable, value) in fitted {
            let default = || Some(Path::new(FOLDER)).filter(|folder| folder.is_dir());
            let path = env.get(variable).map(PathBuf::from);
            let Some(path) = path.or_else(|| Some(default()?.join(name))) else {
                continue;
            };
            let written = std::fs::write(&path, value).map_err(|source| PublishError::File {
                what: name,
                path,
                source,
            });
            first = first.and(written);
        }
        for line in told {
            first = first.and(writeln!(out, "warning: {line}").map_err(PublishError::Log));
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(reason: &str) -> Publication {
        Publication {
            outputs: vec![
                Output::new("outcome", "fail"),
                Output::new("passed", "false"),
                Output::new("reason", reason),
                Output::new("metrics", "{}"),
                Output::new("requests", "20"),
            ],
            ..Publication::default()
        }
    }

    /// What is written below a folder, and what is said.
    fn written(publication: &Publication) -> (Vec<(String, String)>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let env: Env = RESULTS
            .iter()
            .map(|(name, variable)| (*variable, path(name).display().to_string()))
            .collect();
        let mut out = Vec::new();
        Tekton.publish(&env, publication, &mut out).unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        });
        (files.collect(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn results_are_short_files_without_a_newline() {
        let (mut files, said) = written(&publication("all met\n"));
        files.sort();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["outcome", "passed", "reason", "requests"]);
        assert_eq!((files[0].1.as_str(), files[2].1.as_str()), ("fail", "all met"));
        assert_eq!(said, "");
    }

    #[test]
    fn a_sentence_that_is_too_long_is_cut_between_words_and_said_to_be() {
        for reason in ["word ".repeat(300), "<&\"".repeat(200), "ü".repeat(600)] {
            let (files, said) = written(&publication(&reason));
            let (_, cut) = files.iter().find(|(name, _)| name == "reason").unwrap();
            assert!(cut.ends_with('…') && length(cut) <= LIMIT, "{cut}");
            assert!(length(cut) > LIMIT - 10, "{}: {cut}", length(cut));
            assert!(said.contains("the result `reason` is cut"), "{said}");
        }
        assert_eq!(clipped("one two three", 10), "one two…");
        assert_eq!(clipped("a enormous", 9), "a enor…");
    }

    #[test]
    fn whatever_the_outputs_are_all_results_fit_and_the_verdict_is_there() {
        let outputs: Vec<Output> = RESULTS
            .iter()
            .map(|(name, _)| match *name {
                "outcome" => Output::new(*name, "fail"),
                "passed" => Output::new(*name, "false"),
                _ => Output::new(*name, "<\u{1}".repeat(40)),
            })
            .collect();
        let (files, said) = written(&Publication {
            outputs,
            ..Publication::default()
        });
        let json: Vec<serde_json::Value> = files
            .iter()
            .map(|(name, value)| serde_json::json!({ "key": name, "value": value, "type": 1 }))
            .collect();
        // As Go writes it.
        let json = serde_json::Value::from(json).to_string().replace('<', "\\u003c");
        assert!(json.len() <= 4096 / 2 + 200, "{}", json.len());
        assert_eq!(
            files.len(),
            RESULTS.len(),
            "what is left out is empty, not missing"
        );
        assert!(files.contains(&("outcome".into(), "fail".into())));
        assert!(said.contains("is empty: it has 480 bytes"), "{said}");
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let env: Env = RESULTS
            .iter()
            .map(|(_, variable)| (*variable, "/nowhere/file"))
            .collect();
        let error = Tekton
            .publish(&env, &publication("why"), &mut Vec::new())
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot publish the outcome to /nowhere/file");
    }
}
