//! [`Statuses`]: which HTTP statuses are meant: `200`, `2xx`, `200-204`, or a list of them; and `errorRanges`.

use serde_json::json;

use crate::spec::{Decode, Decoder, Node, Value};

/// Statuses from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// First.
    pub(crate) lower: u16,
    /// Last.
    pub(crate) upper: u16,
}

impl Range {
    /// Whether a status is in it.
    pub(crate) fn contains(self, status: u16) -> bool {
        (self.lower..=self.upper).contains(&status)
    }
}

/// A set of statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statuses(pub(crate) Vec<Range>);

impl Statuses {
    /// 200 to 299.
    pub(crate) fn success() -> Self {
        Self(vec![Range {
            lower: 200,
            upper: 299,
        }])
    }

    /// Whether a status is in it.
    pub(crate) fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(status))
    }
}

impl std::fmt::Display for Statuses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if range.lower == range.upper {
                write!(f, "{comma}{}", range.lower)?;
            } else if range.lower % 100 == 0 && range.upper == range.lower + 99 {
                write!(f, "{comma}{}xx", range.lower / 100)?;
            } else {
                write!(f, "{comma}{}-{}", range.lower, range.upper)?;
            }
        }
        Ok(())
    }
}

fn is_status(number: u64) -> bool {
    (100..=599).contains(&number)
}

fn range(text: &str) -> Option<Range> {
    let text = text.trim();
    let valid = |status: &u16| is_status((*status).into());
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some(Range {
            lower: class * 100,
            upper: class * 100 + 99,
        });
    }
    let (lower, upper) = text.split_once('-').unwrap_or((text, text));
    let lower = lower.trim().parse().ok().filter(valid)?;
    let upper = upper.trim().parse().ok().filter(valid)?;
    (lower <= upper).then_some(Range { lower, upper })
}

const EXPECTED: &str = "a status such as 200, 2xx or 200-204, or a list of them";

impl Decode for Statuses {
    const TYPE: &'static str = "statuses";

    fn schema() -> serde_json::Value {
        let one = json!({ "type": ["integer", "string"], "examples": [200, "2xx", "200-204"] });
        json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let texts: Vec<String> = match &node.value {
            Value::List(items) if !items.is_empty() => {
                let nested: Vec<Option<Self>> =
                    items.iter().map(|item| Self::decode(item, decoder)).collect();
                let ranges = nested.into_iter().collect::<Option<Vec<_>>>()?;
                return Some(Self(ranges.into_iter().flat_map(|statuses| statuses.0).collect()));
            }
            Value::Int(status) => vec![status.to_string()],
            Value::String(_) | Value::Text(_) => {
                decoder.text(node)?.text.split(',').map(str::to_owned).collect()
            }
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => Vec::new(),
        };
        let ranges: Option<Vec<Range>> = texts.iter().map(|text| range(text)).collect();
        match ranges {
            Some(ranges) if !ranges.is_empty() => Some(Self(ranges)),
            _ => {
                decoder.mismatch(node, EXPECTED);
                None
            }
        }
    }
}

crate::fields! {
    /// One entry of `errorRanges`.
    struct Bounds in "an error range" {
        /// First status that counts as an error.
        lower: u64 = ["lower"],
        /// Last status that counts as an error.
        upper: u64 = ["upper"],
    }
}

impl Decode for Range {
    const TYPE: &'static str = "{lower, upper}";

    fn schema() -> serde_json::Value {
        Bounds::schema()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let bounds = Bounds::decode(node, decoder)?;
        let status =
            |bound: Option<u64>, open: u16| u16::try_from(bound.unwrap_or(open.into())).unwrap_or(u16::MAX);
        let field = |name: &str| node.field(name).map(|(_, bound)| bound.at.clone());
        let outside = |bound: Option<u64>, allowed: fn(&u64) -> bool| bound.filter(|bound| !allowed(bound));
        let wrong = [
            (
                "lower",
                outside(bounds.lower, |&bound| bound == 0 || is_status(bound)),
            ),
            ("upper", outside(bounds.upper, |&bound| is_status(bound))),
        ];
        for (name, bound) in wrong {
            let (Some(bound), Some(at)) = (bound, field(name)) else {
                continue;
            };
            let hint = "statuses are 100 to 599; leave a bound out for no bound";
            decoder.error(&at, format!("`{name}: {bound}` is no status"), Some(hint.into()));
        }
        if wrong.iter().any(|(_, bound)| bound.is_some()) {
            return None;
        }
        match bounds {
            Bounds {
                lower: None,
                upper: None,
            } => {
                if field("lower").or(field("upper")).is_none() {
                    decoder.error(&node.at, "an error range needs `lower`, `upper` or both", None);
                }
                None
            }
            Bounds { lower, upper } if lower.unwrap_or(0) > upper.unwrap_or(u64::MAX) => {
                decoder.error(
                    &node.at,
                    "`lower` is above `upper`: no status is in this range",
                    None,
                );
                None
            }
            Bounds { lower, upper } => Some(Self {
                lower: status(lower, 0),
                upper: status(upper, u16::MAX),
            }),
        }
    }
}
