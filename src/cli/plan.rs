//! `iter8 plan`: what would be sent, how long it takes, and what that many requests can decide. Sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::args::Run;
use super::check::check;
use super::console::Console;
use super::exit::Exit;
use super::run::{given, read_of, unreadable};
use super::shard::Said;
use super::shown::print_text;
use crate::metrics::{MetricName, Stream, Unit};
use crate::platform::Env;
use crate::report::{Align, Prose, Table, Text, number};
use crate::results::Shard;
use crate::slo::{Foresight, Limit, Objective, OnInconclusive, Policy, ShareForesight, foresee};
use crate::tasks::{Pipeline, Planned, Repetition, Step};

/// Shows the plan of what `iter8 run` would do with the same flags.
pub(super) fn plan(args: &Run, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let given = given(args);
    let opened = read_of(args, &given).map_err(|found| unreadable(&found, console))?;
    let said = Said::flags(args.shard.as_deref(), args.start_at.as_deref());
    let shard = said.read(env).map_err(|wrong| unreadable(&[wrong], console))?;
    let mut pipeline = check(
        &opened.source,
        (&opened.root, opened.era),
        &args.output.run_dir,
        env,
        console,
        &[],
    )
    .and(opened.found)
    .or_usage(console)?;
    if let Some(shard) = &shard {
        let found = pipeline.divide(shard.number);
        if !found.is_empty() {
            return Err(unreadable(&found, console));
        }
    }
    let text = describe(&pipeline, shard.as_ref());
    print_text(&console.inert(&console.mask.apply(&text)), console)?;
    Ok(Exit::Pass)
}

fn describe(pipeline: &Pipeline, shard: Option<&Shard>) -> String {
    let mut sections = vec![("What would be done", tasks(pipeline))];
    // What all shards together can decide is told by the plan of the whole.
    let objectives = match shard {
        None => objectives(pipeline),
        Some(_) => Table::new(&[]),
    };
    if !objectives.rows.is_empty() {
        sections.push(("What that many requests can decide", objectives));
    }
    let mut text = Text::tables(&sections);
    text.push_str(&format!("\n{}\n", total(pipeline)));
    if let Some(shard) = shard {
        text.push_str(&part(shard, pipeline));
    }
    if sections.len() > 1 {
        text.push_str(
            "\"For sure\" is with 95 % confidence, if requests do not hang together; those of one run do, more or less.\n\
             Undecided objectives are judged by what was observed, unless onInconclusive says otherwise.\n",
        );
    }
    text
}

/// What these requests are a part of.
fn part(shard: &Shard, pipeline: &Pipeline) -> String {
    let start = shard
        .start_at
        .map_or_else(String::new, |at| format!(", beginning at {at}"));
    let mut text = format!(
        "This is shard {}: it sends one turn in {} of the schedule{start}; iter8 merge judges what all shards measured.\n",
        shard.number, shard.number.of
    );
    for step in &pipeline.steps {
        let planned = step.task.planned();
        let parts: BTreeSet<&str> = planned.iter().filter_map(|load| load.part.as_deref()).collect();
        for part in parts {
            text.push_str(&format!("Its part of task {}: {part}.\n", step.index));
        }
    }
    text
}

fn tasks(pipeline: &Pipeline) -> Table {
    let mut table = Table::new(&[
        ("", Align::Right),
        ("Task", Align::Left),
        ("", Align::Left),
        ("Requests", Align::Right),
        ("Time", Align::Right),
    ]);
    for (step, rounds) in pipeline.steps.iter().zip(pipeline.rounds()) {
        let planned = step.task.planned();
        let condition = step.condition.as_ref();
        let about = condition.map_or_else(
            || pipeline.about(step),
            |condition| format!("{} (if {})", pipeline.about(step), condition.text()),
        );
        let (requests, time) = in_rounds(step, &planned, rounds);
        table.rows.push(vec![
            Prose::from(step.index.to_string()),
            Prose::from(step.name),
            Prose::from(about),
            planned
                .first()
                .map_or_else(Prose::new, |_| requests.map_or("?".into(), number::count).into()),
            if planned.is_empty() && step.task.holds().is_zero() {
                Prose::new()
            } else {
                time.map_or("?".into(), seconds).into()
            },
        ]);
    }
    table
}

/// Requests and time of a task that is done so often.
fn in_rounds(step: &Step, planned: &[Planned], rounds: usize) -> (Option<u64>, Option<Duration>) {
    let requests = sum(planned).map(|requests| requests.saturating_mul(rounds as u64));
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    let time = time(planned).map(|time| (time + step.task.holds()).saturating_mul(rounds));
    (requests, time)
}

fn seconds(time: Duration) -> String {
    number::duration(time.as_secs_f64())
}

fn sum(planned: &[Planned]) -> Option<u64> {
    planned.iter().map(|load| load.extent.requests).sum()
}

/// Those of the same number are sent at the same time, the others one after the other.
fn time(planned: &[Planned]) -> Option<Duration> {
    let numbers: BTreeSet<usize> = planned.iter().map(|load| load.together).collect();
    let longest = |number| {
        let own = planned.iter().filter(|load| load.together == number);
        own.map(|load| load.extent.time)
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .max()
    };
    numbers.into_iter().map(longest).sum()
}

fn total(pipeline: &Pipeline) -> String {
    let steps = pipeline.steps.iter().zip(pipeline.rounds());
    let all: Vec<(Option<u64>, Option<Duration>)> = steps
        .map(|(step, rounds)| in_rounds(step, &step.task.planned(), rounds))
        .collect();
    if pipeline.steps.iter().all(|step| step.task.planned().is_empty()) {
        return "No load is sent.".to_owned();
    }
    let repetition = pipeline.repetition.as_ref();
    let loops = repetition.map_or(Some(1), Repetition::planned);
    let each: Option<u64> = all.iter().map(|(requests, _)| *requests).sum();
    let requests = each.map(|requests| requests.saturating_mul(loops.unwrap_or(1)));
    let time: Option<Duration> = all.iter().map(|(_, time)| *time).sum();
    let requests = requests.map_or_else(
        || "As many requests as the target answers".to_owned(),
        |requests| number::counted(requests, "request"),
    );
    let time = time.map_or_else(
        || "for as long as the target takes".to_owned(),
        |time| format!("in {}", seconds(time)),
    );
    let repeated = match (repetition, loops) {
        (None, _) => String::new(),
        // What lies between the loops is no part of the time.
        (Some(_), Some(n)) if each.is_some() => format!(" per loop, {}", number::counted(n, "loop")),
        (Some(repetition), _) => format!(" per loop, in a loop: {}", repetition.about()),
    };
    format!("{requests} {time}{repeated}, beside probes and what other tasks do.")
}

fn objectives(pipeline: &Pipeline) -> Table {
    let mut table = Table::new(&[
        ("Objective", Align::Left),
        ("Requests", Align::Right),
        ("Smallest", Align::Right),
        ("Verdict", Align::Left),
    ]);
    for (position, step) in pipeline.steps.iter().enumerate() {
        for objective in step.task.objectives() {
            let before = pipeline.steps.get(..position).unwrap_or_default();
            let requests = requests_of(&objective.value, before);
            let terms = step.task.terms(Policy::default());
            let fails = terms.is_some_and(|terms| terms.policy.on_inconclusive == OnInconclusive::Fail);
            let (smallest, words) = words(&objective.value, requests, step.task.min_requests());
            let foreseen = requests.map(|requests| foresee(&objective.value, requests));
            let never = matches!(foreseen, Some(Foresight::Share(ShareForesight { met: None, .. })));
            let words = if never && fails && !objective.value.warn {
                format!("a pass is impossible (onInconclusive: fail): {words}")
            } else {
                words
            };
            table.rows.push(vec![
                Prose::from(objective.value.to_string()),
                requests.map_or_else(|| Prose::from("?"), |requests| number::count(requests).into()),
                smallest.into(),
                words.into(),
            ]);
        }
    }
    table.without_empty_columns()
}

/// The fewest requests that an objective is judged by, of the versions that are judged; `None` if nobody knows yet.
fn requests_of(objective: &Objective, before: &[Step]) -> Option<u64> {
    let MetricName::Load(stream, _) = &objective.metric else {
        return None;
    };
    let is_of = |of: &Stream| {
        of.protocol == stream.protocol && (stream.endpoint.is_none() || of.endpoint == stream.endpoint)
    };
    let of_protocol = |planned: &Vec<Planned>| {
        planned
            .iter()
            .filter(|load| load.stream.protocol == stream.protocol)
            .cloned()
            .collect::<Vec<_>>()
    };
    // A later load of a protocol replaces an earlier one of the same version.
    let mut fewest: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for planned in before.iter().map(|step| of_protocol(&step.task.planned())) {
        let mut own: BTreeMap<String, Option<u64>> = BTreeMap::new();
        for load in planned.iter().filter(|load| !load.version.baseline) {
            let sum = own.entry(load.version.name.clone()).or_insert(Some(0));
            if is_of(&load.stream) {
                *sum = sum.zip(load.extent.requests).map(|(sum, more)| sum + more);
            }
        }
        fewest.extend(own);
    }
    fewest
        .into_values()
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .min()
}

/// The smallest limit or change that can be told, and what decides.
fn words(objective: &Objective, requests: Option<u64>, least: Option<u64>) -> (String, String) {
    let nothing = |words: &str| (String::new(), words.to_owned());
    let Some(requests) = requests else {
        return nothing(match objective.metric {
            MetricName::Load(..) => "depends on how many requests the target answers",
            MetricName::Custom { .. } => "as the provider says",
        });
    };
    if let Some(least) = least.filter(|least| requests < *least) {
        return nothing(&format!(
            "no verdict: minRequests asks for {}",
            number::count(least)
        ));
    }
    match foresee(objective, requests) {
        Foresight::Counted => nothing("counted, not estimated"),
        Foresight::Nothing => nothing("depends on what is measured"),
        Foresight::Within(share) => (
            String::new(),
            format!(
                "known to about ±\u{a0}{}, if times vary by as much as their mean",
                percent(share)
            ),
        ),
        Foresight::Change(share) => {
            let asked = match objective.limit {
                Limit::TimesBaseline(factor) => (factor - 1.0).abs(),
                Limit::Value(_) => share,
            };
            let enough = if share > asked {
                ", which is more than the objective allows"
            } else {
                ""
            };
            let change = format!("±\u{a0}{}", percent(share));
            let words = format!(
                "changes from about {change} can be told, if times vary by as much as their mean{enough}"
            );
            (change, words)
        }
        Foresight::Share(share) => (smallest(objective, share), bad(objective, share)),
    }
}

fn percent(share: f64) -> String {
    number::measured(share, Unit::Fraction)
}

/// The smallest share of errors that can be shown, or the highest percentile.
fn smallest(objective: &Objective, share: ShareForesight) -> String {
    match objective.metric.unit() {
        Unit::Fraction => percent(share.smallest),
        Unit::Count | Unit::Milliseconds | Unit::PerSecond | Unit::Bytes | Unit::Plain => {
            let highest = ((1.0 - share.smallest) * 1000.0).floor() / 10.0;
            format!("p{highest}")
        }
    }
}

fn bad(objective: &Objective, share: ShareForesight) -> String {
    let (noun, bad) = match (objective.metric.unit(), objective.limit) {
        (Unit::Milliseconds, Limit::Value(limit)) => {
            let limit = number::limit(limit, Unit::Milliseconds);
            ("request", format!(" above {limit}"))
        }
        _ => ("error", String::new()),
    };
    let broken = |from: u64| format!("not met for sure from {}{bad}", number::counted(from, noun));
    let met = share.met.map(|most| match most {
        0 => format!(
            "met for sure without {}{bad}",
            if noun == "error" { "an error" } else { "a request" }
        ),
        most => format!("met for sure up to {}{bad}", number::counted(most, noun)),
    });
    match (met, share.broken, share.needed) {
        (Some(met), Some(from), _) => {
            let from = number::counted(from, noun);
            format!("{met}, not met for sure from {from}")
        }
        (Some(met), None, _) => met,
        (None, from, Some(needed)) => {
            let from = from.map(|from| format!("; {}", broken(from))).unwrap_or_default();
            format!(
                "never met for sure: that takes {}{from}",
                number::counted(needed, "request")
            )
        }
        (None, from, None) => {
            let from = from.map(|from| format!("; {}", broken(from))).unwrap_or_default();
            format!("never met for sure: no number of requests shows it{from}")
        }
    }
}
