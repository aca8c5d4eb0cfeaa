//! From a finished run to what the platform shows: [`publication`].

use std::path::PathBuf;

use super::args::{self, LogLevel};
use super::console::{Console, render};
use super::exit::Exit;
use super::post::Posted;
use super::session::Finished;
use crate::diagnostic::Diagnostic;
use crate::metrics::{Measure, MetricName, Protocol, Statistic, Stream, Timing};
use crate::platform::github::rest::fingerprint;
use crate::platform::github::{GitHub, OUTPUTS, SUMMARY_LIMIT};
use crate::platform::{Annotation, Env, Level, Output, Platform, Publication};
use crate::report::{ObjectiveRow, View, render_within};
use crate::results::{ExperimentResult, Outcome};
use crate::slo::{Verdict, Weight};
use crate::tasks::TaskError;

/// Summary, outputs and annotations of a run. `files` are result and report as later steps find them.
pub(super) fn publication(finished: &Finished, files: &(PathBuf, PathBuf), summary: bool) -> Publication {
    let Finished { result, view, .. } = finished;
    let mut annotations: Vec<Annotation> = view
        .objectives
        .iter()
        .filter_map(|row| annotation(row, view.outcome != Outcome::Pass))
        .collect();
    annotations.extend(view.warnings.iter().map(|warning| Annotation {
        level: Level::Warning,
        title: "iter8".to_owned(),
        message: warning.plain(),
        place: None,
    }));
    if !matches!(result.outcome, Outcome::Pass | Outcome::Measured | Outcome::Fail) {
        let title = format!("iter8: {}", result.outcome.name());
        annotations.insert(
            0,
            Annotation {
                level: Level::Error,
                title,
                message: view.reason.clone(),
                place: None,
            },
        );
    }
    Publication {
        summary: summary.then(|| render_within(view, usize::try_from(SUMMARY_LIMIT).unwrap_or(usize::MAX))),
        outputs: outputs(result, view, files),
        annotations,
    }
}

impl Finished {
    /// Publishes what the platform takes from any step (Tekton's results); GitHub's files are the action's business.
    pub(super) fn publish(
        &self,
        output: &args::Output,
        console: &Console,
        env: &Env,
        platform: &dyn Platform,
    ) -> Exit {
        let publication = publication(self, &output.files(), false);
        self.exit.if_written(carry(publication, console, env, platform))
    }
}

/// Publishes what the platform takes from any step when nothing could be sent.
pub(super) fn refused(found: &[Diagnostic], console: &Console, env: &Env, platform: &dyn Platform) {
    let publication = for_usage(&unsent(&counted(found)), found);
    carry(publication, console, env, platform);
}

/// Whether the platform has it.
fn carry(publication: Publication, console: &Console, env: &Env, platform: &dyn Platform) -> bool {
    if platform.name() == GitHub.name() {
        return true;
    }
    let publication = masked(publication, console);
    let published = platform.publish(env, &publication, &mut std::io::stdout().lock());
    if let Err(error) = &published {
        let message = TaskError::from_error(error).message;
        console.say(LogLevel::Error, &format!("error: {message}"));
    }
    published.is_ok()
}

/// What is published of somebody else's result: no text of it is an output, which later steps may put into a script.
pub(super) fn for_artifact(view: &View, summary: bool) -> Publication {
    let value = |name: &str| match name {
        "outcome" => view.outcome.name().to_owned(),
        "passed" => (view.outcome == Outcome::Pass).to_string(),
        _ => String::new(),
    };
    Publication {
        summary: summary.then(|| render_within(view, usize::try_from(SUMMARY_LIMIT).unwrap_or(usize::MAX))),
        outputs: OUTPUTS
            .iter()
            .map(|output| Output::new(output.name, value(output.name)))
            .collect(),
        annotations: Vec::new(),
    }
}

/// What is published when nothing could be sent. `headline` as in [`mistakes`].
pub(super) fn for_usage(headline: &str, diagnostics: &[Diagnostic]) -> Publication {
    let reason = mistake(diagnostics);
    let value = |name: &str| match name {
        "outcome" => Outcome::Error.name().to_owned(),
        "passed" => "false".to_owned(),
        "reason" => reason.clone(),
        _ => String::new(),
    };
    let limit = usize::try_from(SUMMARY_LIMIT).unwrap_or(usize::MAX);
    Publication {
        summary: Some(mistakes(headline, diagnostics, limit)),
        outputs: OUTPUTS
            .iter()
            .map(|output| Output::new(output.name, value(output.name)))
            .collect(),
        annotations: diagnostics.iter().map(Into::into).collect(),
    }
}

/// The first mistake in one sentence.
pub(super) fn mistake(diagnostics: &[Diagnostic]) -> String {
    let first = diagnostics.iter().find(|diagnostic| diagnostic.is_error());
    first.map_or_else(String::new, |diagnostic| match &diagnostic.place {
        Some(place) => format!("{place}: {}", diagnostic.message),
        None => diagnostic.message.clone(),
    })
}

/// `2 mistakes`.
pub(super) fn counted(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    format!("{errors} {}", if errors == 1 { "mistake" } else { "mistakes" })
}

/// What came of it, in a headline.
pub(super) fn unsent(why: &str) -> String {
    format!("{why}, nothing was sent")
}

/// The mistakes as Markdown in at most `limit` bytes, under a headline of ours: text as it stands in the log, which cannot
/// end its block; as many of them as fit.
pub(super) fn mistakes(headline: &str, diagnostics: &[Diagnostic], limit: usize) -> String {
    let headline = format!("## ⛔ iter8: {headline}\n");
    let mut told = String::new();
    let mut shown = 0;
    for diagnostic in diagnostics {
        let text = render(diagnostic, false).replace("```", "'''");
        if headline.len() + told.len() + text.len() + 100 > limit {
            break;
        }
        told.push_str(&text);
        told.push('\n');
        shown += 1;
    }
    let more = match diagnostics.len() - shown {
        0 => String::new(),
        more => format!("\n{more} more are in the log.\n"),
    };
    if told.is_empty() {
        return format!("{headline}{more}");
    }
    format!("{headline}\n```text\n{told}```\n{more}")
}

impl Publication {
    /// Adds what became of comment, status and pull request.
    pub(super) fn add(&mut self, posted: Posted) {
        self.annotations.extend(posted.annotations);
        let link = posted.pull_request.as_ref();
        for output in &mut self.outputs {
            match output.name.as_str() {
                "commentURL" => output.value = posted.comment_url.clone().unwrap_or_default(),
                "pullRequestURL" => output.value = link.map(|link| link.url.clone()).unwrap_or_default(),
                "pullRequestNumber" => {
                    output.value = link.map(|link| link.number.to_string()).unwrap_or_default();
                }
                _ => {}
            }
        }
    }
}

/// The same without secrets, and without what a runner would obey when a later step prints it.
pub(super) fn masked(mut publication: Publication, console: &Console) -> Publication {
    let harmless = |text: &str| console.inert(&console.mask.apply(text));
    publication.summary = publication.summary.map(|summary| harmless(&summary));
    for output in &mut publication.outputs {
        output.value = harmless(&output.value);
    }
    for annotation in &mut publication.annotations {
        annotation.message = console.mask.apply(&annotation.message);
    }
    publication
}

/// Differs where the outcome of an objective does, in whichever order they are shown.
pub(super) fn verdicts(view: &View) -> String {
    let mut lines: Vec<String> = view
        .objectives
        .iter()
        .map(|row| format!("{}\n{}\n{}", row.objective, row.version, row.verdict))
        .collect();
    lines.sort();
    fingerprint(lines.iter().map(String::as_str))
}

/// What an objective has to tell; where nobody validates it (`validateSLOs: false`), a broken one only warns.
fn annotation(row: &ObjectiveRow, validated: bool) -> Option<Annotation> {
    let (level, title) = match row.judged {
        Verdict::Met | Verdict::NotAssessed => return None,
        Verdict::NotMet if row.warn || !validated => (Level::Warning, "SLO not met"),
        Verdict::NotMet => (Level::Error, "SLO not met"),
        Verdict::Undecided => (Level::Error, "SLO undecided"),
        Verdict::NoData => (Level::Error, "SLO without data"),
    };
    let version = if row.version.is_empty() || row.version == "default" {
        String::new()
    } else {
        format!(" ({})", row.version)
    };
    let measured = if row.measured.is_empty() {
        row.words.clone()
    } else {
        format!("measured {}, {}", row.measured, row.words)
    };
    Some(Annotation {
        level,
        title: title.to_owned(),
        message: format!("{}{version}: {measured}", row.objective),
        place: None,
    })
}

fn outputs(result: &ExperimentResult, view: &View, files: &(PathBuf, PathBuf)) -> Vec<Output> {
    let tested = result.insights.versions.iter().find(|version| !version.baseline);
    let number = |measure: Measure| {
        let metric = |protocol| {
            MetricName::Load(
                Stream {
                    protocol,
                    endpoint: None,
                },
                measure,
            )
        };
        let value = tested.and_then(|version| {
            [Protocol::Http, Protocol::Grpc]
                .into_iter()
                .find_map(|protocol| version.value(&metric(protocol)))
        });
        value.map(|value| value.to_string()).unwrap_or_default()
    };
    let latency = |statistic| number(Measure::Time(Timing::Latency, statistic));
    let path = |path: &PathBuf| {
        if path.exists() {
            path.display().to_string()
        } else {
            String::new()
        }
    };
    let value = |name: &str| match name {
        "outcome" => result.outcome.name().to_owned(),
        "passed" => (result.outcome == Outcome::Pass).to_string(),
        "reason" => view.reason.clone(),
        "metrics" => tested
            .map(|version| metrics(view, &version.name))
            .unwrap_or_default(),
        "requests" => number(Measure::RequestCount),
        "errorRate" => number(Measure::ErrorRate),
        "latencyMean" => latency(Statistic::Mean),
        "latencyP50" => latency(Statistic::Percentile(50.0)),
        "latencyP95" => latency(Statistic::Percentile(95.0)),
        "latencyP99" => latency(Statistic::Percentile(99.0)),
        "winner" => result.winner().unwrap_or_default().to_owned(),
        "weights" if result.distrust.is_empty() => weights(&result.assessment.weights),
        "resultFile" => path(&files.0),
        "reportFile" => path(&files.1),
        _ => String::new(),
    };
    OUTPUTS
        .iter()
        .map(|output| Output::new(output.name, value(output.name)))
        .collect()
}

/// Every metric of a version, under all its names, as one flat JSON object.
fn metrics(view: &View, version: &str) -> String {
    let rows = view.metrics.iter().filter(|row| row.version == version);
    let values = rows.map(|row| (row.metric.clone(), row.value)).collect();
    let all = MetricName::under_all_names(values).into_iter();
    let map: serde_json::Map<String, serde_json::Value> =
        all.map(|(name, value)| (name, value.into())).collect();
    serde_json::Value::Object(map).to_string()
}

/// The percent of every version as one flat JSON object; nothing where nothing follows.
fn weights(weights: &[Weight]) -> String {
    if weights.is_empty() {
        return String::new();
    }
    let entries = weights
        .iter()
        .map(|weight| (weight.version.clone(), weight.percent.into()));
    serde_json::Value::Object(entries.collect()).to_string()
}
