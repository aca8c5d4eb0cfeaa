//! How it was measured, on what, and what to doubt.

use std::collections::BTreeSet;

use super::known::{Known, Version, stream_name};
use super::{generator, history, shards};
use crate::metrics::{LoadMeasurement, Statistic, Stream, Unit};
use crate::report::number;
use crate::report::prose::{Prose, clipped};
use crate::results::{Imported, Outcome};
use crate::slo::{Judgement, limits_errors};

/// From this share of failed requests on, a run without an objective on errors deserves a warning.
const MANY_ERRORS: f64 = 0.05;
/// Plans told one by one; more are counted.
const MOST_PLANS: usize = 4;
/// Characters of a commit that tell it apart.
const SHORT_COMMIT: usize = 7;

/// Commit, target and load on one line.
pub(super) fn context(known: &Known<'_>) -> Prose {
    let environment = &known.result.environment;
    let mut parts: Vec<Prose> = Vec::new();
    let mut place = Prose::new();
    if let Some(commit) = &environment.commit {
        let short: String = commit.chars().take(SHORT_COMMIT).collect();
        place = place.link(short, environment.commit_url.as_deref());
    }
    let target = known.tested().and_then(|version| {
        let (stream, _) = version.wholes.first()?;
        Some(version.target(stream.protocol)).filter(|target| !target.is_empty())
    });
    if let Some(target) = target {
        place = if place.is_empty() {
            place
        } else {
            place.text(" on ")
        };
        place = place.code(target);
    }
    if !place.is_empty() {
        parts.push(place);
    }
    let requests: u64 = known.versions.iter().map(Version::requests).sum();
    if requests > 0 {
        // Versions are sent requests at the same time, loads of different protocols one after the other.
        let lasted = |version: &Version<'_>| version.wholes.iter().map(|(_, whole)| whole.elapsed).sum();
        let elapsed = known.versions.iter().map(lasted).fold(0.0, f64::max);
        let sent = number::counted(requests, known.request());
        parts.push(format!("{sent} in {}", number::duration(elapsed)).into());
    }
    if let Some(url) = &environment.run_url {
        parts.push(Prose::new().link("run", Some(url)));
    }
    let mut out = Prose::new();
    for (index, part) in parts.into_iter().enumerate() {
        out = if index == 0 {
            part
        } else {
            out.text(" · ").then(part)
        };
    }
    out
}

/// How this was measured, in sentences.
pub(super) fn how(known: &Known<'_>) -> Vec<Prose> {
    let mut told = plans(known);
    for version in &known.versions {
        for (stream, load) in &version.wholes {
            if load.requests + load.unsent > 0 {
                let whose = stream_name(stream);
                let whose = if known.several() {
                    whose.text(" to ").code(version.insights.name.as_str())
                } else {
                    whose
                };
                told.push(whose.text(": ").then(pace(load)).text("."));
            }
        }
    }
    told.extend(shards::how(known));
    if !told.is_empty() {
        told.push(
            "The clock of a request starts at the instant it was due, so that waiting counts; 95 % intervals allow for \
             requests of one run not being independent."
                .into(),
        );
    }
    if let Some(imported) = &known.result.imported {
        told.push(stored(known, imported));
        return told;
    }
    let environment = &known.result.environment;
    let processors = number::counted(environment.processors as u64, "processor");
    told.push(
        Prose::from(format!("iter8 {}", environment.iter8_version))
            .text(format!(" on {}, {processors}, ", environment.system))
            .text(format!("started {:.0}", known.result.started))
            .text(format!(", took {}.", number::duration(known.result.seconds))),
    );
    told
}

/// What Iter8 stored of a run as a whole.
fn stored(known: &Known<'_>, imported: &Imported) -> Prose {
    let version = known.result.environment.iter8_version.as_str();
    let mut told = format!("A result of Iter8 {version}, which gives neither intervals nor times of tasks");
    if let Some(started) = imported.started {
        told.push_str(&format!("; started {started:.0}"));
    }
    let total = known.result.tasks.len() as u64;
    let failure = if imported.failure {
        "a task failed"
    } else {
        "no task failed"
    };
    let loops = match known.result.loops {
        0 => String::new(),
        loops => format!(", {}", number::counted(loops, "run")),
    };
    Prose::from(format!(
        "{told}; {} of {} completed, {failure}{loops}.",
        number::count(imported.completed_tasks),
        number::counted(total, "task")
    ))
}

fn plans(known: &Known<'_>) -> Vec<Prose> {
    let mut seen: Vec<(&str, &str, Option<&str>)> = Vec::new();
    for version in &known.versions {
        for load in &version.insights.loads {
            let plan = (load.target.as_str(), load.plan.as_str(), load.part.as_deref());
            if !seen.contains(&plan) && seen.len() <= MOST_PLANS {
                seen.push(plan);
            }
        }
    }
    let more = seen.len() > MOST_PLANS;
    let mut told: Vec<Prose> = seen
        .into_iter()
        .take(MOST_PLANS)
        .map(|(target, plan, part)| {
            let part = part.map_or_else(String::new, |part| format!("; of it, this shard sent {part}"));
            Prose::new().code(target).text(format!(": {plan}{part}."))
        })
        .collect();
    if more {
        told.push("Further endpoints likewise.".into());
    }
    told
}

/// How well the plan was kept.
fn pace(load: &LoadMeasurement) -> Prose {
    let mut parts = Vec::new();
    if let Some(delay) = load.send_delay.statistic(Statistic::Percentile(99.0)) {
        let delay = number::measured(delay, Unit::Milliseconds);
        parts.push(format!("99 % were released within {delay} of being due"));
    }
    let waited = match load.waited {
        0 => "none waited for a free connection".to_owned(),
        n => format!("{} waited for a free connection", number::count(n)),
    };
    parts.push(waited);
    if load.unsent > 0 {
        parts.push(format!("{} were due and never sent", number::count(load.unsent)));
    }
    if load.messages_sent + load.messages_received > 0 {
        let (sent, received) = (
            number::count(load.messages_sent),
            number::count(load.messages_received),
        );
        parts.push(format!("messages sent: {sent}, received: {received}"));
    }
    let told = Prose::from(parts.join(", ") + ", ").then(generator::connections(load));
    match load.health.as_ref().and_then(|health| health.busiest) {
        Some(busiest) => {
            let idle = number::measured((1.0 - busiest).clamp(0.0, 1.0), Unit::Fraction);
            told.text(format!("; iter8 itself was idle {idle} of the time"))
        }
        None => told,
    }
}

/// What a reader should doubt.
pub(super) fn warnings(known: &Known<'_>) -> Vec<Prose> {
    let result = known.result;
    let mut told: Vec<Prose> = Vec::new();
    // For an invalid run the first reason is in the summary already.
    let said = usize::from(result.outcome == Outcome::Invalid);
    told.extend(result.distrust.iter().skip(said).map(|why| why.as_str().into()));
    told.extend(replaced(known));
    for version in &known.versions {
        if !version.insights.baseline {
            told.extend(uncovered_errors(known, version));
        }
        told.extend(left_behind(known, version));
        told.extend(redirected(known, version));
    }
    told.extend(history::warnings(known));
    told
}

/// What was judged and is not shown.
fn replaced(known: &Known<'_>) -> Vec<Prose> {
    let judged: BTreeSet<usize> = known.replaced.iter().map(|judgement| judgement.task).collect();
    let told = judged.into_iter().map(|judged| {
        let before = known.result.tasks.iter().filter(|task| task.index < judged);
        let is_load = |name: &str| ["http", "grpc"].contains(&name);
        let mut loads = before.filter(|task| is_load(&task.name) && !task.about.starts_with("warm-up"));
        let told = Prose::from(format!(
            "Task {judged} judged an earlier load than the one shown here"
        ));
        match loads.next_back() {
            Some(load) => {
                let about = clipped(&load.about, 200);
                told.text(format!(": task {}, {about}.", load.index))
            }
            None => told.text("."),
        }
    });
    told.collect()
}

/// Loads whose answers were redirects more often than not: nobody has seen the pages that they lead to.
fn redirected(known: &Known<'_>, version: &Version<'_>) -> Option<Prose> {
    let redirects = |load: &LoadMeasurement| load.redirects.values().sum::<u64>();
    let loads = || version.insights.loads.iter().map(|load| &load.measurement);
    let elsewhere = || loads().filter(|load| redirects(load) * 2 > load.answered);
    let count: u64 = elsewhere().map(redirects).sum();
    let (to, _) = elsewhere()
        .flat_map(|load| &load.redirects)
        .max_by_key(|(_, count)| **count)?;
    let answered: u64 = loads().map(|load| load.answered).sum();
    let share = if count == answered {
        Prose::from("Every answer")
    } else {
        Prose::from(format!(
            "{} of {}",
            number::count(count),
            number::counted(answered, "answer")
        ))
    };
    let share = if known.several() {
        share.text(" of ").code(version.insights.name.as_str())
    } else {
        share
    };
    let were = if count == answered || count == 1 {
        " was a redirect that was not followed, most often to "
    } else {
        " were redirects that were not followed, most often to "
    };
    let told = share.text(were).code(clipped(to, 200));
    Some(
        told.text(": what is there was not measured. Give that URL, or set ")
            .code("followRedirects")
            .text("; where a redirect is right, say so: ")
            .code("expect: {status: 3xx}")
            .text("."),
    )
}

fn uncovered_errors(known: &Known<'_>, version: &Version<'_>) -> Option<Prose> {
    // Objectives of tasks that did not run are there, too, though nobody judged by them.
    // Of a shard, the merged result tells.
    if matches!(
        known.result.outcome,
        Outcome::Error | Outcome::Interrupted | Outcome::Measured
    ) {
        return None;
    }
    let name = &version.insights.name;
    let covered = |stream: &Stream| {
        let mut own = known
            .judgements
            .iter()
            .filter(|judgement| judgement.version == *name);
        // A limit on the whole covers its endpoints.
        let whole = Stream {
            endpoint: None,
            ..stream.clone()
        };
        let limits = |one: &&Judgement| {
            [stream, &whole]
                .iter()
                .any(|of| limits_errors(&one.objective, of))
        };
        own.any(limits)
    };
    let loads = &version.insights.loads;
    let uncovered: Vec<_> = loads.iter().filter(|load| !covered(&load.stream)).collect();
    let errors: u64 = uncovered.iter().map(|load| load.measurement.errors).sum();
    let requests: u64 = uncovered.iter().map(|load| load.measurement.requests).sum();
    if requests == 0 || (errors as f64) < MANY_ERRORS * requests as f64 {
        return None;
    }
    let failing = uncovered.iter().filter(|load| load.measurement.errors > 0);
    let failing: BTreeSet<String> = failing.map(|load| load.stream.to_string()).collect();
    let mut told = Prose::from(format!(
        "{} of {} ({}) failed",
        number::count(errors),
        number::counted(requests, known.request()),
        number::share(errors, requests)
    ));
    let endpoints: Vec<Prose> = uncovered
        .iter()
        .filter_map(|load| load.stream.endpoint.as_deref())
        .map(|endpoint| Prose::new().code(endpoint))
        .collect();
    if !endpoints.is_empty() && uncovered.len() < loads.len() {
        told = told.text(" at ").then(Prose::list(endpoints));
    }
    if known.several() {
        told = told.text(" on ").code(version.insights.name.as_str());
    }
    let failures = uncovered.iter().flat_map(|load| &load.measurement.failures);
    if let Some((class, failure)) = failures.max_by_key(|(_, failure)| failure.count) {
        told = told.text(format!(", most often: {}", class.describe()));
        if !failure.example.is_empty() {
            told = told.text(" (").code(clipped(&failure.example, 200)).text(")");
        }
    }
    // One endpoint has its own objective; several have that of the whole.
    let whole = if known.request() == "call" { "grpc" } else { "http" };
    let stream = match failing.first() {
        Some(one) if failing.len() == 1 => one,
        _ => whole,
    };
    Some(
        told.text(". No objective limits errors: add one such as ")
            .code(format!("{stream}/error-rate <= 1%"))
            .text("."),
    )
}

fn left_behind(known: &Known<'_>, version: &Version<'_>) -> Option<Prose> {
    let unsent = version.unsent();
    if unsent == 0 {
        return None;
    }
    let told = Prose::from(format!(
        "{} due and never sent",
        number::counted(unsent, known.request())
    ));
    let told = if known.several() {
        told.text(" to ").code(version.insights.name.as_str())
    } else {
        told
    };
    let why = if known.result.outcome == Outcome::Interrupted {
        "before the run was stopped"
    } else {
        "because the target did not answer in time"
    };
    Some(told.text(format!(
        ", {why}; they are in the latencies with the time they waited."
    )))
}
