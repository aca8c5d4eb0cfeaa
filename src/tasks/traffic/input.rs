//! The `with:` of `traffic`: which object, and how its traffic is to be divided.

use serde_json::json;

use super::kind::Kind;
use super::site::Site;
use super::split::{ENDS, Rule};
use super::weights::WHOLE;
use crate::cluster::ObjectName;
use crate::spec::{Decode, Decoder, Map, Node, Period, Value};
use crate::tasks::inputs::Places;

crate::fields! {
    /// How traffic is divided.
    pub(super) struct TrafficInput in "a `traffic` task" {
        /// An HTTPRoute of the Gateway API, by its name: the weights of `backendRefs`. As with the three fields that follow.
        httproute: String = ["httproute"],
        /// A VirtualService of Istio: the weights of `http[].route`. Its destinations are called by subset, by host, or both: `host/subset`.
        vs: String = ["vs"],
        /// A Service of Knative: `spec.traffic`. Its destinations are revisions, `latest` and tags.
        ksvc: String = ["ksvc"],
        /// An InferenceService of KServe that is deployed serverless: `canaryTrafficPercent`. Its destinations are `latest` and `previous`.
        isvc: String = ["isvc"],
        /// The object's namespace; default that of the cluster's context, or of the pod this runs in.
        namespace: String = ["namespace"],
        /// Of an HTTPRoute or a VirtualService with several rules: the position of the one that is meant, from 0, or its name.
        rule: RuleText = ["rule"],
        /// Percent of the traffic by destination, such as `{stable: 90, canary: 10}`, of all destinations; or `winner`: all to the version that has won,
        /// or `shares`: to each version what `assess` says, if the verdict so far is a pass. Without a winner, or without shares, it stays as it is.
        weights: Wanted = ["weights"],
        /// With `winner` or `shares`: what versions are called in the object, where it is not by their own name: `{v2: shop-v2}`.
        versions: Map<String> = ["versions"],
        /// The destination that `steps` are of; all others share the rest as they did before.
        to: String = ["to"],
        /// Percent for `to`, each more than the one before, such as `[10, 30, 60, 100]`. For each of them the tasks behind this one are run, up to the last `assess`;
        /// the first step that does not pass is the last, and the weights from before are set again.
        steps: Vec<u64> = ["steps"],
        /// How long new weights stand before the next task; default not at all.
        hold: Period = ["hold"],
        /// Take the weights over from whoever manages them now; default false: that is an error which names them.
        force: bool = ["force"],
        /// Let the API check the change and make none; default false.
        dry_run: bool = ["dryRun"],
    }
}

/// How traffic is to be divided.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    /// As said.
    Fixed(Vec<(String, u64)>),
    /// As the assessment says.
    Assessed(By),
}

/// What of an assessment divides traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// All to who has won.
    Winner,
    /// To each version its share.
    Shares,
}

/// All that is wrong with the numbers, before any object is seen.
impl Decode for Wanted {
    const TYPE: &'static str = "map, winner or shares";

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [Map::<u64>::schema(), { "enum": ["winner", "shares"] }] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if Decoder::is_text(node) {
            let text = decoder.text(node)?.text;
            let by = match text.trim() {
                "winner" => Some(By::Winner),
                "shares" => Some(By::Shares),
                _ => None,
            };
            if by.is_none() {
                let hint = "such as {stable: 90, canary: 10}, `winner` or `shares`".to_owned();
                decoder.error(&node.at, format!("expected weights, found `{text}`"), Some(hint));
            }
            return by.map(Self::Assessed);
        }
        let Map(weights) = Map::<u64>::decode(node, decoder)?;
        let sum = weights
            .iter()
            .fold(0_u64, |sum, (_, weight)| sum.saturating_add(*weight));
        if sum != WHOLE {
            let hint = "they are percent, and add up to 100".to_owned();
            decoder.error(&node.at, format!("the weights add up to {sum}"), Some(hint));
            return None;
        }
        Some(Self::Fixed(weights))
    }
}

/// A rule's position or name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RuleText(String);

impl Decode for RuleText {
    const TYPE: &'static str = "whole number or string";

    fn schema() -> serde_json::Value {
        json!({ "type": ["integer", "string"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Int(number) if *number >= 0 => Some(Self(number.to_string())),
            Value::String(_) | Value::Text(_) => decoder.text(node).map(|scalar| Self(scalar.text)),
            Value::Int(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Null
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }
}

/// What is done with the traffic of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// Weights as said.
    Fixed(Vec<(String, u64)>),
    /// As the assessment says, of versions whose destinations may have other names.
    Assessed(By, Vec<(String, String)>),
    /// Step by step to one destination.
    Steps(String, Vec<u64>),
}

impl TrafficInput {
    /// The object.
    pub(super) fn site(&self, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Site> {
        let named = [&self.httproute, &self.vs, &self.ksvc, &self.isvc];
        let mut given = Kind::ALL
            .into_iter()
            .zip(named)
            .filter(|(kind, _)| places.given(kind.field()));
        let Some((kind, name)) = given.next() else {
            let message = "a `traffic` task needs `httproute`, `vs`, `ksvc` or `isvc`";
            decoder.error(places.own(), message, None);
            return None;
        };
        if let Some((other, _)) = given.next() {
            let message = format!(
                "`{}` says which object is meant, and so does `{}`",
                kind.field(),
                other.field()
            );
            let hint = "write a `traffic` task for each object".to_owned();
            decoder.error(places.at(other.field()), message, Some(hint));
            return None;
        }
        for (field, text) in [(kind.field(), name), ("namespace", &self.namespace)] {
            if let Some(text) = text
                && !ObjectName::is_name(text)
            {
                decoder.error(
                    places.at(field),
                    format!("`{text}` is no name in Kubernetes"),
                    None,
                );
                return None;
            }
        }
        if self.rule.is_some() && !kind.has_rules() {
            let message = format!(
                "`rule` goes with `httproute` or `vs`: what `{}` names has no rules",
                kind.field()
            );
            decoder.error(places.at("rule"), message, None);
            return None;
        }
        let rule: Rule = self.rule.as_ref().map(|rule| rule.0.clone());
        Some(Site {
            kind,
            object: ObjectName {
                resource: kind.resource(),
                namespace: self.namespace.clone(),
                name: name.clone()?,
            },
            rule,
            force: self.force == Some(true),
            dry_run: self.dry_run == Some(true),
        })
    }

    /// What is done with it.
    pub(super) fn plan(&self, kind: Kind, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Plan> {
        let before = decoder.errors();
        let mut goes_with = |field: &str, other: &str, holds: bool| {
            if places.given(field) && !holds {
                decoder.error(places.at(field), format!("`{field}` goes with `{other}`"), None);
            }
        };
        goes_with("steps", "to", places.given("to"));
        goes_with(
            "versions",
            "weights: winner",
            matches!(self.weights, Some(Wanted::Assessed(_))),
        );
        match (places.given("weights"), places.given("to")) {
            (true, true) => decoder.error(
                places.at("to"),
                "give either `weights` or `to` with `steps`",
                None,
            ),
            (false, false) => {
                let hint = "such as `weights: {stable: 90, canary: 10}`, or `to: canary` with `steps: [10, 50, 100]`".to_owned();
                decoder.error(
                    places.own(),
                    "nothing says how traffic is to be divided",
                    Some(hint),
                );
            }
            (false, true) if !places.given("steps") => {
                let hint = "such as `steps: [10, 50, 100]`".to_owned();
                decoder.error(places.at("to"), "`to` goes with `steps`", Some(hint));
            }
            (true, false) | (false, true) => {}
        }
        if decoder.errors() > before {
            return None;
        }
        let plan = match (&self.weights, &self.to) {
            (Some(Wanted::Fixed(weights)), _) => Plan::Fixed(weights.clone()),
            (Some(Wanted::Assessed(by)), _) => {
                let versions = self.versions.as_ref().map(|map| map.0.clone());
                Plan::Assessed(*by, versions.unwrap_or_default())
            }
            (None, Some(to)) => Plan::Steps(to.clone(), steps(self.steps.as_deref()?, places, decoder)?),
            (None, None) => return None,
        };
        check_ends(kind, &plan, places, decoder).then_some(plan)
    }
}

/// Steps, if they are some.
fn steps(steps: &[u64], places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<u64>> {
    let rises = steps.is_sorted_by(|one, next| one < next);
    let fits = steps.iter().all(|percent| (1..=WHOLE).contains(percent));
    if steps.is_empty() || !rises || !fits {
        let message = "steps are percent from 1 to 100, each more than the one before";
        decoder.error(places.at("steps"), message, None);
        return None;
    }
    Some(steps.to_vec())
}

/// KServe has two destinations, whatever the object.
fn check_ends(kind: Kind, plan: &Plan, places: Places<'_>, decoder: &mut Decoder<'_>) -> bool {
    if kind != Kind::KServe {
        return true;
    }
    let (field, names): (&str, Vec<&String>) = match plan {
        Plan::Fixed(weights) => ("weights", weights.iter().map(|(name, _)| name).collect()),
        Plan::Assessed(_, versions) => ("versions", versions.iter().map(|(_, name)| name).collect()),
        Plan::Steps(to, _) => ("to", vec![to]),
    };
    let known = ENDS.as_flattened();
    let odd = names.into_iter().find(|name| !known.contains(&name.as_str()));
    if let Some(name) = odd {
        let message = format!("KServe divides traffic between `latest` and `previous`; there is no `{name}`");
        decoder.error(places.at(field), message, None);
    }
    odd.is_none()
}
