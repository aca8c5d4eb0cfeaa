//! How requests follow each other: [`StageInput`], a part of a load with a pace of its own, and [`Arrivals`].

use serde_json::json;

use super::rate::FASTEST;
use crate::load::{Arrivals, Rate, Stage};
use crate::spec::{Decode, Decoder, Node, Period};

impl Decode for Arrivals {
    const TYPE: &'static str = "constant or poisson";

    fn schema() -> serde_json::Value {
        json!({ "enum": ["constant", "poisson"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match String::decode(node, decoder)?.trim() {
            "constant" => Some(Self::Constant),
            "poisson" => Some(Self::Poisson),
            other => {
                decoder.unknown_word(node, other, &["constant", "poisson"]);
                None
            }
        }
    }
}

/// A rate of a stage, which may be none at all.
#[derive(Debug, Clone, Copy, PartialEq)]
struct StageRate(Option<Rate>);

impl Decode for StageRate {
    const TYPE: &'static str = "number from 0";

    fn schema() -> serde_json::Value {
        json!({ "type": ["number", "string"], "minimum": 0 })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let rate = f64::decode(node, decoder)?;
        if rate < 0.0 {
            let hint = "a stage has a pace; to send as fast as possible, write `qps: max` for the whole load";
            let message = format!("expected a number from 0, found {rate}");
            decoder.error(&node.at, message, Some(hint.into()));
            return None;
        }
        if rate > FASTEST {
            let message = format!("{rate} requests per second are more than any machine sends");
            decoder.error(&node.at, message, None);
            return None;
        }
        Some(Self(Rate::per_second(rate)))
    }
}

crate::fields! {
    /// A part of a load.
    struct StageFields in "a stage" {
        /// Requests per second; with `from`, those at the end of the stage.
        qps: StageRate = ["qps"],
        /// How long it lasts.
        duration: Period = ["duration"],
        /// Requests per second at its beginning; they change evenly to `qps`.
        from: StageRate = ["from"],
    }
}

/// A part of a load that holds a rate or ramps from one to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StageInput(pub(crate) Stage);

impl Decode for StageInput {
    const TYPE: &'static str = "{duration, qps, from}";

    fn schema() -> serde_json::Value {
        let mut schema = StageFields::schema();
        schema["required"] = json!(["duration", "qps"]);
        schema
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let fields = StageFields::decode(node, decoder)?;
        let mut valid = true;
        // A field that was there but wrong has been reported.
        for (given, field) in [
            (fields.qps.is_some(), "qps"),
            (fields.duration.is_some(), "duration"),
        ] {
            if !given && node.field(field).is_none() {
                decoder.error(&node.at, format!("a stage needs `{field}`"), None);
            }
            valid &= given;
        }
        if fields.from.is_none() && node.field("from").is_some() {
            valid = false;
        }
        let (Some(StageRate(to)), Some(Period(time))) = (fields.qps, fields.duration) else {
            return None;
        };
        let at = |field: &str| node.field(field).map_or(&node.at, |(_, given)| &given.at);
        let from = fields.from.map_or(to, |StageRate(from)| from);
        if valid && from.is_none() && to.is_none() {
            let hint = "a ramp begins or ends above 0";
            decoder.error(
                at("qps"),
                "a stage without a rate sends nothing",
                Some(hint.into()),
            );
            return None;
        }
        if time.is_zero() {
            decoder.error(at("duration"), "a stage of no `duration` sends nothing", None);
            return None;
        }
        valid.then_some(Self(Stage { from, to, time }))
    }
}
