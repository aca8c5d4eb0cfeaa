//! `ready`: waits until a target answers as expected.

mod probe;

pub(in crate::tasks) use probe::explain_loopback;

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::inputs::{NetInput, Places, Sender, Statuses, Target};
use super::{RunContext, Task, TaskError, TaskKind, TaskOutput};
use crate::results::ExperimentResult;
use crate::spec::{Decode, Decoder, Field, Map, Node, Period, Value};

/// The kind `ready`.
pub struct ReadyKind;

crate::fields! {
    /// What is waited for.
    pub(super) struct ReadyInput in "a `ready` task" {
        /// URL that is asked with GET until it answers as expected.
        url: Target = ["url"],
        /// Expected status: `200`, `2xx`, `200-204` or a list; default 2xx. `any` is any but 404, 502, 503, 504 and walls.
        status: Acceptable = ["status"],
        /// Headers that the answer must have, for example the commit that was deployed.
        header: Map<String> = ["header"],
        /// Text that the body must contain.
        body: String = ["body"],
        /// How long to wait; default 60s.
        timeout: Period = ["timeout"],
    }
}

const TIMEOUT: Period = Period(Duration::from_mins(1));

impl TaskKind for ReadyKind {
    fn name(&self) -> &'static str {
        "ready"
    }

    fn about(&self) -> &'static str {
        "Waits until a URL answers as expected, and says what stands in the way."
    }

    fn fields(&self) -> Vec<&'static Field> {
        ReadyInput::FIELDS.iter().chain(NetInput::FIELDS).collect()
    }

    fn schema(&self) -> serde_json::Value {
        super::inputs::merge_schemas(&[ReadyInput::schema(), NetInput::schema()], &["url"])
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let mut fields = decoder.fields(with, "a map with the fields of a `ready` task")?;
        let input = ReadyInput::read(&mut fields, decoder);
        let net = NetInput::read(&mut fields, decoder);
        fields.finish("a `ready` task", decoder);
        let places = Places::of(with);
        let sender = net.check(places, decoder);
        if !places.given("url") {
            decoder.error(&with.at, "a `ready` task needs `url`", None);
        }
        let timeout = input.timeout.unwrap_or(TIMEOUT);
        if timeout.0 < Duration::from_secs(1) {
            decoder.error(
                places.at("timeout"),
                format!("a `timeout` of {timeout} is too short for any attempt"),
                Some("give at least 1s".into()),
            );
            return None;
        }
        Some(Box::new(ReadyTask {
            expected: Expected {
                status: input
                    .status
                    .unwrap_or(Acceptable(Accept::Only(Statuses::success())))
                    .0,
                header: input.header.map(|map| map.0).unwrap_or_default(),
                body: input.body,
            },
            url: input.url?,
            timeout,
            sender: sender?,
        }))
    }
}

/// Which statuses say that a target is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tasks) enum Accept {
    /// These.
    Only(Statuses),
    /// Any that the application itself may give: all but 404, 502, 503, 504 and walls.
    Application,
}

/// The field `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acceptable(Accept);

impl Decode for Acceptable {
    const TYPE: &'static str = "statuses or any";

    fn schema() -> serde_json::Value {
        Statuses::schema()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if matches!(&node.value, Value::String(text) | Value::Text(text) if text == "any") {
            return Some(Self(Accept::Application));
        }
        Statuses::decode(node, decoder).map(|statuses| Self(Accept::Only(statuses)))
    }
}

/// What an answer must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tasks) struct Expected {
    pub(in crate::tasks) status: Accept,
    pub(in crate::tasks) header: Vec<(String, String)>,
    pub(in crate::tasks) body: Option<String>,
}

/// A target that will be waited for.
pub(in crate::tasks) struct ReadyTask {
    url: Target,
    expected: Expected,
    timeout: Period,
    sender: Sender,
}

impl Task for ReadyTask {
    fn about(&self) -> String {
        format!("{} within {}", self.url, self.timeout)
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        _: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(async move {
            let note = probe::wait(self, context).await?;
            Ok(TaskOutput {
                notes: vec![note],
                ..TaskOutput::default()
            })
        })
    }
}
