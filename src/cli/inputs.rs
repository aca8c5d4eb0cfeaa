//! What the inputs of the action say of loads, objectives and the file to run.

use std::path::PathBuf;

use clap::ValueEnum as _;

use super::args::LogLevel;
use super::assemble::{Given, Guard};
use super::run::DEFAULT_FILE;
use super::shard::Said;
use crate::diagnostic::Diagnostic;
use crate::platform::github::Inputs;
use crate::platform::{Context, Env};
use crate::results::Shard;

/// How long the target may take until it is ready, unless an input says otherwise.
pub(super) const READY_TIMEOUT: &str = "60s";
/// Inputs that are fields of the load.
const LOAD: &[&str] = &[
    "host",
    "call",
    "baselineURL",
    "numRequests",
    "duration",
    "qps",
    "connections",
    "method",
    "headers",
    "payloadStr",
    "contentType",
    "timeout",
];

/// Inputs that are headers for the target's own origin.
pub(super) const GUARDS: &[(&str, &str)] = &[
    ("vercelBypass", "x-vercel-protection-bypass"),
    ("cfAccessClientId", "CF-Access-Client-Id"),
    ("cfAccessClientSecret", "CF-Access-Client-Secret"),
];

/// How much is told, if the input says so; what it may be is checked with all inputs.
pub(super) fn log_level(env: &Env) -> Option<LogLevel> {
    LogLevel::from_str(env.get("INPUT_LOGLEVEL")?.trim(), true).ok()
}

/// What is told once, by whoever merges.
const TOLD: &[&str] = &["comment", "status", "pullRequest"];

/// The part of the load that is to be sent, if not all of it.
pub(super) fn shard(inputs: &Inputs, env: &Env) -> Result<Option<Shard>, Diagnostic> {
    let said = |name: &str| {
        let text = inputs.text(name)?;
        Some((text.to_owned(), Inputs::place(name).source))
    };
    let said = Said {
        shard: said("shard"),
        start_at: said("startAt"),
    };
    let shard = said.read(env)?;
    let useless = TOLD
        .iter()
        .find(|name| inputs.text(name).is_some_and(|value| value != "never"));
    match (shard, useless) {
        (Some(_), Some(name)) => {
            let message = format!("`{name}` goes where the results are merged: a shard judges nothing");
            Err(Diagnostic::error(message).at(Inputs::place(name)))
        }
        (shard, _) => Ok(shard),
    }
}

/// The file to run, if one is.
pub(super) fn file(inputs: &Inputs, given: &Given) -> Option<PathBuf> {
    match inputs.text("experiment") {
        Some(file) => Some(PathBuf::from(file)),
        None if given.has_target() => None,
        None => Some(PathBuf::from(DEFAULT_FILE)),
    }
}

/// What the inputs say.
pub(super) fn given(inputs: &Inputs, context: &Context) -> Given {
    let place = |name: &str| Inputs::place(name).source;
    let mut load: Vec<(String, Vec<String>, String)> = Vec::new();
    match (inputs.text("url"), &context.target_url) {
        (Some(url), _) => load.push(("url".into(), vec![url.to_owned()], place("url"))),
        // There is none where anything else says what to test.
        (None, Some(url)) => {
            load.push((
                "url".into(),
                vec![url.clone()],
                "the URL of the deployment".into(),
            ));
        }
        (None, _) => {}
    }
    for name in LOAD {
        let values: Vec<String> = match *name {
            "headers" => inputs.lines(name).into_iter().map(str::to_owned).collect(),
            _ => inputs.text(name).map(str::to_owned).into_iter().collect(),
        };
        if !values.is_empty() {
            load.push(((*name).to_owned(), values, place(name)));
        }
    }
    let judge = inputs.text("onInconclusive").map(|value| {
        (
            "onInconclusive".to_owned(),
            value.to_owned(),
            place("onInconclusive"),
        )
    });
    Given {
        load,
        objectives: inputs
            .lines("slos")
            .into_iter()
            .map(|text| (text.to_owned(), place("slos")))
            .collect(),
        judge: judge.into_iter().collect(),
        ready_timeout: inputs
            .text("readyTimeout")
            .map(|text| (text.to_owned(), place("readyTimeout"))),
        patience: READY_TIMEOUT,
        guards: GUARDS
            .iter()
            .filter_map(|(input, header)| {
                Some(Guard {
                    header,
                    value: inputs.text(input)?.to_owned(),
                    source: place(input),
                })
            })
            .collect(),
    }
}
