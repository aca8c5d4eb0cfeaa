//! [`Repetition`]: `loop:` of an experiment, its tasks over and over in one run.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::inputs::Count;
use super::pipeline::condition;
use super::{Event, RunContext};
use crate::results::ExperimentResult;
use crate::spec::condition::Condition;
use crate::spec::{Decode as _, Decoder, Node, Period};

crate::fields! {
    /// How often the tasks run.
    struct RepetitionInput in "`loop`" {
        /// How many times; without it until `until` holds.
        times: Count = ["times"],
        /// From the start of one loop to that of the next; default at once. A loop that takes longer delays the next.
        every: Period = ["every"],
        /// Expression as in `if:`, asked after each loop; the last is the first for which it is true.
        until: String = ["until"],
    }
}

/// How often the tasks of an experiment run.
#[derive(Debug, Clone)]
pub struct Repetition {
    times: Option<u64>,
    every: Duration,
    until: Option<Condition>,
}

/// What follows a loop.
enum Next {
    Again,
    Enough,
    /// Why nobody can say.
    Unknown(String),
}

impl Repetition {
    /// Reads it.
    pub(super) fn read(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let before = decoder.errors();
        let input = RepetitionInput::decode(node, decoder)?;
        let until = match node.get("until") {
            Some(text) if input.until.is_some() => Some(condition(text, decoder)?),
            Some(_) | None => None,
        };
        if decoder.errors() > before {
            return None;
        }
        if input.times.is_none() && until.is_none() {
            let hint = "add `times: 10`, or `until:` with an expression such as SLOs()";
            decoder.error(&node.at, "this `loop` would never end", Some(hint.to_owned()));
            return None;
        }
        Some(Self {
            times: input.times.map(|times| times.0.get()),
            every: input.every.map_or(Duration::ZERO, |every| every.0),
            until,
        })
    }

    /// Its JSON Schema.
    pub(super) fn schema() -> serde_json::Value {
        let mut schema = RepetitionInput::schema();
        schema["description"] = "Run the tasks several times; the last loop is judged.".into();
        schema["anyOf"] = serde_json::json!([{ "required": ["times"] }, { "required": ["until"] }]);
        schema
    }

    /// How many loops there will be; nothing where a condition decides.
    pub fn planned(&self) -> Option<u64> {
        self.times.filter(|_| self.until.is_none())
    }

    /// How long all loops take at most, if one takes so long; nothing where a condition alone decides.
    pub fn longest(&self, once: Duration) -> Option<Duration> {
        let times = u32::try_from(self.times?).unwrap_or(u32::MAX);
        Some(once.max(self.every).saturating_mul(times))
    }

    /// What it does, in a few words.
    pub fn about(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.times.map(|times| match (times, &self.until) {
            (1, _) => "once".to_owned(),
            (_, None) => format!("{times} times"),
            (_, Some(_)) => format!("at most {times} times"),
        }));
        if !self.every.is_zero() {
            parts.push(format!("every {}", Period(self.every)));
        }
        parts.extend(self.until.as_ref().map(|until| format!("until {}", until.text())));
        parts.join(", ")
    }

    /// Whether another loop follows, once it is time for it. `number` loops of this run are over, the last of which began at
    /// `begun`.
    pub(super) async fn goes_on(
        &self,
        number: u64,
        begun: Instant,
        result: &mut ExperimentResult,
        context: &RunContext,
    ) -> bool {
        if context.shutdown.is_cancelled() || !result.no_failure() {
            return false;
        }
        match self.next(number, result) {
            Next::Enough => return false,
            Next::Unknown(why) => {
                result.distrust.push(context.mask.apply(&why));
                return false;
            }
            Next::Again => {}
        }
        tokio::select! {
            () = sleep_until(begun + self.every) => {}
            () = context.shutdown.cancelled() => return false,
        }
        let of = self.times.map(|times| format!(" of {times}")).unwrap_or_default();
        context.emit(Event::Note(format!("loop {}{of}", number + 1)));
        result.next_loop(Timestamp::now());
        true
    }

    fn next(&self, number: u64, result: &mut ExperimentResult) -> Next {
        if let Some(until) = &self.until {
            match until.evaluate(&result.facts()) {
                Ok(true) => return Next::Enough,
                Ok(false) => {}
                Err(error) => {
                    let text = until.text();
                    let why = format!("loop: until: {text}: {}", error.message);
                    return Next::Unknown(why);
                }
            }
        }
        if self.times.is_none_or(|times| number < times) {
            return Next::Again;
        }
        if let (Some(until), Some(last)) = (&self.until, result.tasks.last_mut()) {
            let text = until.text();
            last.notes
                .push(format!("after {number} loops `{text}` was still not true"));
        }
        Next::Enough
    }
}
